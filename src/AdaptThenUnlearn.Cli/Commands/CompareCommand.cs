using System.CommandLine;
using AdaptThenUnlearn.Cli.Comparing;
using AdaptThenUnlearn.Cli.Sharding;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Publishing.Hosts;
using AdaptThenUnlearn.Torch.Attacks;
using AdaptThenUnlearn.Torch.Comparing;
using AdaptThenUnlearn.Torch.Governing;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary>
/// <c>atu compare</c>: compares methods, presets and their parts over classes and seeds, and writes a page of results.
/// </summary>
public sealed class CompareCommand(Terminal terminal)
{
    private const string PageName = "results.md";
    private const string AttackPageName = "attacks.md";
    private const string AllAttacks = "all";

    private readonly ComparisonArguments _runs = new(terminal);
    private readonly Option<string[]> _methods = new("--methods")
    {
        Description = "Methods to compare, each a row of the table (default: all but " +
            $"{Listed(" and ", method => method.OnRequest)}): {Listed(", ", _ => true)}",
        HelpName = "a,b,…",
    };

    private readonly Option<DirectoryInfo> _data = new("--data")
    {
        Description = "Folder with the real training images, for the row retrain and the figures relative to it; without it " +
            "that row is left out. The row retrain-labels needs their labels too",
    };

    private readonly Option<FileInfo> _third = new("--third-classifier")
    {
        Description = "A classifier that counts the class again, in the images that the auditor counts, and is used for " +
            "nothing else; it must be none of the policy's",
        HelpName = "FILE",
    };

    private readonly Option<DirectoryInfo> _out = new("--out")
    {
        Description = $"Folder for {PageName}, and for a subfolder with the table, plots and cells",
        DefaultValueFactory = _ => new DirectoryInfo("artifacts/compare"),
    };

    private readonly Option<DirectoryInfo> _work = new("--work")
    {
        Description = "Folder for the runs, one subfolder each. Interrupted runs continue from it, and Ret-FD needs the " +
            "generators in it",
        DefaultValueFactory = _ => new DirectoryInfo("artifacts/compare/runs"),
    };

    private readonly Option<string> _shard = new("--shard")
    {
        Description = "Make only the i-th of n parts of the runs and of their attacks, to share them between processes or " +
            "machines; auto reads the part from the variables of Slurm, Kubernetes or GitLab",
        HelpName = "i/n|auto",
    };

    private readonly Option<DirectoryInfo[]> _merge = new("--merge")
    {
        Description = "Folder with cells from another machine (its --out, or a subfolder); cells that belong to this " +
            "comparison are copied",
    };

    private readonly Option<string[]> _attacks = new("--attacks")
    {
        Description = "Attack the original and every generator of the runs as well, and print " + AttackPageName + ": all, or " +
            string.Join(", ", AttackArguments.Names),
        HelpName = "a,b,…",
    };

    private readonly Option<string> _profile =
        AttackArguments.CreateProfile("How much an attack may spend: quick or full; only with --attacks");

    private readonly Option<bool> _pageOnly = new("--page-only")
    {
        Description = "Make no runs; print the page from the existing cells",
    };

