using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Torch.Comparing;

namespace AdaptThenUnlearn.Cli.Comparing;

/// <summary>Tells what a search tried, what it recommends, and why.</summary>
public static class TuningPage
{
    private static readonly JsonSerializerOptions _indented = new() { WriteIndented = true };

    /// <summary>Draws the page.</summary>
    /// <param name="policy">That was tuned.</param>
    /// <param name="scope">What each trial was run on, in words.</param>
    /// <param name="overrides">What the command line set over every run, as <c>path=value</c>.</param>
    /// <param name="result">Of the search; its first trial has a score.</param>
    public static string Render(UnlearningPolicy policy, string scope, IReadOnlyList<string> overrides, TuningResult result)
    {
        var table = new MarkdownTable("Trial", "Settings over the policy", "Score", "Annotator's FD", "Excess over the limits", "PUL", "FD after / before");
        foreach (var (number, trial) in result.Trials.Index())
        {
            var figures = new MethodFigures([.. trial.Cells.Where(cell => cell.Outcome is not null)], trial.Cells.Count, trial.Cells.Count(cell => cell.Failure is not null), _ => null, TimingHardware: null);
            table.AddRow(
                Invariant($"{number + 1}{(trial == result.Best ? " ←" : "")}"), trial.Settings.Count == 0 ? "none" : string.Join(", ", trial.Settings.Select(setting => $"`{setting}`")),
                trial.IsScored ? Score(trial) : trial.Cells.Any(cell => cell.Failure is not null) ? "could not finish" : "could not be scored",
                Mean(trial, outcome => outcome.Selected?.FrechetDistance, "0.000"), Mean(trial, outcome => outcome.Selected?.Excess, "0.0000"),
                FigureText.Mean(figures.Unlearned, FigureText.Percent), FigureText.Mean(figures.FrechetRatio, FigureText.Times));
        }

        return $"""
            # Tuning of `{policy.Name}`

            Each trial was run on {scope}. {OverridesText()}{(result.Finished ? "Every setting was tried." : "**The budget ended before every setting was tried.**")} The score is the mean over the runs of the annotator's Fréchet distance
            relative to trial 1, plus ten times the excess (of the rate over its limit, of a share under its own) relative to the rate before; lower is
            better, and a trial is followed only if its mean is better by {Invariant($"{TuningSearch.Margin}")} and so is every single run. {AuditorNote()}

            {table}
            {Recommendation(result)}
            """.TrimEnd() + "\n";

        string AuditorNote() => policy.UndesiredFeatures[0].HasIndependentAuditor(policy)
            ? "PUL, which the auditor counts, and the distance that the gate judges stand beside it for the reader; the search does not look at them."
            : "PUL and the distance that the gate judges stand beside it for the reader. **The policy names no auditor, so that PUL is counted by the very annotator that chose the candidates.**";

        string OverridesText() => overrides.Count == 0 ? "" : $"Over every run was set, and what is recommended goes with it: {string.Join(", ", overrides.Select(MarkdownText.Code))}. ";
    }

    /// <summary>The policy fragment to paste; empty braces where the policy's own settings are best.</summary>
    public static string Fragment(IReadOnlyList<string> settings)
    {
        var unlearning = new JsonObject();
        foreach (var setting in settings)
        {
            var (path, value) = (setting[..setting.IndexOf('=', StringComparison.Ordinal)], setting[(setting.IndexOf('=', StringComparison.Ordinal) + 1)..]);
            var names = path.Split('.');
            var place = unlearning;
            foreach (var name in names[..^1])
                place = (JsonObject)(place[name] ??= new JsonObject());
            place[names[^1]] = JsonNode.Parse(value);
        }

        return new JsonObject { ["unlearning"] = unlearning }.ToJsonString(_indented);
    }

    private static string Recommendation(TuningResult result) => result.Best switch
    {
        { Settings.Count: 0 } => "Recommended: the policy's own settings. Nothing that was tried is better by the margin and in every run.",
        { } best => $"""
            Recommended, because its score is {Invariant($"{best.Score:0.000}")} against {Invariant($"{result.Trials[0].Score:0.000}")} for trial 1:

            ```json
            {Fragment(best.Settings)}
            ```
            """,
    };

    private static string Score(Trial trial) =>
        Invariant($"{trial.Score:0.000}") + (trial.Scores.Count > 1 ? $" ({string.Join(", ", trial.Scores.Select(score => Invariant($"{score:0.00}")))})" : "");

    private static string Mean(Trial trial, Func<CellOutcome, double?> figure, string format) =>
        Spread.Compute(trial.Cells.Select(cell => cell.Outcome is { } outcome ? figure(outcome) : null)) is { } spread ? spread.Mean.ToString(format, CultureInfo.InvariantCulture) : "–";

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
