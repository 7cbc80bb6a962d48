using System.CommandLine;
using System.Globalization;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Publishing.Hosts;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Governing;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary><c>atu govern</c>: the whole story for each policy, and one exit code for all of them.</summary>
public sealed class GovernCommand(Terminal terminal)
{
    private readonly Argument<FileInfo[]> _policies = new("POLICY") { Description = "Policy files", Arity = ArgumentArity.OneOrMore };
    private readonly Option<DirectoryInfo> _out = new("--out") { Description = "Folder under which each policy has a folder of its name", DefaultValueFactory = _ => new DirectoryInfo("artifacts") };
    private readonly Option<bool> _resume = new("--resume") { Description = "Go on where an interrupted run stopped" };
    private readonly Option<bool> _advisory = new("--advisory") { Description = "A failed gate is a warning, and the exit code 0" };
    private readonly Option<bool> _noTrain = new("--no-train") { Description = "Only measure and judge" };
    private readonly Option<bool> _fresh = new("--fresh") { Description = "Measure again, even where the record of an earlier run exists" };
    private readonly Option<bool> _reuse = new("--reuse") { Description = "Let a record that is there answer when nothing has changed, on a build server too: whoever may write the output folder then decides" };
    private readonly Option<bool> _publish = new("--publish") { Description = "Tell the results on the pull request; the gate's exit code never depends on it" };
    private readonly Publication _publication = new(terminal);
    private readonly Option<string[]> _set = new("--set") { Description = "Set a value over the policy: unlearning.steps=600", HelpName = "path=value" };

    /// <summary>The command.</summary>
    public Command Build()
    {
        var command = new Command("govern", "Measure a generator, unlearn what its policy bans, and judge the result") { _policies, _out, Machine.Device, Machine.Threads, _resume, _advisory, _noTrain, _set, _fresh, _reuse, _publish };
        _publication.AddTo(command);
        command.SetGuardedAction(terminal, Run);
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken cancel)
    {
        if (parsed.GetValue(_fresh) && parsed.GetValue(_reuse))
            throw new BadArgumentException("--fresh measures anew and --reuse does not; give one of them");

        var earlierRecords = new RecordReuse(parsed.GetValue(_fresh), parsed.GetValue(_reuse), EnvironmentSnapshot.Capture());
        var (read, unreadable) = Read(parsed);
        var plannedRuns = read.Where(policy => policy.Result.Policy is not null).Select(policy => PlannedRun.Create(policy, parsed.GetRequiredValue(_out).FullName)).ToList();
        if (plannedRuns.GroupBy(run => run.Folder).FirstOrDefault(group => group.Count() > 1) is { } duplicate)
            throw new BadArgumentException($"two policies are called '{duplicate.First().Policy.Name}' and would write to the same folder");

        RequireFolders(plannedRuns);

        // For all of them before anything can go wrong with one: what does not stand any more must not be left to be taken for what came of this.
        var reusableRecords = plannedRuns.ConvertAll(run => FindReusableRecord(run, earlierRecords, cancel));
        if (unreadable is not null)
            throw unreadable;
        if (plannedRuns.Count < read.Count)
            return ExitCodes.BadPolicy;

        var (passed, records, written) = (true, new List<string>(), false);
        try
        {
            foreach (var (run, earlier) in plannedRuns.Zip(reusableRecords))   // every one of them, whatever came of the first
            {
                var reusable = written ? FindReusableRecord(run, earlierRecords, cancel) : earlier;   // another may read what one wrote
                passed &= reusable is null ? Govern(run, parsed, cancel) : ReportUpToDate(run, reusable);
                written |= reusable is null;
                records.Add(Path.Combine(run.Folder, RunRecord.FileName));
            }

            return Publish(passed || parsed.GetValue(_advisory) ? ExitCodes.Passed : ExitCodes.GateFailed);
        }
        catch when (!cancel.IsCancellationRequested && records.Count > 0)
        {
            Publish(ExitCodes.NotFinished);   // what was governed before is told even so
            throw;
        }

        int Publish(int gate) => parsed.GetValue(_publish) || _publication.IsRequired(parsed) ? _publication.PublishAfterGate(gate, records, parsed, parsed.GetValue(_advisory), cancel) : gate;
    }

