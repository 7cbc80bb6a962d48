using AdaptThenUnlearn.Torch.Checkpoints.Pickle;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>
/// Reads the format of <c>torch.save</c> since PyTorch 1.6, and the weights of <c>torch.jit.save</c>: a zip archive with one
/// pickle and one entry for each storage.
/// </summary>
/// <remarks>
/// Layout: PyTorch, <c>torch/serialization.py</c> (<c>_save</c>, <c>_load</c>),
/// <c>torch/csrc/jit/serialization/export_module.cpp</c>.
/// </remarks>
internal static class PyTorchZip
{
    private const string PickleEntry = "/data.pkl";
    private const string Remedy = "save it again with torch.save(model.state_dict(), …)";

    /// <summary>Reads the archive's pickle.</summary>
    /// <returns>The pickle's root; every storage in it has its offset.</returns>
    /// <exception cref="CheckpointException">The archive is damaged or holds more than data.</exception>
    public static object? Read(CheckpointBytes bytes, PickleSession session)
    {
        // Refuse a program where weights are expected, and weights where a program is.
        var path = bytes.Path;
        var zip = StoredZip.Read(bytes);
        if (zip.IsProgram != session.OfProgram)
            throw zip.IsProgram ? ScriptArchive.NotNamed(path) : ScriptArchive.NoProgram(path);

        // Read the one pickle; its storages are entries of the archive.
        var pickle = FindPickle(path, zip);
        var root = pickle.Name[..^PickleEntry.Length];
        RefuseBigEndian(bytes, zip, root);

        var source = new PickleSource(bytes, pickle.Offset, pickle.Bytes, CheckpointException.Sanitize(pickle.Name));
        var value = RestrictedUnpickler
            .Read(path, source, session, new PickleHost(id => StorageOf(path, zip, root, id), (_, _) => null));
        return source.Left == 0
            ? value
            : throw new CheckpointException(path, $"{source.Left} bytes follow the end of its pickle", Remedy, pickle.Name);
    }

    private static StoredEntry FindPickle(string path, StoredZip zip)
    {
        return zip.Entries.Where(IsPickle).ToList() switch
        {
            [var only] => only,
            [] =>
                throw new CheckpointException(path, "is a zip archive without a 'data.pkl', so PyTorch did not write it", Remedy),
            _ => throw new CheckpointException(path, "is a zip archive with several 'data.pkl'", Remedy),
        };

        // The pickle lies one folder deep: "archive/data.pkl".
        static bool IsPickle(StoredEntry entry) =>
            entry.Name.EndsWith(PickleEntry, StringComparison.Ordinal)
            && entry.Name.IndexOf('/', StringComparison.Ordinal) == entry.Name.Length - PickleEntry.Length;
    }

    private static void RefuseBigEndian(CheckpointBytes bytes, StoredZip zip, string root)
    {
        if (zip.Find($"{root}/byteorder") is { Bytes: > 0 and < 16 } order
            && !bytes.Read(order.Offset, (int)order.Bytes, order.Name).AsSpan().SequenceEqual("little"u8))
            throw new CheckpointException(
                bytes.Path, "was written on a big-endian machine", "save it again on a little-endian one", order.Name);
    }

    // A persistent id is ('storage', class, key, location, number of elements). The location is the device it was saved from, and
    // is not used.
    private static object? StorageOf(string path, StoredZip zip, string root, object? id)
    {
        if (id is PickleTuple { Items: ["storage", PickleGlobal { Role: not PickleRole.Storage } other, ..] })
            return new PickleOpaque(other);
        if (id is not PickleTuple
            {
                Items: ["storage", PickleGlobal { Role: PickleRole.Storage, Element: var type }, string key, _, long count]
            })
            return null;

        // Find the storage's entry, and refuse a storage that claims more than the entry holds.
        var entry = zip.Find($"{root}/data/{key}");
        if (entry is null && count != 0)
            throw new CheckpointException(
                path, "a tensor's storage is missing", Remedy, $"entry 'data/{CheckpointException.Sanitize(key)}'");
        if (count < 0 || count > (entry?.Bytes ?? 0) / type.Size())
            throw new CheckpointException(
                path,
                $"a storage claims {count} elements of {type.Size()} bytes, but {entry?.Bytes ?? 0} bytes are there",
                Remedy,
                $"entry 'data/{CheckpointException.Sanitize(key)}'");

        return new PickleStorage(type, count, entry?.Offset ?? 0);
    }

    /// <summary>
    /// An action that updates the checksums of a copy in which tensors were overwritten; null for a file that is not an archive.
    /// </summary>
    /// <param name="file">As read.</param>
    /// <param name="changed">Full names of the overwritten tensors.</param>
    public static Action<CheckpointBytes, Stream>? CreateChecksumUpdate(TensorFile file, IEnumerable<string> changed)
    {
        if (!PyTorchFormat.IsZip(file.File.Start))
            return null;

        var tensors = changed.Select(name => file[name]).ToList();
        return (original, copy) =>
        {
            foreach (var entry in StoredZip.Read(original).Entries
                .Where(entry => tensors.Exists(tensor => tensor.LiesWithin(entry.Offset, entry.Bytes))))
                entry.UpdateChecksum(original, copy);
        };
    }
}
