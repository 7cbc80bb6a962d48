using AdaptThenUnlearn.Files;

namespace AdaptThenUnlearn.Tests.Files;

/// <summary>Files appear whole or not at all, and say why not.</summary>
public sealed class ReplacedFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-files-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Write_NewFolder_IsMade()
    {
        AtomicFile.Write(At("a/b/text"), "text");

        Assert.Equal("text", File.ReadAllText(At("a/b/text")));
        Assert.Equal(["text"], Directory.GetFiles(At("a/b")).Select(Path.GetFileName));
    }

    [Fact]
    public void Write_Failing_LeavesTheOldFileAndNothingElse()
    {
        File.WriteAllText(At("kept"), "old");

        Assert.Throws<FileNotWrittenException>(() => AtomicFile.Write(At("kept"), 4, stream =>
        {
            stream.Write([1, 2]);
            throw new IOException("the disk went away");
        }));

        Assert.Equal("old", File.ReadAllText(At("kept")));
        Assert.Equal(["kept"], Directory.GetFiles(_folder).Select(Path.GetFileName));
    }

    [Fact]
    public void Write_UnderAFileOrOverAFolder_SaysSo()
    {
        File.WriteAllText(At("file"), "");

        Assert.Contains(
            "cannot be written",
            Assert.Throws<FileNotWrittenException>(() => AtomicFile.Write(At("file/x"), "")).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "is a folder",
            Assert.Throws<FileNotWrittenException>(() => AtomicFile.Write(_folder, "")).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(28)]                               // ENOSPC
    [InlineData(unchecked((int)0x80070070))]       // ERROR_DISK_FULL
    public void Explain_FullDisk_SaysSo(int code) =>
        Assert.Contains(
            "not enough disk space for its 5 bytes",
            AtomicFile.Explain("x", 5, new IOException("full", code)).Message,
            StringComparison.Ordinal);

    [Fact]
    public void Explain_NotPermitted_SaysSo() =>
        Assert.Contains(
            "may not be written",
            AtomicFile.Explain("x", 5, new UnauthorizedAccessException()).Message,
            StringComparison.Ordinal);

    // A file system that fails reports it once, to the first caller that flushes.
    [Fact]
    public void Write_DiskDoesNotTakeIt_LeavesTheOldFileAndSaysSo()
    {
        File.WriteAllText(At("kept"), "old");

        var failed = Assert.Throws<FileNotWrittenException>(() => AtomicFile.Write(
            At("kept"),
            3,
            stream => stream.Write("new"u8),
            (_, path) => throw new IOException($"{path}: the disk did not take it", 5)));

        Assert.Contains("the disk did not take it", failed.Message, StringComparison.Ordinal);
        Assert.Equal("old", File.ReadAllText(At("kept")));
        Assert.Equal(["kept"], Directory.GetFiles(_folder).Select(Path.GetFileName));
    }

    [Fact]
    public void Flush_NoOpenFile_IsTold()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the system's own flush tells there");
        using var closed = new Microsoft.Win32.SafeHandles.SafeFileHandle(9999, ownsHandle: false);

        Assert.Throws<IOException>(() => AdaptThenUnlearn.Files.NativeFiles.Flush(closed, "file"));
    }

    [Fact]
    public void Write_LeftoverOfAKilledProcess_IsCleared()
    {
        File.WriteAllText(At(".text.abcdefgh.ijk.atu-tmp"), "half");
        File.WriteAllText(At(".other.abcdefgh.ijk.atu-tmp"), "half");
        File.WriteAllText(At(".text.abcdefgh.ijk"), "mine");
        using var writing =
            new FileStream(At(".text.lmnopqrs.tuv.atu-tmp"), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None);

        AtomicFile.Write(At("text"), "text");
        Assert.Equal(
            [".other.abcdefgh.ijk.atu-tmp", ".text.abcdefgh.ijk", ".text.lmnopqrs.tuv.atu-tmp", "text"],
            Directory.GetFiles(_folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));

        AtomicFile.DeleteTemporaryFiles(_folder);
        Assert.False(File.Exists(At(".other.abcdefgh.ijk.atu-tmp")));
        Assert.True(File.Exists(At(".text.lmnopqrs.tuv.atu-tmp")));
    }

    [Fact]
    public void Write_OverADevice_IsRefused()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "devices go by other names there");

        Assert.Contains(
            "is a device",
            Assert.Throws<FileNotWrittenException>(() => AtomicFile.Write("/dev/null", "")).Message,
            StringComparison.Ordinal);
    }

    private string At(string name) => Path.Combine(_folder, name);
}
