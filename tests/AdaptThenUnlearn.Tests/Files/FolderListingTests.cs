using AdaptThenUnlearn.Files;

namespace AdaptThenUnlearn.Tests.Files;

/// <summary>Which files of a folder are used: hidden ones are not, and links do not multiply files.</summary>
public sealed class FolderListingTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-listing-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Of_HiddenAndSystemEntries_LeavesThemOut()
    {
        string[] hidden =
        [
            ".DS_Store", ".ipynb_checkpoints/a-checkpoint.png", "@eaDir/a.png/thumb.png", "Thumbs.db", "__MACOSX/._a.png",
            "cat/._b.png", "cat/desktop.ini", "cat/.thumbnails/b.png"
        ];
        foreach (var name in (string[])[.. hidden, "a.png", "cat/b.png", "cat/deep/c.png", "notes.txt"])
            Put(name);

        var listing = FolderListing.Scan(_folder);

        Assert.Equal(["a.png", "cat/b.png", "cat/deep/c.png", "notes.txt"], Relative(listing.Files));
        Assert.Equal([
            ".DS_Store", ".ipynb_checkpoints", "@eaDir", "Thumbs.db", "__MACOSX", "cat/._b.png", "cat/.thumbnails",
            "cat/desktop.ini"
        ], listing.Hidden);
        Assert.Empty(listing.Repeated);
    }

    [Fact]
    public void Of_HiddenFolderItself_IsReadWhenItIsNamed()
    {
        Put(".cache/images/a.png");

        Assert.Single(FolderListing.Scan(Path.Combine(_folder, ".cache")).Files);
    }

    // A link to itself, to what encloses it, to a neighbour, and by a detour: 40 images stay 40.
    [Fact]
    public void Of_LinksToFoldersThatAreRead_CountsEachFolderOnce()
    {
        Put("data/cat/a.png");
        Put("data/dog/b.png");
        Put("elsewhere/c.png");
        var data = Path.Combine(_folder, "data");
        Link("self", ".");
        Link("up", "..");
        Link("kitten", "cat");
        Link("detour", Path.Combine(_folder, "elsewhere", "..", "data", "dog"));
        Link("away", Path.Combine(_folder, "elsewhere"));
        File.CreateSymbolicLink(Path.Combine(data, "d.png"), Path.Combine(data, "cat", "a.png"));

        var listing = FolderListing.Scan(data);

        Assert.Equal(
            ["away/c.png", "cat/a.png", "d.png", "dog/b.png"], listing.Files.Select(file => Path.GetRelativePath(data, file)));
        Assert.Equal(["detour", "kitten", "self", "up"], listing.Repeated);

        void Link(string name, string target) => Directory.CreateSymbolicLink(Path.Combine(data, name), target);
    }

    [Fact]
    public void Of_FolderBehindALink_FindsTheLoopAllTheSame()
    {
        Put("real/a.png");
        Directory.CreateSymbolicLink(Path.Combine(_folder, "real", "self"), Path.Combine(_folder, "link"));
        Directory.CreateSymbolicLink(Path.Combine(_folder, "link"), "real");

        var listing = FolderListing.Scan(Path.Combine(_folder, "link"));

        Assert.Single(listing.Files);
        Assert.Equal(["self"], listing.Repeated);
    }

    private IEnumerable<string> Relative(IEnumerable<string> files) => files.Select(file => Path.GetRelativePath(_folder, file));

    private void Put(string name)
    {
        var path = Path.Combine(_folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, name);
    }
}
