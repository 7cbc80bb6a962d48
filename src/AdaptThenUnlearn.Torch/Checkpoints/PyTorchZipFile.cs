using AdaptThenUnlearn.Torch.Checkpoints.Pickle;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>Reads what <c>torch.save</c> has written since PyTorch 1.6: a zip archive with one pickle and one entry per storage.</summary>
/// <remarks>
/// The pickle is read by <see cref="RestrictedUnpickler"/>, which builds data and runs nothing. Tensors stay on the disk until asked for.
/// Layout: PyTorch, <c>torch/serialization.py</c> (<c>_save</c>, <c>_load</c>).
/// </remarks>
public static class PyTorchZipFile
{
    private const string PickleEntry = "/data.pkl";
    private const string TorchScriptEntry = "/constants.pkl";
    private const string Remedy = "save it again with torch.save(model.state_dict(), …)";

    /// <summary>Describes what a file holds; values are read when asked for.</summary>
    /// <param name="path">The file.</param>
    /// <returns>Its tensors, named as <see cref="TensorFile"/> says; its format is <c>pytorch</c> or <c>rosinality</c>, by its sections.</returns>
    /// <exception cref="CheckpointException">It is damaged, holds more than tensors and plain data, or asks for a name that is not allowed (the message says which).</exception>
    public static TensorFile Read(string path) => Read(path, keepUnknown: false).File;

    /// <summary>Describes a file that may not be trustworthy: what <see cref="Read(string)"/> would refuse is listed, and still not run.</summary>
    /// <returns>The content, and the names that are refused.</returns>
    /// <exception cref="CheckpointException">It is damaged.</exception>
    internal static (TensorFile File, IReadOnlyList<string> Refused) Survey(string path) => Read(path, keepUnknown: true);

    private static (TensorFile File, IReadOnlyList<string> Refused) Read(string path, bool keepUnknown)
    {
        using var bytes = CheckpointBytes.Open(path);
        var zip = StoredZip.Read(bytes);
        var pickle = FindPickle(path, zip);
        var root = pickle.Name[..^PickleEntry.Length];
        RefuseBigEndian(bytes, zip, root);
        if (pickle.Bytes > RestrictedUnpickler.MaximumBytes)
            throw new CheckpointException(path, $"its pickle of {pickle.Bytes} bytes is too long to be a state dict", Remedy, pickle.Name);

        var content = bytes.Read(pickle.Offset, (int)pickle.Bytes, pickle.Name);
        var read = RestrictedUnpickler.Read(path, CheckpointException.Shown(pickle.Name), content, id => StorageOf(path, zip, root, id, keepUnknown), keepUnknown);
        if (read.Length != content.Length)
            throw new CheckpointException(path, $"{content.Length - read.Length} bytes follow the end of its pickle", Remedy, pickle.Name);

        var (tensors, values) = PickleState.Flatten(path, bytes.Length, read.Value, anyRoot: keepUnknown);
        var file = new TensorFile(path, FormatOf(tensors), tensors, values: values, globals: [.. read.Globals.Select(global => global.Name)]);
        return (file, [.. read.Globals.Where(global => global.Role == PickleRole.Unknown).Select(global => global.Name)]);
    }

    private static StoredEntry FindPickle(string path, StoredZip zip)
    {
        if (zip.Entries.Any(entry => entry.Name.EndsWith(TorchScriptEntry, StringComparison.Ordinal)))
            throw new CheckpointException(path, "is a TorchScript module, not a state dict", "save its weights with torch.save(module.state_dict(), …)");

        // One folder deep: "archive/data.pkl".
        return zip.Entries.Where(entry => entry.Name.IndexOf('/', StringComparison.Ordinal) == entry.Name.Length - PickleEntry.Length
                && entry.Name.EndsWith(PickleEntry, StringComparison.Ordinal)).ToList() switch
        {
            [var only] => only,
            [] => throw new CheckpointException(path, "is a zip archive without a 'data.pkl', so PyTorch did not write it", Remedy),
            _ => throw new CheckpointException(path, "is a zip archive with several 'data.pkl'", Remedy),
        };
    }

    private static void RefuseBigEndian(CheckpointBytes bytes, StoredZip zip, string root)
    {
        if (zip.Find($"{root}/byteorder") is { Bytes: > 0 and < 16 } order
            && !bytes.Read(order.Offset, (int)order.Bytes, order.Name).AsSpan().SequenceEqual("little"u8))
            throw new CheckpointException(bytes.Path, "was written on a big-endian machine", "save it again on a little-endian one", order.Name);
    }

    // ('storage', class, key, location, number of elements); the location says where it was, and means nothing here.
    private static object? StorageOf(string path, StoredZip zip, string root, object? id, bool keepUnknown)
    {
        if (id is PickleTuple { Items: ["storage", PickleGlobal { Role: PickleRole.Unknown } unknown, ..] } && keepUnknown)
            return new PickleOpaque(unknown);
        if (id is not PickleTuple { Items: ["storage", PickleGlobal { Role: PickleRole.Storage, Element: var type }, string key, _, long count] })
            return null;

        var entry = zip.Find($"{root}/data/{key}");
        if (entry is null && count != 0)
            throw new CheckpointException(path, "a tensor's storage is missing", Remedy, $"entry 'data/{CheckpointException.Shown(key)}'");
        if (count < 0 || count > (entry?.Bytes ?? 0) / type.Size())
            throw new CheckpointException(
                path, $"a storage claims {count} elements of {type.Size()} bytes, but {entry?.Bytes ?? 0} bytes are there", Remedy, $"entry 'data/{CheckpointException.Shown(key)}'");

        return new PickleStorage(type, entry?.Offset ?? 0, count);
    }

    private static string FormatOf(IReadOnlyList<TensorEntry> tensors) =>
        tensors.Any(tensor => TensorFile.SectionOf(tensor.Name) is RosinalityFormat.Generator or RosinalityFormat.AveragedGenerator or RosinalityFormat.Discriminator)
            ? RosinalityFormat.FormatName
            : PyTorchFormat.FormatName;
}