    /// <summary>Builds the command.</summary>
    public Command Build()
    {
        var command = new Command("compare", "Compare methods, presets and their parts over classes and seeds")
        {
            _methods, _data, _third, _out, _work, _shard, _merge, _pageOnly, _attacks, _profile, Terminal.Json,
        };
        _runs.AddTo(command);
        command.SetGuardedAction(terminal, Run);
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken cancel)
    {
        var attacks = FindAttacks(parsed);
        if (_runs.Read(parsed, defaultSeeds: [1, 2, 3]) is not { } scope)
            return ExitCodes.BadPolicy;
        var feature = scope.Policy.UndesiredFeatures[0];
        if (attacks.Count > 0 && !feature.HasIndependentAuditor(scope.Policy))
            throw new BadArgumentException(
                $"--attacks: the feature '{feature.Name}' has no auditor of its own: the classifier that guides an attack " +
                "would also judge it");

        // Plan the runs.
        var data = parsed.GetValue(_data)?.FullName;
        var plan =
            new Comparison(scope.Policy, scope.Classes, scope.Seeds, Methods(parsed, data), _runs.Overrides(parsed), Cells: []);
        var shard = parsed.GetValue(_shard) is { } part ? Shard.Parse(part, EnvironmentSnapshot.Capture()) : new Shard(1, 1);
        RefuseReservedSettings(parsed, plan);
        var requests = _runs.Requests(scope, plan, parsed, data);
        plan = plan with { Floor = requests.Count > 0 ? requests[0].Inputs.FindFloor() : null };

        // Find earlier retraining runs too, even if retrain is not a row: the other rows are compared with them.
        var retrainedReferences = data is null
            ? []
            : _runs.Requests(scope, plan with { Methods = [ComparedMethods.Retrain] }, parsed, data);

        // Find rows that are run only where they are named, and that an earlier command ran.
        var onRequest = ComparisonArguments.ParseList(parsed, _methods).Count > 0 || data is null
            ? []
            : _runs.Requests(
                scope, plan with { Methods = [.. ComparedMethods.All.Where(method => method.OnRequest)] }, parsed, data);
        IReadOnlyList<ComparisonRequest> known =
            [.. requests.UnionBy(retrainedReferences, request => request.Key).Concat(onRequest)];

        // Check that no input or foreign file would be overwritten.
        var thirdFile = parsed.GetValue(_third)?.FullName;
        var work = parsed.GetRequiredValue(_work).FullName;
        var page = Path.Combine(parsed.GetRequiredValue(_out).FullName, PageName);
        var outputs = Path.GetDirectoryName(page)!;
        var names = ComparisonFiles.NamesFor(PageName);
        OutputFiles.RequireIn(
            outputs, names, ComparisonArguments.EnumerateInputs(known, ("--data", data), ("--third-classifier", thirdFile)),
            _ => OutputFiles.IsPage(page, "Printed by `atu compare`"));
        WrittenFiles.Add(outputs, names);
        var attackPage = Path.Combine(outputs, AttackPageName);
        if (attacks.Count > 0)
        {
            var attackNames = AttackFiles.NamesFor(AttackPageName);
            OutputFiles.RequireIn(
                outputs, attackNames,
                ComparisonArguments.EnumerateInputs(known, ("--data", data), ("--third-classifier", thirdFile)),
                _ => OutputFiles.IsPage(attackPage, AttackResultsPage.Mark));
            WrittenFiles.Add(outputs, attackNames);
        }

        // Load the third classifier, and check that it can count.
        var cells = Path.Combine(Path.ChangeExtension(page, null), "cells");
        var device = Machine.Prepare(parsed, terminal);
        using var third = thirdFile is null ? null : ThirdClassifier.Load(thirdFile, device);
        if (third is not null)
        {
            plan = plan with { Third = new ThirdFile(Path.GetFileName(thirdFile!), third.Sha256) };
            _runs.CheckThird(scope, requests, third, parsed.GetValue(_pageOnly));
        }

        // Make the missing runs, and print the page after each.
        var runs = new ComparisonRuns(cells, work, Machine.ToolVersion, device, terminal, TimeProvider.System)
        {
            KeepsThreads = Machine.ChoosesThreads(parsed),
            Third = third,
        };
        var battery = new ComparisonAttacks(
            Path.ChangeExtension(attackPage, null), AttackBudget.Profiles[parsed.GetRequiredValue(_profile)], attacks,
            Machine.ToolVersion, device, terminal);
        var attacked = attacks.Count == 0 ? [] : _runs.AttackedClasses(scope, parsed);
        foreach (var folder in parsed.GetValue(_merge) ?? [])
        {
            Merge(runs, known, folder);
            foreach (var (asked, target, _) in Targets(attacked, requests, runs))
                battery.Import(
                    asked, target, Path.Combine(folder.FullName, Path.GetFileNameWithoutExtension(AttackPageName)));
        }

        // Print a page from before there was the row `reject` without it, unless the row is asked for.
        if (parsed.GetValue(_pageOnly) && ComparisonArguments.ParseList(parsed, _methods).Count == 0
            && !requests.Any(request => IsRefusing(request) && runs.Found(request) is not null))
        {
            plan = plan with { Methods = [.. plan.Methods.Where(method => method.MakesGenerator)] };
            requests = [.. requests.Where(request => !IsRefusing(request))];
        }

        // Print the rows that an earlier command ran by name, without making further runs of them.
        var own = shard.SelectFrom(requests);
        var begun = onRequest.Where(request => runs.Found(request) is not null).Select(request => request.Key.Method).ToHashSet();
        plan = plan with
        {
            Methods = [.. ComparedMethods.All.Where(method => plan.Methods.Contains(method) || begun.Contains(method.Name))],
        };
        requests = [.. requests, .. onRequest.Where(request => begun.Contains(request.Key.Method))];

        if (!parsed.GetValue(_pageOnly))
        {
            RunMissing(scope, runs, own, () => Publish(plan, known, runs, page), cancel);
            var shown = shard.SelectFrom(requests);
            foreach (var request in shown)
                CountByThird(scope, runs, request, cancel);
            foreach (var retrained in retrainedReferences)
            {
                var sameClass = shown.Where(request => request.Key.Class == retrained.Key.Class).ToList();
                scope.File.RunWithLocatedErrors(retrained.Inputs, () => runs.MeasureDistancesTo(retrained, sameClass, cancel));
            }
        }

        var published = Publish(plan, known, runs, page);
        object? found = null;
        if (attacks.Count > 0)
        {
            if (!parsed.GetValue(_pageOnly))
                Attack(scope, battery, attacked, own, runs, shard, cancel);
            found = PublishAttacks(published, battery, attacked, requests, runs, attackPage);
        }

        var (missing, failed) = (published.Missing().Count, published.Failed().Count);
        var withoutResult = failed > 0 ? $", {failed} without result" : "";
        var done = requests.Count - missing - failed;
        Terminal.WriteJson(new { page, runs = requests.Count, done, missing, failed, attacks = found });
        Terminal.WriteResultLine(FormattableString.Invariant($"{page}: {done} of {requests.Count} runs{withoutResult}"));
        return ExitCodes.Passed;
    }

