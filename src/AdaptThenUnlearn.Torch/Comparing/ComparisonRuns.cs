using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Governing;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Comparing;

/// <summary>One run that a comparison asks for.</summary>
/// <param name="Key">Which.</param>
/// <param name="Policy">With the class, seed and method set.</param>
/// <param name="Source">As it was written, and what was set; its file as a full path.</param>
/// <param name="Inputs">The files it names.</param>
/// <param name="Asked">Digest of everything that decides the result, see <see cref="ComparedCell.DigestOf"/>.</param>
public sealed record ComparisonRequest(CellKey Key, UnlearningPolicy Policy, PolicySource Source, InputFiles Inputs, string Asked);

/// <summary>Makes the runs of a comparison, one after another, and keeps what came of each.</summary>
/// <param name="cells">Folder with one file a cell.</param>
/// <param name="work">Folder under which each run has its own.</param>
/// <param name="tool">Name and version for the record.</param>
/// <param name="device">Where tensors are.</param>
/// <param name="progress">Told of every step.</param>
/// <param name="clock">For the record's times.</param>
public sealed class ComparisonRuns(string cells, string work, string tool, Device device, IProgress<StageProgress> progress, TimeProvider clock)
{
    /// <summary>The cell of a run, if it was made with the same settings and the same inputs.</summary>
    public ComparedCell? Found(ComparisonRequest request) =>
        ComparedCellFile.Find(cells, request.Key, request.Asked);

    /// <summary>Takes a run's cell over from another folder, such as another machine's, if that one answers the same question, and this one lacks it or lacks its distance to the retrained generator.</summary>
    /// <returns>Whether it was taken.</returns>
    public bool Import(ComparisonRequest request, string folder)
    {
        if (ComparedCellFile.Find(folder, request.Key, request.Asked) is not { } cell)
            return false;
        if (Found(request) is { } own && !(own.Outcome is { FrechetToRetrained: null } known && cell.Outcome is { FrechetToRetrained: not null } other && known.ArtifactSha256 == other.ArtifactSha256))
            return false;

        ComparedCellFile.Write(cells, cell);
        return true;
    }

    /// <summary>Makes a run, or goes on with it where it was interrupted, and writes its cell.</summary>
    /// <exception cref="FolderInUseException">Another process is making it.</exception>
    public ComparedCell Make(ComparisonRequest request, CancellationToken cancel)
    {
        using var folder = RunFolder.Open(FolderOf(request), request.Inputs);
        if (Found(request) is { } made)
            return made;   // by another process, while the folder was its

        var environment = UnlearningRun.CaptureEnvironment(device);
        ComparedCell cell;
        try
        {
            var source = request.Source with { File = Path.GetRelativePath(folder.Path, request.Source.File).Replace('\\', '/') };
            var asked = new RunRequest(request.Policy, source, Resume: true, Train: true, device, tool, DiscardOtherRuns: true);   // from before a setting changed, say
            var record = new UnlearningRun(asked, request.Inputs, folder, progress, clock).Execute(cancel);
            cell = record.Training is null ? Cell(null, "there is nothing to unlearn: the generator emits the class within the limits") : Cell(CellOutcome.FromRecord(record), null);
        }
        catch (Exception failed) when (failed is TrainingDivergedException or FeedbackException)
        {
            cell = Cell(null, failed.Message);   // a result too: this method, with this seed, does not get there
        }

        ComparedCellFile.Write(cells, cell);
        return cell;

        ComparedCell Cell(CellOutcome? outcome, string? failure) => new(ComparedCell.CurrentSchemaVersion, request.Key, request.Asked, tool, environment, outcome, failure);
    }

    /// <summary>Adds the distance to the retrained generator to every cell of a class that lacks it and whose artifact is still there.</summary>
    /// <param name="retrained">The run without the class; nothing is done while its artifact is not there, or where its policy asks for no image quality.</param>
    /// <param name="others">Runs of the same class.</param>
    /// <param name="cancel">Ends the measurement between two batches.</param>
    public void MeasureDistancesTo(ComparisonRequest retrained, IReadOnlyList<ComparisonRequest> others, CancellationToken cancel)
    {
        if (retrained.Policy.Quality is null || Found(retrained)?.Outcome is not { } reference || ArtifactOf(retrained, reference) is not { } checkpoint)
            return;

        var lacking = others.Select(request => (Request: request, Cell: Found(request)))
            .Where(each => each.Cell?.Outcome is { } outcome && outcome.RetrainedSha256 != reference.ArtifactSha256 && each.Request.Key != retrained.Key && ArtifactOf(each.Request, outcome) is not null)
            .ToList();
        if (lacking.Count == 0)
            return;

        using var classifiers = LoadClassifiers(retrained);
        using var measure = new RetrainedReference(retrained.Policy, classifiers, checkpoint, device);
        foreach (var (done, (request, cell)) in lacking.Index())
        {
            var outcome = cell!.Outcome!;
            progress.Report(new StageProgress($"distance to {retrained.Key}", done + 1, lacking.Count, Losses: null));
            ComparedCellFile.Write(cells, cell with
            {
                Outcome = outcome with { FrechetToRetrained = measure.MeasureDistance(ArtifactOf(request, outcome)!, cancel), RetrainedSha256 = measure.Sha256 },
            });
        }
    }

    private PolicyClassifiers LoadClassifiers(ComparisonRequest request)
    {
        using var generator = request.Inputs.LoadGenerator(device);
        return request.Inputs.LoadClassifiers(generator.Generator.Shape, device);
    }

    // Runs of other policies and settings may share the work folder, and go by the same keys.
    private string FolderOf(ComparisonRequest request) => Path.Combine(work, request.Key.FileNameFor(request.Asked));

    // The artifact, if it is still the one that was measured.
    private string? ArtifactOf(ComparisonRequest request, CellOutcome outcome)
    {
        string[] names = [request.Inputs.ArtifactName, request.Inputs.CopyName];
        return names.Select(name => Path.Combine(FolderOf(request), name)).FirstOrDefault(path => Sha256Digest.FindAt(path) == outcome.ArtifactSha256);
    }
}
