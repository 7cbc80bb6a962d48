using System.Text;

namespace AdaptThenUnlearn.Reports;

/// <summary>A table of the GitHub dialect.</summary>
/// <param name="columns">Headings, Markdown already.</param>
public sealed class MarkdownTable(params string[] columns)
{
    private readonly StringBuilder _text =
        new($"| {string.Join(" | ", columns)} |\n|{string.Concat(columns.Select(_ => " --- |"))}\n");

    /// <summary>Adds a row.</summary>
    /// <param name="cells">One a column, Markdown already.</param>
    public void AddRow(params string[] cells) => _text.Append("| ").AppendJoin(" | ", cells).Append(" |\n");

    /// <summary>The table, ending with a line break.</summary>
    public override string ToString() => _text.ToString();
}
