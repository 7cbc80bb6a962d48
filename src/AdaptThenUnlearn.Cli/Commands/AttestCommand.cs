using System.CommandLine;
using System.Text;
using AdaptThenUnlearn.Attestation;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary><c>atu attest</c>: states a run's verdict for tools that know nothing of this one. It needs no libtorch.</summary>
public sealed class AttestCommand(Terminal terminal)
{
    private readonly Argument<FileInfo> _record = new("RECORD") { Description = "A run's run.json, in its folder" };
    private readonly Option<FileInfo> _key = new("--key")
    {
        Description = "Private key that signs: ECDSA on P-256, in PEM (without it the statement is unsigned, for another signer)",
    };

    private readonly Option<FileInfo> _out = new("--out")
    {
        Description = $"File to write (default: beside the record, {RunRecord.SignedFileName}, or without a key " +
            $"{RunRecord.StatementFileName})",
    };

    /// <summary>Builds the command.</summary>
    public Command Build()
    {
        var command = new Command(
            "attest",
            "State a run's verdict as an in-toto test result, signed or for another signer; exit code 0 means stated, also of a "
                + "failed run")
        {
            _record, _key, _out, OutputFiles.Overwrite, Terminal.Json,
        };
        command.SetGuardedAction(terminal, Run);
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken cancel)
    {
        // State only what holds: the record is valid, and every file of it is here and unchanged.
        var path = parsed.GetRequiredValue(_record).FullName;
        var run = CheckedRecord.Read(path, cancel);
        var (record, verification, folder) = (run.Record, run.Verification, run.Folder);
        foreach (var message in run.Diagnostics.Concat(verification.MissingFiles.Select(
            file => new BuildMessage(Severity.Error, GateCodes.InvalidRecord, file.Problem!, path))))
            terminal.WriteDiagnostic(
                message.Severity == Severity.Error ? message with { Text = $"{message.Text}; nothing was attested" } : message);
        if (run.Diagnostics.Any(message => message.Severity == Severity.Error))
            return ExitCodes.GateFailed;
        if (verification.MissingFiles.Count > 0)
            return ExitCodes.NotFinished;

        var keyFile = parsed.GetValue(_key)?.FullName;
        var usual = keyFile is null ? RunRecord.StatementFileName : RunRecord.SignedFileName;
        var target = parsed.GetValue(_out)?.FullName ?? Path.Combine(folder, usual);
        var read = verification.Files.Select(file => (file.Role, (string?)Path.Combine(folder, file.Path)));
        OutputFiles.Require(
            parsed, [target], [.. read, ("record", path), ("key", keyFile)], OutputFiles.IsAttestation);

        var statement = TestResultStatement.Create(record, verification.Verdict, Sha256Digest.FindAt(path, cancel)!);
        var text = TestResultStatement.ToText(statement);
        string? keyId = null;
        if (keyFile is not null)
        {
            using var key = SigningKey.ReadPrivate(keyFile);
            keyId = key.Id;
            text = DsseEnvelope.Sign(DsseEnvelope.InTotoType, Encoding.UTF8.GetBytes(text), key).ToJson();
        }

        AtomicFile.Write(target, text);
        var result = statement["predicate"]!["result"]!.GetValue<string>();
        Terminal.WriteResultLine(
            $"{record.Policy.Name}: {result} ({OutcomeText.Describe(verification.Verdict.Outcome)}), "
                + $"{(keyId is null ? "unsigned" : $"signed by key {keyId[..12]}")}: {target}");
        Terminal.WriteJson(new { policy = record.Policy.Name, result, file = target, keyId });
        return ExitCodes.Passed;
    }
}
