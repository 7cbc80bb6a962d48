using System.Globalization;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Runs;
using static AdaptThenUnlearn.Reports.ReportText;
using static AdaptThenUnlearn.Reports.Phrase;

namespace AdaptThenUnlearn.Reports;

/// <summary>
/// How the rules came out: what is waived, every rule with its numbers, and what can be done about those not met.
/// </summary>
internal static class RuleSections
{
    private static readonly string[] _columns = ["Rule", "Verdict", "Measured", "Judged", "Limit"];

    /// <summary>What is not met and waived, with the waiver; null where nothing is.</summary>
    public static ReportSection? Waived(Verdict verdict)
    {
        var table = new ReportTable("Rule", "Measured", "Judged", "Limit", "Reason", "Approved by", "Last day (UTC)");
        foreach (var finding in verdict.Findings)
        {
            if (finding is { State: FindingState.Waived, Waiver: { } waiver })
                table.AddRow([
                    [Code(finding.Rule.ToString())],
                    .. Numbers(finding),
                    [Untrusted(waiver.Reason)],
                    [Untrusted(waiver.ApprovedBy)],
                    [Untrusted(waiver.Expires)]
                ]);
        }

        return table.Rows.Count == 0
            ? null
            : new(ReportTopic.Waived, "Not met, and waived", table, [Trusted("After the last day these rules fail again.")]);
    }

    /// <summary>What is not met and only warns, and until when; null where nothing is.</summary>
    public static ReportSection? Warned(Verdict verdict)
    {
        var table = new ReportTable("Rule", "Measured", "Judged", "Limit", "Verdict", "Why it does not fail");
        foreach (var finding in verdict.Findings.Where(finding => finding.IsWarning))
            table.AddRow([
                [Code(finding.Rule.ToString())],
                .. Numbers(finding),
                [ReportPage.Mark(finding.State)],
                [Untrusted(finding.OnlyWarns?.Why ?? None)]
            ]);
        return table.Rows.Count == 0
            ? null
            : new(
                ReportTopic.Warned, "Not met, and only a warning", table,
                [Trusted("Such a rule fails from the day on which it takes effect; one of severity warn never does.")]);
    }

    /// <summary>Every rule; those that differ only in their class in one row, and in full below it.</summary>
    public static ReportSection Rules(RunRecord record)
    {
        var table = new ReportTable(_columns);
        var folded = new ReportTable([.. _columns, "How"]);
        foreach (var family in RuleFamilies.Fold(record.Verdict.Findings))
        {
            table.AddRow(family.IsFolded ? FoldedCells(family) : Cells(family.Nearest), About(family));
            foreach (var finding in family.IsFolded ? family.Findings : [])
                folded.AddRow([.. Cells(finding), [Untrusted(finding.Explanation)]]);
        }

        return new(ReportTopic.Rules, "Rules", table,
            [
                Emphasis("Measured"),
                Trusted(" is the point estimate, "),
                Emphasis("Judged"),
                Trusted(" its unfavourable bound: the limit is met only if that is within it.")
            ])
        {
            Folded = folded.Rows.Count == 0 ? null : folded,
        };
    }

    /// <summary>What can be done about the rules that are not met; null where all are.</summary>
    public static ReportSection? Mending(RunRecord record)
    {
        var table = new ReportTable("Rule", "What can be done");
        var open = record.Verdict.Findings
            .Select(finding => (finding.Rule, Advice: Advice.For(record.JudgedPolicy(), record.Before, record.After, finding)))
            .Where(each => each.Advice is not null)
            .GroupBy(each => string.Concat(each.Advice!.Phrases.Select(phrase => phrase.Text)));
        foreach (var alike in open)
            table.AddRow(
                [.. alike.SelectMany((each, index) => new[] { Trusted(index == 0 ? "" : ", "), Code(each.Rule.ToString()) })],
                alike.First().Advice!.Phrases);
        var waive = record.Verdict.Findings.Any(finding => finding.State is FindingState.Failed) ? Advice.HowToWaive.Phrases : [];
        return table.Rows.Count == 0 ? null : new(ReportTopic.Mending, "How to mend it", table, waive);
    }

    private static IReadOnlyList<Phrase>[] Cells(Finding finding) =>
        [[Code(finding.Rule.ToString())], [ReportPage.Mark(finding.State)], .. Numbers(finding)];

    private static IReadOnlyList<Phrase>[] Numbers(Finding finding)
    {
        var numbers = FindingNumbers.Create(finding);
        return [[Trusted(numbers.Observed)], [Trusted(numbers.Judged)], [Untrusted(numbers.Limit)]];
    }

    private static IReadOnlyList<Phrase>[] FoldedCells(RuleFamily family) =>
    [
        [
            Code(family.Rule.ToString()),
            Trusted(string.Create(CultureInfo.InvariantCulture, $", {family.Findings.Count} classes"))
        ],
        [ReportPage.Mark(family.Nearest.State)],
        [Trusted(Range(family, finding => finding.Observed))],
        [Trusted(Range(family, finding => finding.Judged))],
        [Untrusted(FindingNumbers.Create(family.Nearest).Limit)],
    ];

    private static string Range(RuleFamily family, Func<Finding, double?> number)
    {
        var (nearest, farthest) =
            (Rounded(family.Nearest, number(family.Nearest)), Rounded(family.Farthest, number(family.Farthest)));
        return nearest == farthest ? nearest : $"{nearest} to {farthest}";
    }

    // What the rule demands, in words, and where its numbers come from; the waiver stands elsewhere.
    private static IReadOnlyList<IReadOnlyList<Phrase>> About(RuleFamily family) =>
    [
        [Untrusted(RuleDemand.Describe(family.Nearest.Rule))],
        family is { IsFolded: true, Nearest.State: FindingState.Passed }
            ?
            [
                Emphasis("How"),
                Trusted(": the least is of class "),
                Untrusted(family.Nearest.Rule.Subject ?? None),
                Trusted(", the most of class "),
                Untrusted(family.Farthest.Rule.Subject ?? None),
                Trusted("; each class has its row below.")
            ]
            : [Emphasis("How"), Trusted(": "), Untrusted(family.Nearest.Explanation)],
    ];
}
