using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Attestation;

/// <summary>
/// A kind of file that states a run for other tools: pure text from the run's record, and a key where it is signed.
/// </summary>
public interface IAttestationFormat
{
    /// <summary>As <c>atu attest --format</c> names it.</summary>
    string Name { get; }

    /// <summary>Name of its file beside the record where a key signs it; null where it is never signed.</summary>
    string? SignedFileName { get; }

    /// <summary>Name of its file beside the record where nobody signs it; null where it must be signed.</summary>
    string? UnsignedFileName { get; }

    /// <summary>Whether a text is one of this format, as far as a look tells; <see cref="FindProblem"/> checks it.</summary>
    /// <param name="text">Any text.</param>
    bool Recognizes(string text);

    /// <summary>Whether a text of this format has a signature, of whichever key.</summary>
    /// <param name="text">That <see cref="Recognizes"/> accepts.</param>
    bool IsSigned(string text);

    /// <summary>Why a run cannot be stated in this format, in a sentence without a full stop; null where it can.</summary>
    /// <param name="run">With one artifact.</param>
    string? FindObstacle(AttestedRun run);

    /// <summary>Writes the file's text. Without a key, the same run gives the same text.</summary>
    /// <param name="run">With one artifact and no obstacle.</param>
    /// <param name="key">Signs it; null for an unsigned text, and ignored by formats that are never signed.</param>
    /// <exception cref="ArgumentNullException">This format must be signed, and there is no key.</exception>
    string Write(AttestedRun run, SigningKey? key);

    /// <summary>
    /// Why a text does not hold, in a sentence without a full stop that begins with a verb; null where the key signed it, or it
    /// has no signature, and it says what its run gives today.
    /// </summary>
    /// <param name="text">That <see cref="Recognizes"/> accepts; anybody may have written it.</param>
    /// <param name="path">Of the file, for errors.</param>
    /// <param name="run">With one artifact.</param>
    /// <param name="key">That must have signed it; null for an unsigned text.</param>
    /// <exception cref="AttestationException">It cannot be read, or it is signed and there is no key.</exception>
    string? FindProblem(string text, string path, AttestedRun run, SigningKey? key);

    /// <summary>The reports that a text names, by file name and digest; none in a format that names none.</summary>
    /// <remarks>They count as little as the text does: ask <see cref="FindProblem"/> first.</remarks>
    /// <param name="text">In which <see cref="FindProblem"/> found no problem.</param>
    /// <param name="path">Of the file, for errors.</param>
    /// <exception cref="AttestationException">It cannot be read.</exception>
    IReadOnlyList<OutputFile> ReadReports(string text, string path) => [];
}
