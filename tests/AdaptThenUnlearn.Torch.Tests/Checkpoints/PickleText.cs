using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace AdaptThenUnlearn.Torch.Tests.Checkpoints;

/// <summary>
/// Pickles and the files around them, written opcode by opcode from the format's definition (CPython, <c>Lib/pickletools.py</c>):
/// honest ones and others.
/// </summary>
internal static class PickleText
{
    public static byte[] None => "N"u8.ToArray();

    public static byte[] Text(string text) =>
        [(byte)'X', .. Int32(Encoding.UTF8.GetByteCount(text)), .. Encoding.UTF8.GetBytes(text)];

    public static byte[] Integer(long value) =>
        value is >= int.MinValue and <= int.MaxValue ? [(byte)'J', .. Int32((int)value)] : [0x8a, 8, .. Int64(value)];

    public static byte[] Real(double value)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteDoubleBigEndian(bytes, value);
        return [(byte)'G', .. bytes];
    }

    public static byte[] Bytes(byte[] content) => [(byte)'B', .. Int32(content.Length), .. content];

    public static byte[] Tuple(params byte[][] items) => [(byte)'(', .. Joined(items), (byte)'t'];

    public static byte[] List(params byte[][] items) => [(byte)']', (byte)'(', .. Joined(items), (byte)'e'];

    public static byte[] Dictionary(params (string Key, byte[] Value)[] items) =>
        [(byte)'}', (byte)'(', .. items.SelectMany(item => Text(item.Key).Concat(item.Value)), (byte)'u'];

    public static byte[] Global(string module, string name) => Encoding.UTF8.GetBytes($"c{module}\n{name}\n");

    public static byte[] Call(byte[] callable, params byte[][] arguments) => [.. callable, .. Tuple(arguments), (byte)'R'];

    /// <summary>A reference to what lies outside of the pickle.</summary>
    public static byte[] Persistent(byte[] id) => [.. id, (byte)'Q'];

    /// <summary>A storage as torch.save refers to it; only the old format has a sixth element.</summary>
    public static byte[] Storage(string key, long count, bool old, string type = "FloatStorage") => Persistent(Tuple(
        [Text("storage"), Global("torch", type), Text(key), Text("cpu"), Integer(count), .. old ? (byte[][])[None] : []]));

    public static byte[] Tensor(byte[] storage, long first, long[] shape, long[] strides) => Call(
        Global("torch._utils", "_rebuild_tensor_v2"),
        storage,
        Integer(first),
        Tuple([.. shape.Select(Integer)]),
        Tuple([.. strides.Select(Integer)]),
        [0x89], Call(Global("collections", "OrderedDict")));

    /// <summary>A whole pickle, from protocol to stop.</summary>
    public static byte[] Pickle(byte[] value) => [0x80, 2, .. value, (byte)'.'];

    /// <summary>An archive as torch.save has written it since PyTorch 1.6.</summary>
    public static byte[] Zip(byte[] pickle, params (string Key, byte[] Content)[] storages)
    {
        using var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
            foreach (var (name, content) in (IEnumerable<(string, byte[])>)
                [
                    ("archive/data.pkl", pickle),
                    ("archive/byteorder", "little"u8.ToArray()),
                    .. storages.Select(storage => ($"archive/data/{storage.Key}", storage.Content)),
                    ("archive/version", "3\n"u8.ToArray())
                ])
            {
                using var entry = zip.CreateEntry(name, CompressionLevel.NoCompression).Open();
                entry.Write(content);
            }

        return stream.ToArray();
    }

    /// <summary>A stream as torch.save wrote it before.</summary>
    public static byte[] Old(byte[] pickle, params (string Key, int Count, byte[] Content)[] storages) =>
    [
        .. Pickle([0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19]),
        .. Pickle([(byte)'M', 0xe9, 3]),
        .. Pickle(Dictionary(("protocol_version", Integer(1001)), ("little_endian", [0x88]))),
        .. pickle,
        .. Pickle(List([.. storages.Select(storage => Text(storage.Key))])),
        .. storages.SelectMany(storage => Int64(storage.Count).Concat(storage.Content)),
    ];

    /// <summary>A tensor that is pickled without torch.save: its storage is an old stream of its own within the pickle.</summary>
    public static byte[] Carried(float[] values, params long[] shape) => Tensor(
        Call(Global("torch.storage", "_load_from_bytes"), Bytes(Old(
            Pickle(Storage("s", values.Length, old: true)), ("s", values.Length, Raw(values))))),
        0,
        shape,
        [.. shape.Index().Select(dimension => shape.Skip(dimension.Index + 1).Aggregate(1L, (product, size) => product * size))]);

    /// <summary>An object as NVIDIA's persistence pickles it.</summary>
    public static byte[] Object(string className, string source, params (string Key, byte[] Value)[] state) => Call(
        Global("torch_utils.persistence", "_reconstruct_persistent_obj"),
        Dictionary(
            ("type", Text("class")),
            ("version", Integer(6)),
            ("module_src", Text(source)),
            ("class_name", Text(className)),
            ("state", Dictionary(state))));

    /// <summary>Bytes as protocol 2 writes them: as text, one character each.</summary>
    public static byte[] AsText(byte[] content) =>
        Call(Global("_codecs", "encode"), Text(Encoding.Latin1.GetString(content)), Text("latin1"));

    /// <summary>A tensor as <see cref="Carried"/>, in a pickle of protocol 2.</summary>
    public static byte[] Encoded(float[] values, params long[] shape) => Tensor(
        Call(Global("torch.storage", "_load_from_bytes"), AsText(Old(
            Pickle(Storage("s", values.Length, old: true)), ("s", values.Length, Raw(values))))),
        0,
        shape,
        [.. shape.Index().Select(dimension => shape.Skip(dimension.Index + 1).Aggregate(1L, (product, size) => product * size))]);

    /// <summary>A tensor as PyTorch 0.3 described it.</summary>
    public static byte[] OldTensor(byte[] storage, long first, long[] shape, long[] strides) => Call(
        Global("torch._utils", "_rebuild_tensor"),
        storage,
        Integer(first),
        Tuple([.. shape.Select(Integer)]),
        Tuple([.. strides.Select(Integer)]));

    /// <summary>A NumPy number, as torch.save pickles it.</summary>
    public static byte[] NumPyNumber(double value) =>
        Call(Global("numpy.core.multiarray", "scalar"), NumPyType("f8"), AsText(BitConverter.GetBytes(value)));

    /// <summary>A NumPy array, as torch.save pickles it.</summary>
    public static byte[] NumPyArray(double[] values) =>
    [
        .. Call(
            Global("numpy.core.multiarray", "_reconstruct"),
            Global("numpy", "ndarray"),
            Tuple(Integer(0)),
            AsText("b"u8.ToArray())),
        .. Tuple(
            Integer(1),
            Tuple(Integer(values.Length)),
            NumPyType("f8"),
            [0x89],
            AsText([.. values.SelectMany(BitConverter.GetBytes)])), (byte)'b',
    ];

    private static byte[] NumPyType(string code) =>
        [
            .. Call(Global("numpy", "dtype"), Text(code), Integer(0), Integer(1)),
            .. Tuple(Integer(3), Text("<"), None, None, None, Integer(-1), Integer(-1), Integer(0)),
            (byte)'b'
        ];

    /// <summary>Gives a dictionary items, whatever their keys.</summary>
    public static byte[] Keyed(byte[] dictionary, params (byte[] Key, byte[] Value)[] items) =>
        [.. dictionary, (byte)'(', .. items.SelectMany(item => item.Key.Concat(item.Value)), (byte)'u'];

    /// <summary>An ordered dictionary as Python 2 pickled it: called with its items, whose names are byte strings.</summary>
    public static byte[] Pairs(params (string Key, byte[] Value)[] items) =>
        Call(Global("collections", "OrderedDict"), List([.. items.Select(item => List(OldText(item.Key), item.Value))]));

    private static byte[] OldText(string text) => [(byte)'U', (byte)text.Length, .. Encoding.Latin1.GetBytes(text)];

    public static byte[] Raw(float[] values) => [.. values.SelectMany(BitConverter.GetBytes)];

    public static byte[] Int32(int value) => BitConverter.GetBytes(value);

    public static byte[] Int64(long value) => BitConverter.GetBytes(value);

    private static IEnumerable<byte> Joined(byte[][] parts) => parts.SelectMany(part => part);
}
