using System.Globalization;
using System.Text;
using AdaptThenUnlearn.Gating;
using static AdaptThenUnlearn.Reports.XmlText;

namespace AdaptThenUnlearn.Reports;

/// <summary>A trend as an SVG: for each rule the numbers over the runs, their bounds, and the limit.</summary>
/// <remarks>
/// Runs have equal distances, because releases matter and not days. The axis of numbers begins at zero. A line joins only runs
/// that can be compared with each other.
/// </remarks>
public static class TrendPlot
{
    private const int Width = 720;
    private const int PanelHeight = 132;
    private const int Left = 16;
    private const int Right = 560;
    private const int Top = 34;
    private const int Bottom = 112;
    private const int LineHeight = 15;

    /// <summary>How the plot looks, given the colors of a page.</summary>
    internal const string Style = """
        .trend { max-width: 100%; height: auto; }
        .trend text { fill: var(--ink); font: 12px system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; } .trend .name { font-weight: 600; } .trend .tick { fill: var(--quiet); font-size: 11px; }
        .trend .axis { stroke: var(--line); } .trend .limit { stroke: var(--bad); stroke-width: 2; stroke-dasharray: 5 3; fill: none; } .trend text.limit { fill: var(--bad); stroke: none; }
        .trend .line { stroke: var(--after); stroke-width: 2; fill: none; } .trend .bound { stroke: var(--after); stroke-width: 2; opacity: .55; }
        .trend .met { fill: var(--after); } .trend .missed { fill: var(--bad); } .trend .waived { fill: var(--caution); } .trend .other { fill: var(--card); stroke: var(--before); stroke-width: 2; }
        """;

    // Those of the HTML report, for a picture that stands alone.
    private const string Colors = """
        svg { --card: #fff; --ink: #1b2024; --quiet: #5b656d; --line: #e1e5e6; --bad: #b3261e; --caution: #8a5a00; --before: #97a3ad; --after: #2566d0; }
        @media (prefers-color-scheme: dark) { svg { --card: #1a1f23; --ink: #e4e8ea; --quiet: #9aa5ad; --line: #2d353a; --bad: #ff9a8f; --caution: #f0c264; --before: #7c8993; --after: #76a9ff; } }
        """;

    /// <summary>Name of the picture's file beside the reports.</summary>
    public const string FileName = "trend.svg";

    /// <summary>The plot as a file of its own, light or dark as the reader's system is.</summary>
    /// <param name="trend">The trend.</param>
    public static string File(Trend trend) => Svg(
        trend,
        $"<style>\n{Colors}\n{Style}\n</style>\n<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"var(--card)\"/>\n");

    /// <summary>The plot inside a page.</summary>
    internal static string Inline(Trend trend) => Svg(trend, "");

    private static string Svg(Trend trend, string beginning)
    {
        var height = trend.Rules.Count * PanelHeight + 24;
        var title = Escape($"Trend over {trend.Describe()}");
        var svg = new StringBuilder(
            $"<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"trend\" role=\"img\" viewBox=\"0 0 {Width} {Number(height)}\" "
                + $"width=\"{Width}\" height=\"{Number(height)}\" aria-label=\"{title}\">\n<title>{title}</title>\n{beginning}");
        foreach (var (index, rule) in trend.Rules.Index())
            Panel(svg, trend, rule, index * PanelHeight);
        svg.Append(Text("tick", Left, height - 8, trend.Runs[0].Day));
        svg.Append(Text("tick", Right, height - 8, trend.Runs[^1].Day, " text-anchor=\"end\""));
        return svg.Append("</svg>\n").ToString();
    }

