using System.Globalization;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Reports;

namespace AdaptThenUnlearn.Publishing.Pages;

/// <summary>What a reader can do about a rule that is not met.</summary>
public static class Advice
{
    private const int MostLines = 6;
    private const string Waive = "Or let it pass for a while: an entry in `waivers` with `rule`, `reason`, `approvedBy` and `expires`.";

    /// <summary>Lines of Markdown, each once; none when every rule is met.</summary>
    public static IReadOnlyList<string> For(PublishedRun run)
    {
        var open = run.Findings.Where(finding => finding.State is FindingState.Failed or FindingState.NotMeasured).ToList();
        var lines = open.Select(finding => Line(run, finding)).Distinct().Take(MostLines).ToList();
        return open.Exists(finding => finding.State == FindingState.Failed) ? [.. lines, Waive] : lines;
    }

    private static string Line(PublishedRun run, Finding finding)
    {
        var name = RuleRow.NameOf(finding);
        if (finding.State == FindingState.NotMeasured)
            return $"{name} was not measured: {MarkdownText.Escape(MarkdownText.Clip(finding.Explanation, 300))}. What is not measured has failed.";
        if (run.Record.Training is null && finding.Rule == "quality/maxFrechetDistance" && Gate.Violated(run.Policy, run.Record.Before).Count == 0)
            return $"{name}: the generator as it is makes no better images, and unlearning would not either; train it further, or set a limit that it can meet.";
        if (run.Record.Training is null)
            return $"{name}: nothing was trained in this run; `atu govern POLICY` without `--no-train` makes the generator forget it.";

        return finding.Rule.Split('/', 3) switch
        {
            [_, "maxRate"] when finding.Observed <= finding.Limit => string.Create(
                CultureInfo.InvariantCulture, $"{name}: the share is within the limit, its bound is not; more images narrow the bound (`evaluation.maxSamples`, now {run.Policy.Evaluation.MaxSamples})."),
            ["quality", "minShareKept", ..] => "Other classes lost too much: raise `unlearning.retention.weight` or `unlearning.classBalance.rate`, or search settings with `atu tune POLICY`.",
            ["quality", ..] => "The images became worse: raise `unlearning.retention.weight` or `unlearning.recoverySteps`, or search settings with `atu tune POLICY`.",
            _ => $"{name}: unlearn longer (`unlearning.steps`, or `unlearning.preset` `thorough`), or search settings with `atu tune POLICY`.",
        };
    }
}
