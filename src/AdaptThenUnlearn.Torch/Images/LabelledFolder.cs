namespace AdaptThenUnlearn.Torch.Images;

/// <summary>A folder of images that may each carry several labels, as its <c>labels.csv</c> says.</summary>
/// <remarks>
/// The first line names the columns, <c>file,glasses,hat</c>; every other line is an image: its path within the folder, and
/// 0 or 1 for each label. Images without a line are left out.
/// </remarks>
/// <param name="Labels">In the order of the columns; at least one.</param>
/// <param name="Files">Full paths, in the order of the lines; at least one.</param>
/// <param name="Carried">For each file, one value a label.</param>
public sealed record LabelledFolder(IReadOnlyList<string> Labels, IReadOnlyList<string> Files, IReadOnlyList<bool[]> Carried)
{
    private const string FileName = "labels.csv";
    private const string FileColumn = "file";

    /// <summary>Whether a folder says what its images carry.</summary>
    public static bool IsIn(string folder) => File.Exists(Path.Combine(folder, FileName));

    /// <summary>Reads what the images of a folder carry; the images themselves are not opened.</summary>
    /// <exception cref="InvalidDataException">The file is not of this form, or names an image that is not there; the message names the line.</exception>
    public static LabelledFolder Read(string folder)
    {
        var path = Path.Combine(folder, FileName);
        string[] lines = [.. File.ReadAllLines(path).Select(line => line.Trim())];
        var columns = Cells(lines.FirstOrDefault() ?? "");
        if (columns.Length < 2 || columns[0] != FileColumn || columns.Any(string.IsNullOrEmpty) || columns.Distinct().Count() < columns.Length)
            throw Wrong(path, 1, $"the first line must name the columns, '{FileColumn},' and then the labels, each once");

        List<string> files = [];
        List<bool[]> carried = [];
        foreach (var (index, line) in lines.Index().Skip(1).Where(numbered => numbered.Item.Length > 0))
        {
            var cells = Cells(line);
            if (cells.Length != columns.Length || cells.Skip(1).Any(cell => cell is not ("0" or "1")))
                throw Wrong(path, index + 1, $"must be a file and {columns.Length - 1} times 0 or 1, separated by commas, but is '{line}'");

            var file = Path.Combine(folder, cells[0]);
            if (!File.Exists(file))
                throw Wrong(path, index + 1, $"there is no file '{cells[0]}' in the folder");

            files.Add(file);
            carried.Add([.. cells.Skip(1).Select(cell => cell == "1")]);
        }

        return files.Count > 0 ? new LabelledFolder(columns[1..], files, carried) : throw Wrong(path, 1, "names no images");
    }

    private static string[] Cells(string line) => [.. line.Split(',').Select(cell => cell.Trim())];

    private static InvalidDataException Wrong(string path, int line, string problem) => new(FormattableString.Invariant($"{path}({line}): {problem}"));
}
