using System.Buffers.Binary;
using System.IO.Compression;
using AdaptThenUnlearn.Files;

namespace AdaptThenUnlearn.Torch.Pretraining;

/// <summary>Reads IDX files of bytes, plain or compressed with gzip.</summary>
/// <remarks>Format: LeCun, Cortes and Burges, "The MNIST database of handwritten digits", section "File formats".</remarks>
internal static class IdxFile
{
    private const long MostBytes = 1L << 30;   // seventeen times EMNIST's largest set

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file; compressed where its name ends in <c>.gz</c>.</param>
    /// <param name="dimensions">Number of dimensions that it must have.</param>
    /// <returns>All values in order, and the sizes of the dimensions, each at least 1.</returns>
    /// <exception cref="InvalidDataException">
    /// The file cannot be read, is truncated, or is not an IDX file of so many dimensions.
    /// </exception>
    public static (byte[] Values, int[] Shape) Read(string path, int dimensions)
    {
        try
        {
            if (new FileInfo(path).Length == 0)
                throw new InvalidDataException($"{path} is empty, or is not a regular file");

            using var file = RegularFile.OpenRead(path);
            using var unpacked = path.EndsWith(".gz", StringComparison.Ordinal)
                ? new GZipStream(file, CompressionMode.Decompress)
                : (Stream)file;
            return Read(path, unpacked, dimensions);
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            throw new InvalidDataException($"{path} cannot be read: {failed.Message}", failed);
        }
    }

    private static (byte[] Values, int[] Shape) Read(string path, Stream content, int dimensions)
    {
        // Check the magic number, which has the type and the number of dimensions.
        var header = new byte[4 + 4 * dimensions];
        var read = Next(path, content, header);
        if (read < header.Length || BinaryPrimitives.ReadInt32BigEndian(header) != 0x0800 + dimensions)
            throw new InvalidDataException(
                $"{path} is not an IDX file of {dimensions}-dimensional bytes" + (header is [0x1f, 0x8b, ..]
                    ? ": it is packed by gzip, and its name must end in .gz, or it must be unpacked"
                    : ""));

        // Read the sizes.
        int[] shape =
        [
            .. Enumerable.Range(1, dimensions).Select(number => BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(4 * number)))
        ];
        var expectedBytes = shape.Aggregate((Int128)1, (product, size) => product * size);
        if (shape.Any(size => size < 1) || expectedBytes > MostBytes)
            throw new InvalidDataException($"{path} promises {string.Join("×", shape)} bytes, and up to {MostBytes} are read");

        // Read the values, and some more than expected, so that a file that is too long is noticed.
        using var held = new MemoryStream();
        var buffer = new byte[1 << 16];
        while (held.Length <= expectedBytes && Next(path, content, buffer) is > 0 and var some)
            held.Write(buffer, 0, some);
        return held.Length == expectedBytes
            ? (held.ToArray(), shape)
            : throw new InvalidDataException(
                $"{path} is {(held.Length < expectedBytes ? "truncated" : "too long")}: its header promises "
                    + $"{string.Join("×", shape)} bytes, it holds {(held.Length < expectedBytes ? held.Length : "more")}");
    }

    // Fills the buffer, unless the file ends.
    private static int Next(string path, Stream content, byte[] into)
    {
        try
        {
            return content.ReadAtLeast(into, into.Length, throwOnEndOfStream: false);
        }
        catch (InvalidDataException damaged)
        {
            throw new InvalidDataException($"{path} is damaged: {damaged.Message}", damaged);
        }
    }
}
