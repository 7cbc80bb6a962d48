using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Torch.Comparing;

namespace AdaptThenUnlearn.Cli.Comparing;

/// <summary>The page of a search: what it tried, what it recommends, and why.</summary>
public static class TuningPage
{
    private static readonly JsonSerializerOptions _indented = new() { WriteIndented = true };

    /// <summary>Renders the page as Markdown.</summary>
    /// <param name="policy">The policy that was tuned.</param>
    /// <param name="scope">The classes and seeds of each trial, in words.</param>
    /// <param name="overrides">Values that the command line set for every run, as <c>path=value</c>.</param>
    /// <param name="result">The result of the search; its first trial has a score.</param>
    public static string Render(UnlearningPolicy policy, string scope, IReadOnlyList<string> overrides, TuningResult result)
    {
        // List the trials.
        var table = new MarkdownTable(
            "Trial", "Settings over the policy", "Score", "Annotator's FD", "Excess over the limits", "PUL", "FD after / before");
        foreach (var (number, trial) in result.Trials.Index())
        {
            var finished = trial.Cells.Where(cell => cell.Outcome is not null).ToList();
            var failed = trial.Cells.Count(cell => cell.Failure is not null);
            var figures = new MethodFigures(finished, trial.Cells.Count, failed, _ => null, TimingHardware: null);
            table.AddRow(
                Invariant($"{number + 1}{(trial == result.Best ? " ←" : "")}"),
                trial.Settings.Count == 0 ? "none" : string.Join(", ", trial.Settings.Select(setting => $"`{setting}`")),
                trial.IsScored ? Score(trial) : failed > 0 ? "did not finish" : "could not be scored",
                Mean(trial, outcome => outcome.Selected?.FrechetDistance, "0.000"),
                Mean(trial, outcome => outcome.Selected?.Excess, "0.0000"),
                FigureText.Mean(figures.Unlearned, FigureText.Percent), FigureText.Mean(figures.FrechetRatio, FigureText.Times));
        }

        // Explain the score, and recommend the best trial.
        var end = result.Finished ? "Every setting was tried." : "**The budget ended before every setting was tried.**";
        var margin = Invariant($"{TuningSearch.Margin}");
        return $"""
            # Tuning of `{policy.Name}`

            - Each trial was run on {scope}. {end}
            {OverridesText()}- The **score** is the mean over the runs of two parts: the annotator's Fréchet distance relative to trial 1, plus
              ten times the excess relative to the rate before. The excess is the rate above its limit, or a share below its own.
              Lower is better.
            - A trial is followed only if its mean is better by {margin}, and if every single run is better too.
            - {AuditorNote()}

            {table}
            {Recommendation(result)}
            """.TrimEnd() + "\n";

        string AuditorNote() => policy.UndesiredFeatures[0].HasIndependentAuditor(policy)
            ? "The search does not look at PUL, which the auditor counts, or at the distance that the gate judges. They are " +
                "for the reader."
            : "PUL and the distance that the gate judges are for the reader. **The policy names no auditor, so PUL is counted " +
                "by the annotator that chose the candidates.**";

        string OverridesText() => overrides.Count == 0
            ? ""
            : $"- {string.Join(", ", overrides.Select(MarkdownText.Code))} " +
                $"{(overrides.Count == 1 ? "was set for every run, and goes" : "were set for every run, and go")} with the " +
                $"recommendation.\n";
    }

    /// <summary>The policy fragment to paste; its section is empty if the policy's own settings are best.</summary>
    public static string Fragment(IReadOnlyList<string> settings)
    {
        var unlearning = new JsonObject();
        foreach (var setting in settings)
        {
            var equals = setting.IndexOf('=', StringComparison.Ordinal);
            var (names, value) = (setting[..equals].Split('.'), setting[(equals + 1)..]);
            var place = unlearning;
            foreach (var name in names[..^1])
                place = (JsonObject)(place[name] ??= new JsonObject());
            place[names[^1]] = JsonNode.Parse(value);
        }

        return new JsonObject { ["unlearning"] = unlearning }.ToJsonString(_indented);
    }

    private static string Recommendation(TuningResult result) => result.Best switch
    {
        { Settings.Count: 0 } => "Recommended: the policy's own settings. No trial was better by the margin and in every run.",
        { } best => $"""
            Recommended, because its score is {Invariant($"{best.Score:0.000}")} against {Invariant($"{result.Trials[0].Score:0.000}")} for trial 1:

            ```json
            {Fragment(best.Settings)}
            ```
            """,
    };

    private static string Score(Trial trial) =>
        Invariant($"{trial.Score:0.000}") + (trial.Scores.Count > 1
            ? $" ({string.Join(", ", trial.Scores.Select(score => Invariant($"{score:0.00}")))})"
            : "");

    private static string Mean(Trial trial, Func<CellOutcome, double?> figure, string format) =>
        Spread.Compute(trial.Cells.Select(cell => cell.Outcome is { } outcome ? figure(outcome) : null)) is { } spread
            ? spread.Mean.ToString(format, CultureInfo.InvariantCulture)
            : FigureText.None;

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
