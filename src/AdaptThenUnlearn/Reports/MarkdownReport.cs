using System.Text;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Reports;

/// <summary>The report that people read, in the GitHub dialect of Markdown.</summary>
public sealed class MarkdownReport : IReportFormat
{
    /// <inheritdoc/>
    public string Name => "markdown";

    /// <inheritdoc/>
    public string FileName => "report.md";

    /// <inheritdoc/>
    public string Render(RunRecord record) => Render(ReportPage.Create(record));

    /// <inheritdoc/>
    public string Render(RunRecord record, Trend trend) => Render(ReportPage.Create(record, trend));

    private static string Render(ReportPage page) => string.Join('\n', [Head(page), .. page.Sections.Select(Section)]);

    private static string Head(ReportPage page)
    {
        var text = new StringBuilder($"# {MarkdownText.RenderPhrases(page.Title)}\n\n");
        text.AppendJoin(" · ", page.Facts.Select(Fact)).Append("\n\n");
        if (page.Description is { } description)
            text.Append(MarkdownText.Escape(description)).Append("\n\n");
        text.Append(page.Sentence).Append('\n');
        if (page.Waived is { } waived)
            text.Append('\n')
                .Append(Quoted($"⚠️ **{waived.Heading}**\n\n{Table(waived.Table!)}\n{MarkdownText.RenderPhrases(waived.Note)}"));
        foreach (var warning in page.Warnings)
            text.Append("\n> ⚠️ ").Append(MarkdownText.Escape(warning)).Append('\n');
        return text.ToString();
    }

    private static string Fact(RunFact fact)
    {
        var text = MarkdownText.Escape(fact.Text);
        string?[] words =
        [
            fact.Name,
            fact.Address is { } address ? $"[{text}](<{address}>)" : text,
            fact.Digest is { } digest ? MarkdownText.Code(digest + "…") : null,
        ];
        return string.Join(' ', words.Where(word => !string.IsNullOrEmpty(word)));
    }

    private static string Quoted(string markdown) =>
        string.Concat(markdown.Split('\n').Select(line => line.Length == 0 ? ">\n" : $"> {line}\n"));

    private static string Section(ReportSection section)
    {
        var text = new StringBuilder($"## {section.Heading}\n");
        if (section.Table is { } table)
            text.Append('\n').Append(Table(table));
        if (section.Note.Count > 0)
            text.Append('\n').Append(MarkdownText.RenderPhrases(section.Note)).Append('\n');
        foreach (var why in section.NotMeasured)
            text.Append("\n> ⚠️ Not measured: ").Append(MarkdownText.Escape(why)).Append('\n');
        foreach (var picture in section.Pictures)
            text.Append("\n![").Append(MarkdownText.Escape(picture.Role)).Append("](").Append(picture.Link).Append(")\n");
        return text.ToString();
    }

    private static MarkdownTable Table(ReportTable table)
    {
        var text = new MarkdownTable([.. table.Columns]);
        foreach (var row in table.Rows)
            text.AddRow([.. row.Select(MarkdownText.RenderPhrases)]);
        return text;
    }
}