    private IReadOnlyList<IAttack> FindAttacks(ParseResult parsed)
    {
        var names = ComparisonArguments.ParseList(parsed, _attacks);
        if (names.Count == 0 && parsed.GetResult(_profile) is { Implicit: false })
            throw new BadArgumentException("--profile is how much an attack may spend; give --attacks with it");
        return names.Count == 0 ? [] : AttackArguments.Find(names is [AllAttacks] ? [] : names);
    }

    private static bool IsRefusing(ComparisonRequest request) => !ComparedMethods.MakesGenerator(request.Key);

    // The original of each class, and the generators that runs have made. A run that was not made has no digest yet; one that
    // refuses images makes none.
    private static IEnumerable<(AttackedClass Asked, AttackTarget Target, ComparisonRequest? Request)> Targets(
        IReadOnlyList<AttackedClass> attacked, IReadOnlyList<ComparisonRequest> requests, ComparisonRuns runs)
    {
        foreach (var asked in attacked)
        {
            yield return (asked, AttackTarget.Original, null);
            foreach (var request in requests.Where(request => request.Key.Class == asked.Class && !IsRefusing(request)))
                yield return (asked, new AttackTarget(request.Key, runs.Found(request)?.Outcome?.ArtifactSha256), request);
        }
    }

    // A part attacks the generators of its own runs, and every n-th class's original.
    private void Attack(
        ComparisonScope scope,
        ComparisonAttacks battery,
        IReadOnlyList<AttackedClass> attacked,
        IReadOnlyList<ComparisonRequest> own,
        ComparisonRuns runs,
        Shard shard,
        CancellationToken cancel)
    {
        var originals = shard.SelectFrom(attacked);
        foreach (var (asked, target, request) in Targets(attacked, own, runs))
        {
            var checkpoint = request is null ? null : runs.FindArtifact(request);
            if (request is null ? !originals.Contains(asked) : checkpoint is null)
                continue;

            var made = scope.File.RunWithLocatedErrors(asked.Inputs, () => battery.Make(asked, target, checkpoint, cancel));
            if (made > 0)
                terminal.WriteStatus(FormattableString.Invariant(
                    $"{made} attacks on {target.Key?.ToString() ?? $"the original, class {asked.Class}"}"));
        }
    }

    private static object PublishAttacks(
        Comparison comparison,
        ComparisonAttacks battery,
        IReadOnlyList<AttackedClass> attacked,
        IReadOnlyList<ComparisonRequest> requests,
        ComparisonRuns runs,
        string page)
    {
        var results = new AttackResults(
            comparison,
            battery.Budget,
            [.. battery.Attacks.Select(attack => (attack.Name, attack.Summary))],
            [
                .. from each in Targets(attacked, requests, runs)
                   from attack in battery.Attacks
                   let cell = battery.Find(each.Asked, each.Target, attack.Name)
                   select new AttackResult(
                       each.Target.Key?.Method ?? AttackResults.Original, each.Asked.Class, each.Target.Key?.Seed, attack.Name,
                       cell?.Reading, cell?.Seconds, cell is null ? WhyMissing(each.Request, runs) : null),
            ]);
        AttackFiles.Publish(results, page);
        var missing = results.Missing.Count;
        Terminal.WriteResultLine(FormattableString.Invariant(
            $"{page}: {results.Results.Count - missing} of {results.Results.Count} attacks"));
        return new { page, planned = results.Results.Count, missing };
    }

    private static string WhyMissing(ComparisonRequest? request, ComparisonRuns runs) =>
        request is null ? "the original was not attacked yet"
        : runs.Found(request) is not { } cell ? "the run was not made"
        : cell.Failure is { } failure ? $"the run ended without a generator: {failure}"
        : runs.FindArtifact(request) is null ? "its generator is not in the folder of the runs"
        : "it was not attacked yet";

