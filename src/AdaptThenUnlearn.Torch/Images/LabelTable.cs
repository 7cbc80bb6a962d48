using System.Globalization;
using System.Text;
using AdaptThenUnlearn.Files;

namespace AdaptThenUnlearn.Torch.Images;

/// <summary>
/// The lines of a list of labels, split into cells by commas, semicolons or tabs, or by blanks as in CelebA's list.
/// </summary>
/// <param name="Path">The list's file.</param>
/// <param name="Labels">Names of the columns after the first, which has the file names; at least one.</param>
/// <param name="Rows">The lines in their order, without empty ones.</param>
/// <param name="Separator">Name of the separator, for messages.</param>
internal sealed record LabelTable(string Path, IReadOnlyList<string> Labels, IReadOnlyList<LabelRow> Rows, string Separator)
{
    private const char Blank = ' ';
    private const long MostBytes = 1L << 28;
    private static readonly (char Sign, string Name)[] _separators = [(',', "commas"), (';', "semicolons"), ('\t', "tabs")];

    /// <summary>Reads a list.</summary>
    /// <param name="path">The file.</param>
    /// <param name="fileColumns">Names that the first column may have; null for CelebA's format, which does not name it.</param>
    /// <param name="fileColumn">The one of these names that messages use.</param>
    /// <exception cref="InvalidDataException">The file is not of this format; the message names the line.</exception>
    public static LabelTable Read(string path, IReadOnlyList<string>? fileColumns, string fileColumn)
    {
        string[] lines;
        try
        {
            lines = RegularFile.ReadAllText(path, MostBytes).ReplaceLineEndings("\n").TrimEnd('\n').Split('\n');
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            throw new InvalidDataException($"{path}: cannot be read: {failed.Message}", failed);
        }

        return fileColumns is null ? OfCelebA(path, lines) : OfColumns(path, lines, fileColumns, fileColumn);
    }

    /// <summary>The exception for a line.</summary>
    public InvalidDataException Wrong(LabelRow row, string problem) => Wrong(row.Line, problem);

    /// <inheritdoc cref="Wrong(LabelRow, string)"/>
    public InvalidDataException Wrong(int line, string problem) => Wrong(Path, line, problem);

    private static InvalidDataException Wrong(string path, int line, string problem) =>
        new(string.Create(CultureInfo.InvariantCulture, $"{path}({line}): {problem}"));

    private static LabelTable OfColumns(string path, string[] lines, IReadOnlyList<string> fileColumns, string fileColumn)
    {
        // Read the names of the columns; the most frequent sign in their line is the separator.
        var first = lines.FirstOrDefault() ?? "";
        var (sign, name) = _separators.MaxBy(each => first.Count(letter => letter == each.Sign));
        var columns = Cells(path, 1, first, sign);
        if (columns.Count > 0 && columns[^1].Length == 0)
            columns.RemoveAt(columns.Count - 1);   // a separator at the end of the line
        if (columns.Count < 2 || !fileColumns.Contains(columns[0], StringComparer.OrdinalIgnoreCase))
            throw Wrong(
                path,
                1,
                $"the first line must name the columns, '{fileColumn},' and then the labels, each once, but is '{first}'");
        CheckNames(path, 1, columns);

        // Read the lines, without empty ones.
        List<LabelRow> rows = [];
        foreach (var (index, line) in lines.Index().Skip(1).Where(numbered => !string.IsNullOrWhiteSpace(numbered.Item)))
        {
            var cells = Cells(path, index + 1, line, sign);
            if (cells.Count == columns.Count + 1 && cells[^1].Length == 0)
                cells.RemoveAt(cells.Count - 1);
            rows.Add(new LabelRow(index + 1, line, cells));
        }

        return new LabelTable(path, columns[1..], rows, name);
    }

    // CelebA's list: the number of images, the names of the attributes, then a line for each image.
    private static LabelTable OfCelebA(string path, string[] lines)
    {
        if (lines.Length < 2 || !int.TryParse(lines[0].Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var count))
            throw Wrong(
                path,
                1,
                $"the first line must be the number of images, and the second the names of the attributes, but it is "
                    + $"'{lines.FirstOrDefault()}'");

        var labels = Words(lines[1]);
        CheckNames(path, 2, labels);
        List<LabelRow> rows = [.. lines.Index()
            .Skip(2)
            .Where(numbered => !string.IsNullOrWhiteSpace(numbered.Item))
            .Select(numbered => new LabelRow(numbered.Index + 1, numbered.Item, Words(numbered.Item)))];
        return rows.Count == count
            ? new LabelTable(path, labels, rows, "blanks")
            : throw Wrong(
                path,
                1,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"says that there are {count} images, and {rows.Count} lines follow; fetch the list again, or "
                        + $"correct the number"));

        static List<string> Words(string line) =>
            [.. line.Split(Blank, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)];
    }

    private static void CheckNames(string path, int line, List<string> names)
    {
        if (names.Count == 0 || names.Any(string.IsNullOrEmpty))
            throw Wrong(path, line, "a column has no name");
        if (names.Find(name => name.Contains(',', StringComparison.Ordinal)) is { } split)
            throw Wrong(path, line, $"the label '{split}' holds a comma");
        if (names.GroupBy(name => name, StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw Wrong(path, line, $"the first line must name the columns, each once, but names '{twice.Key}' twice");
    }

    // A cell may be in quotes, where two quotes stand for one: RFC 4180, section 2.
    private static List<string> Cells(string path, int line, string text, char separator)
    {
        List<string> cells = [];
        var at = 0;
        while (true)
        {
            while (at < text.Length && text[at] == Blank)
                at++;
            cells.Add(at < text.Length && text[at] == '"' ? Quoted() : Plain());
            if (at >= text.Length)
                return cells;
            at++;
        }

        string Plain()
        {
            var end = text.IndexOf(separator, at) is >= 0 and var found ? found : text.Length;
            var cell = text[at..end].Trim();
            at = end;
            return cell;
        }

        string Quoted()
        {
            var cell = new StringBuilder();
            for (at++; at < text.Length; at++)
            {
                if (text[at] != '"')
                    cell.Append(text[at]);
                else if (at + 1 < text.Length && text[at + 1] == '"')
                    cell.Append(text[at++]);
                else
                    break;
            }

            var rest = at < text.Length ? text.IndexOf(separator, at) is >= 0 and var found ? found : text.Length : -1;
            if (rest < 0 || text[(at + 1)..rest].Trim().Length > 0)
                throw Wrong(path, line, $"the quotes do not end where the cell does: '{text}'");
            at = rest;
            return cell.ToString();
        }
    }
}

/// <summary>One line of a list of labels.</summary>
/// <param name="Line">Number of the line, from 1.</param>
/// <param name="Text">The whole line.</param>
/// <param name="Cells">The file name, then the labels.</param>
internal sealed record LabelRow(int Line, string Text, IReadOnlyList<string> Cells)
{
    /// <summary>The image's path, as the list has it.</summary>
    public string File => Cells[0];
}
