using System.Text.Json.Nodes;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Attestation;

/// <summary>A file that states a run's verdict: a signed envelope, or a bare statement.</summary>
public sealed class AttestationFile
{
    private const long MaxBytes = 4 << 20;

    private readonly string _path;
    private readonly DsseEnvelope? _envelope;
    private readonly JsonObject? _statement;

    private AttestationFile(string path, DsseEnvelope? envelope, JsonObject? statement) =>
        (_path, _envelope, _statement) = (path, envelope, statement);

    /// <summary>Whether it has a signature, of whichever key.</summary>
    public bool IsSigned => _envelope is not null;

    /// <summary>Reads a file of at most 4 MiB.</summary>
    /// <exception cref="AttestationException">It cannot be read, or is neither.</exception>
    public static AttestationFile Read(string path) => Parse(ReadText(path, MaxBytes, "cannot be read"), path);

    /// <summary>Reads a text.</summary>
    /// <param name="text">JSON.</param>
    /// <param name="path">Of the file, for errors.</param>
    /// <exception cref="AttestationException">It is neither.</exception>
    public static AttestationFile Parse(string text, string path) => TestResultStatement.TryParse(text, out var statement)
        ? new(path, null, statement)
        : new(path, DsseEnvelope.Parse(text, path), null);

    /// <summary>
    /// Why it does not hold, in a sentence without a full stop that begins with a verb; null where the key signed it, or no
    /// signature is asked for, and it says what its run gives today.
    /// </summary>
    /// <param name="key">That must have signed it; null for a bare statement.</param>
    /// <param name="record">Of the run.</param>
    /// <param name="verdict">The record's, judged today.</param>
    /// <param name="recordSha256">Digest of the record's file.</param>
    /// <exception cref="AttestationException">It is signed, and there is no key.</exception>
    public string? FindProblem(SigningKey? key, RunRecord record, Verdict verdict, string recordSha256)
    {
        // The signature first: what nobody signed need not be read.
        var statement = _statement;
        if (_envelope is null)
        {
            if (key is not null)
                return "is an unsigned statement, and a signature is asked for";
        }
        else
        {
            if (key is null)
                throw new AttestationException(_path, "is signed; name the signer's public key");
            if (_envelope.OpenWith(key) is not { } payload)
                return "is not signed by this key, or was changed after it was signed";
            if (_envelope.PayloadType != DsseEnvelope.InTotoType
                || !TestResultStatement.TryParse(RegularFile.DecodeText(payload), out statement))
                return "does not hold an in-toto statement";
        }

        return record.Outputs.Count(output => OutputRoles.IsGenerator(output.Role)) == 1
            ? TestResultStatement.FindDifference(statement!, TestResultStatement.Create(record, verdict, recordSha256))
            : "cannot be compared: the record does not name one artifact";
    }

    /// <summary>Reads a file's text.</summary>
    /// <param name="path">The file.</param>
    /// <param name="maxBytes">A longer file is refused.</param>
    /// <param name="problem">What an error says before the reason.</param>
    /// <exception cref="AttestationException">It cannot be read.</exception>
    internal static string ReadText(string path, long maxBytes, string problem)
    {
        try
        {
            return RegularFile.ReadAllText(path, maxBytes);
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            throw new AttestationException(path, $"{problem}: {refused.Message}", refused);
        }
    }
}
