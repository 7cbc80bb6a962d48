using System.CommandLine;
using System.Globalization;
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
            var attested = CheckedAttestations.Read(
                parsed.GetValue(attestations) ?? [], parsed.GetValue(key)?.FullName, run, cancel);
            List<BuildMessage> diagnostics =
            [
                .. run.CompareReports(attested.SignedReports), .. run.Diagnostics, .. attested.Diagnostics,
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
            var missing = verification.MissingFiles.Concat(attested.MissingReports).ToList();
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
