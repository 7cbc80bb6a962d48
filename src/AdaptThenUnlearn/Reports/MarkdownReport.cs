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
    public string Render(RunRecord record, RecordedPictures? pictures = null, Trend? trend = null)
    {
        var page = ReportPage.Create(record, pictures, trend);
        return string.Join('\n', [Head(page), .. page.Sections.Select(Section)]);
    }

    private static string Head(ReportPage page)
    {
        var text = new StringBuilder($"# {MarkdownText.RenderPhrases(page.Title)}\n\n");
        text.AppendJoin(" · ", page.Facts.Select(Fact)).Append("\n\n");
        if (page.Description is { } description)
            text.Append(MarkdownText.Escape(description)).Append("\n\n");
        text.Append(page.Sentence).Append('\n');
        foreach (var section in new[] { page.Waived, page.Warned }.OfType<ReportSection>())
            text.Append('\n')
                .Append(Quoted(
                    $"⚠️ **{section.Heading}**\n\n{Table(section.Table!)}\n{MarkdownText.RenderPhrases(section.Note)}"));
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
            text.Append('\n').Append(Table(table)).Append(Explanations(table));
        if (section.Folded is { } folded)
            text.Append("\n<details>\n<summary>Each class</summary>\n\n").Append(Table(folded)).Append("\n</details>\n");
        foreach (var note in new[] { section.Note, section.Caveat }.Where(note => note.Count > 0))
            text.Append('\n').Append(MarkdownText.RenderPhrases(note)).Append('\n');
        foreach (var why in section.NotMeasured)
            text.Append("\n> ⚠️ Not measured: ").Append(MarkdownText.Escape(why)).Append('\n');
        foreach (var matrix in section.Matrices)
            text.Append(Matrix(matrix));
        foreach (var picture in section.Pictures)
            text.Append(Picture(picture));
        return text.ToString();
    }

    // Cells of a table cannot hold paragraphs, so that what is said about a row follows as a list.
    private static string Explanations(ReportTable table)
    {
        var lines = table.Rows.Where(row => row.About.Count > 0)
            .Select(row => $"- {MarkdownText.RenderPhrases(row.Cells[0])}: "
                + $"{string.Join(" ", row.About.Select(Sentence))}\n");
        return string.Concat(lines) is { Length: > 0 } list ? $"\n{list}" : "";

        static string Sentence(IReadOnlyList<Phrase> words) =>
            MarkdownText.RenderPhrases(words) is var text && text.EndsWith('.') ? text : $"{text}.";
    }

    // Markdown cannot hold pictures: those that may not leave the build machine are named, and would be broken elsewhere.
    private static string Picture(ReportPicture picture) => picture.IsAllowed
        ? $"\n![{MarkdownText.Escape(picture.Alternative)}]({picture.Link})\n\n{MarkdownText.RenderPhrases(picture.Caption)}.\n"
        : $"\n[{MarkdownText.RenderPhrases(picture.Caption)}]({picture.Link}). It stays where it was made, because "
            + "`report.publishSamples` is not set.\n";

    private static string Matrix(ReportMatrix matrix)
    {
        var table = new MarkdownTable(["", .. matrix.Columns.Select(name => MarkdownText.RenderPhrases([name]))], 1..);
        foreach (var (name, cells) in matrix.Rows.Zip(matrix.Cells))
            table.AddRow([MarkdownText.RenderPhrases(name), .. cells.Select(cell => MarkdownText.RenderPhrases([cell]))]);
        return $"\n{MarkdownText.RenderPhrases(matrix.Caption)}\n\n{table}";
    }

    private static MarkdownTable Table(ReportTable table)
    {
        var text = new MarkdownTable([.. table.Columns]);
        foreach (var row in table.Rows)
            text.AddRow([.. row.Cells.Select(MarkdownText.RenderPhrases)]);
        return text;
    }
}
