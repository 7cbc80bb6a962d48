using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Tests.Reports;

/// <summary>The pages of <c>atu attack</c>: every count is there, and foreign names cannot become markup.</summary>
public sealed class AttackReportTests
{
    private static readonly AttackStudy _study = new(
        AttackStudy.CurrentSchemaVersion, "atu 0", "no-eights", Seed: 20, Confidence: 0.95, Samples: 100, Starts: 10, Steps: 5,
        TrainingSteps: 50, Negatives: 10,
        [new("before", "a.safetensors", new string('a', 64)), new("after", "b.safetensors", new string('b', 64))],
        [
            Attack("before", new AttackVariant("z", 9, 10, AtStart: 3, Percentile: 0.5, Usual: 8)) with
            {
                Picture = "cells/one.png",
            },
            After(),
        ]);

    [Fact]
    public void Markdown_OfAStudy_HasCountsIntervalsReasonsAndTheMatrix()
    {
        var page = AttackReport.RenderMarkdown(_study, showsPictures: false);

        // 9 of 10: 55.5 to 99.7 % by the published tables of Clopper and Pearson.
        Assert.Contains(
            "| z | 9 of 10 (55.5 to 99.7 %); 3 at start; 8 from usual latents; 50 % nearer | 0 of 10 (0 to 30.8 %); 0 at start;",
            page, StringComparison.Ordinal);
        Assert.Contains("| w | not measured | not measured |", page, StringComparison.Ordinal);
        Assert.Contains("Not measured: after, w: &lt;b&gt;no styles", page, StringComparison.Ordinal);
        Assert.Contains("| 8 | 3 | 0 |", page, StringComparison.Ordinal);
        Assert.Contains("`cells/one.png`", page, StringComparison.Ordinal);
        Assert.DoesNotContain("![", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Html_OfAStudy_EscapesForeignNamesAndHoldsOnlyPicturesThatItMay()
    {
        var without = AttackReport.RenderHtml(_study, _ => null);
        var with = AttackReport.RenderHtml(_study, name => name == "cells/one.png" ? [1, 2, 3] : null);

        Assert.DoesNotContain("<b>no styles", without, StringComparison.Ordinal);
        Assert.DoesNotContain("<i>", without, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", without, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("data:image/png", without, StringComparison.Ordinal);
        Assert.Contains("data:image/png;base64,AQID", with, StringComparison.Ordinal);
    }

    private static StudiedAttack After()
    {
        var attack = Attack(
            "after", new AttackVariant("z", 0, 10, AtStart: 0, Usual: 0), AttackVariant.NotMeasured("w", "<b>no styles</b>"));
        return attack with
        {
            Reading = attack.Reading with { Classes = new ClassMatrix(["<i>", "8"], [[5, 1], [3, 0]]) },
        };
    }

    private static StudiedAttack Attack(string generator, params AttackVariant[] variants) =>
        new(generator, "a search", Seconds: 1, new AttackReading("latent-search", "digit-8", "00", variants));
}
