using System.Globalization;
using System.Text;

namespace AdaptThenUnlearn.Torch.Checkpoints.Tensors;

/// <summary>
/// A checkpoint cannot be read or written. Code for checkpoints throws no other exception for the content of a file.
/// </summary>
/// <remarks>The message is one line: the file, what is wrong, where in the file, and what to do.</remarks>
public sealed class CheckpointException : Exception
{
    /// <summary>What to do with a network that this version does not know.</summary>
    internal const string ExportAdvice =
        "export it as TorchScript, which brings its own layers along (docs/bring-your-own-generator.md, docs/features.md)";

    private const int ShownCharacters = 100;

    /// <summary>Describes a problem with a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="problem">What is wrong, without a full stop.</param>
    /// <param name="remedy">What the reader can do about it.</param>
    /// <param name="at">Where in the file: a tensor's name, an entry, a byte offset; null for the file as a whole.</param>
    /// <param name="cause">The exception that caused this one; null where none did.</param>
    public CheckpointException(string path, string problem, string remedy, string? at = null, Exception? cause = null)
        : base($"{Sanitize(path, int.MaxValue)}: {problem}{(at is null ? "" : $" (at {at})")}; {remedy}", cause) =>
        (Path, Problem, At) = (path, problem, at);

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>What is wrong, without the file's name.</summary>
    public string Problem { get; }

    /// <summary>Where in the file, or null.</summary>
    public string? At { get; }

    /// <summary>Makes text from a file fit for a terminal: short, and without control characters.</summary>
    internal static string Sanitize(string text, int length = ShownCharacters)
    {
        var shown = new StringBuilder();
        foreach (var character in text.AsSpan(0, Math.Min(text.Length, length)))
            shown.Append(
                char.GetUnicodeCategory(character)
                    is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate
                    or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
                    ? '\ufffd' : character);

        return text.Length > length ? shown.Append('…').ToString() : shown.ToString();
    }
}
