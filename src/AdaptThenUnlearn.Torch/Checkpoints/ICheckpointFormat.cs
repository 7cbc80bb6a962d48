using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;

using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>
/// A way in which checkpoints are stored. A new one: write its file, add its line to <see cref="CheckpointFormats"/>.
/// </summary>
public interface ICheckpointFormat
{
    /// <summary>Name in the policy's <c>generator.format</c>.</summary>
    string Name { get; }

    /// <summary>Whether a file is of this format, by its content and never by its name.</summary>
    /// <param name="start">The file's first <see cref="CheckpointFormats.StartBytes"/> bytes, fewer where it is shorter.</param>
    /// <param name="file">The whole file, for formats that the start does not tell apart.</param>
    /// <returns>False for any other file; true for a damaged one, so that reading it can say what is wrong.</returns>
    bool Recognises(ReadOnlySpan<byte> start, CheckpointFile file);

    /// <summary>
    /// Whether a file of it is a program that has to be run to be used. Then a policy must name the format: content never decides
    /// that.
    /// </summary>
    bool IsProgram => false;

    /// <summary>Whether a file can hold text by key beside its tensors.</summary>
    bool HasMetadata => false;

    /// <summary>Describes what a file holds; values are read when asked for, and nothing in the file is ever run.</summary>
    /// <param name="file">The file.</param>
    /// <param name="inspectOnly">True lists what the file would be refused for, and does not refuse it.</param>
    /// <exception cref="CheckpointException">The file cannot be read as this format.</exception>
    TensorFile Read(CheckpointFile file, bool inspectOnly = false);

    /// <summary>Writes a copy of a file with other values for some of its tensors; everything else stays byte for byte.</summary>
    /// <param name="file">As read; its own file is not changed.</param>
    /// <param name="path">The copy; an existing file is replaced, all at once.</param>
    /// <param name="values">
    /// By full name, as many elements as the stored tensor has; rounded to its type. They stay the caller's.
    /// </param>
    /// <param name="metadata">Text by key, for formats that keep metadata.</param>
    /// <exception cref="CheckpointException">The original has gone or changed, or cannot hold such values.</exception>
    /// <exception cref="FileNotWrittenException">The new file cannot be written.</exception>
    void Rewrite(
        TensorFile file, string path, IReadOnlyDictionary<string, Tensor> values, IReadOnlyDictionary<string, string> metadata);

    /// <summary>
    /// The files beside this one that belong to the checkpoint, full paths; empty for formats that keep everything in one file.
    /// </summary>
    /// <exception cref="CheckpointException">The file does not say it.</exception>
    IReadOnlyList<string> FurtherFiles(CheckpointFile file) => [];
}
