using System.CommandLine;
using AdaptThenUnlearn.Comparing;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary><c>atu compare</c>: methods, presets and parts against each other over classes and seeds, as a page anyone can print again.</summary>
public sealed class CompareCommand(Terminal terminal)
{
    private const string PageName = "results.md";

    private readonly ComparedRuns _runs = new(terminal);
    private readonly Option<string[]> _methods = new("--methods") { Description = $"Rows of the table (all): {string.Join(", ", ComparedMethods.All.Select(method => method.Name))}", HelpName = "a,b,…" };
    private readonly Option<DirectoryInfo> _data = new("--data") { Description = "Folder with the real training images, for the method retrain" };
    private readonly Option<DirectoryInfo> _out = new("--out") { Description = $"Folder for {PageName} and, in a folder beside it, the table, plots and cells", DefaultValueFactory = _ => new DirectoryInfo("artifacts/compare") };
    private readonly Option<DirectoryInfo> _work = new("--work") { Description = "Folder under which each run has its own; interrupted runs go on from there", DefaultValueFactory = _ => new DirectoryInfo("artifacts/compare/runs") };
    private readonly Option<string> _shard = new("--shard") { Description = "Make only the i-th of n parts of the runs, for several processes or machines", HelpName = "i/n" };
    private readonly Option<DirectoryInfo[]> _merge = new("--merge") { Description = "Folder of cells that another machine's part made (its --out, or a folder of it); those that answer this comparison are taken over" };
    private readonly Option<bool> _pageOnly = new("--page-only") { Description = "Make no run: print the page from the cells there are" };

    /// <summary>The command.</summary>
    public Command Build()
    {
        var command = new Command("compare", "Compare methods, presets and their parts over classes and seeds") { _methods, _data, _out, _work, _shard, _merge, _pageOnly };
        _runs.AddTo(command);
        command.Does(terminal, Run);
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken cancel)
    {
        if (_runs.Read(parsed, defaultSeeds: [1, 2, 3]) is not { } task)
            return ExitCodes.BadPolicy;

        var data = parsed.GetValue(_data)?.FullName;
        var plan = new Comparison(task.Policy.Name, task.Classes, task.Seeds, Methods(parsed), []);
        if (plan.Methods.Contains(ComparedMethods.Retrain) && data is null)
            throw new BadArgumentException("the method retrain needs the real images: name their folder with --data, or leave it out with --methods");

        var work = parsed.GetRequiredValue(_work).FullName;
        var shard = parsed.GetValue(_shard) is { } part ? Shard.Parse(part) : new Shard(1, 1);
        if (_runs.Requests(task, plan, parsed, data, work) is not { } requests)
            return ExitCodes.BadPolicy;

        var page = Path.Combine(parsed.GetRequiredValue(_out).FullName, PageName);
        var runs = new ComparisonRuns(Path.Combine(Path.ChangeExtension(page, null), "cells"), work, Machine.Tool, Machine.Prepare(parsed), terminal, TimeProvider.System);
        foreach (var folder in parsed.GetValue(_merge) ?? [])
            Merge(runs, requests, folder);
        if (!parsed.GetValue(_pageOnly))
        {
            var own = shard.Of(requests);
            Make(task, runs, own, () => Publish(plan, requests, runs, page), cancel);
            foreach (var retrained in requests.Where(request => request.Key.Method == ComparedMethods.Retrain.Name))
                task.File.Using(retrained.Inputs, () =>
                {
                    runs.MeasureAgainst(retrained, [.. own.Where(request => request.Key.Class == retrained.Key.Class)], cancel);
                    return retrained;
                });
        }

        var missing = Publish(plan, requests, runs, page).Missing().Count;
        Terminal.Result(FormattableString.Invariant($"{page}: {requests.Count - missing} of {requests.Count} runs"));
        return ExitCodes.Passed;
    }

    private void Merge(ComparisonRuns runs, IReadOnlyList<ComparisonRequest> requests, DirectoryInfo folder)
    {
        if (!folder.Exists)
            throw new BadArgumentException($"--merge {folder}: there is no such folder");

        var cells = Path.Combine(folder.FullName, Path.GetFileNameWithoutExtension(PageName), "cells") is var nested && Directory.Exists(nested) ? nested : folder.FullName;
        var taken = requests.Count(request => runs.TakeOver(request, cells));
        terminal.Say(FormattableString.Invariant($"{taken} runs taken over from {cells}"));
    }

    private void Make(ComparedRuns.Task task, ComparisonRuns runs, IReadOnlyList<ComparisonRequest> own, Action publish, CancellationToken cancel)
    {
        var open = own.Where(request => runs.Found(request) is null).ToList();
        terminal.Say(FormattableString.Invariant($"{own.Count - open.Count} of {own.Count} runs are there already, {open.Count} to go"));
        foreach (var (number, request) in open.Index())
        {
            terminal.Say(FormattableString.Invariant($"run {number + 1} of {open.Count}: {request.Key}"));
            _runs.Make(task, runs, request, cancel);
            publish();
        }
    }

    private static Comparison Publish(Comparison plan, IReadOnlyList<ComparisonRequest> requests, ComparisonRuns runs, string page)
    {
        var comparison = plan with { Cells = [.. requests.Select(runs.Found).OfType<ComparedCell>()] };
        ComparisonRuns.Publish(comparison, page);
        return comparison;
    }

    private IReadOnlyList<ComparedMethod> Methods(ParseResult parsed)
    {
        var names = ComparedRuns.List(parsed, _methods);
        IReadOnlyList<string> known = [.. ComparedMethods.All.Select(method => method.Name)];
        if (names.FirstOrDefault(name => !known.Contains(name)) is { } unknown)
            throw new BadArgumentException("--methods: " + Suggestion.NotOneOf(unknown, known, "method"));
        return [.. ComparedMethods.All.Where(method => names.Count == 0 || names.Contains(method.Name))];
    }
}
