using System.Text.Json;
using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Torch.Labelling;
using AdaptThenUnlearn.Torch.Training;

namespace AdaptThenUnlearn.Cli.Labelling;

/// <summary>The state of a session, sent to the page as JSON.</summary>
/// <param name="Feature">The feature that is labelled.</param>
/// <param name="Images">Number of images.</param>
/// <param name="PageSize">Number of images on a page.</param>
/// <param name="Order">The images that were chosen so far, in the order of the pages.</param>
/// <param name="Test">How many of the test images have a label.</param>
/// <param name="Fewest">Number of labels of each kind that training needs.</param>
/// <param name="Labels">Whether an image shows the feature, by its number from 0.</param>
/// <param name="Training">Progress of training; null if there is none.</param>
/// <param name="Result">Result of the last training; null before the first.</param>
/// <param name="Failed">Why the last training failed; null if it did not.</param>
/// <param name="Audit">Whether the images are audited, and no classifier is trained.</param>
/// <param name="Calibrated">What is calibrated; null where no threshold is chosen.</param>
internal sealed record LabelState(
    string Feature,
    int Images,
    int PageSize,
    IReadOnlyList<int> Order,
    TestState Test,
    int Fewest,
    IReadOnlyDictionary<int, bool> Labels,
    StageProgress? Training,
    TrainedState? Result,
    string? Failed,
    bool Audit = false,
    CalibratedState? Calibrated = null)
{
    /// <summary>The JSON format of requests and responses.</summary>
    public static JsonSerializerOptions Json { get; } =
        new(JsonSerializerOptions.Strict) { PropertyNamingPolicy = JsonNamingPolicy.CamelCase };
}

/// <summary>The classifier whose threshold is chosen.</summary>
/// <param name="Classifier">Its name in the policy.</param>
/// <param name="Class">The class that shows the feature.</param>
/// <param name="Learning">Labels of the images that the threshold is chosen by.</param>
internal sealed record CalibratedState(string Classifier, string Class, TestState Learning)
{
    /// <summary>Creates the state of a session.</summary>
    public static CalibratedState Create(CalibrationSession session) => new(
        session.Subject.Name, session.Subject.Class,
        TestState.Create(session.Sheet, image => !PageOrder.IsTest(image)));
}

/// <summary>The result of training.</summary>
/// <param name="Rate">Held-out error, 0 to 1.</param>
/// <param name="With">Number of images that show the feature.</param>
/// <param name="Missed">Number of those that the classifier missed.</param>
/// <param name="Found">Share of those that it found, with its 95 % interval; 0 to 1.</param>
/// <param name="Without">Number of images that do not show the feature.</param>
/// <param name="FalseAlarms">Number of those that the classifier flagged.</param>
/// <param name="Alarms">Share of those that it flagged, with its 95 % interval; 0 to 1.</param>
/// <param name="Doubt">A warning about the classifier, in one sentence; null if there is none.</param>
/// <param name="Classifier">Path of the classifier's checkpoint, or of the calibration.</param>
/// <param name="Policy">Policy fragment that uses the classifier.</param>
/// <param name="PolicyFolder">The policy's folder in words, or the policy.</param>
/// <param name="Threshold">The threshold that was chosen; null for a classifier that was trained.</param>
internal sealed record TrainedState(
    double Rate,
    int With,
    int Missed,
    ShareState Found,
    int Without,
    int FalseAlarms,
    ShareState Alarms,
    string? Doubt,
    string Classifier,
    string Policy,
    string PolicyFolder,
    double? Threshold)
{
    /// <summary>Creates the state from a held-out error.</summary>
    public static TrainedState Create(HeldOutError error, LabellingSession session, PolicyFragment policy) => new(
        error.Rate, error.With, error.Missed, ShareState.Create(error.Found), error.Without, error.FalseAlarms,
        ShareState.Create(error.Alarms),
        error.Doubt, session.ResultPath, policy.Text, policy.Folder,
        (session as CalibrationSession)?.Written?.Calibration.Threshold);
}

/// <summary>How many of some images have which label so far.</summary>
/// <param name="With">Number of images that show the feature.</param>
/// <param name="Without">Number of images that do not.</param>
internal sealed record TestState(int With, int Without)
{
    /// <summary>Counts labels.</summary>
    /// <param name="sheet">All labels.</param>
    /// <param name="counts">Whether an image counts.</param>
    public static TestState Create(LabelSheet sheet, Func<int, bool> counts)
    {
        var labels = sheet.Labels.Where(label => counts(label.Key)).ToLookup(label => label.Value);
        return new TestState(labels[true].Count(), labels[false].Count());
    }
}

/// <summary>A share with its 95 % interval, each 0 to 1.</summary>
/// <param name="Share">The share.</param>
/// <param name="Lower">Lower end of the interval.</param>
/// <param name="Upper">Upper end of the interval.</param>
internal sealed record ShareState(double Share, double Lower, double Upper)
{
    /// <summary>Creates the state from a share and its interval.</summary>
    public static ShareState Create((double Share, double Lower, double Upper) share) =>
        new(share.Share, share.Lower, share.Upper);
}

/// <summary>A request for the next page.</summary>
/// <param name="Shown">How many images the browser knows; there is nothing to do if the server has chosen more.</param>
internal sealed record NextPage(int Shown);

/// <summary>Labels that were added, changed or removed.</summary>
/// <param name="Changes">In the order they were made.</param>
internal sealed record LabelChanges(IReadOnlyList<LabelChange> Changes)
{
    /// <summary>The last label of each image in a request; null removes one.</summary>
    /// <param name="body">JSON.</param>
    /// <exception cref="JsonException">It is not a request.</exception>
    public static Dictionary<int, bool?> Parse(byte[] body)
    {
        var request = JsonSerializer.Deserialize<LabelChanges>(body, LabelState.Json) ?? throw new JsonException("it is null");
        Dictionary<int, bool?> changes = [];
        foreach (var change in request.Changes)
            changes[(change ?? throw new JsonException("a change is null")).Image] = change.Shows;
        return changes;
    }
}

/// <summary>A change of one label.</summary>
/// <param name="Image">The image's number from 0.</param>
/// <param name="Shows">Whether the image shows the feature; null for no label.</param>
internal sealed record LabelChange(int Image, bool? Shows);
