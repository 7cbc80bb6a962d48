using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Runs;
using static AdaptThenUnlearn.Reports.HtmlText;

namespace AdaptThenUnlearn.Reports;

/// <summary>How often each class was counted, as a pair of bars for each row of the table, as inline SVG.</summary>
internal static class ShareBars
{
    /// <summary>One picture for each share before, in their order; the longest bar fills its place.</summary>
    public static IReadOnlyList<string> Draw(RunRecord record)
    {
        var largest = record.Before.Shares.Concat(record.After?.Shares ?? []).Max(Part);
        return [.. record.Before.Shares.Select(before =>
        {
            var after = record.After?.Shares.SingleOrDefault(
                share => share.Classifier == before.Classifier
                    && share.Class == before.Class);
            var words = $"{before.Class}: {Text(before)} before{(after is null ? "" : $", {Text(after)} after")}";
            return $"<svg role=\"img\" width=\"100%\" height=\"22\" aria-label=\"{Escape(words)}\">"
                + Bar("before", 2, before)
                + (after is null ? "" : Bar("after", 12, after))
                + "</svg>";
        })];

        string Bar(string when, int y, ClassShare share) =>
            $"<rect class=\"{when}{(share.Undesired ? " undesired" : "")}\" y=\"{y}\" "
                + $"width=\"{Length(largest > 0 ? Part(share) / largest : 0)}\" height=\"8\" rx=\"2\"><title>{when} "
                + $"{ReportText.Share(share.Hits, share.Samples)}</title></rect>";

        static string Text(ClassShare share) => ReportText.Rounded(Part(share), ReportText.Percent);

        static double Part(ClassShare share) => share.Samples > 0 ? (double)share.Hits / share.Samples : 0;
    }
}
