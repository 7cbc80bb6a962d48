namespace AdaptThenUnlearn.Torch.Images;

/// <summary>A folder of images with a sub-folder for each class; the class of an image is the first folder of its path.</summary>
/// <param name="Pictures">The images.</param>
/// <param name="Classes">Names of the sub-folders, in ordinal order. Sub-folders that are passed over are not classes.</param>
/// <param name="Labels">For each image the position of its class; -1 for an image outside of the sub-folders.</param>
public sealed record ClassFolders(PictureFolder Pictures, IReadOnlyList<string> Classes, IReadOnlyList<int> Labels)
{
    // Names of the parts of a data set, which are not classes.
    private static readonly HashSet<string> _parts = new(StringComparer.OrdinalIgnoreCase)
    {
        "train", "training", "val", "valid", "validation", "test", "testing", "dev", "eval", "evaluation", "holdout",
    };

    /// <summary>Number of images of each class, in the order of the classes.</summary>
    public IReadOnlyList<int> Counts => [.. Classes.Select((_, number) => Labels.Count(label => label == number))];

    /// <summary>The classes, each with its number of images.</summary>
    public string Summary =>
        string.Join(", ", Classes.Zip(Counts, (name, count) => FormattableString.Invariant($"{name} ({count})")));

    /// <summary>A warning where the classes look like the parts of a data set; null where they do not.</summary>
    public string? Warning => Classes.Count > 0 && Classes.All(_parts.Contains)
        ? $"{Pictures.Folder}: the classes {string.Join(", ", Classes)} look like the parts of a data set and not like what "
            + $"its images show; name one part, such as {Path.Combine(Pictures.Folder, Classes[0])}"
        : null;

    /// <summary>Lists a folder; no image is decoded.</summary>
    /// <exception cref="ImageFileException">As for <see cref="PictureFolder.List"/>.</exception>
    public static ClassFolders Read(string folder)
    {
        var pictures = PictureFolder.List(folder);
        string[] classes = [.. PictureFolder.SubFolders(folder).Except(pictures.PassedOver.SelectMany(some => some.Entries))];
        return new ClassFolders(pictures, classes, [.. pictures.Files.Select(file => Array.IndexOf(classes, FirstFolder(file)))]);

        string FirstFolder(string file) => Path.GetRelativePath(folder, file).Split(Path.DirectorySeparatorChar)[0];
    }

    /// <summary>
    /// A message about an image without a class, a class without images, or missing classes; null where there is no such problem.
    /// </summary>
    public string? Problem
    {
        get
        {
            if (Classes.Count == 0)
                return $"{Pictures.Folder} has no sub-folders, and so no classes; sort the images into one for each class";
            if (Labels.ToList().IndexOf(-1) is >= 0 and var stray)
                return $"{Pictures.Files[stray]} lies in none of the classes' sub-folders: {string.Join(", ", Classes)}";
            return Counts.ToList().IndexOf(0) is >= 0 and var empty
                ? $"the sub-folder '{Classes[empty]}' of {Pictures.Folder} holds no images, so it is not a class; fill it, "
                    + "or remove it"
                : null;
        }
    }
}
