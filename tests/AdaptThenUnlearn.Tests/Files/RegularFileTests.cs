using AdaptThenUnlearn.Files;

namespace AdaptThenUnlearn.Tests.Files;

/// <summary>Whatever lies at a path, opening it answers at once: it is a regular file, or it is refused.</summary>
public sealed class RegularFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-regular-").FullName;

    public static TheoryData<string> Irregular => FilesOnDisk.Irregular;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [MemberData(nameof(Irregular))]
    public async Task Open_NoRegularFile_IsRefusedAtOnce(string what)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "devices and pipes go by other names there");
        var path = FilesOnDisk.Make(_folder, what);

        var refused = await Task.Run(() => Record.Exception(() => RegularFile.Open(path).Dispose()))
            .WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);
        var digest = what == "a folder" ? null : await Task.Run(() => Sha256Digest.FindAt(path))
            .WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);

        Assert.IsAssignableFrom<IOException>(refused);
        Assert.Null(digest);
        Assert.False(RegularFile.Exists(path));
    }

    [Fact]
    public void Open_LinkToARegularFile_IsOpened()
    {
        File.WriteAllText(At("file"), "text");
        File.CreateSymbolicLink(At("link"), At("file"));

        Assert.Equal("text", RegularFile.ReadAllText(At("link"), 4));
        Assert.True(RegularFile.Exists(At("link")));
    }

    [Theory]
    [InlineData(3, true)]
    [InlineData(4, false)]
    public void ReadAllBytes_LongerThanAllowed_IsRefused(long maxBytes, bool refused)
    {
        File.WriteAllText(At("file"), "text");

        Assert.Equal(refused, Record.Exception(() => RegularFile.ReadAllBytes(At("file"), maxBytes)) is FileTooLongException);
    }

    [Fact]
    public void ReadAllText_ByteOrderMark_IsNoText()
    {
        File.WriteAllText(At("file"), "größe", System.Text.Encoding.Unicode);

        Assert.Equal("größe", RegularFile.ReadAllText(At("file"), 100));
    }

    private string At(string name) => Path.Combine(_folder, name);
}
