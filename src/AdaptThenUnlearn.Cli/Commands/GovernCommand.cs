using System.CommandLine;
using System.Globalization;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Publishing.Hosts;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Governing;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary>
/// <c>atu govern</c>: measures, unlearns, measures again and judges for each policy, with one exit code for all.
/// </summary>
public sealed class GovernCommand(Terminal terminal)
{
    private readonly Argument<FileInfo[]> _policies = PolicyArguments.CreateArgument();
    private readonly Option<DirectoryInfo> _out = new("--out")
    {
        Description = "Output folder; each policy gets a subfolder with its name (default: " +
            $"{EnvironmentDefaults.OutVariable}, else {EnvironmentDefaults.Out})",
    };

    private readonly Option<bool> _resume = new("--resume") { Description = "Continue an interrupted run" };
    private readonly Option<bool> _advisory = new("--advisory")
    {
        Description = "Treat a failed gate as a warning, with exit code 0",
    };

    private readonly Option<bool> _noTrain = new("--no-train") { Description = "Only measure and judge, without training" };
    private readonly Option<bool> _fresh = new("--fresh")
    {
        Description = "Measure again, even if nothing has changed since an earlier run",
    };

    private readonly Option<bool> _reuse = new("--reuse")
    {
        Description = "Reuse the record of an earlier run if nothing has changed, even on a build server; anyone who can write " +
            "the output folder can then decide the result",
    };

    private readonly Option<bool> _publish = new("--publish")
    {
        Description = "Publish the results on the pull request; this never changes the gate's exit code",
    };

    private readonly Option<FileInfo[]> _measured = new("--measured")
    {
        Description = "Judge what measure --shard has measured, with --no-train; the files of all parts, or patterns",
        HelpName = "part",
        AllowMultipleArgumentsPerToken = true,
    };

    private readonly Option<FileInfo[]> _audit = new("--audit")
    {
        Description = "Judge the stored readings of the earlier run with what a person saw (atu label --audit), without " +
            "measuring again",
        HelpName = "audit.json",
        AllowMultipleArgumentsPerToken = true,
    };

    private readonly Option<FileInfo[]> _ratchet = new("--ratchet")
    {
        Description = "Also judge that nothing is worse than in the last accepted run, by its record; of several records, each " +
            "policy takes its own",
        HelpName = "run.json",
        AllowMultipleArgumentsPerToken = true,
    };

    private readonly Publication _publication = new(terminal);
    private readonly List<object> _results = [];   // for --json, one for each policy
    private readonly VerdictLines _verdictLines = new(EnvironmentSnapshot.Capture());
    private readonly Option<string[]> _set = new("--set")
    {
        Description = "Replace a value of the policy, e.g. unlearning.steps=600",
        HelpName = "path=value",
    };

