using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Torch.Governing;

namespace AdaptThenUnlearn.Torch.Tests.Governing;

/// <summary>One process at a time has a folder, and a second one learns whether it is in use or cannot be written.</summary>
public sealed class FolderLockTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-lock-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Acquire_Twice_TheSecondIsToldWhatUsesTheFolder()
    {
        using var first = FolderLock.Acquire(_folder, "run");

        var refused = Assert.Throws<FolderInUseException>(() => FolderLock.Acquire(_folder, "run"));

        Assert.Equal("ATU2003", refused.Code);
        Assert.StartsWith($"{_folder}: another run is using the folder;", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Acquire_AfterTheFirstHasEnded_Succeeds()
    {
        var folder = Path.Combine(_folder, "new");
        FolderLock.Acquire(folder, "run").Dispose();
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder));

        using var second = FolderLock.Acquire(folder, "run");

        Assert.True(File.Exists(Path.Combine(folder, FolderLock.FileName)));
    }

    [Fact]
    public void Acquire_FileInPlaceOfTheFolder_CannotBeWritten()
    {
        var file = Path.Combine(_folder, "file");
        File.WriteAllText(file, "");

        var refused = Assert.Throws<RunException>(() => FolderLock.Acquire(file, "run"));

        Assert.Equal("ATU2003", refused.Code);
        Assert.Contains("the folder cannot be written", refused.Message, StringComparison.Ordinal);
    }
}