    // The policies that can be read, and why the first of the others cannot.
    private (List<PolicyFile> Read, BadArgumentException? Unreadable) Read(ParseResult parsed)
    {
        List<PolicyFile> read = [];
        BadArgumentException? unreadable = null;
        foreach (var file in parsed.GetRequiredValue(_policies))
        {
            try
            {
                read.Add(PolicyFile.Read(file.ToString(), parsed.GetValue(_set) ?? [], terminal));
            }
            catch (BadArgumentException bad)
            {
                unreadable ??= bad;
            }
        }

        return (read, unreadable);
    }

    // Before anything is written or removed, for all of them: no input and no file of somebody else is written over. A verdict that is there is withdrawn all the same, for no run will answer.
    private static void RequireFolders(IReadOnlyList<PlannedRun> plannedRuns)
    {
        foreach (var run in plannedRuns)
        {
            try
            {
                RunFolder.RefuseOverwriting(run.Folder, run.Inputs);
            }
            catch (RunException)
            {
                foreach (var each in plannedRuns)
                    RunFolder.DeleteStaleReports(each.Folder, each.Inputs);
                throw;
            }
        }
    }

    // The record that answers a question already; where there is none, no report of another answer stays either.
    private RunRecord? FindReusableRecord(PlannedRun run, RecordReuse earlierRecords, CancellationToken cancel)
    {
        if (earlierRecords.MayReuse(run.Folder, out var doubt))
        {
            if (FindUpToDateRecord(run, cancel) is { } earlier)
                return earlier;
        }
        else if (doubt is not null)
        {
            terminal.WriteStatus($"{run.Policy.Name}: the record of an earlier run is not believed, because {doubt}; the generator is measured anew (--reuse believes it)");
        }

        RunFolder.DeleteStaleReports(run.Folder, run.Inputs);
        return null;
    }

    private static RunRecord? FindUpToDateRecord(PlannedRun run, CancellationToken cancel)
    {
        var today = DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime);
        return PreviousRun.FindUpToDate(run.Folder, run.Source, Machine.ToolVersion, run.Inputs.EnumerateFiles(), Vocabulary.Known, today, cancel);
    }

    private bool ReportUpToDate(PlannedRun run, RunRecord earlier)
    {
        terminal.WriteStatus($"{run.Policy.Name}: nothing has changed since the run of {earlier.Times.Finished.UtcDateTime.ToString("u", CultureInfo.InvariantCulture)}; every hash was checked, and the verdict stands");
        RunReports.Write(run.Folder, earlier);   // they are no outputs with hashes, and say what the record says whatever became of them
        PrintVerdict(earlier, run, advisory: false);
        return true;
    }

    private bool Govern(PlannedRun run, ParseResult parsed, CancellationToken cancel)
    {
        var device = Machine.Prepare(parsed);
        using var folder = RunFolder.Open(run.Folder, run.Inputs);
        var request = new RunRequest(run.Policy, run.Source, parsed.GetValue(_resume), Train: !parsed.GetValue(_noTrain), device, Machine.ToolVersion);
        var record = run.File.RunWithLocatedErrors(run.Inputs, () => new UnlearningRun(request, run.Inputs, folder, terminal, TimeProvider.System).Execute(cancel));
        PrintVerdict(record, run, parsed.GetValue(_advisory));
        return record.Verdict.Outcome.IsPass();
    }

    private void PrintVerdict(RunRecord record, PlannedRun run, bool advisory)
    {
        new VerdictPrinter(terminal, run.Policy, run.File.Path, run.File.Text).Print(record.Verdict, record.WarningRemarks(), advisory);
        Terminal.WriteResultLine($"{record.Policy.Name}: {OutcomeText.Describe(record.Verdict.Outcome.WithAdvisory(advisory))}; evidence in {run.Folder}");
    }

    // What is asked of a run, and where it answers.
    private sealed record PlannedRun(PolicyFile File, string Folder, InputFiles Inputs, PolicySource Source)
    {
        public UnlearningPolicy Policy => File.Policy;

        public static PlannedRun Create(PolicyFile file, string output)
        {
            var folder = Path.Combine(output, file.Policy.Name);
            return new PlannedRun(file, folder, file.Inputs(), new PolicySource(
                Path.GetRelativePath(folder, Path.GetFullPath(file.Path)).Replace('\\', '/'), file.Text, file.Result.TextSha256, CanonicalJson.Digest(file.Policy), file.Overrides));
        }
    }
}