    /// <summary>Builds the command.</summary>
    public Command Build()
    {
        var command = new Command("govern", "Measure a generator, unlearn what its policy bans, and judge the result")
        {
            _policies, _out, Machine.Device, Machine.Threads, _resume, _advisory, _noTrain, _set, _fresh, _reuse, _publish,
            _measured, _audit, _ratchet, PolicyLocks.Required, Terminal.Json,
        };
        _publication.AddTo(command);
        command.SetGuardedAction(terminal, Run);
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken cancel)
    {
        if (parsed.GetValue(_fresh) && parsed.GetValue(_reuse))
            throw new BadArgumentException("--fresh measures again and --reuse does not; give only one of them");

        var isMeasured = parsed.GetValue(_measured) is { Length: > 0 };
        if (isMeasured && (!parsed.GetValue(_noTrain) || parsed.GetValue(_reuse)))
            throw new BadArgumentException(
                "--measured judges what was measured in parts: give --no-train with it, and no --reuse. If the generator fails, "
                + "train without --measured");

        var isAudited = parsed.GetValue(_audit) is { Length: > 0 };
        if (isAudited && (isMeasured || parsed.GetValue(_fresh) || parsed.GetValue(_resume) || parsed.GetValue(_noTrain)))
            throw new BadArgumentException(
                "--audit judges what an earlier run measured: give no --fresh, --resume, --no-train or --measured with it");
        if (isAudited && parsed.GetValue(_ratchet) is { Length: > 0 })
            throw new BadArgumentException(
                "--audit judges an earlier run, with the accepted run that it was compared with: give no --ratchet with it");

        // Read every policy, and check that their folders can be used. Where nothing has changed, no tensor is needed.
        TorchBackend.PostponeLoading();
        var output = parsed.GetValue(_out)?.FullName ?? EnvironmentDefaults.OutputFolder(EnvironmentSnapshot.Capture());
        var earlierRecords =
            new RecordReuse(isMeasured || parsed.GetValue(_fresh), parsed.GetValue(_reuse), EnvironmentSnapshot.Capture());
        var (read, unreadable) = Read(parsed, output);
        var (accepted, unaccepted) = ReadAccepted(parsed);
        unreadable ??= unaccepted;
        var plannedRuns = read.Where(policy => policy.Result.Policy is not null)
            .Select(policy => PlannedRun.Create(policy, output, accepted)).ToList();
        if (accepted.Count > 0)
            unreadable ??= FindUncompared(plannedRuns, accepted);
        if (plannedRuns.GroupBy(run => run.Folder).FirstOrDefault(group => group.Count() > 1) is { } duplicate)
            throw new BadArgumentException(
                $"two policies are called '{duplicate.First().Policy.Name}' and would write to the same folder");
        if (isMeasured && plannedRuns.Count > 1)
            throw new BadArgumentException("--measured holds the parts of one policy's measurement; name one policy");
        if (isAudited)
            return JudgeAudit(parsed, plannedRuns, unreadable, earlierRecords, cancel);
        RequireFolders(plannedRuns);

        // Delete all stale results first, so that an early failure cannot leave an old verdict or its generator behind.
        var reusableRecords = plannedRuns.ConvertAll(run => FindReusableRecord(run, earlierRecords, cancel));
        if (unreadable is not null)
            throw unreadable;
        if (plannedRuns.Count < read.Count)
            return ExitCodes.BadPolicy;

        // Run each policy, also after one that failed, and publish what was judged.
        var (passed, records, written) = (true, new List<string>(), false);
        try
        {
            foreach (var (run, earlier) in plannedRuns.Zip(reusableRecords))
            {
                // Look again after a run, because its output can be the next one's input.
                var reusable = written ? FindReusableRecord(run, earlierRecords, cancel) : earlier;
                passed &= reusable is null ? GovernOrReportError(run, parsed, cancel) : ReportUpToDate(run, reusable);
                written |= reusable is null;
                records.Add(run.Record);
            }

            return Publish(passed || parsed.GetValue(_advisory) ? ExitCodes.Passed : ExitCodes.GateFailed);
        }
        catch when (!cancel.IsCancellationRequested && records.Count > 0)
        {
            Publish(ExitCodes.NotFinished);   // publish the runs that finished before
            throw;
        }
        finally
        {
            Terminal.WriteJson(new { policies = _results, publication = _publication.Result });
        }

        int Publish(int gate) => parsed.GetValue(_publish) || _publication.IsRequired(parsed)
            ? _publication.PublishAfterGate(gate, records, parsed, parsed.GetValue(_advisory), cancel)
            : gate;
    }

    // Nothing of the run is deleted unless the audits fit it.
    private int JudgeAudit(
        ParseResult parsed,
        IReadOnlyList<PlannedRun> plannedRuns,
        BadArgumentException? unreadable,
        RecordReuse earlierRecords,
        CancellationToken cancel)
    {
        if (unreadable is not null)
            throw unreadable;
        if (plannedRuns is not [var run])
            return plannedRuns.Count == 0
                ? ExitCodes.BadPolicy
                : throw new BadArgumentException("--audit holds audits of one policy's run; name one policy");
        if (!earlierRecords.MayReuse(run.Folder, out var doubt))
            throw new BadArgumentException(
                $"--audit judges the record in {run.Folder}, which is not trusted: {doubt}; add --reuse if nobody else writes "
                + "that folder");

        TorchBackend.Load();   // the artifact is written again
        try
        {
            var record = new AuditedRun(run.Inputs, run.Folder, Vocabulary.Known, TimeProvider.System).Judge(
                run.Source, run.File.Lock?.Lock.PolicySha256, [.. parsed.GetValue(_audit)!.Select(file => file.FullName)],
                cancel);
            PrintVerdict(record, run, parsed.GetValue(_advisory), reused: false);
            var gate = record.Verdict.Outcome.IsPass() || parsed.GetValue(_advisory) ? ExitCodes.Passed : ExitCodes.GateFailed;
            return parsed.GetValue(_publish) || _publication.IsRequired(parsed)
                ? _publication.PublishAfterGate(gate, [run.Record], parsed, parsed.GetValue(_advisory), cancel)
                : gate;
        }
        finally
        {
            Terminal.WriteJson(new { policies = _results, publication = _publication.Result });
        }
    }

