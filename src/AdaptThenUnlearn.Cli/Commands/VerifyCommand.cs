using System.CommandLine;
using System.Globalization;
using AdaptThenUnlearn.Attestation;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary><c>atu verify</c>: judges a run again from its record. It needs no libtorch.</summary>
public static class VerifyCommand
{
    /// <summary>Builds the command.</summary>
    public static Command Build(Terminal terminal)
    {
        var file = new Argument<FileInfo>("RECORD") { Description = "A run's run.json, in its folder" };
        var readings = new Option<bool>("--readings")
        {
            Description = "Judge by the stored readings where files are missing; the files that are there are still checked",
        };
        var attestations = new Option<FileInfo[]>("--attestation")
        {
            Description =
                "Attestation of the run, by atu attest, or a folder with them; each must say what the record gives today",
        };
        var key = new Option<FileInfo>("--key")
        {
            Description = "Public key in PEM that must have signed the attestations; the in-toto statement must be among them",
        };
        var authority = new Option<FileInfo>("--timestamp-authority")
        {
            Description = "Certificates in PEM, one of which must stand behind the time stamp of the run's lock",
        };
        var command = new Command("verify", "Judge a run again from its stored readings, and check every hash")
        {
            file, readings, attestations, key, PolicyLocks.Required, authority, Terminal.Json,
        };
        command.SetGuardedAction(terminal, (parsed, cancel) =>
        {
            var path = parsed.GetRequiredValue(file).FullName;
            var authorities = RecordedLock.ReadAuthorities(parsed.GetValue(authority)?.FullName);
            var run = CheckedRecord.Read(path, cancel, PolicyLocks.AreRequired(parsed), authorities);
            var (record, verification) = (run.Record, run.Verification);
            List<BuildMessage> diagnostics =
            [
                .. run.Diagnostics,
                .. CheckAttestations(parsed.GetValue(attestations) ?? [], parsed.GetValue(key)?.FullName, run, cancel),
            ];
            diagnostics.ForEach(terminal.WriteDiagnostic);
            if (record.SchemaVersion == RunRecord.SchemaVersionWithoutErrors)
                terminal.WriteDiagnostic(new BuildMessage(
                    Severity.Warning, GateCodes.WeakVerdict,
                    "the record is from before the auditor's errors were counted: its own verdict is checked without them, and " +
                    "the one below counts them", path));
            if (run.LockNote is { } note)
                terminal.WriteStatus($"{record.Policy.Name}: {note}");
            var isValid = diagnostics.TrueForAll(diagnostic => diagnostic.Severity != Severity.Error);
            var missing = verification.MissingFiles;
            if (missing.Count > 0)
                terminal.WriteDiagnostic(DescribeMissing(missing, parsed.GetValue(readings), path));
            CreateVerdictPrinter(terminal, record, path, cancel)
                .Print(verification.Verdict, record.WarningRemarks(), advisory: false);
            var outcome = verification.Verdict.Outcome;
            var result = isValid ? $"the record is valid: {OutcomeText.Describe(outcome)}" : "the record is not valid";
            var notChecked = missing.Count == 0 ? "" : $"; {Count(missing)} not here to check";
            Terminal.WriteResultLine($"{record.Policy.Name}: {result}{notChecked}");
            Terminal.WriteJson(new
            {
                policy = record.Policy.Name,
                record = path,
                valid = isValid,
                outcome = OutcomeText.Name(outcome),
                problems = diagnostics.Select(JsonParts.Message),
                missing = missing.Select(each => new { role = each.Role, path = each.Path }),
                verdict = JsonParts.Verdict(verification.Verdict),
            });
            return !isValid || !outcome.IsPass() ? ExitCodes.GateFailed
                : missing.Count > 0 && !parsed.GetValue(readings) ? ExitCodes.NotFinished
                : ExitCodes.Passed;
        });
        return command;
    }

