using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Governing;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Comparing;

/// <summary>One run that a comparison needs.</summary>
/// <param name="Key">Method, class and seed.</param>
/// <param name="Policy">The compared policy with this class, seed and method.</param>
/// <param name="Source">The policy as it was written, with the overrides; its file is a full path.</param>
/// <param name="Inputs">The files that the policy names.</param>
/// <param name="Asked">Digest of everything that decides the result, see <see cref="ComparedCell.DigestOf"/>.</param>
public sealed record ComparisonRequest(
    CellKey Key, UnlearningPolicy Policy, PolicySource Source, InputFiles Inputs, string Asked);

/// <summary>Makes the runs of a comparison, one after another, and keeps the result of each as a cell.</summary>
/// <param name="cells">Folder with one file for each cell.</param>
/// <param name="work">Folder in which each run has a folder.</param>
/// <param name="tool">Name and version of the tool, for the record.</param>
/// <param name="device">Where tensors are.</param>
/// <param name="progress">Receives every step.</param>
/// <param name="clock">For the times in the record.</param>
public sealed class ComparisonRuns(
    string cells, string work, string tool, Device device, IProgress<StageProgress> progress, TimeProvider clock)
{
    private readonly int _threads = get_num_threads();

    // The runs of a class have the same original.
    private readonly Dictionary<(string Class, string Generator, EvaluationOptions Evaluation), long> _thirdBefore = [];

    /// <summary>Whether an interrupted run goes on with its own number of CPU threads instead of this process's.</summary>
    public bool KeepsThreads { get; init; }

    /// <summary>Counts the class again, see <see cref="CountByThird"/>; null where none does. Stays the caller's.</summary>
    public ThirdClassifier? Third { get; init; }

    /// <summary>The cell of a run that was made with the same settings and the same inputs; null where there is none.</summary>
    public ComparedCell? Found(ComparisonRequest request) =>
        ComparedCellFile.Find(cells, request.Key, request.Asked);

    /// <summary>
    /// Copies a run's cell from another folder, such as another machine's, where this folder has no cell of the same digest; or
    /// takes over what only the other cell has: the distance to the retrained generator, and the third classifier's counts.
    /// </summary>
    /// <param name="request">The run.</param>
    /// <param name="folder">The other folder.</param>
    /// <returns>Whether anything was copied.</returns>
    public bool Import(ComparisonRequest request, string folder)
    {
        if (ComparedCellFile.Find(folder, request.Key, request.Asked) is not { } other)
            return false;

        var own = Found(request);
        var completed = own is null ? other : Complete(own, other);
        if (completed == own)
            return false;

        ComparedCellFile.Write(cells, completed);
        return true;
    }

    // Only of the same generator.
    private ComparedCell Complete(ComparedCell own, ComparedCell other)
    {
        if (own.Outcome is not { } outcome || other.Outcome is not { } its || outcome.ArtifactSha256 != its.ArtifactSha256)
            return own;

        if (outcome.FrechetToRetrained is null && its.FrechetToRetrained is not null)
            outcome = outcome with { FrechetToRetrained = its.FrechetToRetrained, RetrainedSha256 = its.RetrainedSha256 };
        if (its.Third is not null && (outcome.Third is null || IsCounted(its) && !IsCounted(outcome)))
            outcome = outcome with { Third = its.Third };
        return own with { Outcome = outcome };
    }

    private bool IsCounted(CellOutcome outcome) => Third is not null && outcome.Third?.Sha256 == Third.Sha256;

    /// <summary>Makes a run, or resumes it where it was interrupted, and writes its cell.</summary>
    /// <exception cref="FolderInUseException">Another process is making it.</exception>
    public ComparedCell Make(ComparisonRequest request, CancellationToken cancel)
    {
        if (!ComparedMethods.MakesGenerator(request.Key))
            return MakeRefusing(request, cancel);

        // Take the cell that another process made while it had the folder.
        using var folder = RunFolder.Open(FolderOf(request), request.Inputs);
        if (Found(request) is { } made)
            return made;

        // Make the run. Resume its saved state, unless a setting has changed since.
        set_num_threads((KeepsThreads ? FolderJournal.FindThreads(folder.StateFolder) : null) ?? _threads);
        var environment = ProcessEnvironment.Capture(device);
        ComparedCell cell;
        try
        {
            var source = request.Source with { File = Path.GetRelativePath(folder.Path, request.Source.File).Replace('\\', '/') };
            var asked = new RunRequest(request.Policy, source, Resume: true, Train: true, device, tool, DiscardOtherRuns: true);
            var record = new UnlearningRun(asked, request.Inputs, folder, progress, clock).Execute(cancel);
            cell = record.Training is null
                ? CreateCell(
                    request, environment, outcome: null,
                    "there is nothing to unlearn: the generator emits the class within the limits")
                : CreateCell(request, environment, CellOutcome.FromRecord(record), failure: null);
        }
        catch (Exception failed) when (failed is TrainingDivergedException or FeedbackException)
        {
            // Keep the failure as a result: this method does not finish with this seed.
            cell = CreateCell(request, environment, outcome: null, failed.Message);
        }

        ComparedCellFile.Write(cells, cell);
        return cell;
    }

    // The folder is only locked: the run leaves no file in it.
    private ComparedCell MakeRefusing(ComparisonRequest request, CancellationToken cancel)
    {
        using var locked = FolderLock.Acquire(FolderOf(request), "run");
        if (Found(request) is { } made)
            return made;

        set_num_threads(_threads);
        var environment = ProcessEnvironment.Capture(device);
        ComparedCell cell;
        try
        {
            var outcome = new RefusingRun(request, device, progress, clock).Execute(cancel);
            cell = CreateCell(request, environment, outcome, failure: null);
        }
        catch (TooFewCleanException failed)
        {
            // Keep the failure as a result, as of a training that did not finish.
            cell = CreateCell(request, environment, outcome: null, failed.Message);
        }

        ComparedCellFile.Write(cells, cell);
        return cell;
    }

    private ComparedCell CreateCell(
        ComparisonRequest request, RunEnvironment environment, CellOutcome? outcome, string? failure) =>
        new(ComparedCell.CurrentSchemaVersion, request.Key, request.Asked, tool, environment, outcome, failure);

    /// <summary>
    /// Measures the distance to the retrained generator for every cell of a class that lacks it and whose artifact is still
    /// there, or that made none because it refused images of the original.
    /// </summary>
    /// <param name="retrained">
    /// The run that retrained without the class. Nothing is measured where its artifact is missing, or where its policy asks for
    /// no image quality.
    /// </param>
    /// <param name="others">Runs of the same class.</param>
    /// <param name="cancel">Ends the measurement between two batches.</param>
    public void MeasureDistancesTo(ComparisonRequest retrained, IReadOnlyList<ComparisonRequest> others, CancellationToken cancel)
    {
        // Find the retrained generator, and the cells that lack the distance to it.
        if (retrained.Policy.Quality is null
            || Found(retrained)?.Outcome is not { } reference
            || ArtifactOf(retrained, reference) is not { } checkpoint)
            return;

        var lacking = others.Where(request => request.Key != retrained.Key)
            .Select(request => (Request: request, Cell: Found(request)))
            .Where(
                each => each.Cell?.Outcome is { } outcome
                    && outcome.RetrainedSha256 != reference.ArtifactSha256
                    && (!ComparedMethods.MakesGenerator(each.Request.Key) || ArtifactOf(each.Request, outcome) is not null))
            .ToList();
        if (lacking.Count == 0)
            return;

        // Measure one cell after another, and write each as soon as it is measured.
        using var classifiers = LoadClassifiers(retrained);
        using var measure = new RetrainedReference(retrained.Policy, classifiers, checkpoint, device);
        foreach (var (done, (request, cell)) in lacking.Index())
        {
            progress.Report(new StageProgress($"distance to {retrained.Key}", done + 1, lacking.Count, Losses: null));
            var outcome = cell!.Outcome!;
            var distance = ComparedMethods.MakesGenerator(request.Key)
                ? measure.MeasureDistance(ArtifactOf(request, outcome)!, cancel)
                : new RefusingRun(request, device, progress, clock).MeasureDistanceTo(measure, cancel);
            ComparedCellFile.Write(
                cells, cell with { Outcome = outcome with { FrechetToRetrained = distance, RetrainedSha256 = measure.Sha256 } });
        }
    }

    /// <summary>
    /// Has the third classifier count the class, before and after, in the images that the auditor counted, where the run's cell
    /// lacks its counts and the images can be made again.
    /// </summary>
    /// <param name="request">The run.</param>
    /// <param name="cancel">Ends counting between two batches.</param>
    /// <returns>The counts; null where nothing was counted.</returns>
    /// <exception cref="CheckpointException">A generator cannot be read.</exception>
    public ThirdCount? CountByThird(ComparisonRequest request, CancellationToken cancel)
    {
        // Find whether the counts are lacking, and the generator that the run made.
        if (Third is null || Found(request) is not { Outcome: { } outcome } cell || IsCounted(outcome))
            return null;

        var artifact = ArtifactOf(request, outcome);
        if (artifact is null && ComparedMethods.MakesGenerator(request.Key))
            return null;

        // Count in both, and write the cell.
        if (device.type == TorchSharp.DeviceType.CUDA)
            TorchBackend.KeepFloat32();
        using var original = request.Inputs.LoadGenerator(device, cancel);
        var count = new ThirdCount(
            Third.Sha256,
            CountBefore(request, original, Third, cancel),
            artifact is null
                ? new RefusingRun(request, device, progress, clock).Count(Third, cancel)
                : CountAfter(request, original, artifact, Third, cancel));
        ComparedCellFile.Write(cells, cell with { Outcome = outcome with { Third = count } });
        return count;
    }

    private long CountBefore(
        ComparisonRequest request, LoadedGenerator original, ThirdClassifier third, CancellationToken cancel)
    {
        var key = (request.Key.Class, original.Sha256, request.Policy.Evaluation);
        return _thirdBefore.TryGetValue(key, out var known)
            ? known
            : _thirdBefore[key] = third.Count(original.Generator, request, device, cancel);
    }

    private long CountAfter(
        ComparisonRequest request, LoadedGenerator original, string artifact, ThirdClassifier third, CancellationToken cancel)
    {
        var choice = request.Policy.Generator;
        using var loaded = GeneratorCheckpoint.Load(
            artifact, choice.Format, sha256: null, discriminatorPath: null, device,
            latentSize: original.Generator.LatentSize - original.Generator.Classes, layers: choice.Layers,
            graph: GraphUse.From(choice));
        return third.Count(loaded.Generator, request, device, cancel);
    }

    private PolicyClassifiers LoadClassifiers(ComparisonRequest request)
    {
        using var generator = request.Inputs.LoadGenerator(device);
        return request.Inputs.LoadClassifiers(generator.Generator.Shape, device);
    }

    /// <summary>Path of the generator that a finished run made; null where the run or its generator is not there.</summary>
    /// <param name="request">The run.</param>
    public string? FindArtifact(ComparisonRequest request) =>
        Found(request)?.Outcome is { } outcome ? ArtifactOf(request, outcome) : null;

    // The digest is in the name, because runs of other policies and settings may share the work folder and have the same keys.
    private string FolderOf(ComparisonRequest request) => Path.Combine(work, request.Key.FileNameFor(request.Asked));

    // Path of the artifact; null where it is missing or is not the one that was measured.
    private string? ArtifactOf(ComparisonRequest request, CellOutcome outcome)
    {
        string[] names = [request.Inputs.ArtifactName, request.Inputs.CopyName, request.Inputs.RejectedName];
        return names.Select(name => Path.Combine(FolderOf(request), name))
            .FirstOrDefault(path => Sha256Digest.FindAt(path) == outcome.ArtifactSha256);
    }
}