    // The policies that can be read, and the error of the first argument that cannot. A policy that cannot be read, or has
    // errors, has no run: what its earlier runs concluded is deleted.
    private (List<PolicyFile> Read, BadArgumentException? Unreadable) Read(ParseResult parsed, string output)
    {
        List<PolicyFile> read = [];
        var found = PolicyArguments.Find(parsed.GetRequiredValue(_policies), terminal);
        var isLockRequired = PolicyLocks.AreRequired(parsed);
        foreach (var other in found.Skipped)
            _verdictLines.WriteSkipped(other);
        var unreadable = found.Problem;
        foreach (var file in found.Files)
        {
            var isPolicy = false;
            try
            {
                var policy = PolicyFile.Read(file, parsed.GetValue(_set) ?? [], terminal);
                policy = policy.Result.Policy is null ? policy : PolicyLocks.Apply(policy, isLockRequired);
                isPolicy = policy.Result.Policy is not null;
                read.Add(policy);
            }
            catch (BadArgumentException bad)
            {
                unreadable ??= bad;
            }

            if (!isPolicy)
            {
                foreach (var folder in RunFolder.FindByPolicyFile(output, file))
                    RunFolder.DeleteStaleResults(folder);
            }
        }

        return (read, unreadable);
    }

    // The records to compare with, and the error of the first that cannot be.
    private (IReadOnlyList<AcceptedRun> Accepted, BadArgumentException? Problem) ReadAccepted(ParseResult parsed)
    {
        if (parsed.GetValue(_ratchet) is not { Length: > 0 } given)
            return ([], null);
        try
        {
            return (
                [.. FilePattern.ExpandAll(given).Select(file => AcceptedRun.Read(file, Vocabulary.Known))
                    .OrderByDescending(run => run.Baseline.Finished)],
                null);
        }
        catch (RunRecordException refused)
        {
            return ([], new BadArgumentException($"--ratchet {refused.Message}"));
        }
    }

    private static BadArgumentException? FindUncompared(
        IReadOnlyList<PlannedRun> plannedRuns, IReadOnlyList<AcceptedRun> accepted) =>
        plannedRuns.FirstOrDefault(run => run.Inputs.Accepted is null) is { } alone
            ? new BadArgumentException(
                $"--ratchet has no record of the policy '{alone.Policy.Name}', only of "
                + $"{string.Join(", ", accepted.Select(run => $"'{run.PolicyName}'").Distinct())}; give its last accepted "
                + "run.json, or govern it without --ratchet")
            : null;

