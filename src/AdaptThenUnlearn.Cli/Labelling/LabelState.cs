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
/// <param name="Lower">Of its 95 % interval.</param>
/// <param name="Upper">Of its 95 % interval.</param>
/// <param name="With">Images that show the feature.</param>
/// <param name="Missed">Of those.</param>
/// <param name="Without">Images that do not.</param>
/// <param name="FalseAlarms">Among those.</param>
/// <param name="Classifier">Path of its checkpoint.</param>
/// <param name="Policy">Part of a policy that names it.</param>
internal sealed record TrainedState(double Rate, double Lower, double Upper, int With, int Missed, int Without, int FalseAlarms, string Classifier, string Policy)
{
    /// <summary>For the page.</summary>
    public static TrainedState Of(HeldOutError error, string feature, string path) => new(
        error.Rate, error.Lower, error.Upper, error.With, error.Missed, error.Without, error.FalseAlarms, path, PolicyFragment(feature, path));

    /// <summary>What one puts into a policy to have the classifier judge.</summary>
    public static string PolicyFragment(string feature, string path) => $$"""
        "classifiers": {
          "{{feature}}": { "checkpoint": {{JsonSerializer.Serialize(path.Replace('\\', '/'), _readable)}} }
        },
        "undesiredFeatures": [
          { "name": "{{feature}}", "annotator": "{{feature}}", "class": "{{feature}}", "maxRate": 0.01 }
        ]
        """;

    private static readonly JsonSerializerOptions _readable = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
}

/// <summary>Labels that were given or taken away.</summary>
/// <param name="Changes">In order.</param>
internal sealed record LabelChanges(IReadOnlyList<LabelChange> Changes);

/// <summary>One of them.</summary>
/// <param name="Image">Its number from 0.</param>
/// <param name="Shows">Whether it shows the feature; null for no label.</param>
internal sealed record LabelChange(int Image, bool? Shows);
