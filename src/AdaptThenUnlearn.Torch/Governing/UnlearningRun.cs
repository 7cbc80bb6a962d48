using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Models.Sequence;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Training;
using AdaptThenUnlearn.Torch.Unlearning;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Governing;

/// <summary>What a run is asked to do.</summary>
/// <param name="Policy">Checked.</param>
/// <param name="Source">The policy as it was written.</param>
/// <param name="Resume">Whether to go on where an interrupted run stopped.</param>
/// <param name="Train">Whether a violation is unlearned; otherwise it is only judged.</param>
/// <param name="Device">Where tensors are.</param>
/// <param name="Tool">Name and version for the record.</param>
/// <param name="DiscardOtherRuns">Whether to begin anew where what is to be resumed is of another run, instead of refusing.</param>
public sealed record RunRequest(UnlearningPolicy Policy, PolicySource Source, bool Resume, bool Train, Device Device, string Tool, bool DiscardOtherRuns = false);

/// <summary>The whole story: load, measure, adapt, unlearn, measure again, judge.</summary>
/// <param name="request">What to do.</param>
/// <param name="inputs">The files that the policy names.</param>
/// <param name="folder">Where everything goes.</param>
/// <param name="progress">Told of every step.</param>
/// <param name="clock">For the record's times.</param>
public sealed class UnlearningRun(RunRequest request, InputFiles inputs, RunFolder folder, IProgress<StageProgress> progress, TimeProvider clock)
{
    private readonly UnlearningPolicy _policy = request.Policy;
    private readonly EvaluationImages _images = EvaluationImages.FromOptions(request.Policy.Evaluation, request.Device);
    private readonly List<StageTime> _stages = [];
    private IReadOnlyList<InputFile> _inputs = [];   // as they were before the first was loaded
    private readonly DateTimeOffset _started = clock.GetUtcNow();

    /// <summary>Runs the story and writes the evidence.</summary>
    /// <param name="cancel">Ends the run at the next step; what was done so far can be resumed.</param>
    /// <returns>The record, as written to the folder.</returns>
    /// <exception cref="CheckpointException">A file cannot be read.</exception>
    /// <exception cref="FileNotWrittenException">A file cannot be written.</exception>
    /// <exception cref="PolicyMismatchException">A file does not fit the policy.</exception>
    /// <exception cref="Images.ImageFileException">An image of a folder cannot be read.</exception>
    /// <exception cref="FeedbackException">The generator's samples hold too little to learn from.</exception>
    /// <exception cref="TrainingDivergedException">A loss is not finite.</exception>
    /// <exception cref="RunException">There is too little memory, or a file was changed while the run was under way.</exception>
    public RunRecord Execute(CancellationToken cancel)
    {
        if (request.Device.type == TorchSharp.DeviceType.CUDA)
            TorchBackend.KeepFloat32();
        _inputs = inputs.Open(folder, cancel);
        using var original = inputs.LoadGenerator(request.Device);
        RequireStatedLayers(original);
        if (_policy.Evaluation.Truncation != 1 && !original.Generator.SupportsTruncation)
            throw new PolicyMismatchException("$.evaluation.truncation", $"a {original.Architecture} generator has no truncation; leave it at 1");

        inputs.CheckGivenImages(original.Generator.Shape);
        using var classifiers = inputs.LoadClassifiers(original.Generator.Shape, request.Device);
        using var reference = inputs.LoadReference(classifiers, original, _images, progress, cancel);
        if (_inputs.FirstOrDefault(input => input.Sha256.Length == 0) is { } missing)
            throw new RunException("ATU2002", $"{missing.Path}: the {missing.Role} is not there, or cannot be read any more");
        var evaluator = new GeneratorEvaluator(_policy, classifiers, reference, _images);
        var pictures = new RunPictures(_policy, classifiers, _images, folder);

        var before = Measure(evaluator, "measuring before", original.Generator, original.Sha256, cancel);
        var violated = Gate.ViolatedFeatures(_policy, before);
        if (!request.Train || violated.Count == 0 || Gate.IsMeaningless(before))
        {
            folder.Copy(OutputRoles.Artifact, inputs.CopyName, inputs.OpenHashed(inputs.Generator));
            foreach (var (index, part) in inputs.GeneratorParts.Index())
                folder.Copy($"{OutputRoles.Artifact}, part {index + 1}", Path.GetFileName(part), inputs.OpenHashed(part));
            pictures.Grid(original.Generator, unlearned: null);
            return Conclude(before, after: null, training: null, cancel);
        }

        using var unlearned = Unlearn(original, classifiers, violated, out var training, cancel);
        using var artifact = Release(original, unlearned);
        var after = Measure(evaluator, "measuring after", artifact.Generator, artifact.Sha256, cancel, before);
        pictures.Grid(original.Generator, artifact.Generator);
        pictures.Curves(unlearned);
        return Conclude(before, after, training, cancel);
    }

