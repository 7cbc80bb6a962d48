namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>Every checkpoint format that a policy can name, and how one is found by content.</summary>
public static class CheckpointFormats
{
    /// <summary>What a policy says when the format is to be found by content.</summary>
    public const string Auto = "auto";

    /// <summary>Bytes at a file's start that are shown to <see cref="ICheckpointFormat.Recognises"/>.</summary>
    public const int StartBytes = 64;

    /// <summary>The formats; the first that recognises a file reads it, so special ones come before general ones.</summary>
    public static IReadOnlyList<ICheckpointFormat> All { get; } = [new SafetensorsFormat(), new TorchScriptFormat(), new RosinalityFormat(), new PyTorchFormat(), new NvidiaFormat()];

    /// <summary>What a policy's <c>format</c> may be: <c>auto</c> and every format's name.</summary>
    public static IReadOnlyList<string> Names { get; } = [Auto, .. All.Select(format => format.Name)];

    /// <summary>Describes what a checkpoint holds; values are read when asked for.</summary>
    /// <param name="path">The file.</param>
    /// <param name="format">One of <see cref="Names"/>.</param>
    /// <exception cref="CheckpointException">The file is missing, empty, a folder, unreadable, damaged, of an unknown format, not of the named one, or a program that was not named.</exception>
    public static TensorFile Read(string path, string format = Auto) => Choose(path, format).Read(path);

    /// <summary>The format of a file, by its content.</summary>
    /// <exception cref="CheckpointException">No format recognises it, or it cannot be read at all.</exception>
    public static ICheckpointFormat Detect(string path)
    {
        var start = Start(path);
        return All.FirstOrDefault(format => format.Recognises(start, path))
            ?? throw UnknownFile.Refusal(path, start, All.Select(format => format.Name));
    }

    /// <summary>The files beside this one that belong to the same checkpoint, full paths; none where it cannot be read, which loading it will say.</summary>
    public static IReadOnlyList<string> FurtherFiles(string path)
    {
        try
        {
            return Detect(path).FurtherFiles(path);
        }
        catch (CheckpointException)
        {
            return [];
        }
    }

    /// <summary>A format by its name.</summary>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    public static ICheckpointFormat Named(string name) => All.First(format => format.Name == name);

    private static ICheckpointFormat Choose(string path, string name)
    {
        if (name == Auto)
            return Detect(path) is { IsProgram: false } found ? found : throw ScriptArchive.NotNamed(path);

        var chosen = All.FirstOrDefault(format => format.Name == name)
            ?? throw new CheckpointException(path, $"there is no checkpoint format '{CheckpointException.Shown(name)}'", $"use one of {string.Join(", ", Names)}");
        return chosen.Recognises(Start(path), path)
            ? chosen
            : throw new CheckpointException(path, $"is not of the format '{name}'", $"it is of the format '{Detect(path).Name}'; say that, or '{Auto}'");
    }

    /// <summary>The first bytes of a file.</summary>
    internal static byte[] Start(string path)
    {
        using var bytes = CheckpointBytes.Open(path);
        return bytes.Read(0, (int)Math.Min(bytes.Length, StartBytes), "start");
    }
}
