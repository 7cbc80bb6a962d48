using System.Globalization;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;
using static AdaptThenUnlearn.Reports.ReportText;

namespace AdaptThenUnlearn.Reports;

/// <summary>How the numbers of each rule moved over the runs of a policy: what was measured, its bound, and the limit.</summary>
/// <remarks>The states and numbers are those that the records have; nothing is judged again.</remarks>
/// <param name="Runs">At least one, oldest first; the last is the run that the report is about.</param>
/// <param name="Rules">The rules of the last run that have numbers in any run.</param>
public sealed record Trend(IReadOnlyList<TrendRun> Runs, IReadOnlyList<TrendRule> Rules)
{
    /// <summary>How many rules are shown.</summary>
    public const int MaxRules = 8;

    private const int MaxRows = 10;

    /// <summary>The trend that ends with a run; null where there is no earlier one.</summary>
    /// <param name="earlier">Runs of the same policy and generator, oldest first.</param>
    /// <param name="current">The last run.</param>
    public static Trend? Create(IReadOnlyList<RunRecord> earlier, RunRecord current)
    {
        if (earlier.Count == 0)
            return null;

        IReadOnlyList<RunRecord> records = [.. earlier, current];
        var rules = RuleFamilies.Fold(current.Verdict.Findings)
            .Select(family => TrendRule.Create(family, records))
            .Where(rule => rule.Points.Any(point => point is not null))
            .Take(MaxRules);
        return new Trend([.. records.Select(TrendRun.Create)], [.. rules]);
    }

    /// <summary>E.g. <c>12 runs, 2026-01-03 to 2026-03-01</c>.</summary>
    public string Describe() =>
        string.Create(CultureInfo.InvariantCulture, $"{Runs.Count} runs, {Runs[0].Day} to {Runs[^1].Day}");

    /// <summary>The section of a report.</summary>
    internal ReportSection Section()
    {
        // List the newest runs of each rule; the plot has all of them.
        var table = new ReportTable("Rule", "When (UTC)", "Commit", "Verdict", "Measured", "Bound", "Limit");
        var newest = Enumerable.Range(0, Runs.Count).Reverse().Take(MaxRows).ToList();
        foreach (var rule in Rules)
            foreach (var run in newest)
                table.AddRow([.. rule.Row(Runs[run], rule.Points[run])]);

        // Say what is left out, and what cannot be compared.
        var reasons = Rules.SelectMany(rule => newest.Select(run => rule.Points[run]?.WhyNotComparable))
            .OfType<string>()
            .Distinct()
            .ToList();
        var shown = Runs.Count > MaxRows
            ? string.Create(CultureInfo.InvariantCulture, $", the newest {MaxRows} of {Runs.Count} runs")
            : "";
        var marked = reasons.Count == 0 ? "" : $" † cannot be compared with the newest run: {string.Join(", ", reasons)}.";
        return new ReportSection(
            ReportTopic.Trend,
            "Trend",
            table,
            [Phrase.Trusted($"As recorded, newest first{shown}; the verdicts are those of their day.{marked}")])
        {
            Trend = this,
        };
    }
}

/// <summary>A run of a trend.</summary>
/// <param name="Measured">When it was measured.</param>
/// <param name="Commit">First digits of the commit; null where the record has none.</param>
public sealed record TrendRun(DateTimeOffset Measured, string? Commit)
{
    private const int ShortCommit = 7;

    /// <summary>Day and minute, UTC.</summary>
    public string Day => Measured.UtcDateTime.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);

    /// <summary>A record's entry.</summary>
    public static TrendRun Create(RunRecord record) =>
        new(record.Times.Finished, record.Origin?.Clean()?.Commit?[..ShortCommit]);
}

/// <summary>A rule of a trend, or several that are folded; of these the smallest number is shown.</summary>
/// <param name="Rule">The rule's name; without a class where several are folded.</param>
/// <param name="Name">The name for people; says how many classes are folded.</param>
/// <param name="Points">One for each run; null where it has no number.</param>
public sealed record TrendRule(RuleName Rule, string Name, IReadOnlyList<TrendPoint?> Points)
{
    private const int MaxBlocks = 24;

    /// <summary>The rule of a row over all runs.</summary>
    internal static TrendRule Create(RuleFamily family, IReadOnlyList<RunRecord> records) => new(
        family.Rule,
        family.IsFolded
            ? string.Create(CultureInfo.InvariantCulture, $"{family.Rule}, least of {family.Findings.Count} classes")
            : family.Rule.ToString(),
        [.. records.Select(record => Find(record, family, records[^1]))]);

    /// <summary>A run's numbers, as the cells of a table.</summary>
    /// <param name="run">The run.</param>
    /// <param name="point">Its numbers; null where it has none.</param>
    internal IReadOnlyList<IReadOnlyList<Phrase>> Row(TrendRun run, TrendPoint? point) =>
    [
        [Phrase.Code(Name)],
        [Phrase.Trusted(run.Day)],
        [run.Commit is { } commit ? Phrase.Code(commit) : Phrase.Trusted(None)],
        [point is null ? Phrase.Trusted(None) : ReportPage.Mark(point.State)],
        [Phrase.Trusted(point is null ? None : $"{Write(point, point.Observed)}{(point.WhyNotComparable is null ? "" : " †")}")],
        [Phrase.Trusted(point is { Judged: { } bound } && !bound.Equals(point.Observed) ? Write(point, bound) : None)],
        [Phrase.Trusted(point is null ? None : FindingNumbers.WriteLimit(Rule, point.Limit))],
    ];

    /// <summary>The numbers as a row of blocks, oldest first; a full block is the larger of limit and number.</summary>
    /// <remarks>A run without a number, or with one that cannot be compared with the last, is a dot.</remarks>
    public string Blocks()
    {
        const string Heights = "▁▂▃▄▅▆▇█";
        var shown = Points.TakeLast(MaxBlocks).ToList();
        var highest = shown.Where(IsShown).Select(point => Math.Max(point!.Observed, point.Limit)).DefaultIfEmpty().Max();
        return string.Concat(shown.Select(point => IsShown(point) && highest > 0
            ? Heights[(int)Math.Clamp(point!.Observed / highest * (Heights.Length - 1), 0, Heights.Length - 1)]
            : '·'));

        static bool IsShown(TrendPoint? point) => point is { WhyNotComparable: null };
    }

    /// <summary>A number of a point, in the rule's unit.</summary>
    public string Write(TrendPoint point, double value) => FindingNumbers.Write(Rule, value, point.Limit);

    private static TrendPoint? Find(RunRecord record, RuleFamily family, RunRecord current)
    {
        var names = family.Findings.Select(finding => finding.Rule).ToHashSet();
        return record.Verdict.Findings.Where(finding => names.Contains(finding.Rule) && finding.Observed is not null)
            .MinBy(finding => finding.Observed) is { Observed: { } observed, Limit: { } limit } found
            ? new TrendPoint(
                observed, found.Judged, limit, found.State, Comparability.WhyNot(record, current, found.Rule))
            : null;
    }
}

/// <summary>A rule's numbers in one run.</summary>
/// <param name="Observed">What was measured.</param>
/// <param name="Judged">What was compared with the limit.</param>
/// <param name="Limit">The limit at that time.</param>
/// <param name="State">The rule's state, as recorded.</param>
/// <param name="WhyNotComparable">Why it cannot be compared with the last run; null where it can.</param>
public sealed record TrendPoint(double Observed, double? Judged, double Limit, FindingState State, string? WhyNotComparable);
