using System.CommandLine;
using System.Globalization;
using AdaptThenUnlearn.Comparing;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary><c>atu compare</c>: methods, presets and parts against each other over classes and seeds, as a page anyone can print again.</summary>
public sealed class CompareCommand(Terminal terminal)
{
    private const string PageName = "results.md";

    private readonly Argument<FileInfo> _policy = new("POLICY") { Description = "A policy with one undesired feature" };
    private readonly Option<string[]> _classes = new("--classes") { Description = "Classes to unlearn, one at a time, e.g. 1,4,8 (the policy's own)", HelpName = "a,b,…" };
    private readonly Option<string[]> _seeds = new("--seeds") { Description = "Seeds of training (1,2,3)", HelpName = "a,b,…" };
    private readonly Option<string[]> _methods = new("--methods") { Description = $"Rows of the table (all): {string.Join(", ", ComparedMethods.All.Select(method => method.Name))}", HelpName = "a,b,…" };
    private readonly Option<DirectoryInfo> _data = new("--data") { Description = "Folder with the real training images, for the method retrain" };
    private readonly Option<DirectoryInfo> _out = new("--out") { Description = $"Folder for {PageName} and, in a folder beside it, the table, plots and cells", DefaultValueFactory = _ => new DirectoryInfo("artifacts/compare") };
    private readonly Option<DirectoryInfo> _work = new("--work") { Description = "Folder under which each run has its own; interrupted runs go on from there", DefaultValueFactory = _ => new DirectoryInfo("artifacts/compare/runs") };
    private readonly Option<string> _shard = new("--shard") { Description = "Make only the i-th of n parts of the runs, for several processes or machines", HelpName = "i/n" };
    private readonly Option<bool> _pageOnly = new("--page-only") { Description = "Make no run: print the page from the cells there are" };
    private readonly Option<string[]> _set = new("--set") { Description = "Set a value over the policy, for every run", HelpName = "path=value" };

    /// <summary>The command.</summary>
    public Command Build()
    {
        var command = new Command("compare", "Compare methods, presets and their parts over classes and seeds")
        {
            _policy, _classes, _seeds, _methods, _data, _out, _work, _shard, _pageOnly, _set, Machine.Device, Machine.Threads,
        };
        command.Does(terminal, Run);
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken cancel)
    {
        var path = parsed.GetRequiredValue(_policy).ToString();
        var sets = parsed.GetValue(_set) ?? [];
        if (PolicyFile.Read(path, sets, terminal).Result.Policy is not { } policy)
            return ExitCodes.BadPolicy;
        if (policy.UndesiredFeatures is not [var feature])
            throw new BadArgumentException($"{path}: a comparison unlearns one class at a time, and this policy lists {policy.UndesiredFeatures.Count} undesired features");

        var plan = new Comparison(policy.Name, List(parsed, _classes) is { Count: > 0 } classes ? classes : [feature.Class], Seeds(parsed), Methods(parsed), []);
        if (plan.Methods.Contains(ComparedMethods.Retrain) && parsed.GetValue(_data) is null)
            throw new BadArgumentException("the method retrain needs the real images: name their folder with --data, or leave it out with --methods");

        var work = parsed.GetRequiredValue(_work).FullName;
        if (Requests(plan, parsed, path, sets, policy.Evaluation.Samples, work) is not { } requests)
            return ExitCodes.BadPolicy;

        var page = Path.Combine(parsed.GetRequiredValue(_out).FullName, PageName);
        var cells = Path.Combine(Path.ChangeExtension(page, null), "cells");
        var runs = new ComparisonRuns(cells, work, Machine.Tool, Machine.Prepare(parsed), terminal, TimeProvider.System);
        var own = parsed.GetValue(_shard) is { } shard ? Shard.Parse(shard).Of(requests) : requests;
        if (!parsed.GetValue(_pageOnly))
        {
            Make(runs, own, () => Publish(plan, requests, runs, page), cancel);
            foreach (var retrained in requests.Where(request => request.Key.Method == ComparedMethods.Retrain.Name))
                runs.MeasureAgainst(retrained, [.. own.Where(request => request.Key.Class == retrained.Key.Class)], cancel);
        }

        var missing = Publish(plan, requests, runs, page).Missing().Count;
        Terminal.Result(FormattableString.Invariant($"{page}: {requests.Count - missing} of {requests.Count} runs"));
        return ExitCodes.Passed;
    }

