using System.Text.Json.Nodes;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Attestation;

/// <summary>Whether an attestation says what its run gives today, and whether a key signed it.</summary>
/// <param name="IsSigned">Whether it is signed by the key that was given; without a key it cannot be.</param>
/// <param name="Problem">
/// Why it does not hold, in a sentence without a full stop that begins with a verb; null where it does.
/// </param>
public sealed record AttestationCheck(bool IsSigned, string? Problem)
{
    /// <summary>Checks an attestation: the signature first, since what nobody signed need not be read.</summary>
    /// <param name="text">Of a DSSE envelope or of a bare statement.</param>
    /// <param name="path">Of the file, for errors.</param>
    /// <param name="key">That must have signed it; null for a bare statement.</param>
    /// <param name="record">Of the run.</param>
    /// <param name="verdict">The record's, judged today.</param>
    /// <param name="recordSha256">Digest of the record's file.</param>
    /// <exception cref="AttestationException">The file is neither, or it is signed and there is no key.</exception>
    public static AttestationCheck Check(
        string text, string path, SigningKey? key, RunRecord record, Verdict verdict, string recordSha256)
    {
        if (TestResultStatement.TryParse(text, out var statement))
            return new(false, key is null
                ? FindProblem(statement, record, verdict, recordSha256)
                : "is an unsigned statement, and a signature is asked for");

        var envelope = DsseEnvelope.Parse(text, path);
        if (key is null)
            throw new AttestationException(path, "is signed; name the signer's public key");
        if (envelope.OpenWith(key) is not { } payload)
            return new(false, "is not signed by this key, or was changed after it was signed");
        return new(true, envelope.PayloadType == DsseEnvelope.InTotoType
            && TestResultStatement.TryParse(RegularFile.DecodeText(payload), out statement)
                ? FindProblem(statement, record, verdict, recordSha256)
                : "does not hold an in-toto statement");
    }

    private static string? FindProblem(JsonObject statement, RunRecord record, Verdict verdict, string recordSha256) =>
        record.Outputs.Count(output => OutputRoles.IsGenerator(output.Role)) == 1
            ? TestResultStatement.FindDifference(statement, TestResultStatement.Create(record, verdict, recordSha256))
            : "cannot be compared: the record does not name one artifact";
}
