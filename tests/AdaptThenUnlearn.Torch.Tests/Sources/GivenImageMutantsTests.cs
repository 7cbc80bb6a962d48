using System.Buffers.Binary;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Sources;
using AdaptThenUnlearn.Torch.Tests.Checkpoints;
using SkiaSharp;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Sources;

/// <summary>Damaged and hostile pictures and arrays, in a folder of images and from a command: read or refused, and nothing else.
/// </summary>
public sealed class GivenImageMutantsTests : IDisposable
{
    private const int Side = 8;
    private const int Asked = 2;
    private const int Some = Mutants.Many / 10;   // of what takes long: a folder is listed each time

    private readonly string _folder = Directory.CreateTempSubdirectory("atu-mutants-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("png", 11)]
    [InlineData("jpg", 12)]
    [InlineData("webp", 13)]
    [InlineData("bmp", 14)]
    public void Picture_Changed_IsDecodedOrRefused(string kind, int seed)
    {
        var path = At($"mutant.{kind}");
        var original = Picture(kind);
        Assert.False(Refuses(original));

        var refused = Mutants.CountRefused(original, Mutants.Many, seed, Refuses);

        Assert.InRange(refused, Mutants.Many / 10, Mutants.Many - 1);   // most do harm, some do none

        bool Refuses(byte[] content)
        {
            File.WriteAllBytes(path, content);
            try
            {
                using var scope = NewDisposeScope();
                var picture = PictureFile.Open(path);
                var planes = empty([3, picture.Height, picture.Width], uint8, device: CPU);
                picture.Decode(planes.bytes, hashed: null, asSeen: true);
                return false;
            }
            catch (ImageFileException)
            {
                return true;
            }
        }
    }

    [Theory]
    [InlineData(true, 31)]
    [InlineData(false, 32)]
    public void Array_Changed_IsReadOrRefused(bool bytes, int seed)
    {
        var refused = Mutants.CountRefused(Array(bytes), Mutants.Many, seed, content =>
        {
            try
            {
                using var scope = NewDisposeScope();
                _ = NumpyFile.Parse("array.npy", content);
                return false;
            }
            catch (ImageFileException)
            {
                return true;
            }
        });

        Assert.InRange(refused, Mutants.Many / 10, Mutants.Many - 1);
    }

    // As a whole: the folder is listed, the sizes are compared, and every image is read.
    [Theory]
    [InlineData("bytes", "npy", 21)]
    [InlineData("numbers", "npy", 22)]
    [InlineData("pictures", "png", 23)]
    public void CommandOutput_Changed_IsReadOrRefused(string what, string ending, int seed)
    {
        var path = At($"0.{ending}");
        if (what == "pictures")
            File.WriteAllBytes(At($"1.{ending}"), Picture(ending));
        var choice = new GeneratorChoice(null, "auto", null, null, Command: ["./none", "{seed}", "{count}", "{out}"]);
        var program = new CommandProgram(choice, _folder, CancellationToken.None);
        var original = what == "pictures" ? Picture(ending) : Array(what == "bytes");
        Assert.False(Refuses(original));

        var refused = Mutants.CountRefused(original, Some, seed, Refuses);

        Assert.InRange(refused, Some / 10, Some - 1);

        bool Refuses(byte[] content)
        {
            File.WriteAllBytes(path, content);
            try
            {
                using var scope = NewDisposeScope();
                _ = CommandOutput.Find(_folder, Asked, choice, program).Read(0, Asked);
                return false;
            }
            catch (RunException)
            {
                return true;
            }
        }
    }

    private static byte[] Array(bool bytes)
    {
        using var scope = NewDisposeScope();
        var numbers = linspace(-1, 1, Asked * Side * Side).reshape(Asked, 1, Side, Side);
        return NumpyFile.Bytes("array", bytes ? ((numbers + 1) * 127).to(uint8) : numbers);
    }

    private static byte[] Picture(string kind)
    {
        using var picture = new SKBitmap(new SKImageInfo(Side, Side, SKColorType.Rgba8888, SKAlphaType.Opaque));
        for (var y = 0; y < Side; y++)
            for (var x = 0; x < Side; x++)
                picture.SetPixel(x, y, new SKColor((byte)(30 * x), (byte)(30 * y), (byte)(x * y)));
        if (kind == "bmp")
            return Bitmap(picture);
        var format = kind switch
        {
            "png" => SKEncodedImageFormat.Png,
            "jpg" => SKEncodedImageFormat.Jpeg,
            _ => SKEncodedImageFormat.Webp,
        };
        using var data = picture.Encode(format, 90);
        return data.ToArray();
    }

    // BITMAPFILEHEADER and BITMAPINFOHEADER, then rows from the lowest up, blue first (Microsoft, "Bitmap Storage").
    private static byte[] Bitmap(SKBitmap picture)
    {
        const int header = 54;
        var file = new byte[header + 3 * Side * Side];
        "BM"u8.CopyTo(file);
        foreach (var (at, value) in new[]
        {
            (2, file.Length), (10, header), (14, 40), (18, Side), (22, Side), (34, 3 * Side * Side),
        })
            BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(at), value);
        BinaryPrimitives.WriteInt16LittleEndian(file.AsSpan(26), 1);    // planes
        BinaryPrimitives.WriteInt16LittleEndian(file.AsSpan(28), 24);   // bits of a pixel
        for (var pixel = 0; pixel < Side * Side; pixel++)
        {
            var colour = picture.GetPixel(pixel % Side, Side - 1 - pixel / Side);
            byte[] levels = [colour.Blue, colour.Green, colour.Red];
            levels.CopyTo(file, header + 3 * pixel);
        }

        return file;
    }

    private string At(string name) => Path.Combine(_folder, name);
}
