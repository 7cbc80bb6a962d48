using System.CommandLine;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary><c>atu verify</c>: judges a run again from its record, without a tensor.</summary>
public static class VerifyCommand
{
    /// <summary>The command.</summary>
    public static Command Build(Terminal terminal)
    {
        var file = new Argument<FileInfo>("RECORD") { Description = "A run's run.json, in its folder" };
        var command = new Command("verify", "Judge a run again from its stored readings, and check every hash") { file };
        command.SetGuardedAction(terminal, (parsed, cancel) =>
        {
            var path = parsed.GetRequiredValue(file).FullName;
            var record = RunRecordFile.Read(path);
            var folder = Path.GetDirectoryName(path)!;
            var verification = Verification.VerifyRun(folder, record, Vocabulary.Known, DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime), cancel);
            List<BuildMessage> diagnostics = [.. CheckReports(folder, record, verification.IsReworded, path), .. verification.Problems.Select(problem => new BuildMessage(Severity.Error, GateCodes.InvalidRecord, problem, path))];
            diagnostics.ForEach(terminal.WriteDiagnostic);
            var isValid = diagnostics.TrueForAll(diagnostic => diagnostic.Severity != Severity.Error);
            CreateVerdictPrinter(terminal, record, path, cancel).Print(verification.Verdict, record.WarningRemarks(), advisory: false);
            var outcome = verification.Verdict.Outcome;
            Terminal.WriteResultLine($"{record.Policy.Name}: {(isValid ? $"the record stands: {OutcomeText.Describe(outcome)}" : "the record does not stand")}");
            return isValid && outcome.IsPass() ? ExitCodes.Passed : ExitCodes.GateFailed;
        });
        return command;
    }

    // At the policy's lines where it lies where the record says, as the record has it; otherwise at the record.
    private static VerdictPrinter CreateVerdictPrinter(Terminal terminal, RunRecord record, string path, CancellationToken cancel)
    {
        var policy = Path.Combine(Path.GetDirectoryName(path)!, record.PolicySource.File);
        return Sha256Digest.FindAt(policy, cancel) == record.PolicySource.Sha256
            ? new VerdictPrinter(terminal, record.Policy, Path.GetRelativePath(Directory.GetCurrentDirectory(), policy), record.PolicySource.Text)
            : new VerdictPrinter(terminal, record.Policy, path, text: null);
    }

    // Another version of the tool may put things in other words, so what it wrote is only warned of.
    private static IEnumerable<BuildMessage> CheckReports(string folder, RunRecord record, bool wordingDiffers, string path)
    {
        var (severity, how) = record.Tool == Machine.ToolVersion
            ? (Severity.Error, "; it was changed")
            : (Severity.Warning, $" to this version; it was changed, or {record.Tool} wrote it otherwise");
        foreach (var report in RunReports.FindAltered(folder, record))
            yield return new BuildMessage(severity, GateCodes.InvalidRecord, $"{report} is not what the record says{how}. `atu report` makes it anew", path);
        if (wordingDiffers)
            yield return new BuildMessage(severity, GateCodes.InvalidRecord, $"an explanation or a warning of the recorded verdict is not what the recorded readings give{how}", path);
    }
}
