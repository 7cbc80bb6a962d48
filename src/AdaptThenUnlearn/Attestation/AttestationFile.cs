using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Attestation;

/// <summary>A file that states a run for other tools, in one of <see cref="AttestationFormats"/>.</summary>
public sealed class AttestationFile
{
    private const long MaxBytes = 16 << 20;

    private readonly string _path;
    private readonly string _text;

    private AttestationFile(string path, string text, IAttestationFormat format) =>
        (_path, _text, Format) = (path, text, format);

    /// <summary>The format it looks like.</summary>
    public IAttestationFormat Format { get; }

    /// <summary>Whether it has a signature, of whichever key.</summary>
    public bool IsSigned => Format.IsSigned(_text);

    /// <summary>Reads a file of at most 16 MiB.</summary>
    /// <exception cref="AttestationException">It cannot be read, or looks like no format.</exception>
    public static AttestationFile Read(string path) => Parse(
        ReadText(path, MaxBytes, "an attestation", "name a file that `atu attest` wrote, or the folder that holds it"), path);

    /// <summary>Reads a text.</summary>
    /// <param name="text">As <c>atu attest</c> or another signer wrote it.</param>
    /// <param name="path">Of the file, for errors.</param>
    /// <exception cref="AttestationException">It looks like no format.</exception>
    public static AttestationFile Parse(string text, string path) =>
        AttestationFormats.All.FirstOrDefault(format => format.Recognizes(text)) is { } found
            ? new(path, text, found)
            : throw new AttestationException(
                path,
                $"is not an attestation ({string.Join(", ", AttestationFormats.All.Select(format => format.Name))}); "
                    + "`atu attest RECORD --key KEY` writes one");

    /// <summary>
    /// Why it does not hold, in a sentence without a full stop that begins with a verb; null where the key signed it, or it has
    /// no signature, and it says what its run gives today.
    /// </summary>
    /// <param name="run">As it is judged today.</param>
    /// <param name="key">That must have signed it; null for an unsigned file.</param>
    /// <exception cref="AttestationException">It cannot be read, or it is signed and there is no key.</exception>
    public string? FindProblem(AttestedRun run, SigningKey? key) =>
        run.HasArtifact
            ? Format.FindProblem(_text, _path, run, key)
            : "cannot be compared: the record does not name one artifact";

    /// <summary>
    /// The reports that it names, by file name and digest; none where its format, or the version that wrote it, names none.
    /// </summary>
    /// <remarks>They count as little as the file does: ask <see cref="FindProblem"/> first.</remarks>
    /// <exception cref="AttestationException">It cannot be read.</exception>
    public IReadOnlyList<OutputFile> ReadReports() => Format.ReadReports(_text, _path);

    /// <summary>Reads a file's text.</summary>
    /// <param name="path">The file.</param>
    /// <param name="maxBytes">A longer file is refused.</param>
    /// <param name="what">What the file is to be, for errors.</param>
    /// <param name="remedy">What to do where it cannot be read.</param>
    /// <exception cref="AttestationException">It cannot be read.</exception>
    internal static string ReadText(string path, long maxBytes, string what, string remedy)
    {
        try
        {
            return RegularFile.ReadAllText(path, maxBytes);
        }
        catch (Exception missing) when (missing is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new AttestationException(path, $"cannot be read as {what}: there is no such file; {remedy}", missing);
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            throw new AttestationException(path, $"cannot be read as {what}: {refused.Message}; {remedy}", refused);
        }
    }
}
