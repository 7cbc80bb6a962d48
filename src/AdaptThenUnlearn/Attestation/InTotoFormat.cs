using System.Text;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Attestation;

/// <summary>The verdict as an in-toto test result: signed in a DSSE envelope, or a bare statement for another signer.</summary>
public sealed class InTotoFormat : IAttestationFormat
{
    /// <inheritdoc/>
    public string Name => "in-toto";

    /// <inheritdoc/>
    public string SignedFileName => RunRecord.SignedFileName;

    /// <inheritdoc/>
    public string UnsignedFileName => RunRecord.StatementFileName;

    /// <inheritdoc/>
    public bool Recognizes(string text) =>
        (text.Contains("\"payloadType\"", StringComparison.Ordinal)
            && !text.Contains(SigstoreBundle.Mark, StringComparison.Ordinal))
        || TestResultStatement.TryParse(text, out _);

    /// <inheritdoc/>
    public bool IsSigned(string text) => !TestResultStatement.TryParse(text, out _);

    /// <inheritdoc/>
    public string? FindObstacle(AttestedRun run) => null;

    /// <inheritdoc/>
    public string Write(AttestedRun run, SigningKey? key)
    {
        var text = TestResultStatement.ToText(TestResultStatement.Create(run));
        return key is null
            ? text
            : DsseEnvelope.Sign(DsseEnvelope.InTotoType, Encoding.UTF8.GetBytes(text), key).ToJson();
    }

    /// <inheritdoc/>
    public string? FindProblem(string text, string path, AttestedRun run, SigningKey? key)
    {
        // The signature first: what nobody signed need not be read.
        if (TestResultStatement.TryParse(text, out var statement))
        {
            if (key is not null)
                return "is an unsigned statement, and a signature is asked for";
        }
        else
        {
            var envelope = DsseEnvelope.Parse(text, path);
            if (key is null)
                throw new AttestationException(path, "is signed; name the signer's public key");
            if (envelope.OpenWith(key) is not { } payload)
                return "is not signed by this key, or was changed after it was signed";
            if (envelope.PayloadType != DsseEnvelope.InTotoType
                || !TestResultStatement.TryParse(RegularFile.DecodeText(payload), out statement))
                return "does not hold an in-toto statement";
        }

        // Which reports lay beside the record is for the statement to say; whether they still do is asked elsewhere.
        // Another signer may write a statement in another form; an unsigned one is this tool's own.
        var stated = run with { Reports = TestResultStatement.FindReports(statement) };
        return TestResultStatement.FindDifference(statement, TestResultStatement.Create(stated))
            ?? (key is null && text != Write(stated, key: null) ? "was changed after it was written" : null);
    }

    /// <inheritdoc/>
    public IReadOnlyList<OutputFile> ReadReports(string text, string path)
    {
        var statement = IsSigned(text) ? RegularFile.DecodeText(DsseEnvelope.Parse(text, path).DecodePayload()) : text;
        return (TestResultStatement.TryParse(statement, out var parsed) ? TestResultStatement.FindReports(parsed) : null) ?? [];
    }
}
