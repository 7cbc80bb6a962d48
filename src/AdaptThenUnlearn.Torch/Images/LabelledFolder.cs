using System.Globalization;

namespace AdaptThenUnlearn.Torch.Images;

/// <summary>
/// A folder of images that may each have several labels, which a <c>labels.csv</c> or CelebA's list of attributes gives.
/// </summary>
/// <remarks>
/// The first line of a <c>labels.csv</c> names the columns, such as <c>file,glasses,hat</c>. Every other line is an image: its
/// path within the folder, and 0 or 1 for each label. CelebA's list (<c>list_attr_celeba.txt</c>) begins with the number of
/// images and is separated by blanks. Images without a line are left out.
/// </remarks>
/// <param name="List">Path of the list of labels.</param>
/// <param name="Labels">Names of the labels, in the order of the columns; at least one.</param>
/// <param name="Files">Full paths of the images, in the order of the lines; at least one.</param>
/// <param name="LabelFlags">For each image, whether it has each label.</param>
public sealed record LabelledFolder(
    string List, IReadOnlyList<string> Labels, IReadOnlyList<string> Files, IReadOnlyList<bool[]> LabelFlags)
{
    private const string FileColumn = "file";
    private static readonly string[] _fileColumns = [FileColumn, "filename", "file_name", "image", "image_id", "path"];
    private static readonly string[] _lists =
        [
            "labels.csv",
            "list_attr_celeba.txt",
            "list_attr_celeba.csv",
            Path.Combine("Anno", "list_attr_celeba.txt"),
            Path.Combine("Anno", "list_attr_celeba.csv")
        ];

    // Folders of the images in CelebA's archives.
    private static readonly string[] _imageFolders =
        [
            "",
            "img_align_celeba",
            Path.Combine("img_align_celeba", "img_align_celeba"),
            Path.Combine("Img", "img_align_celeba"),
            "img_celeba",
            Path.Combine("Img", "img_celeba")
        ];

    /// <summary>The pictures of the folder without a line; null where every picture has one.</summary>
    public SkippedFiles? Unnamed { get; private init; }

    /// <summary>Number of images with each label, in the order of the labels.</summary>
    public IReadOnlyList<int> Counts => [.. Labels.Select((_, number) => LabelFlags.Count(row => row[number]))];

    /// <summary>A sentence with the number of images, their labels, and the files that are passed over.</summary>
    public string Summary
    {
        get
        {
            var labels = Labels.Zip(Counts, (name, count) => FormattableString.Invariant($"{name} ({count})"));
            var passedOver = Unnamed is null ? "" : $"; passed over: {Unnamed}";
            return string.Create(
                CultureInfo.InvariantCulture,
                $"{Files.Count} images of {List}, labels {string.Join(", ", labels)}{passedOver}");
        }
    }

    /// <summary>Whether a folder holds a list of labels.</summary>
    public static bool ExistsIn(string folder) => ListIn(folder) is not null;

    /// <summary>Reads the list of labels of a folder; the images are not opened.</summary>
    /// <exception cref="InvalidDataException">
    /// The list is not of this format, names an image twice, or names a missing image; the message names the line.
    /// </exception>
    public static LabelledFolder Read(string folder)
    {
        var path = ListIn(folder) ?? throw new InvalidDataException($"{folder} holds no labels.csv");
        var table =
            LabelTable.Read(path, path.EndsWith(".txt", StringComparison.OrdinalIgnoreCase) ? null : _fileColumns, FileColumn);
        var values = new LabelValues(table);
        Dictionary<string, LabelRow> named = [];
        List<string> files = [];
        List<bool[]> carried = [];
        foreach (var row in table.Rows)
        {
            var labels = values.Parse(row);
            var file = Found(folder, row.File) ?? throw table.Wrong(row, $"there is no file '{row.File}' in the folder");
            if (named.TryGetValue(file, out var first))
                throw table.Wrong(row, string.Create(CultureInfo.InvariantCulture,
                    $"names '{row.File}' again, "
                        + $"{(values.Parse(first).SequenceEqual(labels) ? "with the same labels" : "with other labels")}; "
                        + $"line {first.Line} names it first: each image has one line"));

            named.Add(file, row);
            files.Add(file);
            carried.Add(labels);
        }

        return files.Count == 0
            ? throw table.Wrong(1, "names no images")
            : new LabelledFolder(path, table.Labels, files, carried) { Unnamed = WithoutLine(folder, named.ContainsKey) };
    }

    private static string? ListIn(string folder) => _lists.Select(name => Path.Combine(folder, name)).FirstOrDefault(File.Exists);

    // The file as it is named, or with slashes where the list was written on Windows.
    private static string? Found(string folder, string name) =>
        new[] { name, name.Replace('\\', '/') }.Distinct()
            .SelectMany(spelt => _imageFolders.Select(images => Path.GetFullPath(Path.Combine(folder, images, spelt))))
            .FirstOrDefault(File.Exists);

    private static SkippedFiles? WithoutLine(string folder, Func<string, bool> isNamed)
    {
        string[] others = [.. PictureFolder.Listed(folder).Files
            .Where(PictureKinds.IsPicture)
            .Where(file => !isNamed(file))
            .Select(file => Path.GetRelativePath(folder, file))];
        return others.Length == 0 ? null : new SkippedFiles("images without a line", others);
    }
}