    private void Merge(ComparisonRuns runs, IReadOnlyList<ComparisonRequest> requests, DirectoryInfo folder)
    {
        if (!folder.Exists)
            throw new BadArgumentException($"--merge {folder}: there is no such folder");

        var nested = Path.Combine(folder.FullName, Path.GetFileNameWithoutExtension(PageName), "cells");
        var cells = Directory.Exists(nested) ? nested : folder.FullName;
        var copied = requests.Count(request => runs.Import(request, cells));
        terminal.WriteStatus(FormattableString.Invariant($"{copied} runs copied from {cells}"));
    }

    private void RunMissing(
        ComparisonScope scope, ComparisonRuns runs, IReadOnlyList<ComparisonRequest> shardRequests,
        Action publish,
        CancellationToken cancel)
    {
        var open = shardRequests.Where(request => runs.Found(request) is null).ToList();
        terminal.WriteStatus(FormattableString.Invariant(
            $"{shardRequests.Count - open.Count} of {shardRequests.Count} runs exist already, {open.Count} to go"));
        if (open.Count > 0)
            ComparisonArguments.Check(scope, open, "set a value over every run with --set, or leave the row out with --methods");
        foreach (var (number, request) in open.Index())
        {
            if (runs.Found(request) is not null)
                continue;   // another process has made it in the meantime

            terminal.WriteStatus(FormattableString.Invariant($"run {number + 1} of {open.Count}: {request.Key}"));
            try
            {
                _runs.RunAndReport(scope, runs, request, cancel);
            }
            catch (FolderInUseException)
            {
                terminal.WriteStatus($"{request.Key} is skipped: another process is making it");
                continue;
            }

            CountByThird(scope, runs, request, cancel);
            publish();
        }
    }

    private void CountByThird(
        ComparisonScope scope, ComparisonRuns runs, ComparisonRequest request, CancellationToken cancel)
    {
        if (scope.File.RunWithLocatedErrors(request.Inputs, () => runs.CountByThird(request, cancel)) is { } count)
            terminal.WriteStatus(FormattableString.Invariant(
                $"{request.Key}: the third classifier finds the class in {count.HitsBefore} images before, and in ")
                + FormattableString.Invariant($"{count.HitsAfter} after"));
    }

    // Refuse --set for values that rows set themselves: different rows would become the same.
    private void RefuseReservedSettings(ParseResult parsed, Comparison plan)
    {
        foreach (var path in _runs.Overrides(parsed).Select(ComparisonArguments.PathOf))
        {
            var conflicting = plan.Methods.FirstOrDefault(
                method => method.Settings.Any(setting => CellPolicy.Overlap(path, $"unlearning.{setting.Split('=')[0]}")));
            if (conflicting is not null)
                throw new BadArgumentException(
                    $"--set {path}: the row {conflicting.Name} sets this itself; leave that row out with --methods, or remove " +
                    "the setting");
        }
    }

    private static Comparison Publish(Comparison plan, IReadOnlyList<ComparisonRequest> known, ComparisonRuns runs, string page)
    {
        var comparison = plan with { Cells = [.. known.Select(runs.Found).OfType<ComparedCell>()] };
        ComparisonFiles.Publish(comparison, page);
        return comparison;
    }

    private IReadOnlyList<ComparedMethod> Methods(ParseResult parsed, string? data)
    {
        var names = ComparisonArguments.ParseList(parsed, _methods);
        IReadOnlyList<string> known = [.. ComparedMethods.All.Select(method => method.Name)];
        if (names.FirstOrDefault(name => !known.Contains(name)) is { } unknown)
            throw new BadArgumentException("--methods: " + Suggestion.NotOneOf(unknown, known, "method"));

        IReadOnlyList<ComparedMethod> methods =
            [.. ComparedMethods.All.Where(method => names.Count == 0 ? !method.OnRequest : names.Contains(method.Name))];
        if (data is not null)
            return methods;
        if (names.Count > 0 && methods.FirstOrDefault(method => method.NeedsData) is { } lacking)
            throw new BadArgumentException(
                $"the method {lacking.Name} needs the real images: name their folder with --data, or leave the method out with " +
                "--methods");
        if (names.Count == 0)
            terminal.WriteStatus(
                "without --data there are no real images to retrain on: the row retrain and the figures relative to it are " +
                "left out");
        return [.. methods.Where(method => !method.NeedsData)];
    }

    private static string Listed(string separator, Func<ComparedMethod, bool> isListed) =>
        string.Join(separator, ComparedMethods.All.Where(isListed).Select(method => method.Name));
}
