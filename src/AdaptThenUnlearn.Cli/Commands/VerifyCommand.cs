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
        command.Does(terminal, (parsed, cancel) =>
        {
            var path = parsed.GetRequiredValue(file).FullName;
            var record = RunRecordFile.Read(path);
            var folder = Path.GetDirectoryName(path)!;
            var verification = Verification.Of(folder, record, Vocabulary.Known, DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime), cancel);
            List<BuildMessage> complaints = [.. Altered(folder, record, path), .. verification.Problems.Select(problem => new BuildMessage(Severity.Error, "ATU3003", problem, path))];
            complaints.ForEach(terminal.Diagnose);
            var stands = complaints.TrueForAll(complaint => complaint.Severity != Severity.Error);
            foreach (var finding in verification.Verdict.Findings.Where(finding => finding.State is FindingState.Failed or FindingState.NotMeasured))
                terminal.Diagnose(new BuildMessage(Severity.Error, "ATU3001", VerdictText.Of(finding), path));
            foreach (var finding in verification.Verdict.Findings)
                Terminal.Result($"  {VerdictText.Of(finding)}");
            Terminal.Result($"{record.Policy.Name}: {(stands ? $"the record stands: {(verification.Passed ? "Passed" : "Failed")}" : "the record does not stand")}");
            return stands && verification.Passed ? ExitCodes.Passed : ExitCodes.GateFailed;
        });
        return command;
    }

    // Another version of the tool may put things in other words, so what it wrote is only warned of.
    private static IEnumerable<BuildMessage> Altered(string folder, RunRecord record, string path) => RunReports.Altered(folder, record).Select(report => record.Tool == Machine.Tool
        ? new BuildMessage(Severity.Error, "ATU3003", $"{report} is not what the record says; it was changed. `atu report` makes it anew", path)
        : new BuildMessage(Severity.Warning, "ATU3003", $"{report} is not what the record says to this version; it was changed, or {record.Tool} wrote it otherwise. `atu report` makes it anew", path));
}
