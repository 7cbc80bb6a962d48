using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Models.Sequence;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary><c>atu measure</c> and <c>atu merge</c>: every reading a policy asks for, and no verdict; at once or in parts.</summary>
public sealed class MeasureCommand(Terminal terminal)
{
    private static readonly JsonSerializerOptions _json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    private readonly Argument<FileInfo> _policy = new("POLICY") { Description = "A policy file" };
    private readonly Argument<FileInfo[]> _parts = new("PART") { Description = "Files written by measure --shard", Arity = ArgumentArity.OneOrMore };
    private readonly Option<string[]> _set = new("--set") { Description = "Set a value over the policy", HelpName = "path=value" };
    private readonly Option<bool> _asJson = new("--json") { Description = "As JSON" };
    private readonly Option<string> _shard = new("--shard") { Description = "Measure only the i-th of n parts (1/4 … 4/4), up to evaluation.maxSamples, and write it to --out", HelpName = "i/n" };
    private readonly Option<FileInfo> _out = new("--out") { Description = "File for the part" };

    /// <summary><c>atu measure</c>.</summary>
    public Command Build()
    {
        var command = new Command("measure", "Measure a policy's generator without judging it") { _policy, _set, _asJson, _shard, _out, OutputFiles.Overwrite, Machine.Device, Machine.Threads };
        command.SetGuardedAction(terminal, (parsed, cancel) => Run(parsed, (measuring, surveyor) => parsed.GetValue(_shard) is { } shard
            ? WriteShard(measuring, surveyor, shard, parsed.GetValue(_out), cancel)
            : PrintMeasurement(surveyor.Measure(measuring.Generator.Generator, measuring.Generator.Sha256, new SampleProgress(terminal, measuring.Policy.Evaluation.Samples), cancel), measuring, parsed), cancel));
        return command;
    }

    /// <summary><c>atu merge</c>.</summary>
    public Command BuildMerge()
    {
        var command = new Command("merge", "Put the parts of one measurement together: the same numbers as measured at once") { _policy, _parts, _set, _asJson, Machine.Device, Machine.Threads };
        command.SetGuardedAction(terminal, (parsed, cancel) => Run(parsed, (measuring, surveyor) =>
        {
            using var scope = NewDisposeScope();
            IReadOnlyList<MeasurementShard> shards = [.. parsed.GetRequiredValue(_parts).Select(file => MeasurementShard.Load(file.FullName))];
            try
            {
                return PrintMeasurement(MeasurementShard.Merge(shards, measuring.Fingerprint, surveyor), measuring, parsed);
            }
            catch (ArgumentException misfit)
            {
                throw new BadArgumentException(misfit.Message);
            }
        }, cancel));
        return command;
    }

    private int Run(ParseResult parsed, Func<MeasureContext, GeneratorEvaluator, int> work, CancellationToken cancel)
    {
        var file = PolicyFile.Read(parsed.GetRequiredValue(_policy).ToString(), parsed.GetValue(_set) ?? [], terminal);
        if (file.Result.Policy is not { } policy)
            return ExitCodes.BadPolicy;

        var inputs = file.Inputs();
        OutputFiles.Require(parsed, [parsed.GetValue(_out)?.FullName], inputs.EnumerateFiles().Select(input => (input.Role, (string?)input.Path)), path => SafetensorsFile.IsWrittenByAtu(path, MeasurementShard.Kind));
        var device = Machine.Prepare(parsed);
        var images = EvaluationImages.FromOptions(policy.Evaluation, device);
        return file.RunWithLocatedErrors(inputs, () =>
        {
            var opened = inputs.Open(cancel);
            using var generator = inputs.LoadGenerator(device);
            if (generator.Assumed is { } assumed)
                terminal.WriteDiagnostic(file.CreateWarning(
                    "$.generator.layers", PolicyCodes.AssumedLayers,
                    $"is missing: weights do not say what this generator computes; assumed: {assumed.Sentence}. A verdict needs the statement; if the assumption is right, add {UnclearLayersException.Property(assumed.Layers)}"));
            using var classifiers = inputs.LoadClassifiers(generator.Generator.Shape, device);
            using var reference = inputs.LoadReference(classifiers, generator, images, terminal, cancel);
            var digests = opened.Where(file => file.Role != InputRoles.Policy).Select(file => file.Sha256);   // each part of what is in several files
            return work(
                new MeasureContext(file, policy, generator, string.Join(' ', [file.EffectiveSha256, policy.Evaluation.RangeOrDefault, .. digests])),
                new GeneratorEvaluator(policy, classifiers, reference, images));
        });
    }

