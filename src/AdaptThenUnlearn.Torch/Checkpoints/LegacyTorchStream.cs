using System.Buffers.Binary;
using System.Numerics;
using AdaptThenUnlearn.Torch.Checkpoints.Pickle;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>
/// Reads the format of <c>torch.save</c> before PyTorch 1.6, which it still writes for a single storage: five pickles, then the
/// storages' elements.
/// </summary>
/// <remarks>Layout: PyTorch, <c>torch/serialization.py</c> (<c>_legacy_save</c>, <c>_legacy_load</c>).</remarks>
internal sealed class LegacyTorchStream
{
    private const long ProtocolVersion = 1001;
    private const int CountBytes = 8;
    private const int StorageWindowBytes = 1 << 9;
    private const string Remedy = "save it again with torch.save(model.state_dict(), …)";

    private static readonly BigInteger _magic =
        BigInteger.Parse("119547037146038801333356", System.Globalization.CultureInfo.InvariantCulture);

    private readonly CheckpointBytes _bytes;
    private readonly PickleSession _session;
    private readonly PickleSource _source;
    private readonly PickleHost _host;
    private readonly Dictionary<string, PickleStorage> _storages = [];

    private LegacyTorchStream(CheckpointBytes bytes, PickleSession session, PickleSource source)
    {
        (_bytes, _session, _source) = (bytes, session, source);
        _host = new PickleHost(StorageOf, (_, _) => null);
    }

    /// <summary>Whether bytes begin with the pickle of the format's magic number.</summary>
    public static bool Begins(ReadOnlySpan<byte> start) =>
        start is [0x80, >= 2 and <= 5, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, (byte)'.', ..];

    /// <summary>Reads a whole file.</summary>
    /// <returns>The root of its main pickle; every storage in it has its offset.</returns>
    /// <exception cref="CheckpointException">The file is damaged or holds more than data.</exception>
    public static object? Read(CheckpointBytes bytes, PickleSession session) =>
        new LegacyTorchStream(bytes, session, new PickleSource(bytes, 0, bytes.Length, "pickle")).Read();

    /// <summary>
    /// Reads a storage that was saved as bytes within a file. A tensor that is pickled without <c>torch.save</c> has such a
    /// storage.
    /// </summary>
    /// <param name="bytes">The file.</param>
    /// <param name="session">The session of the file.</param>
    /// <param name="within">Where the bytes lie in the file, or in the content.</param>
    /// <param name="content">
    /// The decoded bytes where the file keeps them as text; null where they lie in the file as they are.
    /// </param>
    /// <returns>The storage; null where the bytes hold something else.</returns>
    /// <exception cref="CheckpointException">The bytes are damaged or hold more than data.</exception>
    public static PickleStorage? ReadStorage(CheckpointBytes bytes, PickleSession session, PickleBytes within, byte[]? content)
    {
        using var decoded = content is null ? null : CheckpointBytes.FromMemory(bytes.File, content);
        var source =
            new PickleSource(decoded ?? bytes, within.Offset, within.Length, "a storage's own pickle", StorageWindowBytes);
        var storage = new LegacyTorchStream(decoded ?? bytes, session, source).Read() as PickleStorage;
        if (storage is not null)
            storage.Content = content;
        return storage;
    }

    private object? Read()
    {
        // Read the three small pickles: magic number, protocol version, and the system that wrote the file.
        if (Next(PickleHost.None) is not BigInteger magic || magic != _magic)
            throw Bad("does not begin with PyTorch's magic number");
        if (Next(PickleHost.None) is not ProtocolVersion)
            throw Bad("is of another version than 1001 of PyTorch's old format");
        if (Next(PickleHost.None) is PickleDictionary { Items: { } system }
            && system.TryGetValue("little_endian", out var little)
            && little is false)
            throw Bad("was written on a big-endian machine");

        // Read the main pickle, which names the storages, and the list of their keys.
        var root = Next(_host);
        if (Next(PickleHost.None) is not PickleList { Items: var keys })
            throw Bad("does not list its storages");

        // Find the storages' elements, which follow in the order of the keys.
        foreach (var key in keys)
            Place(key);
        if (_storages.FirstOrDefault(storage => storage.Value.Offset is null) is { Key: { } missing })
            throw Bad($"does not hold the storage '{CheckpointException.Sanitize(missing)}' that it names");

        return _source.Left == 0 ? root : throw Bad($"has {_source.Left} bytes behind its last storage");
    }

    private object? Next(PickleHost host) => RestrictedUnpickler.Read(_bytes.Path, _source, _session, host);

    // A persistent id is ('storage', class, key, location, number of elements, view). Views of storages were written before
    // PyTorch 0.4.
    private PickleStorage? StorageOf(object? id)
    {
        if (id is PickleTuple { Items: ["storage", PickleGlobal { Role: not PickleRole.Storage } other, ..] })
            throw _source.Unsupported(
                $"it has a storage of the kind '{other.Name}', whose elements are not read", _source.Position);
        if (id is not PickleTuple
            {
                Items: ["storage", PickleGlobal { Role: PickleRole.Storage, Element: var type }, string key, _, long count, null]
            }
            || count < 0)
            return null;

        // A storage may be named several times, with the same description.
        if (!_storages.TryGetValue(key, out var storage))
            return _storages[key] = new PickleStorage(type, count, offset: null);

        return storage.Type == type && storage.Count == count
            ? storage
            : throw Bad($"describes the storage '{CheckpointException.Sanitize(key)}' in two ways");
    }

    private void Place(object? key)
    {
        if (key is not string name || !_storages.TryGetValue(name, out var storage))
            throw Bad("lists a storage that nothing refers to");
        if (storage.Offset is not null)
            throw Bad($"lists the storage '{CheckpointException.Sanitize(name)}' twice");

        var count = BinaryPrimitives.ReadInt64LittleEndian(_source.Take(CountBytes));
        if (count != storage.Count || count > _source.Left / storage.Type.Size())
            throw Bad(
                $"claims {storage.Count} elements of {storage.Type.Size()} bytes for the storage "
                    + $"'{CheckpointException.Sanitize(name)}', but {Math.Min(count, _source.Left)} are there");

        storage.Offset = _source.Skip((ulong)(count * storage.Type.Size())).Offset;
    }

    private CheckpointException Bad(string problem) => new(_bytes.Path, problem, Remedy, _source.Place(_source.Position));
}
