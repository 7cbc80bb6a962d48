using System.Globalization;
using System.Text.Json;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Torch.Comparing;

/// <summary>Turns the compared policy into that of one run.</summary>
public static class CellPolicy
{
    /// <summary>Paths that every cell sets itself, besides its method's settings.</summary>
    public static IReadOnlyList<string> ReservedPaths { get; } = [.. Own(new CellKey("", "", 0), samples: 0).Select(own => own.Split('=')[0]), Data];

    /// <summary>What is set as well for a method that <see cref="ComparedMethod.IncludesAdaptationSteps"/>: the steps of both stages.</summary>
    /// <param name="options">With everything else set.</param>
    public static string CombinedStepsOverride(UnlearningOptions options) =>
        string.Create(CultureInfo.InvariantCulture, $"unlearning.steps={options.Steps + options.Adaptation.Steps * options.Adaptation.Models}");

    /// <summary>Whether setting one path changes what another holds: it is the same, holds it, or lies within it.</summary>
    /// <param name="one">As in <c>path=value</c>.</param>
    /// <param name="other">Likewise.</param>
    public static bool Overlap(string one, string other)
    {
        var (shorter, longer) = one.Length <= other.Length ? (one, other) : (other, one);
        return longer.StartsWith(shorter, StringComparison.Ordinal) && (longer.Length == shorter.Length || longer[shorter.Length] is '.' or '[');
    }

    private const string Data = "unlearning.data";

    private static string[] Own(CellKey key, int samples) =>
    [
        $"name={key.FileName}",
        $"undesiredFeatures[0].name=class-{CellKey.Slug(key.Class)}",
        $"undesiredFeatures[0].class={JsonSerializer.Serialize(key.Class)}",
        "waivers=[]",
        string.Create(CultureInfo.InvariantCulture, $"evaluation.maxSamples={samples}"),
        string.Create(CultureInfo.InvariantCulture, $"unlearning.seed={key.Seed}"),
    ];

    /// <summary>What is set over the policy, as <c>path=value</c>: another class, seed and method, and a single look, so that all runs measure alike.</summary>
    /// <param name="method">The row.</param>
    /// <param name="key">The cell.</param>
    /// <param name="samples">Images that every run looks at: the policy's <c>evaluation.samples</c>.</param>
    /// <param name="data">Folder with the real images, absolute; only for methods that train on them.</param>
    public static IReadOnlyList<string> Overrides(ComparedMethod method, CellKey key, int samples, string? data)
    {
        var needsData = method.Settings.Contains("method=retrain");
        return
        [
            .. Own(key, samples),
            .. method.Settings.Select(setting => $"unlearning.{setting}"),
            .. needsData && data is not null ? [$"{Data}={JsonSerializer.Serialize(data)}"] : Array.Empty<string>(),
        ];
    }
}
