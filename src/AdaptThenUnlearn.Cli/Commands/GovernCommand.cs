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
        command.Does(terminal, Run);
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken cancel)
    {
        if (parsed.GetValue(_fresh) && parsed.GetValue(_reuse))
            throw new BadArgumentException("--fresh measures anew and --reuse does not; give one of them");

        var earlierRecords = new EarlierRecords(parsed.GetValue(_fresh), parsed.GetValue(_reuse), EnvironmentSnapshot.Take());
        var (read, unreadable) = Read(parsed);
        var asked = read.Where(policy => policy.Result.Policy is not null).Select(policy => Question.Of(policy, parsed.GetRequiredValue(_out).FullName)).ToList();
        if (asked.GroupBy(question => question.Folder).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new BadArgumentException($"two policies are called '{twice.First().Policy.Name}' and would write to the same folder");

        RequireFolders(asked);

        // For all of them before anything can go wrong with one: what does not stand any more must not be left to be taken for what came of this.
        var standing = asked.ConvertAll(question => Standing(question, earlierRecords, cancel));
        if (unreadable is not null)
            throw unreadable;
        if (asked.Count < read.Count)
            return ExitCodes.BadPolicy;

        var (passed, records, written) = (true, new List<string>(), false);
        try
        {
            foreach (var (question, earlier) in asked.Zip(standing))   // every one of them, whatever came of the first
            {
                var stands = written ? Standing(question, earlierRecords, cancel) : earlier;   // another may read what one wrote
                passed &= stands is null ? Govern(question, parsed, cancel) : Repeat(question, stands);
                written |= stands is null;
                records.Add(Path.Combine(question.Folder, RunRecord.FileName));
            }

            return Publish(passed || parsed.GetValue(_advisory) ? ExitCodes.Passed : ExitCodes.GateFailed);
        }
        catch when (!cancel.IsCancellationRequested && records.Count > 0)
        {
            Publish(ExitCodes.NotFinished);   // what was governed before is told even so
            throw;
        }

        int Publish(int gate) => parsed.GetValue(_publish) || _publication.IsRequired(parsed) ? _publication.After(gate, records, parsed, parsed.GetValue(_advisory), cancel) : gate;
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
    private static void RequireFolders(IReadOnlyList<Question> asked)
    {
        foreach (var question in asked)
        {
            try
            {
                RunFolder.Require(question.Folder, question.Inputs);
            }
            catch (RunException)
            {
                foreach (var each in asked)
                    RunFolder.Withdraw(each.Folder, each.Inputs);
                throw;
            }
        }
    }

    // The record that answers a question already; where there is none, no report of another answer stays either.
    private RunRecord? Standing(Question question, EarlierRecords earlierRecords, CancellationToken cancel)
    {
        if (earlierRecords.MayAnswer(question.Folder, out var doubt))
        {
            if (StillStanding(question, cancel) is { } earlier)
                return earlier;
        }
        else if (doubt is not null)
        {
            terminal.Say($"{question.Policy.Name}: the record of an earlier run is not believed, because {doubt}; the generator is measured anew (--reuse believes it)");
        }

        RunFolder.Withdraw(question.Folder, question.Inputs);
        return null;
    }

    private static RunRecord? StillStanding(Question question, CancellationToken cancel)
    {
        var today = DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime);
        return PreviousRun.StillStands(question.Folder, question.Source, Machine.Tool, question.Inputs.Named(), Vocabulary.Known, today, cancel);
    }

    private bool Repeat(Question question, RunRecord earlier)
    {
        terminal.Say($"{question.Policy.Name}: nothing has changed since the run of {earlier.Times.Finished.UtcDateTime.ToString("u", CultureInfo.InvariantCulture)}; every hash was checked, and the verdict stands");
        RunReports.Write(question.Folder, earlier);   // they are no outputs with hashes, and say what the record says whatever became of them
        Tell(earlier, question, advisory: false);
        return true;
    }

    private bool Govern(Question question, ParseResult parsed, CancellationToken cancel)
    {
        var device = Machine.Prepare(parsed);
        using var folder = RunFolder.Open(question.Folder, question.Inputs);
        var request = new RunRequest(question.Policy, question.Source, parsed.GetValue(_resume), Train: !parsed.GetValue(_noTrain), device, Machine.Tool);
        var record = question.File.Using(question.Inputs, () => new UnlearningRun(request, question.Inputs, folder, terminal, TimeProvider.System).Execute(cancel));
        Tell(record, question, parsed.GetValue(_advisory));
        return record.Verdict.Outcome.IsPass();
    }

    private void Tell(RunRecord record, Question question, bool advisory)
    {
        new VerdictLines(terminal, question.Policy, question.File.Path, question.File.Text).Tell(record.Verdict, record.WarningRemarks(), advisory);
        Terminal.Result($"{record.Policy.Name}: {OutcomeText.Words(record.Verdict.Outcome.ToldAs(advisory))}; evidence in {question.Folder}");
    }

    // What is asked of a run, and where it answers.
    private sealed record Question(PolicyFile File, string Folder, InputFiles Inputs, PolicySource Source)
    {
        public UnlearningPolicy Policy => File.Policy;

        public static Question Of(PolicyFile file, string output)
        {
            var folder = Path.Combine(output, file.Policy.Name);
            return new Question(file, folder, file.Inputs(), new PolicySource(
                Path.GetRelativePath(folder, Path.GetFullPath(file.Path)).Replace('\\', '/'), file.Text, file.Result.TextSha256, CanonicalJson.Digest(file.Policy), file.Overrides));
        }
    }
}
