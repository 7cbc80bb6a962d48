using System.Text.Json;
using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Torch.Training;

namespace AdaptThenUnlearn.Cli.Labelling;

/// <summary>The state of a session, sent to the page as JSON.</summary>
/// <param name="Feature">The feature that is labelled.</param>
/// <param name="Images">Number of images.</param>
/// <param name="Fewest">Number of labels of each kind that training needs.</param>
/// <param name="Labels">Whether an image shows the feature, by its number from 0.</param>
/// <param name="Training">Progress of training; null if there is none.</param>
/// <param name="Result">Result of the last training; null before the first.</param>
/// <param name="Failed">Why the last training failed; null if it did not.</param>
internal sealed record LabelState(
    string Feature,
    int Images,
    int Fewest,
    IReadOnlyDictionary<int, bool> Labels,
    StageProgress? Training,
    TrainedState? Result,
    string? Failed)
{
    /// <summary>The JSON format of requests and responses.</summary>
    public static JsonSerializerOptions Json { get; } =
        new(JsonSerializerOptions.Strict) { PropertyNamingPolicy = JsonNamingPolicy.CamelCase };
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
/// <param name="Classifier">Path of the classifier's checkpoint.</param>
/// <param name="Policy">Policy fragment that uses the classifier.</param>
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
    string Policy)
{
    /// <summary>Creates the state from a held-out error.</summary>
    public static TrainedState Create(HeldOutError error, string feature, string path) => new(
        error.Rate, error.With, error.Missed, ShareState.Create(error.Found), error.Without, error.FalseAlarms,
        ShareState.Create(error.Alarms),
        error.Doubt, path, PolicyFragment(feature, Path.GetRelativePath(Environment.CurrentDirectory, path)));

    /// <summary>The policy fragment that uses the classifier.</summary>
    public static string PolicyFragment(string feature, string path) => $$"""
        "classifiers": {
          "{{feature}}": { "checkpoint": {{JsonSerializer.Serialize(path.Replace('\\', '/'), _readable)}} }
        },
        "undesiredFeatures": [
          // Name another classifier as "auditor" too: this one must not measure its own result.
          { "name": "{{feature}}", "annotator": "{{feature}}", "class": "{{feature}}", "maxRate": 0.01 }
        ]
        """;

    private static readonly JsonSerializerOptions _readable =
        new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
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

/// <summary>Labels that were added, changed or removed.</summary>
/// <param name="Changes">In the order they were made.</param>
internal sealed record LabelChanges(IReadOnlyList<LabelChange> Changes);

/// <summary>A change of one label.</summary>
/// <param name="Image">The image's number from 0.</param>
/// <param name="Shows">Whether the image shows the feature; null for no label.</param>
internal sealed record LabelChange(int Image, bool? Shows);
