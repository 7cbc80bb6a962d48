using AdaptThenUnlearn.Publishing.Admission;
using AdaptThenUnlearn.Reports;
using static AdaptThenUnlearn.Reports.ReportText;

namespace AdaptThenUnlearn.Publishing.Pages;

/// <summary>The trend as a table of small bars, because a comment shows no picture of its own.</summary>
internal static class TrendSection
{
    private const int FirstNumber = 2;

    /// <summary>The section, folded; none where there is no earlier run.</summary>
    public static IEnumerable<PageSection> Create(PublishedRun run)
    {
        // The last point is what the page says, which another policy than the recorded one may have judged.
        var current = run.Record with { Policy = run.Policy, Verdict = run.Verification.Verdict };
        if (Trend.Create(run.Earlier, current) is not { Rules.Count: > 0 } trend)
            yield break;

        yield return new PageSection(3, [.. trend.Rules.Select(Row)], kept => Render(trend, kept));
    }

    private static string[] Row(TrendRule rule)
    {
        var first = rule.Points.FirstOrDefault(point => point is { WhyNotComparable: null });
        var last = rule.Points[^1];
        return
        [
            MarkdownText.Code(MarkdownText.Clip(rule.Name, 120)),
            rule.Blocks(),
            Write(rule, first),
            Write(rule, last),
            last is null ? None : FindingNumbers.WriteLimit(rule.Rule, last.Limit),
        ];
    }

    private static string Write(TrendRule rule, TrendPoint? point) => point is null ? None : rule.Write(point, point.Observed);

    private static string Render(Trend trend, IReadOnlyList<IReadOnlyList<string>> rows)
    {
        var table = new MarkdownTable(["Rule", "Trend", "First", "Last", "Limit"], FirstNumber..);
        foreach (var row in rows)
            table.AddRow([.. row]);
        return $"<details>\n<summary>Trend over {trend.Describe()}</summary>\n\n{table}\n"
            + "<sub>Oldest run first, as recorded. A full bar is the limit, or the largest number above it. A dot is a run "
            + "without the number, or with one that cannot be compared.</sub>\n\n</details>\n";
    }
}
