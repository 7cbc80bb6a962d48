using System.Security.Cryptography;
using AdaptThenUnlearn.Files;

namespace AdaptThenUnlearn.Tests.Files;

/// <summary>Reading a hashed file returns the bytes that were hashed, or fails.</summary>
public sealed class HashedFileTests : IDisposable
{
    private const int Bytes = 2 * HashedFile.PieceBytes + 1000;   // the last piece is a short one

    private readonly string _folder = Directory.CreateTempSubdirectory("atu-hashed-").FullName;
    private readonly byte[] _content = new byte[Bytes];

    public HashedFileTests()
    {
        new Random(3).NextBytes(_content);
        File.WriteAllBytes(At("file"), _content);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Of_AnyFile_HasTheDigestOfItsBytes()
    {
        var expected = Convert.ToHexStringLower(SHA256.HashData(_content));

        Assert.Equal((expected, Bytes), (HashedFile.Create(At("file")).Sha256, (int)HashedFile.Create(At("file")).Length));
        Assert.Equal(expected, Sha256Digest.ComputeFile(At("file")));
        Assert.Equal(expected, Sha256Digest.FindAt(At("file")));
    }

    [Theory]
    [InlineData(0, Bytes)]
    [InlineData(1, Bytes - 1)]
    [InlineData(HashedFile.PieceBytes - 5, 10)]
    [InlineData(HashedFile.PieceBytes, HashedFile.PieceBytes)]
    [InlineData(Bytes - 3, 3)]
    public void OpenRead_Unchanged_GivesTheBytes(int offset, int count)
    {
        using var stream = HashedFile.Create(At("file")).OpenRead();
        stream.Position = offset;
        var read = new byte[count];
        stream.ReadExactly(read);

        Assert.Equal(_content.AsSpan(offset, count).ToArray(), read);
        Assert.Equal(offset + count, stream.Position);
        Assert.Equal(offset + count < Bytes ? 1 : 0, stream.Read(new byte[1]));
    }

    // Whether a piece is read whole or in part, and whichever of its bytes is another one.
    [Theory]
    [InlineData(0, 0, 1)]
    [InlineData(HashedFile.PieceBytes - 1, 0, 1)]
    [InlineData(HashedFile.PieceBytes + 7, HashedFile.PieceBytes, HashedFile.PieceBytes)]
    [InlineData(Bytes - 1, 2 * HashedFile.PieceBytes, 5)]
    public void OpenRead_SwappedForAnotherAndBack_GivesNoByteOfTheOther(int changed, int offset, int count)
    {
        var hashed = HashedFile.Create(At("file"));
        var other = _content.ToArray();
        other[changed] ^= 1;

        File.WriteAllBytes(At("file"), other);
        Assert.Throws<ChangedFileException>(() => Read(hashed, offset, count));

        File.WriteAllBytes(At("file"), _content);
        Assert.Equal(_content.AsSpan(offset, count).ToArray(), Read(hashed, offset, count));
    }

    [Fact]
    public void OpenRead_ChangedWhileOpen_GivesNoByteOfIt()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "nobody can write to a file there that is open for reading");
        var hashed = HashedFile.Create(At("file"));
        using var stream = hashed.OpenRead();
        stream.ReadExactly(new byte[10]);
        // This writes like a program that ignores locks.
        using (var writer = new FileStream(At("file"), FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            writer.Position = HashedFile.PieceBytes + 1;
            writer.WriteByte((byte)~_content[HashedFile.PieceBytes + 1]);
        }

        stream.Position = HashedFile.PieceBytes;
        Assert.Throws<ChangedFileException>(() => stream.ReadExactly(new byte[1]));
    }

    [Theory]
    [InlineData(Bytes - 1)]
    [InlineData(Bytes + 1)]
    public void OpenRead_AnotherLength_IsRefused(int bytes)
    {
        var hashed = HashedFile.Create(At("file"));
        File.WriteAllBytes(At("file"), _content.Concat(new byte[2]).Take(bytes).ToArray());

        Assert.Throws<ChangedFileException>(() => hashed.OpenRead().Dispose());
    }

    [Fact]
    public void Of_Cancelled_Ends() =>
        Assert.Throws<OperationCanceledException>(() => HashedFile.Create(At("file"), new CancellationToken(canceled: true)));

    [Fact]
    public void Folder_FileChangedOrNew_IsNotRead()
    {
        Directory.CreateDirectory(At("images/more"));
        File.WriteAllText(At("images/a"), "a");
        File.WriteAllText(At("images/more/b"), "b");
        var hashed = HashedFolder.Create(At("images"));

        Assert.Equal("b"u8.ToArray(), hashed.Read(At("images/more/b"), 10));
        File.WriteAllText(At("images/more/b"), "c");
        File.WriteAllText(At("images/new"), "n");

        Assert.Throws<ChangedFileException>(() => hashed.Read(At("images/more/b"), 10));
        Assert.Throws<ChangedFileException>(() => hashed.Read(At("images/new"), 10));
    }

    [Fact]
    public void Folder_LinkBackIntoItself_IsNotFollowed()
    {
        Directory.CreateDirectory(At("images/more"));
        File.WriteAllText(At("images/a"), "a");
        var before = HashedFolder.Create(At("images")).Sha256;
        Directory.CreateSymbolicLink(At("images/more/loop"), At("images"));

        Assert.Equal(before, HashedFolder.Create(At("images")).Sha256);
    }

    // As records of before have it.
    [Fact]
    public void Folder_Digest_IsOfNamesAndDigestsInOrder()
    {
        Directory.CreateDirectory(At("images/b"));
        File.WriteAllText(At("images/z"), "1");
        File.WriteAllText(At("images/b/y"), "2");
        static string Of(string text) => Convert.ToHexStringLower(SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(text)));

        Assert.Equal(Of($"b/y\0{Of("2")}\nz\0{Of("1")}\n"), Sha256Digest.FindAt(At("images")));
    }

    private static byte[] Read(HashedFile file, int offset, int count)
    {
        using var stream = file.OpenRead();
        stream.Position = offset;
        var bytes = new byte[count];
        stream.ReadExactly(bytes);
        return bytes;
    }

    private string At(string name) => Path.Combine(_folder, name);
}
