using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;

using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>A way in which checkpoints are stored. One more: write its file, add its line to <see cref="CheckpointFormats"/>.</summary>
public interface ICheckpointFormat
{
    /// <summary>What a policy's <c>format</c> calls it.</summary>
    string Name { get; }

    /// <summary>Whether a file is of this format, by its content and never by its name.</summary>
    /// <param name="start">The file's first <see cref="CheckpointFormats.StartBytes"/> bytes, fewer where it is shorter.</param>
    /// <param name="file">The file, for those that must look further.</param>
    /// <returns>False for anything else; a damaged file is recognised, so that reading it can say what is wrong.</returns>
    bool Recognises(ReadOnlySpan<byte> start, CheckpointFile file);

    /// <summary>Whether a file of it is a program that has to be run to be used, so that a policy must name the format: content never decides that.</summary>
    bool IsProgram => false;

    /// <summary>Describes what a file holds; values are read when asked for, and nothing in the file is ever run.</summary>
    /// <param name="file">The file.</param>
    /// <param name="inspectOnly">True lists what the file would be refused for, instead of refusing it.</param>
    /// <exception cref="CheckpointException">The file cannot be read as this format.</exception>
    TensorFile Read(CheckpointFile file, bool inspectOnly = false);

    /// <summary>Writes a file of this format anew, with other values for some of its tensors; everything else stays as it was.</summary>
    /// <param name="file">As read; its own file stays.</param>
    /// <param name="path">The new file; one that is there is replaced, all at once.</param>
    /// <param name="values">By full name, as many elements as the stored tensor has; rounded to its type. They stay the caller's.</param>
    /// <param name="metadata">Text by key, for formats that keep such.</param>
    /// <exception cref="CheckpointException">The original has gone or changed, or cannot hold such values.</exception>
    /// <exception cref="FileNotWrittenException">The new file cannot be written.</exception>
    void Rewrite(TensorFile file, string path, IReadOnlyDictionary<string, Tensor> values, IReadOnlyDictionary<string, string> metadata);

    /// <summary>The files beside this one that belong to the checkpoint, full paths; none for formats that keep everything in one.</summary>
    /// <exception cref="CheckpointException">It cannot be told.</exception>
    IReadOnlyList<string> FurtherFiles(CheckpointFile file) => [];
}
