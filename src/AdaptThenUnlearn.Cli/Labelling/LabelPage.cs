using System.Net;
using System.Text.Json;
using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Torch.Labelling;
using AdaptThenUnlearn.Torch.Training;

namespace AdaptThenUnlearn.Cli.Labelling;

/// <summary>Answers the requests of the labelling page.</summary>
/// <param name="session">The images and labels; stays the caller's.</param>
/// <param name="progress">Gets the progress of training.</param>
/// <param name="createFragment">The part of a policy that uses what was made.</param>
/// <param name="onTrained">Called with each result of training.</param>
internal sealed class LabelPage(
    LabellingSession session,
    IProgress<StageProgress> progress,
    Func<PolicyFragment> createFragment,
    Action<HeldOutError> onTrained)
    : ILabelPage, IProgress<StageProgress>
{
    private readonly Lock _trainingLock = new();
    private volatile StageProgress? _step;
    private volatile TrainedState? _result;
    private volatile string? _failed;

    /// <summary>The last training that was started. It never faults; the page shows its error.</summary>
    public Task Training { get; private set; } = Task.CompletedTask;

    /// <summary>Returns the page, its files, an image, or the state of the session.</summary>
    /// <param name="path">The part of the address after the token.</param>
    public PageResponse HandleGet(string path)
    {
        if (PageFiles.All.TryGetValue(path, out var file))
            return new PageResponse(HttpStatusCode.OK, file.Type, file.Bytes);
        if (path == "state")
            return PageResponse.CreateJson(State());
        return path.StartsWith("images/", StringComparison.Ordinal) && path.EndsWith(".png", StringComparison.Ordinal)
            && int.TryParse(path["images/".Length..^".png".Length], System.Globalization.NumberStyles.None, null, out var image)
                && image < session.Pictures.Count
            ? new PageResponse(HttpStatusCode.OK, "image/png", session.Pictures[image])
            : PageResponse.NotFound;
    }

    /// <summary>Stores labels, chooses the next page, starts training, or ends the session.</summary>
    /// <param name="path">The part of the address after the token.</param>
    /// <param name="body">JSON.</param>
    /// <param name="ended">Ends training.</param>
    public async Task<PageResponse> HandlePostAsync(string path, byte[] body, CancellationToken ended) => path switch
    {
        "labels" => PageResponse.AfterChanges(body, changes => session.Change(changes), State),
        "next" => ShowMore(body),
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

    // Wait for training to end, because the page then says that everything is saved.
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

    private PageResponse ShowMore(byte[] body)
    {
        try
        {
            var request = JsonSerializer.Deserialize<NextPage>(body, LabelState.Json) ?? throw new JsonException("it is null");
            session.ShowMore(request.Shown);
            return PageResponse.CreateJson(State());
        }
        catch (JsonException wrong)
        {
            return PageResponse.CreateProblem(HttpStatusCode.BadRequest, wrong.Message);
        }
    }

    private PageResponse StartTraining(CancellationToken ended)
    {
        lock (_trainingLock)
        {
            if (session.WhyTooFewLabels is { } problem)
                return PageResponse.CreateProblem(HttpStatusCode.Conflict, problem);
            if (Training.IsCompleted)
            {
                (_failed, _step) = (null, new StageProgress(session.Stage, 0, 1, Losses: null));
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
            _result = TrainedState.Create(error, session, createFragment());
            onTrained(error);
        }
        catch (OperationCanceledException)
        {
            _failed = "training was ended";
        }
        catch (Exception failed)
        {
            _failed = failed.Message;   // shown on the page, where the user can continue labelling
        }
        finally
        {
            _step = null;
        }
    }

    private LabelState State() => new(
        session.Feature,
        session.Pictures.Count,
        PageOrder.PageSize,
        session.Sheet.Order ?? [],
        TestState.Create(session.Sheet, session.Sheet.IsTest),
        LabelSheet.MinLabelsPerClass,
        session.Sheet.Labels,
        _step,
        _result,
        _failed,
        Calibrated: session is CalibrationSession calibration ? CalibratedState.Create(calibration) : null);
}