    private Measurement Measure(
        GeneratorEvaluator evaluator, string stage, ImageGenerator generator, string sha256, CancellationToken cancel, Measurement? before = null) => Timed(stage, () =>
    {
        var looks = _policy.Evaluation.Looks();
        var sampleProgress = new SampleProgress(count => progress.Report(new StageProgress(stage, (int)count, looks.First(look => look >= count), Losses: null)));
        return evaluator.Measure(generator, sha256, sampleProgress, cancel, before);
    });

    private UnlearnedGenerator Unlearn(LoadedGenerator original, PolicyClassifiers classifiers, IReadOnlyList<UndesiredFeature> violated, out TrainingRecord training, CancellationToken cancel)
    {
        var options = inputs.WithResolvedData(_policy.Unlearning);
        RequireTrainable(options, original);
        GradientCheck.Run(original, options);
        GeneratorCheckpoint.RequireRewritable(inputs.OriginalFile, original);
        var journal = new FolderJournal(folder.StateFolder, Fingerprint(), request.Resume, request.DiscardOtherRuns);
        if (!request.Resume)
            journal.Clear();
        var annotation = new Annotation(
            [.. _policy.UndesiredFeatures.Select(feature => new AnnotatedFeature(feature.Name, classifiers.Annotator(feature), violated.Contains(feature)))],
            options.CleanBelow,
            _policy.Evaluation.IsRaw);
        using var feedback = Timed("collecting feedback", () =>
        {
            using var given = inputs.LoadGivenImages(original.Generator.Shape, request.Device);
            return MemoryShortage.RunOrExplain(
                $"feedback of {options.FeedbackSamples} samples", $"unlearning.feedbackSamples={Math.Max(100, options.FeedbackSamples / 4)}",
                () => Feedback.Collect(
                    original.Generator, annotation, given, options.FeedbackSamples, options.MinimumNegatives, options.MinimumCleanOrDefault, new RandomStreams(options.Seed, "feedback"), request.Device, cancel));
        });
        var method = UnlearningMethods.Named(options.Method);
        using var added = original.Discriminator is null ? NewDiscriminator(original, method, journal, cancel) : null;
        using var candidateEvaluator = new CandidateEvaluator(_policy, annotation, original.Generator, request.Device);
        var context = new UnlearningContext(
            new GanPair(original.Generator, original.Discriminator ?? added!), options, annotation.WithCleanBelow(feedback.CleanBelow), feedback, candidateEvaluator, journal, progress, request.Device)
            { Factory = FactoryFor(original) };
        var unlearned = Timed("training", () => MemoryShortage.RunOrExplain(options.Method, options.BatchSize, () => method.Run(context, cancel)), journal);
        training = TrainingRecordOf(unlearned, feedback, warmedUp: added is not null && !method.TrainsFromScratch);
        return unlearned;
    }

