using System.CommandLine;
using System.Globalization;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary><c>atu govern</c>: the whole story for each policy, and one exit code for all of them.</summary>
public sealed class GovernCommand(Terminal terminal)
{
    private readonly Argument<FileInfo[]> _policies = new("POLICY") { Description = "Policy files", Arity = ArgumentArity.OneOrMore };
    private readonly Option<DirectoryInfo> _out = new("--out") { Description = "Folder under which each policy has a folder of its name", DefaultValueFactory = _ => new DirectoryInfo("artifacts") };
    private readonly Option<bool> _resume = new("--resume") { Description = "Go on where an interrupted run stopped" };
    private readonly Option<bool> _advisory = new("--advisory") { Description = "A failed gate is a warning, and the exit code 0" };
    private readonly Option<bool> _noTrain = new("--no-train") { Description = "Only measure and judge" };
    private readonly Option<bool> _publish = new("--publish") { Description = "Tell the results on the pull request; the gate's exit code never depends on it" };
    private readonly Publication _publication = new(terminal);
    private readonly Option<string[]> _set = new("--set") { Description = "Set a value over the policy: unlearning.steps=600", HelpName = "path=value" };

    /// <summary>The command.</summary>
    public Command Build()
    {
        var command = new Command("govern", "Measure a generator, unlearn what its policy bans, and judge the result") { _policies, _out, Machine.Device, Machine.Threads, _resume, _advisory, _noTrain, _set, _publish };
        _publication.AddTo(command);
        command.Does(terminal, Run);
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken cancel)
    {
        var read = parsed.GetRequiredValue(_policies).Select(file => PolicyFile.Read(file.ToString(), parsed.GetValue(_set) ?? [], terminal)).ToList();
        if (read.Exists(policy => policy.Result.Policy is null))
            return ExitCodes.BadPolicy;
        if (read.GroupBy(policy => policy.Policy.Name).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new BadArgumentException($"two policies are called '{twice.Key}' and would write to the same folder");

        var records = new List<string>();
        try
        {
            var passed = read.Select(policy => Govern(policy, parsed, records, cancel)).ToList();   // every one of them, whatever came of the first
            return Publish(passed.TrueForAll(each => each) || parsed.GetValue(_advisory) ? ExitCodes.Passed : ExitCodes.GateFailed);
        }
        catch when (!cancel.IsCancellationRequested && records.Count > 0)
        {
            Publish(ExitCodes.NotFinished);   // what was governed before is told even so
            throw;
        }

        int Publish(int gate) => parsed.GetValue(_publish) || _publication.IsRequired(parsed) ? _publication.After(gate, records, parsed, parsed.GetValue(_advisory), cancel) : gate;
    }

    private bool Govern(PolicyFile file, ParseResult parsed, List<string> records, CancellationToken cancel)
    {
        var policy = file.Policy;
        var path = Path.Combine(parsed.GetRequiredValue(_out).FullName, policy.Name);
        var inputs = new InputFiles(policy, file.Path);
        var source = new PolicySource(
            Path.GetRelativePath(path, Path.GetFullPath(file.Path)).Replace('\\', '/'), file.Text, file.Result.TextSha256, CanonicalJson.Digest(policy), file.Overrides);
        var today = DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime);
        if (PreviousRun.StillStands(path, source, Machine.Tool, inputs.Named(), Vocabulary.Known, today) is { } earlier)
        {
            terminal.Say($"{policy.Name}: nothing has changed since the run of {earlier.Times.Finished.UtcDateTime.ToString("u", CultureInfo.InvariantCulture)}; every hash was checked, and the verdict stands");
            RunReports.Write(path, earlier);   // they are no outputs with hashes, and say what the record says whatever became of them
            Tell(earlier, path, file, advisory: false);
            records.Add(Path.Combine(path, RunRecord.FileName));
            return true;
        }

        var device = Machine.Prepare(parsed);
        using var folder = RunFolder.Open(path, inputs.GeneratorBytes);
        var request = new RunRequest(policy, source, parsed.GetValue(_resume), Train: !parsed.GetValue(_noTrain), device, Machine.Tool);
        var record = file.Using(inputs, () => new UnlearningRun(request, inputs, folder, terminal, TimeProvider.System).Execute(cancel));
        Tell(record, path, file, parsed.GetValue(_advisory));
        records.Add(Path.Combine(path, RunRecord.FileName));
        return record.Verdict.Passed;
    }

    private void Tell(RunRecord record, string path, PolicyFile file, bool advisory)
    {
        foreach (var warning in record.Verdict.Warnings)
            terminal.Diagnose(new BuildMessage(Severity.Warning, "ATU3002", warning, file.Path));
        foreach (var finding in record.Verdict.Findings.Where(finding => finding.State is FindingState.Failed or FindingState.NotMeasured))
        {
            var (line, column) = file.Locate(finding.Rule);
            terminal.Diagnose(new BuildMessage(advisory ? Severity.Warning : Severity.Error, "ATU3001", VerdictText.Of(finding), file.Path, line, column));
        }

        foreach (var finding in record.Verdict.Findings)
            Terminal.Result($"  {VerdictText.Of(finding)}");
        Terminal.Result($"{record.Policy.Name}: {(record.Verdict.Passed ? "Passed" : "Failed")}; evidence in {path}");
    }
}
