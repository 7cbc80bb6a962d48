using System.CommandLine;
using AdaptThenUnlearn.Attestation;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Reports;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary><c>atu attest</c>: states a run for tools that know nothing of this one. It needs no libtorch.</summary>
public sealed class AttestCommand(Terminal terminal)
{
    private static readonly string _names = string.Join(", ", AttestationFormats.All.Select(format => format.Name));

    private readonly Argument<FileInfo> _record = new("RECORD") { Description = "A run's run.json, in its folder" };
    private readonly Option<string[]> _formats = new("--format")
    {
        Description = $"Formats to write (default: {AttestationFormats.Default.Name}): {_names}",
        HelpName = "a,b",
    };

    private readonly Option<FileInfo> _key = new("--key")
    {
        Description = "Private key that signs: ECDSA on P-256, in PEM (without it nothing is signed, for another signer)",
    };

    private readonly Option<FileInfo> _out = new("--out")
    {
        Description = "File to write, for one format (default: beside the record, by the format's own name)",
    };

    /// <summary>Builds the command.</summary>
    public Command Build()
    {
        var command = new Command(
            "attest",
            "State a run for other tools, signed or for another signer: its verdict, its model's files; exit code 0 means "
                + "stated, also of a failed run")
        {
            _record, _formats, _key, _out, OutputFiles.Overwrite, Terminal.Json,
        };
        command.SetGuardedAction(terminal, Run);
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken cancel)
    {
        var formats = ReadFormats(parsed);

        // State only what holds: the record is valid, and every file of it is here and unchanged.
        var path = parsed.GetRequiredValue(_record).FullName;
        var checkedRun = CheckedRecord.Read(path, cancel);
        var verification = checkedRun.Verification;
        List<BuildMessage> diagnostics =
        [
            .. checkedRun.CompareReports(signed: new HashSet<string>()).Select(
                message => message.Severity == Severity.Error
                    ? message
                    : message with { Text = $"{message.Text}; until then, no statement names it" }),
            .. checkedRun.Diagnostics,
        ];
        foreach (var message in diagnostics.Concat(verification.MissingFiles.Select(
            file => new BuildMessage(Severity.Error, GateCodes.InvalidRecord, file.Problem!, path))))
            terminal.WriteDiagnostic(
                message.Severity == Severity.Error ? message with { Text = $"{message.Text}; nothing was attested" } : message);
        if (diagnostics.Exists(message => message.Severity == Severity.Error))
            return ExitCodes.GateFailed;
        if (verification.MissingFiles.Count > 0)
            return ExitCodes.NotFinished;

        // Name only reports that say what the record says to this version: nobody else could tell later what was signed.
        var run = checkedRun.ToAttested(cancel) with
        {
            Reports = RunReports.FindUnaltered(checkedRun.Folder, checkedRun.Record),
        };
        if (formats.Select(format => format.FindObstacle(run)).OfType<string>().FirstOrDefault() is { } obstacle)
        {
            terminal.WriteDiagnostic(new BuildMessage(
                Severity.Error, GateCodes.Attestation, $"{obstacle}; nothing was attested", path));
            return ExitCodes.GateFailed;
        }

        // Write all files, once none in the way would be overwritten.
        var keyFile = parsed.GetValue(_key)?.FullName;
        var targets = formats.ConvertAll(format => (Format: format, File: TargetOf(parsed, format, checkedRun.Folder)));
        var read = verification.Files.Select(file => (file.Role, (string?)Path.Combine(checkedRun.Folder, file.Path)));
        OutputFiles.Require(
            parsed, targets.Select(target => target.File), [.. read, ("record", path), ("key", keyFile)],
            OutputFiles.IsAttestation);
        using var key = keyFile is null ? null : SigningKey.ReadPrivate(keyFile);
        var texts = targets.ConvertAll(target => target.Format.Write(run, key));
        foreach (var (target, text) in targets.Zip(texts))
            AtomicFile.Write(target.File, text);
        Print(run, targets, key?.Id);
        return ExitCodes.Passed;
    }

    private List<IAttestationFormat> ReadFormats(ParseResult parsed)
    {
        var names = ComparisonArguments.ParseList(parsed, _formats);
        if (names.FirstOrDefault(name => AttestationFormats.All.All(format => format.Name != name)) is { } unknown)
            throw new BadArgumentException($"--format: '{unknown}' is not a format of an attestation; use one of {_names}");
        var formats = names.Count == 0
            ? [AttestationFormats.Default]
            : AttestationFormats.All.Where(format => names.Contains(format.Name)).ToList();
        if (parsed.GetValue(_key) is null && formats.Find(format => format.UnsignedFileName is null) is { } signed)
            throw new BadArgumentException($"--format {signed.Name} is a signature; name the private key with --key");
        if (parsed.GetValue(_out) is not null && formats.Count > 1)
            throw new BadArgumentException("--out takes the file of only one format; leave it out to write all by the record");
        return formats;
    }

    private string TargetOf(ParseResult parsed, IAttestationFormat format, string folder) =>
        parsed.GetValue(_out)?.FullName
        ?? Path.Combine(folder, (parsed.GetValue(_key) is null ? null : format.SignedFileName) ?? format.UnsignedFileName!);

    private static void Print(
        AttestedRun run, List<(IAttestationFormat Format, string File)> targets, string? keyId)
    {
        var result = TestResultStatement.Result(run.Verdict.Outcome);
        foreach (var (format, file) in targets)
        {
            var signer = keyId is null || format.SignedFileName is null ? "unsigned" : $"signed by key {keyId[..12]}";
            Terminal.WriteResultLine(
                $"{run.Record.Policy.Name}: {result} ({OutcomeText.Describe(run.Verdict.Outcome)}), {signer}: {file}");
        }

        Terminal.WriteJson(new
        {
            policy = run.Record.Policy.Name,
            result,
            files = targets.Select(target => new
            {
                format = target.Format.Name,
                file = target.File,
                signed = keyId is not null && target.Format.SignedFileName is not null,
            }),
            keyId,
        });
    }
}