    /// <summary>Refuses training that is not for such a generator at all.</summary>
    /// <exception cref="PolicyMismatchException">It is not; what can be done is said.</exception>
    public static void RequireTrainable(UnlearningOptions options, LoadedGenerator original)
    {
        if (UnlearningMethods.Named(options.Method).TrainsFromScratch && FactoryFor(original) is null)
            throw new PolicyMismatchException("$.unlearning.method", $"'{options.Method}' cannot train a {original.Architecture} generator from scratch; choose another method");

        if (options.Adversarial.PathLengthWeight > 0 && original.Generator is not IStyleBasedGenerator)
            throw new PolicyMismatchException("$.unlearning.adversarial.pathLengthWeight", $"a {original.Architecture} generator has no styles whose path length could be regularised; set it to 0");

        if (original.Discriminator is null && original.Generator is SequentialGenerator)
        {
            try
            {
                GeneratorArchitectures.Named(original.Architecture).MirrorDiscriminator(original.Generator).Dispose();
            }
            catch (ArgumentException unlike)
            {
                throw new PolicyMismatchException("$.generator.discriminator", $"is missing, and none can be made to measure for these layers ({unlike.Message}): name a file that has it, or export both as TorchScript");
            }
        }

        if (original.Discriminator is null && original.Format == TorchScriptFormat.FormatName)
            throw new PolicyMismatchException("$.generator.discriminator", "a TorchScript generator needs a TorchScript discriminator to be trained: none can be made to measure for an architecture that only its file knows; export it too");
    }

    // A program's architecture is known to its file alone.
    private static IGanFactory? FactoryFor(LoadedGenerator original) =>
        GeneratorArchitectures.Find(original.Architecture)?.GetFactory(original.Generator, original.Discriminator);

    /// <summary>Refuses to judge a generator whose layers were only assumed: what had to be guessed was not measured.</summary>
    /// <exception cref="PolicyMismatchException">They were; the statement that is needed is in the message.</exception>
    public static void RequireStatedLayers(LoadedGenerator original)
    {
        if (original.Assumed is { } assumed)
            throw new PolicyMismatchException(
                "$.generator.layers",
                $"is missing: weights do not tell what this generator computes, and no verdict rests on a guess. If it is {assumed.Sentence}, add {UnclearLayersException.Property(assumed.Layers)} to 'generator'; "
                + "if not, list its layers as Python's print(netG) shows them, or export it as TorchScript (docs/bring-your-own-generator.md)",
                PolicyCodes.AssumedLayers);
    }

    // For a checkpoint that has none.
    private ImageDiscriminator NewDiscriminator(LoadedGenerator original, IUnlearningMethod method, FolderJournal journal, CancellationToken cancel)
    {
        var architecture = GeneratorArchitectures.Named(original.Architecture);
        if (method.TrainsFromScratch)
            return DiscriminatorWarmUp.CreateUntrained(original.Generator, architecture, _policy.Unlearning.Seed);

        return Timed(DiscriminatorWarmUp.Name, () => MemoryShortage.RunOrExplain(
            DiscriminatorWarmUp.Name, _policy.Unlearning.BatchSize,
            () => new DiscriminatorWarmUp(_policy.Unlearning, journal, progress).Run(original.Generator, architecture, cancel)), journal);
    }

    // What is measured and judged is what was saved, in the original's format, and read back from the disk.
    private LoadedGenerator Release(LoadedGenerator original, UnlearnedGenerator unlearned)
    {
        var path = folder.GetPath(inputs.ArtifactName);
        GeneratorCheckpoint.SaveInFormatOf(inputs.OriginalFile, original, path, unlearned.Networks, new Dictionary<string, string> { ["policy"] = _policy.Name, ["tool"] = request.Tool });
        folder.RecordOutput(OutputRoles.Artifact, inputs.ArtifactName);
        return GeneratorCheckpoint.Load(path, original.Format, sha256: null, discriminatorPath: null, request.Device, latentSize: original.Generator.LatentSize, layers: _policy.Generator.Layers);
    }

    // What was loaded are the bytes that were digested; a file that is another one by now would leave a record that cannot be verified. The policy was read before, once.
    private void RequireInputsUnchanged(CancellationToken cancel)
    {
        var now = inputs.ComputeDigests(cancel);
        if (_inputs.FirstOrDefault(input => input.Role != InputRoles.Policy && now.GetValueOrDefault(input.Role) != input.Sha256) is { } changed)
            throw new RunException("ATU2002", $"{changed.Path}: the {changed.Role} was changed while the run was under way, so nothing was concluded; run again on the files as they are now");
    }

