namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>Tells a TorchScript program from a file of tensors, without running anything.</summary>
internal static class ScriptArchive
{
    /// <summary>Whether the file is an archive that <c>torch.jit.save</c> writes: one that holds code.</summary>
    /// <exception cref="CheckpointException">The file is missing, empty, a folder or unreadable.</exception>
    public static bool IsAt(string path)
    {
        using var bytes = CheckpointBytes.Open(path);
        if (bytes.Length < 4 || !bytes.Read(0, 4, "start").AsSpan().SequenceEqual("PK\x3\x4"u8))
            return false;

        // archive/constants.pkl and archive/code/…: a plain torch.save has neither.
        var names = StoredZip.Read(bytes).Entries.Select(entry => entry.Name[(entry.Name.IndexOf('/', StringComparison.Ordinal) + 1)..]).ToList();
        return names.Contains("constants.pkl") && names.Exists(name => name.StartsWith("code/", StringComparison.Ordinal));
    }
}
