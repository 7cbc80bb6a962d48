using System.Text;

namespace AdaptThenUnlearn.Reports;

/// <summary>A table of the GitHub dialect.</summary>
public sealed class MarkdownTable
{
    private readonly StringBuilder _text;

    /// <summary>A table whose columns are all aligned to the left.</summary>
    /// <param name="columns">Headings, Markdown already.</param>
    public MarkdownTable(params string[] columns) : this(columns, numbers: ^0..)
    {
    }

    /// <summary>A table with columns of numbers.</summary>
    /// <param name="columns">Headings, Markdown already.</param>
    /// <param name="numbers">The columns that are aligned to the right.</param>
    public MarkdownTable(IReadOnlyList<string> columns, Range numbers)
    {
        var (first, count) = numbers.GetOffsetAndLength(columns.Count);
        var rules = columns.Select((_, column) => column >= first && column < first + count ? " ---: |" : " --- |");
        _text = new($"| {string.Join(" | ", columns)} |\n|{string.Concat(rules)}\n");
    }

    /// <summary>Adds a row.</summary>
    /// <param name="cells">One a column, Markdown already.</param>
    public void AddRow(params string[] cells) => _text.Append("| ").AppendJoin(" | ", cells).Append(" |\n");

    /// <summary>The table, ending with a line break.</summary>
    public override string ToString() => _text.ToString();
}