    private void Make(ComparisonRuns runs, IReadOnlyList<ComparisonRequest> own, Action publish, CancellationToken cancel)
    {
        var open = own.Where(request => runs.Found(request) is null).ToList();
        terminal.Say(FormattableString.Invariant($"{own.Count - open.Count} of {own.Count} runs are there already, {open.Count} to go"));
        foreach (var (number, request) in open.Index())
        {
            terminal.Say(FormattableString.Invariant($"run {number + 1} of {open.Count}: {request.Key}"));
            var cell = runs.Make(request, cancel);
            terminal.Say(cell.Outcome is { } outcome
                ? FormattableString.Invariant($"{request.Key}: PUL {100 * outcome.Unlearned:0.0} %, Fréchet distance ×{outcome.FrechetRatio:0.00}, smallest share kept {100 * outcome.SmallestShareKept:0} %, {outcome.TrainingSeconds / 60:0.0} minutes of training")
                : $"{request.Key}: could not finish: {cell.Failure}");
            publish();
        }
    }

    private static Comparison Publish(Comparison plan, IReadOnlyList<ComparisonRequest> requests, ComparisonRuns runs, string page)
    {
        var comparison = plan with { Cells = [.. requests.Select(runs.Found).OfType<ComparedCell>()] };
        ComparisonRuns.Publish(comparison, page);
        return comparison;
    }

    // Every policy is read before the first run starts, so that a wrong class shows at once and not after hours.
    private List<ComparisonRequest>? Requests(Comparison plan, ParseResult parsed, string path, IReadOnlyList<string> sets, int samples, string work)
    {
        var requests = new List<ComparisonRequest>();
        var digests = new Dictionary<string, string>();   // the same few files are every run's inputs
        foreach (var key in plan.Keys())
        {
            var method = plan.Methods.Single(each => each.Name == key.Method);
            var file = PolicyFile.Read(path, [.. CellPolicy.Overrides(method, key, samples, parsed.GetValue(_data)?.FullName), .. sets], terminal);
            if (file.Result.Policy is not { } policy)
                return null;

            var folder = Path.Combine(work, key.FileName);
            var inputs = new InputFiles(policy, path);
            requests.Add(new ComparisonRequest(
                key, policy,
                new PolicySource(Path.GetRelativePath(folder, Path.GetFullPath(path)).Replace('\\', '/'), file.Text, file.Result.TextSha256, CanonicalJson.Digest(policy), file.Overrides),
                inputs, ComparedCell.DigestOf(policy, inputs.Named().Select(input => (input.Role, Digest(input.Path))))));
        }

        return requests;

        // A missing file has none; its runs will say so.
        string Digest(string input) => digests.TryGetValue(input, out var known) ? known : digests[input] = RunRecordFile.Digest(input) ?? "";
    }

    private IReadOnlyList<long> Seeds(ParseResult parsed) => List(parsed, _seeds) is { Count: > 0 } given
        ? [.. given.Select(text => long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seed) ? seed : throw new BadArgumentException($"--seeds: '{text}' is no seed; use whole numbers from 0"))]
        : [1, 2, 3];

    private IReadOnlyList<ComparedMethod> Methods(ParseResult parsed)
    {
        var names = List(parsed, _methods);
        IReadOnlyList<string> known = [.. ComparedMethods.All.Select(method => method.Name)];
        if (names.FirstOrDefault(name => !known.Contains(name)) is { } unknown)
            throw new BadArgumentException("--methods: " + Suggestion.NotOneOf(unknown, known, "method"));
        return [.. ComparedMethods.All.Where(method => names.Count == 0 || names.Contains(method.Name))];
    }

    private static IReadOnlyList<string> List(ParseResult parsed, Option<string[]> option) =>
        [.. (parsed.GetValue(option) ?? []).SelectMany(text => text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)).Distinct()];
}
