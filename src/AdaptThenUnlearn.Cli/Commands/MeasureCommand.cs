using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Torch;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Training;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary><c>atu measure</c>: every reading a policy asks for, and no verdict.</summary>
public sealed class MeasureCommand(Terminal terminal)
{
    private static readonly JsonSerializerOptions _json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    private readonly Argument<FileInfo> _policy = new("POLICY") { Description = "A policy file" };
    private readonly Option<string[]> _set = new("--set") { Description = "Set a value over the policy", HelpName = "path=value" };
    private readonly Option<bool> _asJson = new("--json") { Description = "As JSON" };

    /// <summary>The command.</summary>
    public Command Build()
    {
        var command = new Command("measure", "Measure a policy's generator without judging it") { _policy, _set, _asJson, Machine.Device, Machine.Threads };
        command.Does(terminal, Run);
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken cancel)
    {
        var file = PolicyFile.Read(parsed.GetRequiredValue(_policy).ToString(), parsed.GetValue(_set) ?? [], terminal);
        if (file.Result.Policy is not { } policy)
            return ExitCodes.BadPolicy;

        var device = Machine.Prepare(parsed);
        var inputs = new InputFiles(policy, file.Path);
        var images = new EvaluationImages(new RandomStreams(policy.Evaluation.Seed, "evaluation"), policy.Evaluation.Truncation, device);
        try
        {
            using var generator = inputs.LoadGenerator(device);
            using var classifiers = inputs.LoadClassifiers(generator.Generator.Shape, device);
            using var reference = inputs.LoadReference(classifiers, generator, images);
            var measured = new Surveyor(policy, classifiers, reference, images).Measure(generator.Generator, generator.Sha256, new Counted(terminal, policy.Evaluation.Samples), cancel);
            if (parsed.GetValue(_asJson))
                Terminal.Result(JsonSerializer.Serialize(measured, _json));
            else
                Describe(measured);
            return ExitCodes.Passed;
        }
        catch (PolicyMismatchException mismatch)
        {
            throw file.Explain(mismatch);
        }
    }

    private static void Describe(Measurement measured)
    {
        foreach (var feature in measured.Features)
            foreach (var look in feature.Looks)
                Line(feature.Feature, FormattableString.Invariant($"{look.Hits} of {look.Samples} images ({100.0 * look.Hits / look.Samples:0.###} %), by {feature.Classifier}"));
        foreach (var share in measured.Shares)
            Line($"class {share.Class}", FormattableString.Invariant($"{share.Hits} of {share.Samples} images ({100.0 * share.Hits / share.Samples:0.###} %){(share.Undesired ? ", undesired" : "")}"));
        if (measured.Quality is not { } quality)
            return;

        Line(quality.Metric, Number(quality.FrechetDistance) + FormattableString.Invariant($" ({quality.Samples} images against {quality.ReferenceSamples}{(quality.Excluded.Count == 0 ? "" : ", without " + string.Join(", ", quality.Excluded))})"));
        Line("kernel distance", Number(quality.KernelDistance));
        Line("precision", Number(quality.Precision));
        Line("recall", Number(quality.Recall));
        Line("density", Number(quality.Density));
        Line("coverage", Number(quality.Coverage));
        if (quality.NotMeasured is { } why)
            Line("not measured", why);

        static string Number(double? value) => value?.ToString("G5", CultureInfo.InvariantCulture) ?? "not measured";

        static void Line(string name, string value) => Terminal.Result($"{name,-28} {value}");
    }

    private sealed class Counted(Terminal terminal, int samples) : IProgress<long>
    {
        public void Report(long value) => terminal.Report(new StageProgress("measuring", (int)value, (int)Math.Max(value, samples), Losses: null));
    }
}