    private static void Panel(StringBuilder svg, Trend trend, TrendRule rule, int top)
    {
        // Draw the axis, the limit and the line through the runs.
        var points = rule.Points;
        var highest = points.OfType<TrendPoint>()
            .SelectMany(point => new[] { point.Observed, point.Judged ?? 0, point.Limit })
            .Max();
        var scale = new Scale(points.Count, top, highest > 0 ? highest : 1);
        svg.Append(Text("name", Left, top + 20, $"{rule.Name} ({FindingNumbers.QuantityOf(rule.Rule)})"));
        svg.Append(
            CultureInfo.InvariantCulture,
            $"<line class=\"axis\" x1=\"{Left}\" x2=\"{Right}\" y1=\"{top + Bottom}\" y2=\"{top + Bottom}\"/>\n");
        svg.Append(Path("limit", scale, points, point => point.Limit, (_, _) => true));
        svg.Append(Path("line", scale, points, point => point.Observed, (a, b) => a.WhyNotComparable == b.WhyNotComparable));
        foreach (var (run, point) in points.Index())
        {
            if (point is not null)
                Dot(svg, trend.Runs[run], rule, point, scale.X(run), scale);
        }

        // Label the last values beside the plot, one above the other where they are close.
        if (points[^1] is not { } last)
            return;

        var (limit, value) = (scale.Y(last.Limit), scale.Y(last.Observed));
        var apart = Math.Abs(limit - value) >= LineHeight ? value : limit + (value > limit ? LineHeight : -LineHeight);
        svg.Append(Text("limit", Right + 14, limit + 4, $"limit {FindingNumbers.WriteLimit(rule.Rule, last.Limit)}"));
        svg.Append(Text("value", Right + 14, apart + 4, rule.Write(last, last.Observed)));
    }

    private static void Dot(StringBuilder svg, TrendRun run, TrendRule rule, TrendPoint point, double x, Scale scale)
    {
        if (point.Judged is { } judged && !judged.Equals(point.Observed))
            svg.Append(
                CultureInfo.InvariantCulture,
                $"<line class=\"bound\" x1=\"{Number(x)}\" x2=\"{Number(x)}\" y1=\"{Number(scale.Y(point.Observed))}\" "
                    + $"y2=\"{Number(scale.Y(judged))}\"/>");
        var words = $"{run.Day}{(run.Commit is { } commit ? $", {commit}" : "")}: {rule.Write(point, point.Observed)}, "
            + $"bound {ReportText.Number(point.Judged, bound => rule.Write(point, bound))}, "
            + $"limit {FindingNumbers.WriteLimit(rule.Rule, point.Limit)}, {ReportText.Describe(point.State)}"
            + (point.WhyNotComparable is { } reason ? $"; cannot be compared: {reason}" : "");
        var kind = point.State switch
        {
            FindingState.Waived or FindingState.Warned or FindingState.WarnedNotMeasured => "waived",
            FindingState.Failed or FindingState.NotMeasured => "missed",
            _ when point.WhyNotComparable is not null => "other",
            _ => "met",
        };
        svg.Append(
            CultureInfo.InvariantCulture,
            $"<circle class=\"{kind}\" cx=\"{Number(x)}\" cy=\"{Number(scale.Y(point.Observed))}\" r=\"4\">"
                + $"<title>{Escape(words)}</title></circle>\n");
    }

    // Joins neighbours that belong together; a run without a number ends the line.
    private static string Path(
        string name, Scale scale, IReadOnlyList<TrendPoint?> points, Func<TrendPoint, double> value,
        Func<TrendPoint, TrendPoint, bool> joined)
    {
        var path = new StringBuilder();
        for (var run = 0; run < points.Count; run++)
        {
            if (points[run] is not { } point)
                continue;

            var isJoined = run > 0 && points[run - 1] is { } before && joined(before, point);
            path.Append(isJoined ? 'L' : 'M').Append(Number(scale.X(run))).Append(' ').Append(Number(scale.Y(value(point))));
        }

        return $"<path class=\"{name}\" d=\"{path}\"/>\n";
    }

    private static string Text(string name, double x, double y, string text, string anchor = "") =>
        $"<text class=\"{name}\" x=\"{Number(x)}\" y=\"{Number(y)}\"{anchor}>{Escape(text)}</text>\n";

    private static string Number(double value) => value.ToString("0.#", CultureInfo.InvariantCulture);

    private sealed record Scale(int Runs, int Top, double Highest)
    {
        public double X(int run) => Left + 6 + (Right - Left - 12) * (Runs > 1 ? (double)run / (Runs - 1) : 0.5);

        public double Y(double value) =>
            Top + TrendPlot.Bottom - (TrendPlot.Bottom - TrendPlot.Top) * Math.Clamp(value / Highest, 0, 1);
    }
}
