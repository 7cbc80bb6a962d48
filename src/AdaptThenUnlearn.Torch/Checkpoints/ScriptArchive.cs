using AdaptThenUnlearn.Torch.Checkpoints.Pickle;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>Looks into TorchScript archives without unpacking or running anything: tells them from files of tensors, and finds their weights.</summary>
internal static class ScriptArchive
{
    /// <summary>Whether the file is an archive that <c>torch.jit.save</c> writes: one that holds source text, unlike one of <c>torch.save</c>.</summary>
    /// <exception cref="CheckpointException">The file is missing, a folder or unreadable.</exception>
    public static bool IsAt(string path)
    {
        using var bytes = CheckpointBytes.Open(path);
        try
        {
            return StoredZip.Read(bytes).IsProgram;
        }
        catch (CheckpointException)
        {
            return false;   // no zip archive at all, or one that is damaged
        }
    }

    /// <summary>Describes its tensors, by the names that the program's own modules give them.</summary>
    /// <param name="path">The file.</param>
    /// <param name="survey">True lists what its pickle would be refused for, instead of refusing it.</param>
    /// <exception cref="CheckpointException">It is damaged, or no TorchScript program.</exception>
    public static TensorFile Read(string path, bool survey = false)
    {
        using var bytes = CheckpointBytes.Open(path);
        if (!PyTorchFormat.IsZip(bytes.Read(0, (int)Math.Min(bytes.Length, CheckpointFormats.StartBytes), "start")))
            throw NoProgram(path);

        var session = new PickleSession(survey, ofProgram: true);
        var (tensors, values) = PickleState.Flatten(path, bytes.Length, PyTorchZip.Read(bytes, session), anyRoot: survey);
        return new TensorFile(path, TorchScriptFormat.FormatName, tensors, values: values, globals: session.Globals, refused: session.Refused);
    }

    /// <summary>What is said of a program where nobody asked for one.</summary>
    public static CheckpointException NotNamed(string path) => new(
        path, "is a TorchScript program, and to use it is to run it",
        $"if you trust it, name the format ('{TorchScriptFormat.FormatName}'), and libtorch's interpreter runs it; otherwise save its weights with torch.save(module.state_dict(), …)");

    /// <summary>What is said of another file where a program is meant.</summary>
    public static CheckpointException NoProgram(string path) => new(
        path, "is no TorchScript program", $"'{TorchScriptFormat.FormatName}' is for files of torch.jit.save; for others leave the format at '{CheckpointFormats.Auto}'");
}