    // Check all folders before anything is written: no input and no foreign file is overwritten. If one is refused, delete stale
    // verdicts, since no run will replace them.
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
                    RunFolder.DeleteStaleResults(each.Folder, each.Inputs);
                throw;
            }
        }
    }

    // The record of an earlier run with the same inputs; if there is none, deletes the results of other runs.
    private RunRecord? FindReusableRecord(PlannedRun run, RecordReuse earlierRecords, CancellationToken cancel)
    {
        if (earlierRecords.MayReuse(run.Folder, out var doubt))
        {
            if (FindUpToDateRecord(run, cancel) is { } earlier)
                return earlier;
        }
        else if (doubt is not null)
        {
            terminal.WriteStatus(
                $"{run.Policy.Name}: the record of an earlier run is not reused, because {doubt}; the generator is measured " +
                "again (--reuse accepts the record)");
        }

        RunFolder.DeleteStaleResults(run.Folder, run.Inputs);
        return null;
    }

    private static RunRecord? FindUpToDateRecord(PlannedRun run, CancellationToken cancel)
    {
        var today = DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime);
        return PreviousRun.FindUpToDate(
            run.Folder, run.Source, Machine.ToolVersion, run.Inputs.EnumerateFiles(), Vocabulary.Known, today, cancel);
    }

    private bool ReportUpToDate(PlannedRun run, RunRecord earlier)
    {
        var finished = earlier.Times.Finished.UtcDateTime.ToString("u", CultureInfo.InvariantCulture);
        terminal.WriteStatus(
            $"{run.Policy.Name}: nothing has changed since the run of {finished}; every hash was checked, and the verdict is " +
            "still valid");
        RunReports.Write(run.Folder, earlier);   // reports have no hash in the record, so restore what it says
        var leftOut = AuditedRecord.WarnOfLeftOut(earlier, run.Folder, onlyComplete: true).Except(earlier.Remarks ?? []);
        PrintVerdict(earlier with { Remarks = [.. earlier.Remarks ?? [], .. leftOut] }, run, advisory: false, reused: true);
        return true;
    }

    private bool GovernOrReportError(PlannedRun run, ParseResult parsed, CancellationToken cancel)
    {
        try
        {
            return Govern(run, parsed, cancel);
        }
        catch when (!cancel.IsCancellationRequested)
        {
            _verdictLines.WriteError(run.Policy.Name);
            _results.Add(new { policy = run.Policy.Name, file = run.File.Path, outcome = JsonParts.NotFinished });
            throw;
        }
    }

    private bool Govern(PlannedRun run, ParseResult parsed, CancellationToken cancel)
    {
        var resumed = parsed.GetValue(_resume) ? FolderJournal.FindThreads(RunFolder.StateFolderOf(run.Folder)) : null;
        var device = Machine.Prepare(parsed, terminal, resumed);
        using var folder = RunFolder.Open(run.Folder, run.Inputs);
        var request = new RunRequest(
            run.Policy, run.Source, parsed.GetValue(_resume), Train: !parsed.GetValue(_noTrain), device, Machine.ToolVersion,
            Origin: _publication.FindOrigin(parsed),
            Parts: parsed.GetValue(_measured) is { Length: > 0 } parts ? FilePattern.ExpandAll(parts) : null,
            Lock: run.File.Lock is { } found
                ? new RequestedLock(found.Lock.PolicySha256, found.Lock.Time, found.Stamped)
                : null,
            Accepted: run.Inputs.Accepted,
            TrustsAttack: TrustOfAttacks(run, parsed));
        var record = run.File.RunWithLocatedErrors(
            run.Inputs, () => new UnlearningRun(request, run.Inputs, folder, terminal, TimeProvider.System).Execute(cancel));
        PrintVerdict(record, run, parsed.GetValue(_advisory), reused: false);
        return record.Verdict.Outcome.IsPass();
    }

    // A finished attack decides the verdict as a record does, and is trusted as one.
    private Func<string, string, bool> TrustOfAttacks(PlannedRun run, ParseResult parsed)
    {
        var earlier = new RecordReuse(parsed.GetValue(_fresh), parsed.GetValue(_reuse), EnvironmentSnapshot.Capture());
        var isDoubtSaid = false;
        return (folder, name) =>
        {
            var may = earlier.MayReuse(folder, out var doubt, name);
            if (doubt is not null && !isDoubtSaid)
                terminal.WriteStatus(
                    $"{run.Policy.Name}: finished attacks in {folder} are not resumed from, because {doubt}; they are made again "
                    + "(--reuse accepts them)");
            isDoubtSaid |= doubt is not null;
            return may;
        };
    }

    private void PrintVerdict(RunRecord record, PlannedRun run, bool advisory, bool reused)
    {
        new VerdictPrinter(terminal, run.Policy, run.File.Path, run.File.Text)
            .Print(record.Verdict, record.WarningRemarks(), advisory);
        var outcome = record.Verdict.Outcome.WithAdvisory(advisory);
        Terminal.WriteResultLine($"{record.Policy.Name}: {OutcomeText.Describe(outcome)}; evidence in {run.Folder}");
        _verdictLines.Write(record.Policy.Name, outcome);
        _results.Add(new
        {
            policy = record.Policy.Name,
            file = run.File.Path,
            outcome = OutcomeText.Name(outcome),
            reused,
            record = run.Record,
            verdict = JsonParts.Verdict(record.Verdict),
        });
    }

    // A policy with the folder that its run writes to.
    private sealed record PlannedRun(PolicyFile File, string Folder, InputFiles Inputs, PolicySource Source)
    {
        public UnlearningPolicy Policy => File.Policy;

        public string Record => Path.Combine(Folder, RunRecord.FileName);

        public static PlannedRun Create(PolicyFile file, string output, IReadOnlyList<AcceptedRun> accepted)
        {
            var folder = Path.Combine(output, file.Policy.Name);
            var path = Path.GetRelativePath(folder, Path.GetFullPath(file.Path)).Replace('\\', '/');
            return new PlannedRun(file, folder, file.Inputs(accepted.FirstOrDefault(run => run.PolicyName == file.Policy.Name)),
                file.CreateSource(path));
        }
    }
}
