using System.Globalization;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Locking;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Attacks;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Training;
using AdaptThenUnlearn.Torch.Unlearning;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Governing;

/// <summary>The whole story: load, measure, adapt, unlearn, measure again, judge.</summary>
/// <param name="request">What to do.</param>
/// <param name="inputs">The files that the policy names.</param>
/// <param name="folder">Where everything is written.</param>
/// <param name="progress">Receives every step.</param>
/// <param name="clock">For the times in the record.</param>
public sealed class UnlearningRun(
    RunRequest request, InputFiles inputs, RunFolder folder, IProgress<StageProgress> progress, TimeProvider clock)
{
    private readonly UnlearningPolicy _policy = request.Policy;
    private readonly StageTimer _timer = new();
    private readonly DateTimeOffset _started = clock.GetUtcNow();
    private IReadOnlyList<InputFile> _inputs = [];   // with the digests that they had before the first was loaded
    private IReadOnlyList<MeasuredPart>? _parts;
    private IReadOnlyList<EarlierRun> _earlierRuns = [];

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
    /// <exception cref="MeasurementPartsException">Parts of a measurement do not belong together, or one is missing.</exception>
    public RunRecord Execute(CancellationToken cancel)
    {
        // Delete what earlier runs left: this one may fail at any later line.
        folder.DeleteEarlierResults(inputs);

        // Load everything that the policy names, and refuse what does not fit it before time is spent on measuring.
        if (request.Device.type == TorchSharp.DeviceType.CUDA)
            TorchBackend.KeepFloat32();
        _inputs = inputs.Open(folder, cancel);
        using var original = inputs.LoadGenerator(request.Device, cancel);
        GeneratorRequirements.RequireStatedLayers(original);
        GeneratorRequirements.RequireTruncation(_policy.Evaluation, original);
        GeneratorRequirements.RequireAttackable(_policy, original);
        inputs.CheckGivenImages(original.Generator.Shape);
        _earlierRuns = GeneratorRequirements.RequireEarlierRules(_policy, original.EarlierRuns, DigestOf, Today());
        NoteEarlierRuns(original);
        var terms = _policy.Unlearning.Adversarial;
        if (request.Train && original.WhyNotTrainable is null)
            terms = GeneratorRequirements.WithTrainedTerms(_policy.Unlearning, original.TrainedRegime).Adversarial;
        using var classifiers = inputs.LoadClassifiers(original.Generator.Shape, request.Device);
        var images = ImagesFor(original.Sha256);
        using var forms = ShippedForms.Load(_policy, inputs, original, request.Device);
        using var reference = inputs.LoadReference(classifiers, original, images, progress, cancel);
        RequireInputsPresent();

        // Measure the original, and find the features whose limits it exceeds.
        var evaluator = EvaluatorFor(original.Sha256);
        var pictures = new RunPictures(_policy, classifiers, images, folder);
        var before = request.Parts is { } parts
            ? _timer.Time("merging parts", () => Merge(evaluator, original, parts, cancel))
            : Measure(evaluator, "measuring before", original.Generator, original.Sha256, cancel);
        var violated = Gate.ViolatedFeatures(PolicyFor(original.Sha256), before, Today());

        // Judge the original as it is where nothing is to be unlearned.
        var artifact = new JudgedGenerator(_policy, inputs, folder, original, request.Tool);
        if (original.WhyNotTrainable is { } fixedForever)
            inputs.AddRemark(
                InputRoles.Generator, $"it {fixedForever}, so that it was measured and judged, and nothing was trained",
                isWarning: request.Train && violated.Count > 0);
        if (!request.Train || violated.Count == 0 || original.WhyNotTrainable is not null || Gate.IsMeaningless(before))
        {
            pictures.Grid(original.Generator, unlearned: null);
            before = Gate.IsMeaningless(before)
                ? before
                : Compare(
                    Attack(before, AttackedGenerator.Before, original, AttacksFor(original.Sha256), cancel),
                    ParityFor(original.Sha256), forms, original, before, cancel);
            return Conclude(before, after: null, training: null, artifact, cancel);
        }

        if (!forms.IsEmpty)
            inputs.AddRemark(
                InputRoles.Generator,
                "the files of 'generator.shippedAs' were there before the artifact of this run was trained, and are no exports "
                    + "of it: export it, and judge both with `atu govern --no-train`",
                isWarning: true);

        // Unlearn, save the result, and measure what was saved.
        using var unlearned = Unlearn(original, terms, classifiers, violated, out var training, cancel);
        using var saved = artifact.Save(
            unlearned.Networks, EarlierRun.Append(_earlierRuns, _policy, _inputs, before, Today()), terms, request.Device);
        if (request.Lock is not null)
        {
            // The seed that decides exists only now. The original is measured again, because before and after are compared on the
            // same latents.
            evaluator = EvaluatorFor(saved.Sha256);
            before = Measure(evaluator, "measuring before again", original.Generator, original.Sha256, cancel);
        }

        var after = Measure(evaluator, "measuring after", saved.Generator, saved.Sha256, cancel, before);

        // Attack both, as the policy asks.
        pictures.Grid(original.Generator, saved.Generator);
        pictures.Curves(unlearned);
        var attacks = AttacksFor(saved.Sha256);
        before = Attack(before, AttackedGenerator.Before, original, attacks, cancel);
        after = Attack(after, AttackedGenerator.After, saved, attacks, cancel);
        after = Compare(after, ParityFor(saved.Sha256), forms, saved, before, cancel);

        // Judge, and write the evidence.
        return Conclude(before, after, training, artifact, cancel);

        GeneratorEvaluator EvaluatorFor(string judged) =>
            new(PolicyFor(judged), classifiers, reference, ImagesFor(judged));

        ParityEvaluator ParityFor(string judged) =>
            new(PolicyFor(judged), classifiers, reference, ImagesFor(judged));

        AuditAttacks AttacksFor(string judged) =>
            new(PolicyFor(judged), classifiers, original, inputs, request, folder, progress);
    }

    private Measurement Attack(
        Measurement measured,
        AttackedGenerator attacked,
        LoadedGenerator generator,
        AuditAttacks attacks,
        CancellationToken cancel) => _policy.Audits is { Count: > 0 }
            ? measured with
            {
                Attacks = _timer.Time(
                    $"attacking {attacked.ToString().ToLowerInvariant()}", () => attacks.Make(attacked, generator, cancel)),
            }
            : measured;

    private Measurement Compare(
        Measurement measured, ParityEvaluator evaluator, ShippedForms forms, LoadedGenerator artifact, Measurement before,
        CancellationToken cancel) => forms.IsEmpty
            ? measured
            : measured with
            {
                Shipped = _timer.Time(
                    "measuring what ships",
                    () => forms.Compare(evaluator, artifact, before, name => SamplesOf($"measuring {name}"), cancel)),
            };

    // Under a lock, the seed follows from the generator that is judged. Training knows the policy as it was written alone.
    private UnlearningPolicy PolicyFor(string judged) => LockedSeed.ApplyTo(_policy, request.Lock?.PolicySha256, judged);

    private EvaluationImages ImagesFor(string judged) =>
        EvaluationImages.FromOptions(PolicyFor(judged).Evaluation, request.Device);

    private string? DigestOf(string classifier) => AcceptedRun.DigestOf(classifier, _policy, _inputs);

    private void NoteEarlierRuns(LoadedGenerator original)
    {
        if (_earlierRuns.Count > 0)
            inputs.AddRemark(
                InputRoles.Generator,
                "earlier runs trained it, and this policy keeps their limits: "
                    + string.Join(", ", _earlierRuns.Select(run => $"'{run.Policy}'")));
        else if (original.EarlierRuns is not null)
            inputs.AddRemark(
                InputRoles.Generator,
                "earlier runs trained it, and this policy drops their limits (generator.dropEarlierRules): nothing says that it "
                    + "still keeps them",
                isWarning: true);
    }

    private void RequireInputsPresent()
    {
        if (_inputs.FirstOrDefault(input => input.Sha256.Length == 0) is { } missing)
            throw new RunException(
                RunCodes.ChangedFile, $"{missing.Path}: the {missing.Role} is not there, or cannot be read any more");
    }

    private Measurement Measure(
        GeneratorEvaluator evaluator,
        string stage,
        ImageGenerator generator,
        string sha256,
        CancellationToken cancel,
        Measurement? before = null) => _timer.Time(stage, () =>
        evaluator.Measure(generator, sha256, SamplesOf(stage), cancel, before));

    private SampleProgress SamplesOf(string stage)
    {
        var looks = _policy.Evaluation.Looks();
        return new SampleProgress(
            count => progress.Report(new StageProgress(stage, (int)count, looks.First(look => look >= count), Losses: null)));
    }

    // The same numbers as measured here. What another process measured is judged, and is not what training starts from.
    private Measurement Merge(
        GeneratorEvaluator evaluator, LoadedGenerator original, IReadOnlyList<string> files, CancellationToken cancel)
    {
        if (request.Train)
            throw new MeasurementPartsException("a generator that was measured in parts is judged, and not trained");

        using var scope = NewDisposeScope();
        IReadOnlyList<MeasurementShard> shards = [.. files.Select(file => MeasurementShard.Load(file, cancel))];
        _parts =
        [
            .. from shard in shards
               let origin = shard.Origin
               orderby origin.Part
               select new MeasuredPart(
                   folder.Relative(shard.File!.Path), shard.File.Sha256, origin.Part, origin.Parts, origin.Machine,
                   origin.Device, origin.Threads, origin.Started, origin.Finished, origin.Torch),
        ];
        var fingerprint = MeasurementShard.FingerprintOf(
            request.Tool, request.Source.EffectiveSha256, _policy,
            _inputs.Where(input => input.Role != InputRoles.Baseline && !InputRoles.IsShippedForm(input.Role))
                .Select(input => (input.Role, input.Sha256)));
        var measured = MeasurementShard.Merge(shards, fingerprint, original.Sha256, evaluator);
        if (ShardOrigin.FindMixture(shards.Select(shard => shard.Origin)) is { } mixture)
            inputs.AddRemark(InputRoles.Generator, mixture, isWarning: true);
        return measured;
    }

    private UnlearnedGenerator Unlearn(
        LoadedGenerator original,
        AdversarialOptions terms,
        PolicyClassifiers classifiers,
        IReadOnlyList<UndesiredFeature> violated,
        out TrainingRecord training,
        CancellationToken cancel)
    {
        // Refuse what cannot be trained, or cannot be saved afterwards, before anything is trained.
        var options = inputs.WithResolvedData(_policy.Unlearning) with { Adversarial = terms };
        GeneratorRequirements.RequireCalibratedAnnotators(_policy);
        GeneratorRequirements.RequireTrainable(options, original);
        GradientCheck.Run(original, options);
        GeneratorCheckpoint.RequireRewritable(inputs.OriginalFile, original);

        // Open the journal of the stages' states; begin with an empty one unless the run resumes.
        var journal = new FolderJournal(folder.StateFolder, Fingerprint(), request.Resume, request.DiscardOtherRuns);
        if (!request.Resume)
            journal.Clear();

        // Collect the images to learn from.
        var annotation = new Annotation(
            [.. _policy.UndesiredFeatures.Select(
                feature => new AnnotatedFeature(feature.Name, classifiers.Annotator(feature), violated.Contains(feature)))],
            options.CleanBelow,
            _policy.Evaluation.IsRaw);
        var method = UnlearningMethods.Named(options.Method);
        options = WithoutUnknownFeatures(options, original);
        using var students = method.FollowsAnnotators ? Teach(original, annotation, options, cancel) : null;
        if (students is not null)
            annotation = annotation.WithStudents(
                students.All,
                annotator => GradientCheck.HasGradients(annotator, original.Generator.Shape, options, request.Device));
        using var feedback = _timer.Time("collecting feedback", () => CollectFeedback(original, annotation, options, cancel));

        // Make a discriminator where the checkpoint has none.
        using var added = original.Discriminator is null ? MakeDiscriminator(original, options, method, journal, cancel) : null;

        // Train, and keep the best candidate.
        using var candidateEvaluator = new CandidateEvaluator(_policy, annotation, original.Generator, request.Device);
        var context = new UnlearningContext(
            new GanPair(original.Generator, original.Discriminator ?? added!),
            options,
            annotation.WithCleanBelow(feedback.CleanBelow),
            feedback,
            candidateEvaluator,
            journal,
            progress,
            request.Device)
        {
            Factory = GeneratorRequirements.FactoryFor(original),
        };
        var unlearned = _timer.Time(
            "training",
            () => MemoryShortage.RunOrExplain(
                options.Method, options.BatchSize, options.AccumulateOrDefault, () => method.Run(context, cancel)),
            journal);
        training = CreateTrainingRecord(
            unlearned, feedback, terms, students, warmedUp: added is not null && !method.TrainsFromScratch);
        return unlearned;
    }

    // Lets students learn from the annotators, where the policy wants them; null where it wants none.
    private AnnotatorStudents? Teach(
        LoadedGenerator original, Annotation annotation, UnlearningOptions options, CancellationToken cancel)
    {
        var wanted = options.Students is { Count: > 0 } given ? given : null;
        RequireGradients(_ => wanted is not null);
        if (wanted is null)
            return null;

        var students = _timer.Time(
            AnnotatorStudents.Name,
            () => AnnotatorStudents.Train(
                original.Generator, annotation, wanted, options.Seed, request.Device, progress, cancel));
        try
        {
            RequireGradients(annotator => students.All.Any(student => student.Annotator == annotator));
        }
        catch (PolicyMismatchException)
        {
            students.Dispose();
            throw;
        }

        if (students.LeftOut > 0)
            inputs.AddRemark(
                InputRoles.Policy,
                FormattableString.Invariant($"{students.LeftOut} of {students.All.Count + students.LeftOut} students of the ")
                    + "annotators learned nothing and were left out; more 'unlearning.students.samples' or 'epochs' may help",
                isWarning: true);
        return students;

        void RequireGradients(Func<Features.FeatureClassifier, bool> isTaught) => GradientCheck.RunOnFeatures(
            annotation, original.Discriminator, original.Generator.Shape, options, request.Device, isTaught);
    }

    // A preset's Fréchet loss does without the discriminator's features where they are not known.
    private UnlearningOptions WithoutUnknownFeatures(UnlearningOptions options, LoadedGenerator original)
    {
        if (options.FrechetLoss is not { DiscriminatorWeight: null, IsOn: true } frechet
            || original.Discriminator is not ScriptedDiscriminator)
            return options;

        inputs.AddRemark(
            InputRoles.Generator,
            "the features of a TorchScript discriminator are not known, so the Fréchet loss was that of the annotators' alone",
            isWarning: false);
        return options with { FrechetLoss = frechet with { DiscriminatorWeight = 0 } };
    }

    private Feedback CollectFeedback(
        LoadedGenerator original, Annotation annotation, UnlearningOptions options, CancellationToken cancel)
    {
        using var given = inputs.LoadGivenImages(original.Generator.Shape, request.Device);
        return MemoryShortage.RunOrExplain(
            $"feedback of {options.FeedbackSamples} samples",
            $"unlearning.feedbackSamples={Math.Max(100, options.FeedbackSamples / 4)}",
            () => FeedbackCollector.Collect(original.Generator, annotation, given, options, request.Device, cancel));
    }

    // A method that trains from scratch needs no discriminator that knows the original's images.
    private ImageDiscriminator MakeDiscriminator(
        LoadedGenerator original, UnlearningOptions options, IUnlearningMethod method, FolderJournal journal,
        CancellationToken cancel)
    {
        var architecture = GeneratorArchitectures.Named(original.Architecture);
        if (method.TrainsFromScratch)
            return DiscriminatorWarmUp.CreateUntrained(original.Generator, architecture, options.Seed);

        return _timer.Time(DiscriminatorWarmUp.Name, () => MemoryShortage.RunOrExplain(
            DiscriminatorWarmUp.Name, options.BatchSize, options.AccumulateOrDefault,
            () => new DiscriminatorWarmUp(options, journal, progress).Run(original.Generator, architecture, cancel)),
            journal);
    }

    private RunRecord Conclude(
        Measurement before,
        Measurement? after,
        TrainingRecord? training,
        JudgedGenerator artifact,
        CancellationToken cancel)
    {
        // Refuse to conclude anything about files that are not the ones that were measured.
        RequireInputsUnchanged(cancel);

        // Judge, and only then give the generator the name under which it is released; write the reports and the record.
        var judged = (after ?? before).GeneratorSha256;
        var policy = PolicyFor(judged);
        var baseline = request.Accepted?.Baseline;
        var verdict = Gate.Judge(
            policy, before, after, Today(), AcceptedRun.CreateRatchet(baseline, _policy, _inputs));
        artifact.Conclude(verdict.Outcome, judged);
        var record = new RunRecord(
            RunRecord.CurrentSchemaVersion,
            request.Tool,
            _policy,
            request.Source,
            _inputs,
            [.. folder.Outputs.OrderBy(output => OutputRoles.IsGenerator(output.Role) ? 0 : 1)],
            before,
            after,
            training,
            verdict, ProcessEnvironment.Capture(request.Device, _policy.RunsGraphs()), new RunTimes(_started, clock.GetUtcNow(),
                _timer.Stages),
            Remarks: null,
            request.Origin,
            _parts,
            request.Lock is { } made ? new RunLock(made.PolicySha256, made.Time, policy.Evaluation.Seed, made.Stamped) : null,
            baseline,
            _earlierRuns.Count == 0 ? null : _earlierRuns);
        List<Remark> remarks =
            [.. inputs.Remarks, .. AuditedRecord.WarnOfLeftOut(record, folder.Path, onlyComplete: true)];
        record = record with { Remarks = remarks.Count == 0 ? null : remarks };
        RunReports.Write(folder.Path, record);
        RunRecordFile.Write(folder.GetPath(RunRecord.FileName), record);

        // Delete the stages' states: there is nothing left to resume.
        AuditAttacks.Clear(_policy, folder);
        new FolderJournal(folder.StateFolder, Fingerprint(), resume: false).Clear();
        return record;
    }

    // The digests are of the bytes that were loaded. With another file in its place, the record could not be verified. The policy
    // is not compared: its text was read once, before the run.
    private void RequireInputsUnchanged(CancellationToken cancel)
    {
        var now = inputs.ComputeDigests(cancel);
        if (_inputs.FirstOrDefault(
            input => input.Role != InputRoles.Policy
                && now.GetValueOrDefault(input.Role) != input.Sha256) is { } changed)
            throw new RunException(
                RunCodes.ChangedFile,
                $"{changed.Path}: the {changed.Role} was changed while the run was under way, so nothing was concluded; run "
                    + "again on the files as they are now");
    }

    private TrainingRecord CreateTrainingRecord(
        UnlearnedGenerator unlearned, Feedback feedback, AdversarialOptions terms, AnnotatorStudents? students, bool warmedUp)
    {
        var options = _policy.Unlearning;
        var selected = unlearned.Candidates.FirstOrDefault(candidate => candidate.Step == unlearned.SelectedStep);
        return new TrainingRecord(
            options.Method,
            feedback.Positives.Count,
            feedback.Negatives.Count,
            unlearned.SelectedStep,
            unlearned.Candidates.Count == 0 ? 0 : unlearned.Candidates.Max(candidate => candidate.Step),
            MeanOrNull(unlearned.Distances.OriginalToAdapted),
            MeanOrNull(unlearned.Distances.ToAdapted),
            unlearned.Distances.ToOriginal,
            selected is null ? null : new SelectedCandidate(selected.Excess, selected.FrechetDistance),
            warmedUp ? new WarmedUpDiscriminator(options.WarmUp.Steps, (long)options.WarmUp.Steps * options.BatchSize) : null,
            feedback.CleanBelow > options.CleanBelow ? feedback.CleanBelow : null,
            options.Adversarial.IsAsTrained ? terms : null,
            students is null or { All.Count: 0 }
                ? null
                : new TrainedStudents(students.All.Count, students.All.Min(student => student.Agreement)));
    }

    private static double? MeanOrNull(IReadOnlyList<double> values) => values.Count == 0 ? null : values.Average();

    // Digest of everything that decides what training does: a state with another fingerprint is not resumed.
    private string Fingerprint()
    {
        string[] circumstances =
        [
            request.Tool,
            request.Source.EffectiveSha256,
            _policy.Evaluation.RangeOrDefault,
            request.Device.ToString(),
            get_num_threads().ToString(CultureInfo.InvariantCulture),
            .. _inputs.Select(input => input.Sha256),
        ];
        return Sha256Digest.Compute(string.Join('\n', circumstances));
    }

    private DateOnly Today() => DateOnly.FromDateTime(clock.GetUtcNow().UtcDateTime);

    private sealed class SampleProgress(Action<long> report) : IProgress<long>
    {
        public void Report(long value) => report(value);
    }
}
