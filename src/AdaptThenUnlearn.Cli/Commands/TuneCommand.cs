using System.CommandLine;
using System.Security.Cryptography;
using System.Text;
using AdaptThenUnlearn.Cli.Comparing;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Comparing;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary><c>atu tune</c>: a small, budgeted search over a policy's own knobs, and the policy fragment it recommends.</summary>
public sealed class TuneCommand(Terminal terminal)
{
    private const string PageName = "tuning.md";

    private readonly ComparedRuns _runs = new(terminal);
    private readonly Option<string[]> _knobs = new("--knobs") { Description = $"What to turn (all): {string.Join(", ", TuningKnobs.All.Select(knob => knob.Path))}", HelpName = "a,b,…" };
    private readonly Option<int?> _budget = new("--runs") { Description = "Most runs to make (all that there are to make); each takes as long as the policy's training" };
    private readonly Option<DirectoryInfo> _out = new("--out") { Description = $"Folder for {PageName} and the trials' cells; a search goes on from those", DefaultValueFactory = _ => new DirectoryInfo("artifacts/tune") };
    private readonly Option<bool> _pageOnly = new("--page-only") { Description = "Make no run: print the page from the trials there are" };

    /// <summary>The command.</summary>
    public Command Build()
    {
        var command = new Command("tune", "Search better settings for a policy's unlearning section, judged by the annotators alone") { _knobs, _budget, _out, _pageOnly };
        _runs.AddTo(command);
        command.Does(terminal, Run);
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken cancel)
    {
        if (_runs.Read(parsed, defaultSeeds: [101, 102]) is not { } task)
            return ExitCodes.BadPolicy;

        var knobs = Knobs(parsed);
        var folder = parsed.GetRequiredValue(_out).FullName;
        var inputs = task.File.Inputs().Named().Select(input => (input.Role, (string?)input.Path));
        OutputFiles.RequireIn(folder, [PageName], inputs, path => OutputFiles.IsPage(path, "# Tuning of `"));
        var runs = new ComparisonRuns(Path.Combine(folder, "cells"), Path.Combine(folder, "runs"), Machine.Tool, Machine.Prepare(parsed), terminal, TimeProvider.System);
        var left = parsed.GetValue(_pageOnly) ? 0 : parsed.GetValue(_budget) ?? int.MaxValue;
        if (!parsed.GetValue(_pageOnly) && left < task.Classes.Count * task.Seeds.Count)
            throw new BadArgumentException(FormattableString.Invariant($"--runs {left}: a single trial takes {task.Classes.Count * task.Seeds.Count} runs, one for each class and seed"));
        var search = new TuningSearch([.. knobs.Select(knob => knob.Settings(task.Policy.Unlearning).ToList())], Evaluate);
        if (search.Run() is not { } result)
            throw new BadArgumentException($"{folder} holds no trial of this policy yet; leave out --page-only to make some");

        if (result.Trials[0].WhyNot is { } reason)
            throw new RunException("ATU2013", $"the search has nothing to start from: {reason}");

        var words = FormattableString.Invariant($"class{(task.Classes.Count == 1 ? "" : "es")} {string.Join(", ", task.Classes)} with seed{(task.Seeds.Count == 1 ? "" : "s")} {string.Join(", ", task.Seeds)}");
        var page = TuningPage.Render(task.Policy, words, _runs.Set(parsed), result);
        FolderMark.Add(folder, [PageName]);
        ReplacedFile.Write(Path.Combine(folder, PageName), page);
        Terminal.ResultText(page);
        return ExitCodes.Passed;

        IReadOnlyList<ComparedCell>? Evaluate(IReadOnlyList<string> settings)
        {
            var method = new ComparedMethod(NameOf(settings), MethodFamily.Preset, "a trial", settings);
            var plan = new Comparison(task.Policy, task.Classes, task.Seeds, [method], Set: [], Cells: []);
            var requests = _runs.Requests(task, plan, parsed, data: null);
            if (settings.Count == 0 && left > 0)
                ComparedRuns.Check(task, requests, "set it in the policy, or over every run with --set");
            var open = requests.Count(request => runs.Found(request) is null);
            if (open > left)
                return null;
            left -= open;
            terminal.Say($"trial: {(settings.Count == 0 ? "the policy as it is" : string.Join(", ", settings))}");
            return [.. requests.Select(request => runs.Found(request) ?? _runs.Make(task, runs, request, cancel))];
        }
    }

    private IReadOnlyList<TuningKnob> Knobs(ParseResult parsed)
    {
        var names = ComparedRuns.List(parsed, _knobs);
        IReadOnlyList<string> known = [.. TuningKnobs.All.Select(knob => knob.Path)];
        if (names.FirstOrDefault(name => !known.Contains(name)) is { } unknown)
            throw new BadArgumentException("--knobs: " + Suggestion.NotOneOf(unknown, known, "knob"));
        return [.. TuningKnobs.All.Where(knob => names.Count == 0 || names.Contains(knob.Path))];
    }

    private static string NameOf(IReadOnlyList<string> settings) =>
        settings.Count == 0 ? "trial-as-it-is" : $"trial-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', settings))))[..8]}";
}
