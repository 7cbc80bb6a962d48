using AdaptThenUnlearn.Files;

namespace AdaptThenUnlearn.Torch.Images;

/// <summary>
/// The pictures of a folder and its sub-folders, and the files that are passed over, by the same rule for every command.
/// </summary>
/// <remarks>
/// PNG, JPEG and WebP files are read, recognised by the endings of their names, and BMP where a generator's images are judged.
/// Hidden and system entries, links to folders that are read already, and files that are not pictures are passed over and
/// counted. A folder with pictures of another kind is refused, because a set without some of its pictures would be another set.
/// </remarks>
/// <param name="Folder">The folder.</param>
/// <param name="Files">Full paths of the pictures, in ordinal order; at least one.</param>
/// <param name="PassedOver">The files that are not read, with the reasons; empty where every file is read.</param>
public sealed record PictureFolder(string Folder, IReadOnlyList<string> Files, IReadOnlyList<SkippedFiles> PassedOver)
{
    private const string Mend = "convert them to PNG, which loses nothing, or remove them from the folder";

    /// <summary>A sentence with the number of pictures, and the files that are passed over.</summary>
    public string Summary =>
        FormattableString.Invariant($"{Files.Count} images") + string.Concat(PassedOver.Select(some => $"; passed over: {some}"));

    /// <summary>
    /// Lists a folder. Files without a picture's ending are opened to see whether they are pictures. No picture is decoded.
    /// </summary>
    /// <param name="folder">The folder.</param>
    /// <param name="bitmaps">Whether BMP files are read too.</param>
    /// <exception cref="ImageFileException">
    /// The folder cannot be read, holds no pictures, or holds some of a kind or name that is not read.
    /// </exception>
    public static PictureFolder List(string folder, bool bitmaps = false)
    {
        var listing = Listed(folder);
        string[] pictures = [.. listing.Files.Where(file => PictureKinds.IsRead(file, bitmaps))];
        Refuse(
            folder,
            listing.Files.Where(file => PictureKinds.IsNotRead(file, bitmaps)),
            $"pictures of kinds that are not read ({PictureKinds.Read(bitmaps)} are); {Mend}");

        string[] others = [.. listing.Files.Where(file => !PictureKinds.IsRead(file, bitmaps))];
        Refuse(
            folder,
            others.Where(PictureKinds.HoldsPicture),
            "pictures whose names do not say so; give their names the ending of their kind (.png, .jpg, .webp), or remove them "
                + "from the folder");
        if (pictures.Length == 0)
            throw new ImageFileException(
                folder,
                $"holds no images: neither it nor its sub-folders hold a file that ends in {PictureKinds.Endings(bitmaps)}");

        return new PictureFolder(folder, pictures, [.. Passed()]);

        IEnumerable<SkippedFiles> Passed()
        {
            if (listing.Hidden.Count > 0)
                yield return new("hidden or system entries", listing.Hidden);
            if (listing.Repeated.Count > 0)
                yield return new("links to folders that are read already", listing.Repeated);
            if (others.Length > 0)
                yield return new("files that are not pictures", [.. others.Select(file => Path.GetRelativePath(folder, file))]);
        }
    }

    /// <summary>Names of the sub-folders that are not hidden, including links, in ordinal order.</summary>
    /// <exception cref="ImageFileException">The folder cannot be read.</exception>
    public static IReadOnlyList<string> SubFolders(string folder) => Guarded(folder, () =>
        (string[])[.. Directory.EnumerateDirectories(folder)
            .Select(path => Path.GetFileName(path)!)
            .Where(name => !FolderListing.IsHidden(name))
            .Order(StringComparer.Ordinal)]);

    /// <summary>All files of a folder and its sub-folders that are not hidden.</summary>
    /// <exception cref="ImageFileException">The folder cannot be read.</exception>
    internal static FolderListing Listed(string folder) => Guarded(folder, () => FolderListing.Scan(folder));

    private static void Refuse(string folder, IEnumerable<string> files, string why)
    {
        string[] found = [.. files.Select(file => Path.GetRelativePath(folder, file))];
        if (found.Length > 0)
            throw new ImageFileException(
                folder, FormattableString.Invariant($"holds {found.Length} {why}: {Images.SkippedFiles.Names(found)}"));
    }

    private static T Guarded<T>(string folder, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (DirectoryNotFoundException missing)
        {
            throw new ImageFileException(
                folder, $"there is no such folder; name one that holds {PictureKinds.Read(bitmaps: false)} files", missing);
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            throw new ImageFileException(folder, $"the folder cannot be read: {failed.Message}", failed);
        }
    }
}

/// <summary>Files of a folder that are not read, with the reason.</summary>
/// <param name="Why">The reason as a plural, such as "hidden or system entries".</param>
/// <param name="Entries">Paths relative to the folder; at least one.</param>
public sealed record SkippedFiles(string Why, IReadOnlyList<string> Entries)
{
    private const int Shown = 3;

    /// <summary>The first entries.</summary>
    public IReadOnlyList<string> First => [.. Entries.Take(Shown)];

    /// <inheritdoc/>
    public override string ToString() => FormattableString.Invariant($"{Entries.Count} {Why} ({Names(Entries)})");

    /// <summary>The first names as text, with "…" where there are more.</summary>
    /// <param name="names">At least one.</param>
    internal static string Names(IReadOnlyList<string> names) =>
        string.Join(", ", names.Take(Shown)) + (names.Count > Shown ? ", …" : "");
}
