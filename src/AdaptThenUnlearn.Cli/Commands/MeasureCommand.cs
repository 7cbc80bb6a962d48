using System.CommandLine;
using System.Globalization;
using AdaptThenUnlearn.Cli.Sharding;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Locking;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Publishing.Hosts;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Governing;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Models.Sequence;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary>
/// <c>atu measure</c> and <c>atu merge</c>: take every reading of a policy, at once or in parts, without a verdict.
/// </summary>
public sealed class MeasureCommand(Terminal terminal)
{
    private readonly Argument<FileInfo> _policy = new("POLICY") { Description = "A policy file" };
    private readonly Argument<FileInfo[]> _parts =
        new("PART") { Description = "Files written by measure --shard", Arity = ArgumentArity.OneOrMore };
    private readonly Option<string[]> _set = new("--set")
    {
        Description = "Replace a value of the policy",
        HelpName = "path=value",
    };

    private readonly Option<string> _shard = new("--shard")
    {
        Description = "Measure only the i-th of n parts (1/4 … 4/4), up to evaluation.maxSamples, and write it to --out; " +
            "auto reads the part from the variables of Slurm, Kubernetes or GitLab",
        HelpName = "i/n|auto",
    };

    private readonly Option<FileInfo> _out = new("--out")
    {
        Description = "File to write the part to; or a folder, where the file is called POLICY.i-of-n.safetensors",
    };

    private readonly DateTimeOffset _started = TimeProvider.System.GetUtcNow();

    /// <summary>Builds <c>atu measure</c>.</summary>
    public Command Build()
    {
        var command = new Command("measure", "Measure a policy's generator without judging it")
        {
            _policy, _set, Terminal.Json, _shard, _out, OutputFiles.Overwrite, Machine.Device, Machine.Threads,
            PolicyLocks.Required,
        };
        command.SetGuardedAction(terminal, (parsed, cancel) => Run(parsed, (context, evaluator) =>
        {
            if (Part(parsed) is { } shard)
                return WriteShard(context, evaluator, shard, Target(parsed, context.Policy), cancel);

            var (generator, samples) = (context.Generator, context.Policy.Evaluation.Samples);
            var measured = evaluator.Measure(
                generator.Generator, generator.Sha256, new SampleProgress(terminal, samples), cancel);
            return PrintMeasurement(measured, context);
        }, cancel));
        return command;
    }

    /// <summary>Builds <c>atu merge</c>.</summary>
    public Command BuildMerge()
    {
        var command = new Command("merge", "Merge the parts of one measurement, with the same numbers as measured at once")
        {
            _policy, _parts, _set, Terminal.Json, Machine.Device, Machine.Threads, PolicyLocks.Required,
        };
        command.SetGuardedAction(terminal, (parsed, cancel) => Run(parsed, (context, evaluator) =>
        {
            using var scope = NewDisposeScope();
            IReadOnlyList<MeasurementShard> shards =
            [
                .. FilePattern.ExpandAll(parsed.GetRequiredValue(_parts)).Select(file => MeasurementShard.Load(file, cancel))
            ];
            var measured = MeasurementShard.Merge(shards, context.Fingerprint, context.Generator.Sha256, evaluator);
            if (ShardOrigin.FindMixture(shards.Select(shard => shard.Origin)) is { } mixture)
                terminal.WriteDiagnostic(context.File.CreateWarning("$.generator", RunCodes.Remark, mixture));
            return PrintMeasurement(measured, context);
        }, cancel));
        return command;
    }

    private int Run(ParseResult parsed, Func<MeasureContext, GeneratorEvaluator, int> work, CancellationToken cancel)
    {
        var file = PolicyFile.Read(parsed.GetRequiredValue(_policy).ToString(), parsed.GetValue(_set) ?? [], terminal);
        if (file.Result.Policy is not { } policy)
            return ExitCodes.BadPolicy;

        file = PolicyLocks.Apply(file, PolicyLocks.AreRequired(parsed));
        var inputs = file.Inputs();
        OutputFiles.Require(
            parsed, [Target(parsed, policy)], inputs.EnumerateFiles().Select(input => (input.Role, (string?)input.Path)),
            path => SafetensorsFile.IsWrittenByAtu(path, MeasurementShard.Kind));
        var device = Machine.Prepare(parsed, terminal);
        return file.RunWithLocatedErrors(inputs, () =>
        {
            var opened = inputs.Open(cancel);
            using var generator = inputs.LoadGenerator(device, cancel);
            if (generator.Assumed is { } assumed)
                terminal.WriteDiagnostic(file.CreateWarning(
                    "$.generator.layers", PolicyCodes.AssumedLayers,
                    $"is missing: weights do not tell what this generator computes; assumed: {assumed.Sentence}. A verdict " +
                    $"needs the statement; if the assumption is right, add {UnclearLayersException.Property(assumed.Layers)}"));
            using var classifiers = inputs.LoadClassifiers(generator.Generator.Shape, device);
            var measured = LockedSeed.ApplyTo(policy, file.Lock?.Lock.PolicySha256, generator.Sha256);
            var images = EvaluationImages.FromOptions(measured.Evaluation, device);
            using var reference = inputs.LoadReference(classifiers, generator, images, terminal, cancel);

            var fingerprint = MeasurementShard.FingerprintOf(
                Machine.ToolVersion, file.EffectiveSha256, policy,
                opened.Where(input => !InputRoles.IsShippedForm(input.Role)).Select(input => (input.Role, input.Sha256)));
            return work(
                new MeasureContext(file, measured, generator, device, fingerprint),
                new GeneratorEvaluator(measured, classifiers, reference, images));
        });
    }