    private static List<BuildMessage> CheckAttestations(
        FileInfo[] files, string? keyFile, CheckedRecord run, CancellationToken cancel)
    {
        if (files.Length == 0)
            return keyFile is null ? [] : throw new BadArgumentException("--key is for --attestation; name the attestation too");

        var attestations = files.SelectMany(file => FindAttestations(file.FullName))
            .Select(path => (Path: path, File: AttestationFile.Read(path))).ToList();
        if (keyFile is null && attestations.Find(each => each.File.IsSigned).Path is { } signed)
            throw new BadArgumentException($"{signed} is signed; name the signer's public key with --key");
        using var key = keyFile is null ? null : SigningKey.ReadPublic(keyFile);
        var attested = run.ToAttested(cancel);
        List<BuildMessage> messages = [];
        foreach (var (path, file) in attestations)
            if (file.FindProblem(attested, key) is { } problem)
                messages.Add(new BuildMessage(Severity.Error, GateCodes.Attestation, $"the attestation {problem}", path));

        // A key asks for a signature that covers the record, of which every unsigned file is made. Only the signed statement
        // names it; a signature over the generator's files says nothing of what was measured.
        var statement = AttestationFormats.Default;
        if (attestations.Exists(each => each.File.IsSigned && each.File.Format == statement))
            return messages;
        if (key is not null)
            messages.Add(new BuildMessage(
                Severity.Error, GateCodes.Attestation,
                $"no signed {statement.Name} statement is among the attestations, and --key asks for a signature that covers the "
                    + $"record; `atu attest {run.Path} --key KEY` writes it ({statement.SignedFileName})",
                attestations[0].Path));
        else
            messages.AddRange(attestations.Where(each => !each.File.IsSigned).Select(each => new BuildMessage(
                Severity.Warning, GateCodes.Attestation, "the attestation is unsigned: it does not show who made it",
                each.Path)));
        return messages;
    }

    // A folder stands for the files that atu attest writes: of each format the signed one, or else the unsigned.
    private static List<string> FindAttestations(string path)
    {
        if (!Directory.Exists(path))
            return [path];
        var found = AttestationFormats.All
            .Select(format => new[] { format.SignedFileName, format.UnsignedFileName }.OfType<string>()
                .Select(name => Path.Combine(path, name)).FirstOrDefault(File.Exists))
            .OfType<string>().ToList();
        return found.Count > 0
            ? found
            : throw new BadArgumentException(
                $"{path} has no attestation ({string.Join(", ", AttestationFormats.FileNames)}); `atu attest` writes them");
    }

    private static BuildMessage DescribeMissing(IReadOnlyList<FileCheck> missing, bool byReadings, string path)
    {
        var names = string.Join(", ", missing.Select(file => $"{file.Role} {file.Path}"));
        return new(
            byReadings ? Severity.Warning : Severity.Error,
            GateCodes.MissingFiles,
            $"{Count(missing)} not here to check: {names}"
                + (byReadings ? "" : "; put the files there, or add --readings to judge by the stored readings alone"),
            path);
    }

    private static string Count(IReadOnlyList<FileCheck> missing) => string.Create(
        CultureInfo.InvariantCulture, $"{missing.Count} {(missing.Count == 1 ? "file was" : "files were")}");

    // Points diagnostics at the policy if its file is unchanged, otherwise at the record.
    private static VerdictPrinter CreateVerdictPrinter(Terminal terminal, RunRecord record, string path, CancellationToken cancel)
    {
        var policy = Path.Combine(Path.GetDirectoryName(path)!, record.PolicySource.File);
        var isUnchanged = Sha256Digest.FindAt(policy, cancel) == record.PolicySource.Sha256;
        var relative = Path.GetRelativePath(Directory.GetCurrentDirectory(), policy);
        return isUnchanged
            ? new VerdictPrinter(terminal, record.Policy, relative, record.PolicySource.Text)
            : new VerdictPrinter(terminal, record.Policy, path, text: null);
    }
}
