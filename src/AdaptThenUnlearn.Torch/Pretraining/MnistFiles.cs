namespace AdaptThenUnlearn.Torch.Pretraining;

/// <summary>The four files of MNIST or of a data set with the same kind of files, compressed or not.</summary>
/// <remarks>
/// Known are the names of the original distribution, the same with a dot instead of a hyphen (as some programs unpack them),
/// EMNIST's names, and the folders of torchvision. EMNIST's test files (Cohen, Afshar, Tapson and van Schaik 2017,
/// arXiv:1702.05373) have <c>test</c> in the name where MNIST's have <c>t10k</c>, and its images have rows and columns exchanged.
/// </remarks>
/// <param name="Folder">The folder that holds the files.</param>
/// <param name="Prefix">Beginning of the names: empty, or EMNIST's name of the data set.</param>
internal sealed record MnistFiles(string Folder, string Prefix)
{
    private static readonly string[] _folders =
        ["", "raw", "gzip", .. new[] { "MNIST", "EMNIST", "FashionMNIST", "KMNIST" }.Select(name => Path.Combine(name, "raw"))];

    private static readonly string[] _prefixes = ["", "emnist-digits-", "emnist-mnist-"];

    private static readonly char[] _signs = ['-', '.'];

    /// <summary>The known names, for messages.</summary>
    public const string Names =
        "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte (also "
            + ".idx3-ubyte, .gz, and as emnist-digits-…)";

    /// <summary>Whether rows and columns of the images are exchanged.</summary>
    public bool AreTransposed => Prefix.Length > 0;

    /// <summary>
    /// Finds the files in a folder, or in the sub-folder in which torchvision keeps them; null where there are none.
    /// </summary>
    /// <exception cref="InvalidDataException">
    /// There are several data sets, or files of one without its training images.
    /// </exception>
    public static MnistFiles? FindIn(string folder)
    {
        // Look for the training images under every known name.
        var found = _folders.SelectMany(sub => _prefixes.Select(prefix => new MnistFiles(Path.Combine(folder, sub), prefix)))
            .Where(files => files.Images("train") is not null).ToList();

        // Refuse a folder with IDX files of another kind or without the training images, and one with several data sets.
        var others = found.Count == 0 && Directory.Exists(folder)
            ? Directory.EnumerateFiles(folder, "*ubyte*").Select(Path.GetFileName).Order(StringComparer.Ordinal).ToList()
            : [];
        if (others.Count > 0)
            throw new InvalidDataException(
                $"{folder}: the file of the training images is missing among {string.Join(", ", others)}; the four MNIST "
                    + $"files are {Names}");
        return found.Count <= 1
            ? found.FirstOrDefault()
            : throw new InvalidDataException(
                $"{folder} holds several sets of digits: {string.Join(", ", found.Select(files => files.Images("train")))}; "
                    + "name the folder of one of them, or remove the others");
    }

    /// <summary>The file of the images of a part; null where it is missing.</summary>
    /// <param name="part"><c>train</c> or <c>t10k</c>.</param>
    public string? Images(string part) => Find(part, "images", 3);

    /// <summary>The file of the labels of a part; null where it is missing.</summary>
    /// <param name="part"><c>train</c> or <c>t10k</c>.</param>
    public string? Labels(string part) => Find(part, "labels", 1);

    // Uncompressed files come first: torchvision keeps both.
    private string? Find(string part, string what, int dimensions)
    {
        string[] parts = part == "t10k" && AreTransposed ? ["test", part] : [part];
        var names = parts.SelectMany(
            name => _signs.Select(sign => FormattableString.Invariant($"{Prefix}{name}-{what}{sign}idx{dimensions}-ubyte")));
        return names.SelectMany(name => new[] { name, name + ".gz" })
            .OrderBy(name => name.EndsWith(".gz", StringComparison.Ordinal))
            .Select(name => Path.Combine(Folder, name))
            .FirstOrDefault(File.Exists);
    }
}