    private int WriteShard(
        MeasureContext context, GeneratorEvaluator evaluator, Shard shard, string? target, CancellationToken cancel)
    {
        if (target is null)
            throw new BadArgumentException("--shard needs --out, the file to write the part to");
        if (context.Generator.Generator is ImageSequence { IsRepeatable: false })
            throw new BadArgumentException(
                "--shard is not for this command: it made other images of the same seed when it was asked again, so that parts "
                + "would not be those of one measurement");

        using var scope = NewDisposeScope();
        var batches = shard.SelectFrom(evaluator.AllBatches());
        var readings = ShardMeasurement.Read(
            evaluator, context.Generator.Generator, batches,
            read => terminal.Report(new StageProgress("measuring", read, batches.Count, Losses: null)), cancel);
        var origin = new ShardOrigin(
            shard.Part, shard.Parts, Environment.MachineName, context.Device.ToString(), get_num_threads(), _started,
            TimeProvider.System.GetUtcNow(), ProcessEnvironment.Capture(context.Device).Torch);
        new MeasurementShard(origin, context.Fingerprint, context.Generator.Sha256, readings).Save(target);
        Terminal.WriteJson(new { file = target, part = shard.Part, parts = shard.Parts });
        Terminal.WriteResultLine(target);
        return ExitCodes.Passed;
    }

    private Shard? Part(ParseResult parsed) =>
        parsed.CommandResult.Command.Options.Contains(_shard) && parsed.GetValue(_shard) is { } shard
            ? Shard.Parse(shard, EnvironmentSnapshot.Capture())
            : null;

    // Path of the part's file; null where none is written.
    private string? Target(ParseResult parsed, UnlearningPolicy policy)
    {
        if (Part(parsed) is not { } shard || parsed.GetValue(_out) is not { } given)
            return null;

        var isFolder = Directory.Exists(given.FullName) || Path.EndsInDirectorySeparator(given.ToString());
        return isFolder ? Path.Combine(given.FullName, $"{policy.Name}.{shard}.safetensors") : given.FullName;
    }

    private int PrintMeasurement(Measurement measured, MeasureContext context)
    {
        var unmeasured = context.Policy.UndesiredFeatures
            .Select((feature, number) => (Number: number, Why: measured.WhyMeaningless(feature.Name)))
            .Where(feature => feature.Why is not null).ToList();
        foreach (var (number, why) in unmeasured)
            terminal.WriteDiagnostic(context.File.CreateMessage(
                FormattableString.Invariant($"$.undesiredFeatures[{number}]"), PolicyCodes.NotMeasured, $"not measured: {why}"));
        Terminal.WriteJson(measured);
        Describe(measured);
        return unmeasured.Count == 0 ? ExitCodes.Passed : ExitCodes.BadPolicy;
    }

    private static void Describe(Measurement measured)
    {
        foreach (var feature in measured.Features.Where(feature => measured.WhyMeaningless(feature.Feature) is not null))
            Line(feature.Feature, $"not measured: {measured.WhyMeaningless(feature.Feature)}");
        foreach (var feature in measured.Features.Where(feature => measured.WhyMeaningless(feature.Feature) is null))
            foreach (var look in feature.Looks)
                Line(feature.Feature, $"{Share(look.Hits, look.Samples)}, by {feature.Classifier}");
        if (measured.Repeats is { } repeats)
            Line("repeated", string.Create(
                CultureInfo.InvariantCulture,
                $"{repeats.Repeated:N0} of {repeats.Images:N0} images are the same as another one, or nearly so"));
        foreach (var share in measured.Shares)
            Line($"class {share.Class}", $"{Share(share.Hits, share.Samples)}{(share.Undesired ? ", undesired" : "")}");
        if (measured.Quality is not { } quality)
            return;

        var excluded = quality.Excluded.Count == 0 ? "" : ", without " + string.Join(", ", quality.Excluded);
        var compared = FormattableString.Invariant($" ({quality.Samples} images against {quality.ReferenceSize()}{excluded})");
        foreach (var value in quality.Values)
        {
            if (value.Metric == RecordedMetrics.FrechetDistance)
                Line(quality.DistanceName, Number(value.Value) + compared);
            else
                Line(value.Metric.Title, Number(value.Value));
        }

        foreach (var why in new[] { quality.NotMeasured }.OfType<string>().Concat(quality.OthersNotMeasured()))
            Line("not measured", why);

        static string Share(long hits, long samples) =>
            FormattableString.Invariant($"{hits} of {samples} images ({100.0 * hits / samples:0.###} %)");

        static string Number(double? value) => value?.ToString("G5", CultureInfo.InvariantCulture) ?? "not measured";

        static void Line(string name, string value) => Terminal.WriteResultLine($"{name,-28} {value}");
    }

    private sealed record MeasureContext(
        PolicyFile File, UnlearningPolicy Policy, LoadedGenerator Generator, Device Device, string Fingerprint);

    private sealed class SampleProgress(Terminal terminal, int samples) : IProgress<long>
    {
        public void Report(long value) =>
            terminal.Report(new StageProgress("measuring", (int)value, (int)Math.Max(value, samples), Losses: null));
    }
}
