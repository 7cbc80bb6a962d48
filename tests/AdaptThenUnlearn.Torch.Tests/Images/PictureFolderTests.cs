using System.Buffers.Binary;
using System.IO.Compression;
using AdaptThenUnlearn.Torch.Images;
using SkiaSharp;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Images;

/// <summary>
/// Which files of a folder are read as images: none vanishes, none counts twice, and none is decoded before its header fits.
/// </summary>
public sealed class PictureFolderTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-pictures-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void List_EveryEndingInAnyCase_IsRead()
    {
        foreach (var name in new[] { "a.png", "b.JPG", "c.jpeg", "d.Jpe", "e.jfif", "f.WEBP", "g.PNG" })
            Write(name, Path.GetExtension(name).ToLowerInvariant() switch
            {
                ".png" => SKEncodedImageFormat.Png,
                ".webp" => SKEncodedImageFormat.Webp,
                _ => SKEncodedImageFormat.Jpeg
            });

        var pictures = PictureFolder.List(_folder);

        Assert.Equal(["a.png", "b.JPG", "c.jpeg", "d.Jpe", "e.jfif", "f.WEBP", "g.PNG"], pictures.Files.Select(Path.GetFileName));
        Assert.Equal("7 images", pictures.Summary);
        using var scope = NewDisposeScope();
        Assert.Equal([7, 3, 8, 8], ImageFolder.Read(_folder, channels: 3).shape);
    }

    // Lossless WebP keeps every bit.
    [Fact]
    public void Read_LosslessWebP_HasThePixelsOfThePng()
    {
        using var scope = NewDisposeScope();
        using var bitmap = Noise(seed: 3);
        Write("a.png", SKEncodedImageFormat.Png, bitmap);
        using (var pixels = bitmap.PeekPixels())
        using (var data = pixels.Encode(new SKWebpEncoderOptions(SKWebpEncoderCompression.Lossless, 100))!)
            File.WriteAllBytes(At("b.webp"), data.ToArray());

        var images = ImageFolder.ReadBytes(PictureFolder.List(_folder).Files);

        Assert.True(images[0].equal(images[1]).all().item<bool>());
        Assert.Equal(bitmap.Pixels.Select(pixel => pixel.Red), images[0, 0].contiguous().data<byte>().ToArray());
    }

    [Fact]
    public void List_HiddenNoPicturesAndLinks_ArePassedOverAndSaid()
    {
        Write("cat/a.png");
        Write(".ipynb_checkpoints/a-checkpoint.png");
        Write("@eaDir/a.png");
        Write("cat/._a.png");
        foreach (var name in new[] { "1.txt", "2.txt", "3.json", "4.csv" })
            File.WriteAllText(At(name), "no picture, whatever it is");
        Directory.CreateSymbolicLink(At("self"), ".");

        var pictures = PictureFolder.List(_folder);

        Assert.Equal(["cat/a.png"], pictures.Files.Select(file => Path.GetRelativePath(_folder, file)));
        Assert.Equal(
            "1 images; passed over: 3 hidden or system entries (.ipynb_checkpoints, @eaDir, cat/._a.png)" +
            "; passed over: 1 links to folders that are read already (self)" +
            "; passed over: 4 files that are not pictures (1.txt, 2.txt, 3.json, …)",
            pictures.Summary);
        Assert.Equal(["cat"], ClassFolders.Read(_folder).Classes);
    }

    [Theory]
    [InlineData("b.bmp")]
    [InlineData("b.dib")]
    [InlineData("b.TIFF")]
    [InlineData("b.gif")]
    [InlineData("b.avif")]
    [InlineData("sub/b.heic")]
    public void List_PicturesOfAnotherKind_AreRefusedAndNotPassedOver(string name)
    {
        Write("a.png");
        Write(name);

        var refused = Assert.Throws<ImageFileException>(() => PictureFolder.List(_folder)).Message;

        Assert.Contains(
            $"{_folder}: holds 1 pictures of kinds that are not read (PNG, JPEG and WebP are); convert them to PNG",
            refused,
            StringComparison.Ordinal);
        Assert.EndsWith(name, refused, StringComparison.Ordinal);
    }

    [Fact]
    public void List_PicturesUnderOtherNames_AreRefused()
    {
        Write("a.png");
        foreach (var (name, kind) in new[]
        {
            ("0001", SKEncodedImageFormat.Png),
            ("0002.img", SKEncodedImageFormat.Jpeg),
            ("a.png.bak", SKEncodedImageFormat.Webp)
        })
            Write(name, kind);

        Assert.Contains("holds 3 pictures whose names do not say so", Refused(), StringComparison.Ordinal);
        Assert.Contains("0001, 0002.img, a.png.bak", Refused(), StringComparison.Ordinal);
    }

    [Fact]
    public void List_NothingToRead_SaysWhatIsLookedFor()
    {
        File.WriteAllText(At("notes.txt"), "nothing");

        Assert.Contains(
            "holds no images: neither it nor its sub-folders hold a file that ends in .png, .jpg, .jpeg, .jpe, .jfif, .webp",
            Refused(),
            StringComparison.Ordinal);
        Assert.Contains(
            "there is no such folder",
            Assert.Throws<ImageFileException>(() => PictureFolder.List(At("nowhere"))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Read_WhatIsNoWholeImage_NamesTheFileAndWhy()
    {
        Write("a.png");
        using var bitmap = Noise(seed: 5);
        Write("b.png", SKEncodedImageFormat.Png, bitmap);
        var whole = File.ReadAllBytes(At("b.png"));
        foreach (var (content, why) in new (byte[], string)[]
        {
            ([], "b.png: is empty"),
            ([.. "no image, but long enough"u8], "b.png: is not an image that can be decoded"),
            ([
                .. "version https://git-lfs.github.com/spec/v1\noid sha256:00"u8
            ], "b.png: is not an image that can be decoded: it is a pointer of Git LFS"),
            ([
                .. "../real/000.png"u8
            ], "b.png: is not an image that can be decoded: it holds only the text '../real/000.png', as a link does"),
            (whole[..(whole.Length / 2)], "b.png: is a damaged image"),
            (whole[..20], "b.png: is"),
        })
        {
            File.WriteAllBytes(At("b.png"), content);
            Assert.Contains(why, Unread(), StringComparison.Ordinal);
        }

        File.Delete(At("b.png"));
        File.CreateSymbolicLink(At("b.png"), At("gone.png"));
        Assert.Contains("b.png: is missing, or is a link to a missing file", Unread(), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_AnotherSize_NamesTheFileBeforeItIsDecoded()
    {
        Write("a.png");
        File.WriteAllBytes(At("b.png"), Png(width: 9, height: 8));

        Assert.Contains(
            "b.png: is 9×8 pixels, the images before it are 8×8; all must have the same size",
            Unread(),
            StringComparison.Ordinal);
    }

    // A header promises what a few bytes hold; nothing may be set aside for it.
    [Theory]
    [InlineData(22000, 22000)]
    [InlineData(int.MaxValue, int.MaxValue)]
    [InlineData(20000, 1)]
    [InlineData(10000, 10000)]
    public void Read_ImageBomb_IsRefusedByItsHeader(int width, int height)
    {
        File.WriteAllBytes(At("a.png"), Png(width, height));

        Assert.StartsWith(At("a.png"), Unread(), StringComparison.Ordinal);
        Assert.StartsWith(
            At("a.png"),
            Assert.Throws<ImageFileException>(() => ImageFolder.FirstUnfit([At("a.png")], 8)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Read_Animation_IsRefused()
    {
        // Two frames of 1×1 pixels, by the GIF89a specification.
        byte[] frame = [0x21, 0xf9, 4, 0, 10, 0, 0, 0, 0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0];
        File.WriteAllBytes(
            At("a.png"), [.. "GIF89a"u8, 1, 0, 1, 0, 0x80, 0, 0, 0, 0, 0, 255, 255, 255, .. frame, .. frame, 0x3b]);

        Assert.Contains("a.png: is an animation of 2 frames", Unread(), StringComparison.Ordinal);
    }

    private string Refused() => Assert.Throws<ImageFileException>(() => PictureFolder.List(_folder)).Message;

    private string Unread() => Assert.Throws<ImageFileException>(() => ImageFolder.Read(_folder, channels: 3)).Message;

    private void Write(string name, SKEncodedImageFormat kind = SKEncodedImageFormat.Png)
    {
        using var bitmap = Noise(seed: 1);
        Write(name, kind, bitmap);
    }

    private void Write(string name, SKEncodedImageFormat kind, SKBitmap bitmap)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(At(name))!);
        using var data = bitmap.Encode(kind, 90);
        File.WriteAllBytes(At(name), data.ToArray());
    }

    private static SKBitmap Noise(int seed)
    {
        var random = new Random(seed);
        var bitmap = new SKBitmap(8, 8);
        for (var pixel = 0; pixel < 64; pixel++)
            bitmap.SetPixel(
                pixel % 8, pixel / 8, new SKColor((byte)random.Next(256), (byte)random.Next(256), (byte)random.Next(256)));
        return bitmap;
    }

    // A grey PNG by its specification: signature, header, one byte of the image, end; with right check sums.
    private static byte[] Png(int width, int height)
    {
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        header[8] = 1;
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Optimal, leaveOpen: true))
            zlib.Write(new byte[1]);
        return [
            0x89, .. "PNG\r\n\x1a\n"u8, .. Chunk("IHDR"u8, header), .. Chunk("IDAT"u8, packed.ToArray()), .. Chunk("IEND"u8, [])
        ];
    }

    private static byte[] Chunk(ReadOnlySpan<byte> type, byte[] content)
    {
        byte[] body = [.. type, .. content];
        var (length, sum) = (new byte[4], new byte[4]);
        BinaryPrimitives.WriteInt32BigEndian(length, content.Length);
        BinaryPrimitives.WriteUInt32BigEndian(sum, Crc(body));
        return [.. length, .. body, .. sum];
    }

    // PNG specification, annex D.
    private static uint Crc(byte[] bytes)
    {
        var crc = uint.MaxValue;
        foreach (var value in bytes)
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++)
                crc = (crc & 1) == 1 ? 0xedb88320 ^ (crc >> 1) : crc >> 1;
        }

        return ~crc;
    }

    private string At(string name) => Path.Combine(_folder, name);
}
