using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using AdaptThenUnlearn.Files;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Images;

/// <summary>Reads and writes <c>.npy</c> arrays. The header is matched, never evaluated; object arrays are refused.</summary>
/// <remarks>Format: NumPy documentation, <c>numpy.lib.format</c>, versions 1.0 to 3.0.</remarks>
public static partial class NumpyFile
{
    private const int LongestHeader = 1 << 16;
    private const int OwnRoom = 128;   // blanks by which this tool recognises its own files
    private static readonly byte[] _magic = [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    // NumPy's name of an element type without the byte order, torch's element type, and its number of bytes. Both byte orders are
    // read; little-endian is written.
    private static readonly (string Code, ScalarType Type, int Bytes)[] _elements =
    [
        ("f4", ScalarType.Float32, 4), ("f8", ScalarType.Float64, 8), ("f2", ScalarType.Float16, 2),
        ("i8", ScalarType.Int64, 8), ("i4", ScalarType.Int32, 4), ("i2", ScalarType.Int16, 2),
        ("i1", ScalarType.Int8, 1), ("u1", ScalarType.Byte, 1), ("b1", ScalarType.Bool, 1),
    ];

    /// <summary>Reads an array, in either byte order, and stored by rows or by columns.</summary>
    /// <returns>On the CPU, contiguous; belongs to the caller's scope.</returns>
    /// <exception cref="ImageFileException">
    /// The file is missing or damaged, or its element type is not read, such as objects.
    /// </exception>
    public static Tensor Read(string path)
    {
        byte[] bytes;
        try
        {
            bytes = RegularFile.ReadAllBytes(path, Array.MaxLength);
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            throw new ImageFileException(path, $"the array cannot be read: {failed.Message}", failed);
        }

        return Parse(path, bytes);
    }

    /// <summary>Reads an array from the bytes of its file.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="bytes">All bytes of the file; their order may be changed.</param>
    /// <returns>On the CPU; belongs to the caller's scope.</returns>
    /// <exception cref="ImageFileException">The file is damaged, or its element type is not read, such as objects.</exception>
    internal static Tensor Parse(string path, byte[] bytes)
    {
        // Match the header, and find the element type.
        var (header, start) = Header(path, bytes);
        if (HeaderPattern().Match(header) is not { Success: true } match)
            throw new ImageFileException(
                path, "is not a NumPy array that this tool reads: its header is not the usual one; save it with numpy.save");
        var type = match.Groups["type"].Value;
        var element = type[0] is '<' or '>' or '|'
            ? Array.Find(_elements, each => each.Code == type[1..] && (type[0] != '|' || each.Bytes == 1))
            : default;
        if (element.Code is null)
            throw new ImageFileException(
                path,
                $"holds elements of type '{type}'; save it as one of {string.Join(", ", _elements.Select(each => each.Code))}");

        // Read the shape, which must need exactly the bytes that follow.
        long[] shape;
        long needed;
        try
        {
            shape = [.. match.Groups["shape"].Value
                .Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
                .Select(size => long.Parse(size, NumberStyles.None, CultureInfo.InvariantCulture))];
            needed = shape.Aggregate((long)element.Bytes, (product, size) => checked(product * size));
        }
        catch (Exception impossible) when (impossible is OverflowException or FormatException)
        {
            throw new ImageFileException(path, $"claims the impossible shape ({match.Groups["shape"].Value})");
        }

        if (needed != bytes.Length - start)
            throw new ImageFileException(
                path,
                FormattableString.Invariant(
                    $"is truncated or too long: its shape needs {needed} bytes, it holds {bytes.Length - start}"));

        // Copy the values; an array that is stored by columns is transposed.
        if (type[0] == '>')
            Reverse(bytes.AsSpan(start), element.Bytes);
        var columnsFirst = match.Groups["order"].Value == "True";
        using var scope = NewDisposeScope();
        var array = empty(columnsFirst ? [.. shape.Reverse()] : shape, element.Type, device: CPU);
        if (needed > 0)
            bytes.AsSpan(start).CopyTo(array.bytes);
        return (columnsFirst
            ? array.permute([.. Enumerable.Range(0, shape.Length).Select(axis => (long)(shape.Length - 1 - axis))]).contiguous()
            : array).MoveToOuterDisposeScope();
    }

    /// <summary>Writes an array to a temporary file and moves it into place.</summary>
    /// <param name="path">The file.</param>
    /// <param name="array">The array, on any device; of one of the element types that are read.</param>
    /// <exception cref="ImageFileException">The element type is not written.</exception>
    /// <exception cref="FileNotWrittenException">The file cannot be written.</exception>
    public static void Write(string path, Tensor array) => AtomicFile.Write(path, Bytes(path, array, room: OwnRoom));

    /// <summary>Whether a file is an array that this tool wrote: its header ends in more blanks than NumPy writes.</summary>
    /// <param name="path">Any path.</param>
    public static bool IsWrittenByAtu(string path)
    {
        try
        {
            using var file = RegularFile.OpenRead(path);
            var start = new byte[LongestHeader];
            var count = file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
            return Header(path, start[..count]).Text.EndsWith(new string(' ', OwnRoom) + "\n", StringComparison.Ordinal);
        }
        catch (Exception other) when (other is IOException or UnauthorizedAccessException or ImageFileException)
        {
            return false;
        }
    }

    /// <summary>The bytes of an array's file.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="array">The array, on any device; of one of the element types that are read.</param>
    /// <param name="room">Number of further blanks behind the header, a multiple of 64.</param>
    /// <exception cref="ImageFileException">The element type is not written.</exception>
    internal static byte[] Bytes(string path, Tensor array, int room = 0)
    {
        using var scope = NewDisposeScope();
        var element = Array.Find(_elements, each => each.Type == array.dtype);
        if (element.Code is null)
            throw new ImageFileException(path, $"elements of type {array.dtype} cannot be written");

        var sizes = string.Concat(array.shape.Select(size => string.Create(CultureInfo.InvariantCulture, $"{size}, ")));
        var header =
            $"{{'descr': '{(element.Bytes == 1 ? '|' : '<')}{element.Code}', 'fortran_order': False, 'shape': "
                + $"({sizes.TrimEnd()}), }}";
        // The data begin at a multiple of 64.
        header = header.PadRight((_magic.Length + 4 + header.Length + 1 + 63) / 64 * 64 - _magic.Length - 4 - 1)
            + new string(' ', room)
            + "\n";
        using var content = new MemoryStream();
        content.Write(_magic);
        content.Write([1, 0, (byte)header.Length, (byte)(header.Length >> 8)]);
        content.Write(Encoding.ASCII.GetBytes(header));
        content.Write(array.detach().cpu().contiguous().bytes);
        return content.ToArray();
    }

    // Reverses the bytes of each element.
    private static void Reverse(Span<byte> bytes, int each)
    {
        for (var at = 0; each > 1 && at < bytes.Length; at += each)
            bytes.Slice(at, each).Reverse();
    }

    private static (string Text, int End) Header(string path, byte[] bytes)
    {
        if (bytes.Length < 12 || !bytes.AsSpan(0, 6).SequenceEqual(_magic) || bytes[6] is < 1 or > 3)
            throw new ImageFileException(path, "is not a NumPy array (.npy)");

        var start = bytes[6] == 1 ? 10 : 12;
        var length = bytes[6] == 1
            ? BinaryPrimitives.ReadUInt16LittleEndian(bytes.AsSpan(8))
            : BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(8));
        return length <= LongestHeader && start + length <= bytes.Length
            ? (Encoding.UTF8.GetString(bytes, start, (int)length), start + (int)length)
            : throw new ImageFileException(path, "is truncated within its header");
    }

    [GeneratedRegex(
        @"^\{\s*'descr':\s*'(?<type>[^']{1,8})',\s*'fortran_order':\s*(?<order>True|False),"
            + @"\s*'shape':\s*\((?<shape>[\d, ]*)\),?\s*\}\s*$",
        RegexOptions.CultureInvariant | RegexOptions.NonBacktracking)]
    private static partial Regex HeaderPattern();
}
