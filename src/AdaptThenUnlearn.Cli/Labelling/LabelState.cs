using System.Text.Json;
using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Torch.Training;

namespace AdaptThenUnlearn.Cli.Labelling;

/// <summary>What the page is told, and what it says, as JSON.</summary>
/// <param name="Feature">What is looked for.</param>
/// <param name="Images">How many there are.</param>
/// <param name="Fewest">Labels of either kind that training needs.</param>
/// <param name="Labels">Whether an image shows the feature, by its number from 0.</param>
/// <param name="Training">How far training is; null where it is not under way.</param>
/// <param name="Result">What training gave last; null before.</param>
/// <param name="Failed">Why training failed last; null where it did not.</param>
internal sealed record LabelState(
    string Feature, int Images, int Fewest, IReadOnlyDictionary<int, bool> Labels, StageProgress? Training, TrainedState? Result, string? Failed)
{
    /// <summary>How both sides write.</summary>
    public static JsonSerializerOptions Json { get; } = new(JsonSerializerOptions.Strict) { PropertyNamingPolicy = JsonNamingPolicy.CamelCase };
}

/// <summary>What training gave.</summary>
/// <param name="Rate">Held-out error, 0 to 1.</param>
/// <param name="With">Images that show the feature.</param>
/// <param name="Missed">Of those.</param>
/// <param name="Found">The share that was found, with its 95 % interval; 0 to 1.</param>
/// <param name="Without">Images that do not.</param>
/// <param name="FalseAlarms">Among those.</param>
/// <param name="Alarms">Their share, likewise.</param>
/// <param name="Doubt">What is to be doubted of the classifier, in a sentence; null where nothing is.</param>
/// <param name="Classifier">Path of its checkpoint.</param>
/// <param name="Policy">Part of a policy that names it.</param>
internal sealed record TrainedState(
    double Rate, int With, int Missed, ShareState Found, int Without, int FalseAlarms, ShareState Alarms, string? Doubt, string Classifier, string Policy)
{
    /// <summary>For the page.</summary>
    public static TrainedState Create(HeldOutError error, string feature, string path) => new(
        error.Rate, error.With, error.Missed, ShareState.Create(error.Found), error.Without, error.FalseAlarms, ShareState.Create(error.Alarms), error.Doubt, path,
        PolicyFragment(feature, Path.GetRelativePath(Environment.CurrentDirectory, path)));

    /// <summary>What one puts into a policy to have the classifier judge.</summary>
    public static string PolicyFragment(string feature, string path) => $$"""
        "classifiers": {
          "{{feature}}": { "checkpoint": {{JsonSerializer.Serialize(path.Replace('\\', '/'), _readable)}} }
        },
        "undesiredFeatures": [
          // Name another classifier as "auditor" too: this one must not mark its own exam.
          { "name": "{{feature}}", "annotator": "{{feature}}", "class": "{{feature}}", "maxRate": 0.01 }
        ]
        """;

    private static readonly JsonSerializerOptions _readable = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
}

/// <summary>A share with its 95 % interval, each 0 to 1.</summary>
/// <param name="Share">The share.</param>
/// <param name="Lower">Lower end.</param>
/// <param name="Upper">Upper end.</param>
internal sealed record ShareState(double Share, double Lower, double Upper)
{
    /// <summary>For the page.</summary>
    public static ShareState Create((double Share, double Lower, double Upper) share) => new(share.Share, share.Lower, share.Upper);
}

/// <summary>Labels that were given or taken away.</summary>
/// <param name="Changes">In order.</param>
internal sealed record LabelChanges(IReadOnlyList<LabelChange> Changes);

/// <summary>One of them.</summary>
/// <param name="Image">Its number from 0.</param>
/// <param name="Shows">Whether it shows the feature; null for no label.</param>
internal sealed record LabelChange(int Image, bool? Shows);
