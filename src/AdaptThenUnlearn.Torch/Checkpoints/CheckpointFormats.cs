using AdaptThenUnlearn.Torch.Checkpoints.Tensors;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>Every checkpoint format that a policy can name. A new one: write its file, add its line.</summary>
/// <remarks>A format that a policy does not name is found by content.</remarks>
public static class CheckpointFormats
{
    /// <summary>What a policy says when the format is to be found by content.</summary>
    public const string Auto = "auto";

    /// <summary>Bytes at a file's start that are shown to <see cref="ICheckpointFormat.Recognises"/>.</summary>
    public const int StartBytes = 64;

    /// <summary>The formats; the first that recognises a file reads it, so special ones come before general ones.</summary>
    public static IReadOnlyList<ICheckpointFormat> All { get; } =
    [
        new SafetensorsFormat(), new TorchScriptFormat(), new RosinalityFormat(), new PyTorchFormat(), new NvidiaFormat(),
        new OnnxFormat(),
    ];

    /// <summary>What a policy's <c>format</c> may be: <c>auto</c> and every format's name.</summary>
    public static IReadOnlyList<string> Names { get; } = [Auto, .. All.Select(format => format.Name)];

    /// <summary>Describes what a checkpoint holds; values are read when asked for.</summary>
    /// <param name="path">The file.</param>
    /// <param name="format">One of <see cref="Names"/>.</param>
    /// <exception cref="CheckpointException">
    /// The file is missing, empty, a folder, unreadable, damaged, of an unknown format, not of the named one, or a program that
    /// was not named.
    /// </exception>
    public static TensorFile Read(string path, string format = Auto) => Read(CheckpointFile.Open(path), format);

    /// <inheritdoc cref="Read(string, string)"/>
    /// <param name="file">As it was hashed.</param>
    /// <param name="format">One of <see cref="Names"/>.</param>
    public static TensorFile Read(CheckpointFile file, string format = Auto) => Choose(file, format).Read(file);

    /// <summary>The format of a file, by its content.</summary>
    /// <exception cref="CheckpointException">No format recognises it, or it cannot be read at all.</exception>
    public static ICheckpointFormat Detect(CheckpointFile file)
    {
        var start = file.Start;
        return All.FirstOrDefault(format => format.Recognises(start, file))
            ?? throw UnknownFile.CreateException(file, start, All.Select(format => format.Name));
    }

    /// <summary>
    /// The files beside this one that belong to the same checkpoint, full paths; empty where it cannot be read, which loading
    /// will report.
    /// </summary>
    public static IReadOnlyList<string> FurtherFiles(string path)
    {
        try
        {
            return FurtherFiles(CheckpointFile.OpenUnhashed(path));
        }
        catch (CheckpointException)
        {
            return [];
        }
    }

    /// <inheritdoc cref="FurtherFiles(string)"/>
    /// <param name="file">As it was hashed.</param>
    public static IReadOnlyList<string> FurtherFiles(CheckpointFile file)
    {
        try
        {
            return Detect(file).FurtherFiles(file);
        }
        catch (CheckpointException)
        {
            return [];
        }
    }

    /// <summary>Gets a format by its name.</summary>
    /// <exception cref="InvalidOperationException">The name is unknown.</exception>
    public static ICheckpointFormat Named(string name) => All.First(format => format.Name == name);

    private static ICheckpointFormat Choose(CheckpointFile file, string name)
    {
        if (name == Auto)
            return Detect(file) switch
            {
                { IsProgram: false } found => found,
                OnnxFormat => throw OnnxFormat.NotNamed(file.Path),
                _ => throw ScriptArchive.NotNamed(file.Path),
            };

        var chosen = All.FirstOrDefault(format => format.Name == name)
            ?? throw new CheckpointException(
                file.Path,
                $"'{CheckpointException.Sanitize(name)}' is not a checkpoint format",
                $"use one of {string.Join(", ", Names)}");
        return chosen.Recognises(file.Start, file)
            ? chosen
            : throw new CheckpointException(
                file.Path, $"is not of the format '{name}'", $"it is of the format '{Detect(file).Name}'; say that, or '{Auto}'");
    }
}
