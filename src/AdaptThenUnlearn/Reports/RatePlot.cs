using System.Text;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;
using static AdaptThenUnlearn.Reports.HtmlText;
using static System.Globalization.CultureInfo;

namespace AdaptThenUnlearn.Reports;

/// <summary>
/// How often each undesired feature is emitted, before and after, with confidence bounds and the limit: points on a logarithmic
/// axis, as inline SVG.
/// </summary>
/// <remarks>
/// Horizontal places are shares of the width and the rest are pixels, so that letters keep their size on a narrow page.
/// </remarks>
internal static class RatePlot
{
    private const int FirstPoint = 52;
    private const int BetweenPoints = 26;
    private const int LongestName = 40;   // characters that a phone has room for; the table has the whole name
    private const double Left = 0.02;
    private const double Width = 0.96;

    /// <summary>The plot; empty where nothing was counted.</summary>
    public static string Svg(RunRecord record)
    {
        var rows = record.Before.Features.Select(before => Row.Create(record, before)).ToList();
        if (rows.Count == 0)
            return "";

        var axis = Axis.FromValues(rows.SelectMany(row => row.Values));
        var height = rows.Sum(row => row.Height) + 26;
        var svg = new StringBuilder($"<svg class=\"plot\" role=\"img\" width=\"100%\" height=\"{height}\" aria-label=\"Rates "
            + "of the undesired features before and after, with their limits\">\n");
        foreach (var (share, label) in axis.Ticks())
            svg.Append(
                InvariantCulture,
                $"<line class=\"grid\" x1=\"{Length(share)}\" x2=\"{Length(share)}\" y1=\"24\" "
                    + $"y2=\"{height - 22}\"/><text class=\"tick\" x=\"{Length(share)}\" y=\"{height - 6}\" "
                    + $"text-anchor=\"{Anchor(share)}\">{label}</text>\n");
        var top = 0;
        foreach (var row in rows)
        {
            row.Draw(svg, axis, top);
            top += row.Height;
        }

        return svg.Append("</svg>\n").ToString();
    }

    private static string Anchor(double share) => share < 0.1 ? "start" : share > 0.9 ? "end" : "middle";

    private sealed record Row(string Feature, double? Limit, IReadOnlyList<Point> Points)
    {
        public int Height => FirstPoint + Points.Count * BetweenPoints;

        public IEnumerable<double> Values =>
            [.. Points.SelectMany(point => new[] { point.Low, point.Rate, point.High }), Limit ?? 0];

        public static Row Create(RunRecord record, FeatureReading before)
        {
            var confidence = record.Policy.Evaluation.Confidence;
            var after = record.After?.Features.SingleOrDefault(reading => reading.Feature == before.Feature);
            var judged =
                record.Verdict.Findings.FirstOrDefault(finding => finding.Rule == RuleName.MaxRate(before.Feature))?.Judged;
            return new(
                before.Feature,
                record.Policy.UndesiredFeatures.FirstOrDefault(feature => feature.Name == before.Feature)?.MaxRate,
                after is null
                    ? [Point.Create("before", before.Looks[^1], confidence, judged)]
                    :
                    [
                        Point.Create("before", before.Looks[^1], confidence, null),
                        Point.Create("after", after.Looks[^1], confidence, judged)
                    ]);
        }

        public void Draw(StringBuilder svg, Axis axis, int top)
        {
            svg.Append(
                InvariantCulture, $"<text class=\"name\" x=\"{Length(Left)}\" y=\"{top + 16}\">"
                    + $"{Escape(MarkdownText.Clip(Feature, LongestName))}</text>\n");
            if (Limit is { } limit)
            {
                var x = axis.Place(limit);
                svg.Append(
                    InvariantCulture,
                    $"<line class=\"limit\" x1=\"{Length(x)}\" x2=\"{Length(x)}\" y1=\"{top + FirstPoint - 16}\" "
                        + $"y2=\"{top + Height - 12}\"/>");
                svg.Append(
                    InvariantCulture,
                    $"<text class=\"limit\" x=\"{Length(x)}\" y=\"{top + FirstPoint - 20}\" "
                        + $"text-anchor=\"{Anchor(x)}\">limit {ReportText.Percent(limit)}</text>\n");
            }

            foreach (var (index, point) in Points.Index())
                point.Draw(svg, axis, top + FirstPoint + BetweenPoints * index);
        }
    }

    private sealed record Point(string When, double Low, double Rate, double High)
    {
        public static Point Create(string when, Look look, double confidence, double? judged) => new(
            when,
            ClopperPearson.LowerBound(look.Hits, look.Samples, confidence),
            (double)look.Hits / look.Samples,
            judged ?? ClopperPearson.UpperBound(look.Hits, look.Samples, confidence));

        public void Draw(StringBuilder svg, Axis axis, int y)
        {
            var (low, at, high) = (axis.Place(Low), axis.Place(Rate), axis.Place(High));
            var right = high < 0.6;
            svg.Append(
                InvariantCulture,
                $"<line class=\"{When} bound\" x1=\"{Length(low)}\" x2=\"{Length(high)}\" y1=\"{y}\" y2=\"{y}\"/>");
            svg.Append(
                InvariantCulture,
                $"<line class=\"{When} bound\" x1=\"{Length(high)}\" x2=\"{Length(high)}\" y1=\"{y - 5}\" y2=\"{y + 5}\"/>");
            svg.Append(
                InvariantCulture,
                $"<circle class=\"{When}\" cx=\"{Length(at)}\" cy=\"{y}\" r=\"5\"><title>{When}: "
                    + $"{Text(Rate)}, bounds {Text(Low)} and {Text(High)}"
                    + $"</title></circle>");
            svg.Append(
                InvariantCulture,
                $"<text x=\"{Length(right ? high : low)}\" y=\"{y + 5}\" dx=\"{(right ? 11 : -11)}\" "
                    + $"text-anchor=\"{(right ? "start" : "end")}\">{When} {Text(Rate)}</text>\n");
        }

        private static string Text(double rate) => ReportText.Rounded(rate, ReportText.Percent);
    }

    /// <summary>
    /// From a little below the smallest positive value to a little above the largest; what is smaller is drawn at the left edge.
    /// </summary>
    /// <param name="First">Decimal logarithm of the left edge.</param>
    /// <param name="Last">Of the right edge.</param>
    private sealed record Axis(double First, double Last)
    {
        private const double Margin = 0.15;
        private static readonly int[] _decades = [1];
        private static readonly int[] _steps = [1, 2, 5];

        public static Axis FromValues(IEnumerable<double> values)
        {
            var positive = values.Where(value => value > 0 && double.IsFinite(value)).DefaultIfEmpty(1).ToList();
            var last = Math.Clamp(Math.Log10(positive.Max()) + Margin, -6, 0);
            return new(Math.Clamp(Math.Log10(positive.Min()) - Margin, -7, last - 2 * Margin), last);
        }

        public double Place(double value) =>
            Left + Width * (value > 0 ? Math.Clamp((Math.Log10(value) - First) / (Last - First), 0, 1) : 0);

        // The decades; between them 2 and 5 where there is room.
        public IEnumerable<(double Place, string Label)> Ticks() =>
            from decade in Enumerable.Range((int)Math.Floor(First), (int)Math.Ceiling(Last) - (int)Math.Floor(First) + 1)
            from factor in Last - First > 2 ? _decades : _steps
            let value = factor * Math.Pow(10, decade)
            where Math.Log10(value) >= First && Math.Log10(value) <= Last
            select (Place(value), value >= 1e-5 ? ReportText.Percent(value) : value.ToString("0e0", InvariantCulture));
    }
}