    private RunRecord Conclude(Measurement before, Measurement? after, TrainingRecord? training, CancellationToken cancel)
    {
        RequireInputsUnchanged(cancel);
        if (folder.Outputs.Single(output => output.Role == OutputRoles.Artifact).Sha256 != (after ?? before).GeneratorSha256)
            throw new RunException("ATU2002", $"{folder.Path}: the artifact is not the generator that was measured, so nothing was concluded; run again");
        var record = new RunRecord(
            RunRecord.CurrentSchemaVersion, request.Tool, _policy, request.Source, _inputs, folder.Outputs, before, after, training,
            Gate.Judge(_policy, before, after, Today()), CaptureEnvironment(request.Device), new RunTimes(_started, clock.GetUtcNow(), _stages),
            inputs.Remarks.Count == 0 ? null : [.. inputs.Remarks]);
        RunReports.Write(folder.Path, record);
        RunRecordFile.Write(folder.GetPath(RunRecord.FileName), record);
        new FolderJournal(folder.StateFolder, Fingerprint(), resume: false).Clear();
        return record;
    }

    private TrainingRecord TrainingRecordOf(UnlearnedGenerator unlearned, Feedback feedback, bool warmedUp) => new(
        _policy.Unlearning.Method,
        feedback.Positives.Count,
        feedback.Negatives.Count,
        unlearned.SelectedStep,
        unlearned.Candidates.Count == 0 ? 0 : unlearned.Candidates.Max(candidate => candidate.Step),
        MeanOrNull(unlearned.Distances.OriginalToAdapted),
        MeanOrNull(unlearned.Distances.ToAdapted),
        unlearned.Distances.ToOriginal,
        unlearned.Candidates.FirstOrDefault(candidate => candidate.Step == unlearned.SelectedStep) is { } kept ? new SelectedCandidate(kept.Excess, kept.FrechetDistance) : null,
        warmedUp ? new WarmedUpDiscriminator(_policy.Unlearning.WarmUp.Steps, (long)_policy.Unlearning.WarmUp.Steps * _policy.Unlearning.BatchSize) : null,
        feedback.CleanBelow > _policy.Unlearning.CleanBelow ? feedback.CleanBelow : null);

    private static double? MeanOrNull(IReadOnlyList<double> values) => values.Count == 0 ? null : values.Average();

    // Everything that decides what training does; a state from other circumstances is not resumed.
    private string Fingerprint() => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join(
        '\n', [request.Tool, request.Source.EffectiveSha256, _policy.Evaluation.RangeOrDefault, request.Device.ToString(), get_num_threads().ToString(System.Globalization.CultureInfo.InvariantCulture), .. _inputs.Select(input => input.Sha256)]))));

    /// <summary>Where this process runs, for the record.</summary>
    /// <param name="device">Where tensors are.</param>
    public static RunEnvironment CaptureEnvironment(Device device)
    {
        using var process = Process.GetCurrentProcess();
        return new(
            RuntimeInformation.OSDescription, RuntimeInformation.FrameworkDescription, typeof(Tensor).Assembly.GetName().Version!.ToString(3),
            device.ToString(), get_num_threads(), process.PeakWorkingSet64);
    }

    private DateOnly Today() => DateOnly.FromDateTime(clock.GetUtcNow().UtcDateTime);

    // What an interrupted process had spent counts in the stage that went on from it.
    private T Timed<T>(string stage, Func<T> work, FolderJournal? journal = null)
    {
        var (begun, known) = (ProcessTimes.Now, journal?.TimeBeforeResume ?? default);
        var result = work();
        var spent = ProcessTimes.Now - begun + ((journal?.TimeBeforeResume ?? default) - known);
        _stages.Add(new StageTime(stage, Math.Round(spent.Seconds, 2), Math.Round(spent.ProcessorSeconds, 2)));
        return result;
    }

    private sealed class SampleProgress(Action<long> report) : IProgress<long>
    {
        public void Report(long value) => report(value);
    }
}
