using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Torch.Comparing;
using static AdaptThenUnlearn.Cli.Comparing.FigureText;

namespace AdaptThenUnlearn.Cli.Comparing;

/// <summary>The aims of the presets, and whether they are reached: a section of the comparison's page.</summary>
internal static class ComparisonAims
{
    private const string OverAll = ", mean over classes and seeds";
    private const string EachClass = ", each class, mean over seeds";

    private static readonly IReadOnlyList<Aim> _aims =
    [
        new(ComparedMethods.Default, "PUL ≥ 97 %" + EachClass, figures => figures.Unlearned, value => value >= 0.97, Percent)
        {
            IsForEachClass = true, MoreIsBetter = true,
        },
        new(ComparedMethods.Default, "Fréchet distance ≤ 1.4 × " +
            "before" + EachClass, figures => figures.FrechetRatio, value => value <= 1.4, Times)
        {
            IsForEachClass = true,
        },
        new(ComparedMethods.Default, "no retained class below half its share, any " +
            "seed", figures => figures.SmallestShareKept, value => value >= 0.5, Percent)
        {
            IsForEachClass = true, MoreIsBetter = true, Statistic = spread => spread.Low,
        },
        new(ComparedMethods.Thorough, "PUL ≥ 99 %" + OverAll, figures => figures.Unlearned, value => value >= 0.99, Percent)
        {
            MoreIsBetter = true,
        },
        new(ComparedMethods.Thorough, "Fréchet distance ≤ 1.2 × " +
            "before" + OverAll, figures => figures.FrechetRatio, value => value <= 1.2, Times),
        new(ComparedMethods.Thorough, "Fréchet distance ≤ 1.5 × " +
            "retraining's" + OverAll, figures => figures.ToRetraining, value => value <= 1.5, Times)
        {
            NeedsRetraining = true,
        },
        new(ComparedMethods.Thorough, "at most a third of retraining's " +
            "time" + OverAll, figures => figures.TimeToRetraining, value => value <= 1 / 3.0, Percent)
        {
            NeedsRetraining = true,
        },
    ];

    /// <summary>Renders the section; an empty text if no compared preset has aims.</summary>
    public static string Render(Comparison comparison)
    {
        var aims = _aims.Where(aim => comparison.Methods.Contains(aim.Method)).ToList();
        if (aims.Count == 0)
            return "";

        var table = new MarkdownTable("Preset", "Aim", "Reached", "All classes", "Worst unlearned class");
        foreach (var aim in aims)
        {
            var runs = comparison.Figures(aim.Method, comparison.Classes);
            var all = aim.Figure(runs);
            var classes = comparison.Classes
                .Select(name => (Name: name, Spread: aim.Figure(comparison.Figures(aim.Method, name))))
                .Where(each => each.Spread is not null)
                .Select(each => (each.Name, Value: aim.Statistic(each.Spread!)))
                .OrderBy(each => aim.MoreIsBetter ? each.Value : -each.Value).ToList();
            var values = classes.Count == comparison.Classes.Count ? classes.Select(each => each.Value) : null;
            table.AddRow(
                MarkdownText.Code(aim.Method.Name),
                aim.Description,
                DescribeResult(aim, runs, all, aim.IsForEachClass || values is null ? values : [aim.Statistic(all!)]),
                all is null ? None : aim.Unit(aim.Statistic(all)),
                classes.Count == 0 ? None : $"{MarkdownText.Escape(classes[0].Name)}: {aim.Unit(classes[0].Value)}");
        }

        return $"## Aims\n\n{table}";
    }

    // All the values have to reach the aim; they are null while some are missing.
    private static string DescribeResult(Aim aim, MethodFigures runs, Spread? all, IEnumerable<double>? values)
    {
        if (runs.Failed > 0)
            return $"**no**: {runs.Failed} of {runs.Planned} runs ended without a result";
        var lacking = all is not null && all.Count < runs.Cells.Count;
        if (lacking && !aim.NeedsRetraining)
            return $"**no**: measured in only {all!.Count} of {FormatCount(runs.Cells.Count, "run", "runs")}";
        if (values is null || lacking)
            return "not measured yet";
        return (values.All(aim.IsReached) ? "yes" : "**no**")
            + (runs.Cells.Count < runs.Planned ? $", so far ({runs.Cells.Count} of {runs.Planned} runs)" : "");
    }

    private sealed record Aim(
        ComparedMethod Method, string Description, Func<MethodFigures, Spread?> Figure, Func<double, bool> IsReached,
        Func<double, string> Unit)
    {
        /// <summary>The figure that has to reach the aim: by default the mean.</summary>
        public Func<Spread, double> Statistic { get; init; } = spread => spread.Mean;

        /// <summary>Whether each class has to reach the aim, not only all of them together.</summary>
        public bool IsForEachClass { get; init; }

        /// <summary>Whether larger values are better; this decides which class is the worst.</summary>
        public bool MoreIsBetter { get; init; }

        /// <summary>
        /// Whether the aim needs a retraining of the class on the same kind of device. Without one it is not measured, and not
        /// missed.
        /// </summary>
        public bool NeedsRetraining { get; init; }
    }
}
