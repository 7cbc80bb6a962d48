using System.CommandLine;
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
        command.Does(terminal, (parsed, _) =>
        {
            var path = parsed.GetRequiredValue(file).FullName;
            var record = RunRecordFile.Read(path);
            var folder = Path.GetDirectoryName(path)!;
            var verification = Verification.Of(folder, record, Vocabulary.Known, DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime));
            var own = record.Tool == Machine.Tool;   // another version may put things in other words
            var altered = RunReports.Altered(folder, record).Select(report => $"{report} is not what the record says{(own ? "" : " to this version")}; it was changed{(own ? "" : $", or {record.Tool} wrote it otherwise")}. `atu report` makes it anew").ToList();
            foreach (var report in altered)
                terminal.Diagnose(new BuildMessage(own ? Severity.Error : Severity.Warning, "ATU3003", report, path));
            var stands = verification.Problems.Count == 0 && !(own && altered.Count > 0);
            foreach (var problem in verification.Problems)
                terminal.Diagnose(new BuildMessage(Severity.Error, "ATU3003", problem, path));
            foreach (var finding in verification.Verdict.Findings.Where(finding => finding.State is FindingState.Failed or FindingState.NotMeasured))
                terminal.Diagnose(new BuildMessage(Severity.Error, "ATU3001", VerdictText.Of(finding), path));
            foreach (var finding in verification.Verdict.Findings)
                Terminal.Result($"  {VerdictText.Of(finding)}");
            Terminal.Result($"{record.Policy.Name}: {(stands ? $"the record stands: {(verification.Passed ? "Passed" : "Failed")}" : "the record does not stand")}");
            return stands && verification.Passed ? ExitCodes.Passed : ExitCodes.GateFailed;
        });
        return command;
    }
}
