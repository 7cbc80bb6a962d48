using System.Net;
using System.Text.Json;
using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Torch.Labelling;
using AdaptThenUnlearn.Torch.Training;

namespace AdaptThenUnlearn.Cli.Labelling;

/// <summary>What the page that labels are given on gets, and what it may ask for.</summary>
/// <param name="session">What is labelled; stays the caller's.</param>
/// <param name="progress">Told of training.</param>
/// <param name="onTrained">Told of each result.</param>
internal sealed class LabelPage(LabellingSession session, IProgress<StageProgress> progress, Action<HeldOutError> onTrained) : IProgress<StageProgress>
{
    private readonly Lock _trainingLock = new();
    private volatile StageProgress? _step;
    private volatile TrainedState? _result;
    private volatile string? _failed;

    /// <summary>The training that was begun last; it never fails, for the page is told why.</summary>
    public Task Training { get; private set; } = Task.CompletedTask;

    /// <summary>The page and its files, the images, and how things stand.</summary>
    /// <param name="path">What follows the token in the address.</param>
    public PageResponse HandleGet(string path)
    {
        if (PageFiles.All.TryGetValue(path, out var file))
            return new PageResponse(HttpStatusCode.OK, file.Type, file.Bytes);
        if (path == "state")
            return PageResponse.CreateJson(State());
        return path.StartsWith("images/", StringComparison.Ordinal) && path.EndsWith(".png", StringComparison.Ordinal)
            && int.TryParse(path["images/".Length..^".png".Length], System.Globalization.NumberStyles.None, null, out var image) && image < session.Samples.Pictures.Count
            ? new PageResponse(HttpStatusCode.OK, "image/png", session.Samples.Pictures[image])
            : PageResponse.NotFound;
    }

    /// <summary>Takes labels, begins to train, or ends.</summary>
    /// <param name="path">What follows the token in the address.</param>
    /// <param name="body">JSON.</param>
    /// <param name="ended">Ends training.</param>
    public async Task<PageResponse> HandlePostAsync(string path, byte[] body, CancellationToken ended) => path switch
    {
        "labels" => ApplyLabels(body),
        "train" => StartTraining(ended),
        "done" => await FinishAsync().ConfigureAwait(false),
        _ => PageResponse.NotFound,
    };

    /// <inheritdoc/>
    public void Report(StageProgress value)
    {
        _step = value;
        progress.Report(value);
    }

    // The page says then that everything is saved, and that is so once the classifier is that is being trained.
    private async Task<PageResponse> FinishAsync()
    {
        var training = Training;
        if (!training.IsCompleted)
        {
            await training.ConfigureAwait(false);
            if (_failed is { } problem)
                return PageResponse.CreateProblem(HttpStatusCode.Conflict, problem);
        }

        return PageResponse.CreateJson(State()) with { EndsSession = true };
    }

    private PageResponse ApplyLabels(byte[] body)
    {
        try
        {
            var request = JsonSerializer.Deserialize<LabelChanges>(body, LabelState.Json) ?? throw new JsonException("it is null");
            Dictionary<int, bool?> changes = [];
            foreach (var change in request.Changes)
                changes[(change ?? throw new JsonException("a change is null")).Image] = change.Shows;
            session.Change(changes);
            return PageResponse.CreateJson(State());
        }
        catch (Exception wrong) when (wrong is JsonException or ArgumentException)
        {
            return PageResponse.CreateProblem(HttpStatusCode.BadRequest, wrong.Message);
        }
    }

    private PageResponse StartTraining(CancellationToken ended)
    {
        lock (_trainingLock)
        {
            if (session.Sheet.WhyTooFewLabels is { } problem)
                return PageResponse.CreateProblem(HttpStatusCode.Conflict, problem);
            if (Training.IsCompleted)
            {
                (_failed, _step) = (null, new StageProgress("training the classifier", 0, 1, Losses: null));
                Training = Task.Run(() => RunTraining(ended), CancellationToken.None);
            }

            return PageResponse.CreateJson(State()) with { Status = HttpStatusCode.Accepted };
        }
    }

    private void RunTraining(CancellationToken ended)
    {
        try
        {
            var error = session.Train(this, ended);
            _result = TrainedState.Create(error, session.Feature, session.ClassifierPath);
            onTrained(error);
        }
        catch (OperationCanceledException)
        {
            _failed = "training was ended";
        }
        catch (Exception failed)
        {
            _failed = failed.Message;   // told on the page, where labels can go on being given
        }
        finally
        {
            _step = null;
        }
    }

    private LabelState State() => new(
        session.Feature, session.Samples.Pictures.Count, LabelSheet.MinLabelsPerClass, session.Sheet.Labels, _step, _result, _failed);
}
