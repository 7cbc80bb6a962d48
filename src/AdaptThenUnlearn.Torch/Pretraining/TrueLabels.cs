using AdaptThenUnlearn.Torch.Images;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Pretraining;

/// <summary>
/// The true labels that come with real images: the label file of digits, a list of labels, or a sub-folder for each class.
/// </summary>
internal sealed class TrueLabels
{
    private readonly Func<int, int, bool> _has;
    private readonly int _count;

    private TrueLabels(
        string source, IReadOnlyList<string> names, IReadOnlyList<string>? files, int count, Func<int, int, bool> has) =>
        (Source, Names, Files, _count, _has) = (source, names, files, count, has);

    /// <summary>What the labels were read from: a file, or the folder whose sub-folders are the classes.</summary>
    public string Source { get; }

    /// <summary>Names of the labels.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>Full paths of the labelled images; null for digits, whose images are in one file.</summary>
    public IReadOnlyList<string>? Files { get; }

    /// <summary>Finds the labels of a folder, in the order in which <c>atu train-classifier</c> looks for them.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="classes">Classes that the labels must know, and of which some image is not.</param>
    /// <exception cref="InvalidDataException">
    /// There are no labels, none has the name of a class, every image is of the classes, or the labels are damaged or
    /// incomplete.
    /// </exception>
    /// <exception cref="ImageFileException">There are no images, or some are of a kind that is not read.</exception>
    public static TrueLabels Find(string folder, IReadOnlyList<string> classes)
    {
        var found = MnistDataset.ExistsIn(folder) ? OfDigits(folder)
            : LabelledFolder.ExistsIn(folder) ? OfList(LabelledFolder.Read(folder))
            : OfFolders(folder, ClassFolders.Read(folder));
        if (classes.FirstOrDefault(name => !found.Names.Contains(name)) is { } unknown)
            throw new InvalidDataException(
                $"{found.Source} has no label '{unknown}', so the images of that class cannot be told from the others; its "
                    + $"labels are: {string.Join(", ", found.Names)}");

        return found.AreOthers(classes).Any(other => other)
            ? found
            : throw new InvalidDataException(
                $"no real image is left: by {found.Source}, every one is labelled {string.Join(" or ", classes)}");
    }

    /// <summary>Finds the images that are of none of some classes.</summary>
    /// <param name="classes">Names of labels.</param>
    /// <returns><c>[N]</c>, bool, in the order of the images; belongs to the caller's scope.</returns>
    public Tensor FindOthers(IReadOnlyList<string> classes) => tensor((bool[])[.. AreOthers(classes)]);

    private IEnumerable<bool> AreOthers(IReadOnlyList<string> classes)
    {
        int[] unwanted = [.. Names.Index().Where(label => classes.Contains(label.Item)).Select(label => label.Index)];
        return Enumerable.Range(0, _count).Select(image => !unwanted.Any(label => _has(image, label)));
    }

    private static TrueLabels OfDigits(string folder)
    {
        using var digits = MnistDataset.Train(folder);
        var labels = digits.Labels.data<long>().ToArray();
        return new TrueLabels(
            MnistFiles.FindIn(folder)!.Labels("train")!, MnistDataset.Classes, files: null, labels.Length,
            (image, label) => labels[image] == label);
    }

    private static TrueLabels OfList(LabelledFolder list) => new(
        list.List, list.Labels, list.Files, list.Files.Count, (image, label) => list.LabelFlags[image][label]);

    private static TrueLabels OfFolders(string folder, ClassFolders folders)
    {
        if (folders.Classes.Count == 0)
            throw new InvalidDataException(
                $"{folder} has no labels: neither a label file of digits, nor a labels.csv or CelebA's list_attr_celeba.txt, nor "
                    + "a sub-folder for each class");

        return folders.Problem is { } problem
            ? throw new InvalidDataException(problem)
            : new TrueLabels(
                folder, folders.Classes, folders.Pictures.Files, folders.Labels.Count,
                (image, label) => folders.Labels[image] == label);
    }
}
