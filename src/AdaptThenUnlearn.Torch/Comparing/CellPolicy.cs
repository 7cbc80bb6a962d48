using System.Globalization;
using System.Text.Json;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Torch.Comparing;

/// <summary>The overrides that turn the compared policy into the policy of one run.</summary>
public static class CellPolicy
{
    /// <summary>Paths that every cell sets itself, besides its method's settings.</summary>
    public static IReadOnlyList<string> ReservedPaths { get; } =
    [
        .. Own(new CellKey("", "", 0), samples: 0).Select(own => own.Split('=')[0]), Data
    ];

    /// <summary>
    /// The further override for a method that <see cref="ComparedMethod.IncludesAdaptationSteps"/>: the steps of both stages
    /// together.
    /// </summary>
    /// <param name="options">The options with all other overrides.</param>
    public static string CombinedStepsOverride(UnlearningOptions options) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"unlearning.steps={options.Steps + options.Adaptation.Steps * options.Adaptation.Models}");

    /// <summary>Whether setting one path changes the value at another: they are the same, or one lies within the other.</summary>
    /// <param name="one">A path, as in <c>path=value</c>.</param>
    /// <param name="other">Another path.</param>
    public static bool Overlap(string one, string other)
    {
        var (shorter, longer) = one.Length <= other.Length ? (one, other) : (other, one);
        return longer.StartsWith(shorter, StringComparison.Ordinal)
            && (longer.Length == shorter.Length || longer[shorter.Length] is '.' or '[');
    }

    private const string Data = "unlearning.data";

    private static string[] Own(CellKey key, int samples) =>
    [
        $"name={key.FileName}",
        $"undesiredFeatures[0].name=class-{CellKey.Slug(key.Class)}",
        $"undesiredFeatures[0].class={JsonSerializer.Serialize(key.Class)}",
        "waivers=[]",
        "audits=null",   // runs are compared by what they emit; `atu compare --attacks` attacks them all alike
        string.Create(CultureInfo.InvariantCulture, $"evaluation.maxSamples={samples}"),
        string.Create(CultureInfo.InvariantCulture, $"unlearning.seed={key.Seed}"),
    ];

    /// <summary>
    /// The overrides, as <c>path=value</c>: class, seed and method of the run, and a single look, so that all runs measure alike.
    /// </summary>
    /// <param name="method">The compared method.</param>
    /// <param name="key">The run.</param>
    /// <param name="samples">Number of images that every run measures: the policy's <c>evaluation.samples</c>.</param>
    /// <param name="data">Absolute path of the folder with the real images; used only for methods that train on them.</param>
    public static IReadOnlyList<string> Overrides(ComparedMethod method, CellKey key, int samples, string? data) =>
    [
        .. Own(key, samples),
        .. method.Settings.Select(setting => $"unlearning.{setting}"),
        .. method.NeedsData && data is not null ? [$"{Data}={JsonSerializer.Serialize(data)}"] : Array.Empty<string>(),
    ];
}
