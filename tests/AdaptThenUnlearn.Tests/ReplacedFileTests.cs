namespace AdaptThenUnlearn.Tests;

/// <summary>Files appear whole or not at all, and say why not.</summary>
public sealed class ReplacedFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-files-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Write_NewFolder_IsMade()
    {
        ReplacedFile.Write(At("a/b/text"), "text");

        Assert.Equal("text", File.ReadAllText(At("a/b/text")));
        Assert.Equal(["text"], Directory.GetFiles(At("a/b")).Select(Path.GetFileName));
    }

    [Fact]
    public void Write_Failing_LeavesTheOldFileAndNothingElse()
    {
        File.WriteAllText(At("kept"), "old");

        Assert.Throws<FileNotWrittenException>(() => ReplacedFile.Write(At("kept"), 4, stream =>
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

        Assert.Contains("cannot be written", Assert.Throws<FileNotWrittenException>(() => ReplacedFile.Write(At("file/x"), "")).Message, StringComparison.Ordinal);
        Assert.Contains("is a folder", Assert.Throws<FileNotWrittenException>(() => ReplacedFile.Write(_folder, "")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(28)]                               // ENOSPC
    [InlineData(unchecked((int)0x80070070))]       // ERROR_DISK_FULL
    public void Explain_FullDisk_SaysSo(int code) =>
        Assert.Contains("not enough disk space for its 5 bytes", ReplacedFile.Explain("x", 5, new IOException("full", code)).Message, StringComparison.Ordinal);

    [Fact]
    public void Explain_NotPermitted_SaysSo() =>
        Assert.Contains("may not be written", ReplacedFile.Explain("x", 5, new UnauthorizedAccessException()).Message, StringComparison.Ordinal);

    private string At(string name) => Path.Combine(_folder, name);
}
