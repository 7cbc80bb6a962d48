using System.Text;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Runs;
using static AdaptThenUnlearn.Reports.HtmlText;
using static System.Globalization.CultureInfo;

namespace AdaptThenUnlearn.Reports;

/// <summary>
/// The report that people read, as one file for a browser: no scripts, and nothing from outside. Its first printed page can be
/// filed.
/// </summary>
public sealed class HtmlReport : IReportFormat
{
    // Whatever a policy's text may hold, the page runs nothing and fetches nothing.
    private const string Security = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

    /// <inheritdoc/>
    public string Name => "html";

    /// <inheritdoc/>
    public string FileName => "report.html";

    /// <inheritdoc/>
    public string Render(RunRecord record, RecordedPictures? pictures = null, Trend? trend = null)
    {
        var page = ReportPage.Create(record, pictures, trend);
        var title = string.Concat(page.Title.Select(phrase => phrase.Text));
        var hasMatrix = page.Sections.Any(section => section.Matrices.Count > 0);
        var html = new StringBuilder($"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta http-equiv="Content-Security-Policy" content="{Security}">
            <meta name="color-scheme" content="light dark">
            <title>{Escape(title)}</title>
            <style>
            {HtmlStyle.Sheet}{(trend is null ? "" : $"\n{TrendPlot.Style}")}{(hasMatrix ? $"\n{HtmlStyle.Matrix}" : "")}
            {HtmlStyle.PageFoot(title)}
            </style>
            </head>
            <body>
            <main>

            """);
        Head(html, page, record);
        foreach (var section in page.Sections)
        {
            Section(html, section, record);
            if (section.Topic is ReportTopic.Rules)
                HtmlCertificate.Append(html, record);
        }

        Policy(html, record.PolicySource);
        return html.Append("</main>\n</body>\n</html>\n").ToString();
    }

    private static void Head(StringBuilder html, ReportPage page, RunRecord record)
    {
        var tone = OutcomeText.Tone(record.Verdict.Outcome).ToString().ToLowerInvariant();
        html.Append(InvariantCulture, $"<header class=\"{tone}\">\n<h1>{RenderPhrases(page.Title)}</h1>\n");
        html.Append(InvariantCulture, $"<p class=\"facts\">{string.Join(" · ", page.Facts.Select(Fact))}</p>\n");
        if (page.Description is { } description)
            html.Append(InvariantCulture, $"<p class=\"description\"><bdi>{Escape(description)}</bdi></p>\n");
        html.Append(InvariantCulture, $"<p>{KeepUnits(Escape(page.Sentence))}</p>\n<dl class=\"tiles\">\n");
        foreach (var (name, value) in Tiles(record))
            html.Append(InvariantCulture, $"<div><dt><bdi>{Escape(name)}</bdi></dt><dd>{KeepUnits(Escape(value))}</dd></div>\n");
        html.Append("</dl>\n</header>\n");
        foreach (var section in new[] { page.Waived, page.Warned }.OfType<ReportSection>())
            Section(html, section, record);
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
        if (findings.Count(finding => finding.IsWarning) is > 0 and var warned)
            yield return ("not met, and only warned", FormattableString.Invariant($"{warned} of {findings.Count}"));
        foreach (var before in record.Before.Features)
        {
            var after = record.After?.Features.SingleOrDefault(reading => reading.Feature == before.Feature);
            yield return (before.Feature, Change(Rate(before), after is null ? null : Rate(after), ReportText.Percent));
        }

        if (record.Before.Quality is { FrechetDistance: { } distance } quality)
            yield return (quality.DistanceName, Change(distance, record.After?.Quality?.FrechetDistance, ReportText.Plain));

        static double Rate(FeatureReading reading) => (double)reading.Looks[0].Hits / reading.Looks[0].Samples;

        static string Change(double before, double? after, Func<double, string> unit) =>
            ReportText.Rounded(before, unit) + (after is { } now ? $" → {ReportText.Rounded(now, unit)}" : "");
    }

    private static void Section(StringBuilder html, ReportSection section, RunRecord record)
    {
        var topic = section.Topic.ToString().ToLowerInvariant();
        var folded = section.Topic is ReportTopic.Waivers or ReportTopic.Training or ReportTopic.Files or ReportTopic.Run;
        html.Append(InvariantCulture, $"<section class=\"{topic}\">\n{(folded ? "<details><summary>" : "")}")
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
                        + "were waived or only warned, and hollow ones cannot be compared with the newest "
                        + "run.</figcaption>\n</figure>\n");
        if (section.Topic is ReportTopic.Shares)
            html.Append("<p class=\"note\"><span class=\"key before\"></span>before<span class=\"key after\"></span>after<span "
                + "class=\"key undesired\"></span>undesired</p>\n");
        if (section.Table is { } table)
            Table(html, table, section.Topic is ReportTopic.Shares ? ShareBars.Draw(record) : null);
        if (section.Folded is { } members)
        {
            var summary = $"Each of the {members.Rows.Count.ToString(InvariantCulture)} classes";
            html.Append(InvariantCulture, $"<details class=\"members\"><summary>{summary}</summary>\n");
            Table(html, members);
            html.Append("</details>\n");
        }

        foreach (var note in new[] { section.Note, section.Caveat }.Where(note => note.Count > 0))
            html.Append(InvariantCulture, $"<p class=\"note\">{RenderPhrases(note)}</p>\n");
        foreach (var why in section.NotMeasured)
            html.Append(InvariantCulture, $"<p class=\"warning\">Not measured: <bdi>{Escape(why)}</bdi></p>\n");
        foreach (var matrix in section.Matrices)
            Matrix(html, matrix);
        foreach (var picture in section.Pictures)
            Picture(html, picture);
        html.Append(folded ? "</details>\n</section>\n" : "</section>\n");
    }

    /// <param name="html">Where it goes.</param>
    /// <param name="table">What it holds.</param>
    /// <param name="bars">One picture more for each row, or none.</param>
    private static void Table(StringBuilder html, ReportTable table, IReadOnlyList<string>? bars = null)
    {
        html.Append("<table>\n<thead><tr>")
            .AppendJoin("", table.Columns.Select(column => $"<th scope=\"col\">{Escape(column)}</th>"))
            .Append(bars is null ? "" : "<th scope=\"col\" class=\"bars\">Before and after</th>")
            .Append("</tr></thead>\n");
        foreach (var (number, row) in table.Rows.Index())
        {
            // On a narrow page each cell says its column.
            html.Append("<tbody>\n<tr>").AppendJoin("", row.Cells.Select((cell, column) =>
                $"<td data-column=\"{Escape(table.Columns[column])}\"><span>{RenderPhrases(cell)}</span></td>"));
            html.Append(bars is null ? "" : $"<td class=\"bars\">{bars[number]}</td>").Append("</tr>\n");
            if (row.About.Count > 0)
                html.Append(InvariantCulture, $"<tr class=\"about\"><td colspan=\"{table.Columns.Count}\">")
                    .AppendJoin("", row.About.Select(words => $"<p>{RenderPhrases(words)}</p>"))
                    .Append("</td></tr>\n");
            html.Append("</tbody>\n");
        }

        html.Append("</table>\n");
    }

    // It stays a table on a narrow page, where it can be moved sideways: cards would hide what stands beside what.
    private static void Matrix(StringBuilder html, ReportMatrix matrix)
    {
        html.Append(InvariantCulture, $"<p class=\"note\">{RenderPhrases(matrix.Caption)}</p>\n")
            .Append("<div class=\"matrix\" tabindex=\"0\">\n<table>\n<thead><tr><td></td>")
            .AppendJoin("", matrix.Columns.Select(name => $"<th scope=\"col\">{RenderPhrases([name])}</th>"))
            .Append("</tr></thead>\n<tbody>\n");
        foreach (var (name, cells) in matrix.Rows.Zip(matrix.Cells))
            html.Append(InvariantCulture, $"<tr><th scope=\"row\">{RenderPhrases(name)}</th>")
                .AppendJoin("", cells.Select(cell => $"<td>{RenderPhrases([cell])}</td>"))
                .Append("</tr>\n");
        html.Append("</tbody>\n</table>\n</div>\n");
    }

    // A picture that the page does not hold is named: a link that cannot be followed elsewhere says less than a sentence.
    private static void Picture(StringBuilder html, ReportPicture picture)
    {
        var caption = RenderPhrases(picture.Caption);
        if (picture.Data is { } data)
        {
            html.Append("<figure><img src=\"").Append(data).Append("\" alt=\"").Append(Escape(picture.Alternative))
                .Append(InvariantCulture, $"\"><figcaption>{caption}.</figcaption></figure>\n");
            return;
        }

        var reason = picture.IsAllowed
            ? FormattableString.Invariant(
                $"was not beside the record when this page was made, was not the recorded one, or is larger than ")
                + FormattableString.Invariant($"{RecordedPictures.MaxBytes >> 20} MB")
            : "stays where it was made, because the policy does not let samples leave the build machine (report.publishSamples)";
        html.Append(InvariantCulture, $"<p class=\"absent\">{caption}: <a href=\"{Escape(picture.Link)}\"><code><bdi>")
            .Append(Escape(picture.Path))
            .Append(InvariantCulture, $"</bdi></code></a> is not in this page. It {KeepUnits(reason)}.</p>\n");
    }

    private static void Policy(StringBuilder html, PolicySource policy)
    {
        html.Append("<section class=\"policy\">\n<details><summary><h2>The policy as written</h2></summary>\n")
            .Append(InvariantCulture, $"<pre tabindex=\"0\"><code>{EscapeLines(policy.Text)}</code></pre>\n")
            .Append("<p class=\"note\">What the text leaves out has its default; run.json holds the policy as it took effect.");
        foreach (var (index, set) in policy.Overrides.Index())
            html.Append(index == 0 ? " Set over it: " : ", ").Append(RenderPhrases([Phrase.Code(set)]));
        html.Append("</p>\n</details>\n</section>\n");
    }
}