    private int WriteShard(MeasureContext context, GeneratorEvaluator evaluator, string shard, FileInfo? target, CancellationToken cancel)
    {
        if (target is null)
            throw new BadArgumentException("--shard needs --out, a file for the part");

        using var scope = NewDisposeScope();
        var batches = Shard.Parse(shard).SelectFrom(evaluator.AllBatches());
        var readings = ShardMeasurement.Read(
            evaluator, context.Generator.Generator, batches,
            read => terminal.Report(new StageProgress("measuring", read, batches.Count, Losses: null)), cancel);
        new MeasurementShard(context.Fingerprint, context.Generator.Sha256, readings).Save(target.FullName);
        Terminal.WriteResultLine(target.FullName);
        return ExitCodes.Passed;
    }

    private int PrintMeasurement(Measurement measured, MeasureContext context, ParseResult parsed)
    {
        var unmeasured = context.Policy.UndesiredFeatures
            .Select((feature, number) => (Number: number, Why: WhyNotMeasured(measured, feature.Name)))
            .Where(feature => feature.Why is not null).ToList();
        foreach (var (number, why) in unmeasured)
            terminal.WriteDiagnostic(context.File.CreateMessage(FormattableString.Invariant($"$.undesiredFeatures[{number}]"), PolicyCodes.NotMeasured, $"not measured: {why}"));
        if (parsed.GetValue(_asJson))
            Terminal.WriteResultDocument(JsonSerializer.Serialize(measured, _json));
        else
            Describe(measured);
        return unmeasured.Count == 0 ? ExitCodes.Passed : ExitCodes.BadPolicy;
    }

    private static string? WhyNotMeasured(Measurement measured, string feature) =>
        measured.Diversity?.WhyOneImage ?? measured.Features.FirstOrDefault(reading => reading.Feature == feature)?.NotMeasured;

    private static void Describe(Measurement measured)
    {
        foreach (var feature in measured.Features.Where(feature => WhyNotMeasured(measured, feature.Feature) is not null))
            Line(feature.Feature, $"not measured: {WhyNotMeasured(measured, feature.Feature)}");
        foreach (var feature in measured.Features.Where(feature => WhyNotMeasured(measured, feature.Feature) is null))
            foreach (var look in feature.Looks)
                Line(feature.Feature, FormattableString.Invariant($"{look.Hits} of {look.Samples} images ({100.0 * look.Hits / look.Samples:0.###} %), by {feature.Classifier}"));
        foreach (var share in measured.Shares)
            Line($"class {share.Class}", FormattableString.Invariant($"{share.Hits} of {share.Samples} images ({100.0 * share.Hits / share.Samples:0.###} %){(share.Undesired ? ", undesired" : "")}"));
        if (measured.Quality is not { } quality)
            return;

        Line(quality.Metric, Number(quality.FrechetDistance) + FormattableString.Invariant($" ({quality.Samples} images against {quality.ReferenceSize()}{(quality.Excluded.Count == 0 ? "" : ", without " + string.Join(", ", quality.Excluded))})"));
        Line("kernel distance", Number(quality.KernelDistance));
        Line("precision", Number(quality.Precision));
        Line("recall", Number(quality.Recall));
        Line("density", Number(quality.Density));
        Line("coverage", Number(quality.Coverage));
        if (quality.NotMeasured is { } why)
            Line("not measured", why);

        static string Number(double? value) => value?.ToString("G5", CultureInfo.InvariantCulture) ?? "not measured";

        static void Line(string name, string value) => Terminal.WriteResultLine($"{name,-28} {value}");
    }

    private sealed record MeasureContext(PolicyFile File, UnlearningPolicy Policy, LoadedGenerator Generator, string Fingerprint);

    private sealed class SampleProgress(Terminal terminal, int samples) : IProgress<long>
    {
        public void Report(long value) => terminal.Report(new StageProgress("measuring", (int)value, (int)Math.Max(value, samples), Losses: null));
    }
}
