using System.CommandLine;
using AdaptThenUnlearn.Cli.Comparing;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Comparing;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary>
/// <c>atu tune</c>: searches better values for a policy's unlearning section within a budget, and recommends a policy fragment.
/// </summary>
public sealed class TuneCommand(Terminal terminal)
{
    private const string PageName = "tuning.md";

    private readonly ComparisonArguments _runs = new(terminal);
    private readonly Option<string[]> _knobs = new("--knobs")
    {
        Description = $"Values to change (default: all): {string.Join(", ", TuningKnobs.All.Select(knob => knob.Path))}",
        HelpName = "a,b,…",
    };

    private readonly Option<int?> _budget = new("--runs")
    {
        Description = "Largest number of runs to make (default: no limit); each takes as long as the policy's training",
    };

    private readonly Option<DirectoryInfo> _out = new("--out")
    {
        Description = $"Folder for {PageName} and the trials' cells; an earlier search there is continued",
        DefaultValueFactory = _ => new DirectoryInfo("artifacts/tune"),
    };

    private readonly Option<bool> _pageOnly = new("--page-only")
    {
        Description = "Make no runs; print the page from the existing trials",
    };

    /// <summary>Builds the command.</summary>
    public Command Build()
    {
        var command = new Command("tune", "Search better settings for a policy's unlearning section, judged only by the " +
            "annotators")
        {
            _knobs, _budget, _out, _pageOnly, Terminal.Json,
        };
        _runs.AddTo(command);
        command.SetGuardedAction(terminal, Run);
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken cancel)
    {
        if (_runs.Read(parsed, defaultSeeds: [101, 102]) is not { } scope)
            return ExitCodes.BadPolicy;

        // Check that no input or foreign file would be overwritten.
        var folder = parsed.GetRequiredValue(_out).FullName;
        var inputs = scope.File.Inputs().EnumerateFiles().Select(input => (input.Role, (string?)input.Path));
        OutputFiles.RequireIn(folder, [PageName], inputs, path => OutputFiles.IsPage(path, "# Tuning of `"));

        // Search within the budget.
        var device = Machine.Prepare(parsed, terminal);
        var runs = new ComparisonRuns(
            Path.Combine(folder, "cells"), Path.Combine(folder, "runs"), Machine.ToolVersion, device, terminal,
            TimeProvider.System)
        {
            KeepsThreads = Machine.ChoosesThreads(parsed),
        };
        var remainingRuns = parsed.GetValue(_pageOnly) ? 0 : parsed.GetValue(_budget) ?? int.MaxValue;
        var runsPerTrial = scope.Classes.Count * scope.Seeds.Count;
        if (!parsed.GetValue(_pageOnly) && remainingRuns < runsPerTrial)
            throw new BadArgumentException(FormattableString.Invariant(
                $"--runs {remainingRuns}: a single trial takes {runsPerTrial} runs, one for each class and seed"));
        var settingsByKnob = Knobs(parsed).Select(knob => knob.Settings(scope.Policy.Unlearning).ToList());
        if (new TuningSearch([.. settingsByKnob], Evaluate).Run() is not { } result)
            throw new BadArgumentException($"{folder} holds no trial of this policy yet; leave out --page-only to make some");
        if (result.Trials[0].WhyNotScored is { } reason)
            throw new RunException(
                RunCodes.NothingToSearchFrom, $"the search cannot start, because trial 1 has no score: {reason}");

        // Print the page.
        var classes = $"class{(scope.Classes.Count == 1 ? "" : "es")} {string.Join(", ", scope.Classes)}";
        var seeds = FormattableString.Invariant($"seed{(scope.Seeds.Count == 1 ? "" : "s")} {string.Join(", ", scope.Seeds)}");
        var scopeText = $"{classes} with {seeds}";
        var page = TuningPage.Render(scope.Policy, scopeText, _runs.Overrides(parsed), result);
        WrittenFiles.Add(folder, [PageName]);
        AtomicFile.Write(Path.Combine(folder, PageName), page);
        Terminal.WriteJson(new
        {
            page = Path.Combine(folder, PageName),
            finished = result.Finished,
            best = DescribeTrial(result.Best),
            trials = result.Trials.Select(DescribeTrial),
        });
        Terminal.WriteResult(page);
        return ExitCodes.Passed;

        IReadOnlyList<ComparedCell>? Evaluate(IReadOnlyList<string> settings)
        {
            var method = new ComparedMethod(NameOf(settings), MethodFamily.Preset, "a trial", settings);
            var plan = new Comparison(scope.Policy, scope.Classes, scope.Seeds, [method], Overrides: [], Cells: []);
            var requests = _runs.Requests(scope, plan, parsed, data: null);
            if (settings.Count == 0 && remainingRuns > 0)
                ComparisonArguments.Check(scope, requests, "set it in the policy, or for every run with --set");
            var open = requests.Count(request => runs.Found(request) is null);
            if (open > remainingRuns)
                return null;
            remainingRuns -= open;
            terminal.WriteStatus($"trial: {(settings.Count == 0 ? "the policy as it is" : string.Join(", ", settings))}");
            return [.. requests.Select(request => runs.Found(request) ?? _runs.RunAndReport(scope, runs, request, cancel))];
        }
    }

    // A trial that could not be scored has no number in JSON.
    private static object DescribeTrial(Trial trial) => new
    {
        settings = trial.Settings,
        score = trial.IsScored ? trial.Score : (double?)null,
        notScored = trial.WhyNotScored,
    };

    private IReadOnlyList<TuningKnob> Knobs(ParseResult parsed)
    {
        var names = ComparisonArguments.ParseList(parsed, _knobs);
        IReadOnlyList<string> known = [.. TuningKnobs.All.Select(knob => knob.Path)];
        if (names.FirstOrDefault(name => !known.Contains(name)) is { } unknown)
            throw new BadArgumentException("--knobs: " + Suggestion.NotOneOf(unknown, known, "knob"));
        return [.. TuningKnobs.All.Where(knob => names.Count == 0 || names.Contains(knob.Path))];
    }

    // The name is part of a trial's cell, so that an earlier search can be continued: do not change it.
    private static string NameOf(IReadOnlyList<string> settings) => settings.Count == 0
        ? "trial-as-it-is"
        : $"trial-{Sha256Digest.Compute(string.Join('\n', settings))[..8]}";
}
