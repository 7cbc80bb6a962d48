using System.Text;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Runs;
using static AdaptThenUnlearn.Reports.HtmlText;
using static System.Globalization.CultureInfo;

namespace AdaptThenUnlearn.Reports;

/// <summary>
/// The report that people read, as one file for a browser: no scripts, nothing from outside but the pictures beside it.
/// </summary>
public sealed class HtmlReport : IReportFormat
{
    // Whatever a policy's text may hold, the page runs nothing and fetches nothing from elsewhere.
    private const string Security = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' file:";

    /// <inheritdoc/>
    public string Name => "html";

    /// <inheritdoc/>
    public string FileName => "report.html";

    /// <inheritdoc/>
    public string Render(RunRecord record) => Render(ReportPage.Create(record), record);

    /// <inheritdoc/>
    public string Render(RunRecord record, Trend trend) => Render(ReportPage.Create(record, trend), record);

    private static string Render(ReportPage page, RunRecord record)
    {
        var html = new StringBuilder($"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta http-equiv="Content-Security-Policy" content="{Security}">
            <meta name="color-scheme" content="light dark">
            <title>{Escape(string.Concat(page.Title.Select(phrase => phrase.Text)))}</title>
            <style>
            {HtmlStyle.Sheet}{(page.Sections.Any(section => section.Trend is not null) ? $"\n{TrendPlot.Style}" : "")}
            </style>
            </head>
            <body>
            <main>

            """);
        Head(html, page, record);
        foreach (var section in page.Sections)
            Section(html, section, record);
        return html.Append("</main>\n</body>\n</html>\n").ToString();
    }

    private static void Head(StringBuilder html, ReportPage page, RunRecord record)
    {
        var tone = OutcomeText.Tone(record.Verdict.Outcome).ToString().ToLowerInvariant();
        html.Append(InvariantCulture, $"<header class=\"{tone}\">\n<h1>{RenderPhrases(page.Title)}</h1>\n");
        html.Append(InvariantCulture, $"<p class=\"facts\">{string.Join(" · ", page.Facts.Select(Fact))}</p>\n");
        if (page.Description is { } description)
            html.Append(InvariantCulture, $"<p class=\"description\"><bdi>{Escape(description)}</bdi></p>\n");
        html.Append(InvariantCulture, $"<p>{Escape(page.Sentence)}</p>\n<dl class=\"tiles\">\n");
        foreach (var (name, value) in Tiles(record))
            html.Append(InvariantCulture, $"<div><dt><bdi>{Escape(name)}</bdi></dt><dd>{Escape(value)}</dd></div>\n");
        html.Append("</dl>\n</header>\n");
        if (page.Waived is { } waived)
            Section(html, waived, record);
        foreach (var warning in page.Warnings)
            html.Append(InvariantCulture, $"<p class=\"warning\"><bdi>{Escape(warning)}</bdi></p>\n");
    }

    private static string Fact(RunFact fact)
    {
        var text = fact.Text.Length == 0 ? "" : $" <bdi>{Escape(fact.Text)}</bdi>";
        var value = fact.Address is { } address ? $" <a href=\"{Escape(address)}\">{text.TrimStart()}</a>" : text;
        var digest = fact.Digest is { } first ? $" <code>{Escape(first)}…</code>" : "";
        return $"<span>{fact.Name}{value}{digest}</span>";
    }

    // What one wants to know before reading on.
    private static IEnumerable<(string Name, string Value)> Tiles(RunRecord record)
    {
        var findings = record.Verdict.Findings;
        yield return ("rules met", FormattableString.Invariant(
            $"{findings.Count(finding => finding.State is FindingState.Passed)} of {findings.Count}"));
        if (findings.Count(finding => finding.State is FindingState.Waived) is > 0 and var waived)
            yield return ("not met, and waived", FormattableString.Invariant($"{waived} of {findings.Count}"));
        foreach (var before in record.Before.Features)
        {
            var after = record.After?.Features.SingleOrDefault(reading => reading.Feature == before.Feature);
            yield return (before.Feature, Change(Rate(before), after is null ? null : Rate(after), ReportText.Percent));
        }

        if (record.Before.Quality is { FrechetDistance: { } distance } quality)
            yield return (quality.DistanceName, Change(distance, record.After?.Quality?.FrechetDistance, ReportText.Plain));

        static double Rate(FeatureReading reading) => (double)reading.Looks[0].Hits / reading.Looks[0].Samples;

        static string Change(double before, double? after, Func<double, string> unit) =>
            unit(before) + (after is { } now ? $" → {unit(now)}" : "");
    }

    private static void Section(StringBuilder html, ReportSection section, RunRecord record)
    {
        var folded = section.Topic is ReportTopic.Waivers or ReportTopic.Training or ReportTopic.Files or ReportTopic.Run;
        html.Append(section.Topic is ReportTopic.Waived ? "<section class=\"waived\">\n" : "<section>\n")
            .Append(folded ? "<details><summary>" : "")
            .Append(InvariantCulture, $"<h2>{Escape(section.Heading)}</h2>{(folded ? "</summary>" : "")}\n");
        if (section.Topic is ReportTopic.Features)
            html.Append("<figure>\n")
                .Append(RatePlot.Svg(record))
                .Append(
                    "<figcaption>Share of images that show the feature, on a logarithmic axis: points are what was counted, "
                        + "lines reach to the confidence bounds, and the bound of the judged rate must not pass the "
                        + "limit.</figcaption>\n</figure>\n");
        if (section.Trend is { } trend)
            html.Append("<figure>\n")
                .Append(TrendPlot.Inline(trend))
                .Append(
                    "<figcaption>Points are what was measured, oldest first; lines reach to the bound that was judged, and the "
                        + "dashed line is the limit of its day; each axis begins at zero. Red points failed, amber ones "
                        + "were waived, and hollow ones cannot be compared with the newest run.</figcaption>\n</figure>\n");
        if (section.Topic is ReportTopic.Shares)
            html.Append("<p class=\"note\"><span class=\"key before\"></span>before<span class=\"key after\"></span>after<span "
                + "class=\"key undesired\"></span>undesired</p>\n");
        if (section.Table is { } table)
            Table(
                html,
                table,
                section.Topic.ToString().ToLowerInvariant(),
                section.Topic is ReportTopic.Shares
                    ? Bars(record)
                    : null);
        if (section.Note.Count > 0)
            html.Append(InvariantCulture, $"<p class=\"note\">{RenderPhrases(section.Note)}</p>\n");
        foreach (var why in section.NotMeasured)
            html.Append(InvariantCulture, $"<p class=\"warning\">Not measured: <bdi>{Escape(why)}</bdi></p>\n");
        foreach (var picture in section.Pictures)
            html.Append(
                InvariantCulture,
                $"<figure><img src=\"{Escape(picture.Link)}\" "
                    + $"alt=\"{Escape(picture.Role)}\"><figcaption><bdi>{Escape(picture.Role)}</bdi></figcaption></figure>\n");
        html.Append(folded ? "</details>\n</section>\n" : "</section>\n");
    }

    /// <param name="html">Where it goes.</param>
    /// <param name="table">What it holds.</param>
    /// <param name="topic">What it is about, for the style sheet.</param>
    /// <param name="bars">One picture more for each row, or none.</param>
    private static void Table(StringBuilder html, ReportTable table, string topic, IReadOnlyList<string>? bars)
    {
        html.Append(InvariantCulture, $"<table class=\"{topic}\">\n<thead><tr>")
            .AppendJoin("", table.Columns.Select(column => $"<th scope=\"col\">{Escape(column)}</th>"));
        html.Append(bars is null ? "" : "<th scope=\"col\" class=\"bars\">Before and after</th>")
            .Append("</tr></thead>\n<tbody>\n");
        foreach (var (number, row) in table.Rows.Index())
        {
            // On a narrow page each cell says its column.
            html.Append("<tr>").AppendJoin("", row.Select((cell, column) =>
                $"<td data-column=\"{Escape(table.Columns[column])}\"><span>{RenderPhrases(cell)}</span></td>"));
            html.Append(bars is null ? "" : $"<td class=\"bars\">{bars[number]}</td>").Append("</tr>\n");
        }

        html.Append("</tbody>\n</table>\n");
    }

    private static IReadOnlyList<string> Bars(RunRecord record)
    {
        var largest = record.Before.Shares.Concat(record.After?.Shares ?? []).Max(Part);
        return [.. record.Before.Shares.Select(before =>
        {
            var after = record.After?.Shares.SingleOrDefault(
                share => share.Classifier == before.Classifier
                    && share.Class == before.Class);
            return "<svg role=\"img\" width=\"100%\" height=\"22\" aria-label=\"before and after\">"
                + Bar("before", 2, before)
                + (after is null ? "" : Bar("after", 12, after))
                + "</svg>";
        })];

        string Bar(string when, int y, ClassShare share) =>
            $"<rect class=\"{when}{(share.Undesired ? " undesired" : "")}\" y=\"{y}\" "
                + $"width=\"{Length(largest > 0 ? Part(share) / largest : 0)}\" height=\"8\" rx=\"2\"><title>{when} "
                + $"{ReportText.Share(share.Hits, share.Samples)}</title></rect>";

        static double Part(ClassShare share) => share.Samples > 0 ? (double)share.Hits / share.Samples : 0;
    }
}
