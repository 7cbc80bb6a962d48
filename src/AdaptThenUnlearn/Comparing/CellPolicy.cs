using System.Globalization;
using System.Text.Json;

namespace AdaptThenUnlearn.Comparing;

/// <summary>Turns the compared policy into that of one run.</summary>
public static class CellPolicy
{
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
            $"name={key.FileName}",
            $"undesiredFeatures[0].name=class-{CellKey.Slug(key.Class)}",
            $"undesiredFeatures[0].class={JsonSerializer.Serialize(key.Class)}",
            "waivers=[]",
            string.Create(CultureInfo.InvariantCulture, $"evaluation.maxSamples={samples}"),
            .. method.Settings.Select(setting => $"unlearning.{setting}"),
            string.Create(CultureInfo.InvariantCulture, $"unlearning.seed={key.Seed}"),
            .. needsData && data is not null ? [$"unlearning.data={JsonSerializer.Serialize(data)}"] : Array.Empty<string>(),
        ];
    }
}
