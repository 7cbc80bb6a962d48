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
    public string Render(RunRecord record)
    {
        var page = ReportPage.Of(record);
        return string.Join('\n', [Head(page), .. page.Sections.Select(Section)]);
    }

    private static string Head(ReportPage page)
    {
        var text = new StringBuilder($"# {Markdown(page.Title)}\n\n");
        if (page.Description is { } description)
            text.Append(MarkdownText.Escape(description)).Append("\n\n");
        text.Append(page.Outcome).Append('\n');
        foreach (var warning in page.Warnings)
            text.Append("\n> ⚠️ ").Append(MarkdownText.Escape(warning)).Append('\n');
        return text.ToString();
    }

    private static string Section(ReportSection section)
    {
        var text = new StringBuilder($"## {section.Heading}\n");
        if (section.Table is { } table)
            text.Append('\n').Append(Table(table));
        if (section.Note.Count > 0)
            text.Append('\n').Append(Markdown(section.Note)).Append('\n');
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
            text.Row([.. row.Select(Markdown)]);
        return text;
    }

    private static string Markdown(IReadOnlyList<Phrase> phrases) => string.Concat(phrases.Select(phrase => phrase.Kind switch
    {
        PhraseKind.Theirs => MarkdownText.Escape(phrase.Text),
        PhraseKind.Code => MarkdownText.Code(phrase.Text),
        PhraseKind.Strong => $"**{phrase.Text}**",
        PhraseKind.Emphasis => $"*{phrase.Text}*",
        PhraseKind.Good => $"✅ {phrase.Text}",
        PhraseKind.Caution => $"⚠️ {phrase.Text}",
        PhraseKind.Bad => $"❌ {phrase.Text}",
        _ => phrase.Text,
    }));
}
