using AdaptThenUnlearn.Reports;
using static AdaptThenUnlearn.Comparing.FigureText;

namespace AdaptThenUnlearn.Comparing;

/// <summary>What a comparison says in words: each sentence follows from runs that stand side by side, and what was not run is not spoken of.</summary>
/// <param name="comparison">What there is.</param>
public sealed class ComparisonReading(Comparison comparison)
{
    /// <summary>A sentence for every two methods that are held against each other and have such runs.</summary>
    public IReadOnlyList<string> Sentences() =>
    [
        .. Of(ComparedMethods.Retrain, AgainstRetraining, MethodFamily.Preset),
        .. Of(ComparedMethods.FineTune, AgainstFineTuning, MethodFamily.Published),
        .. Of(ComparedMethods.Default, AgainstDefault, MethodFamily.Alone, MethodFamily.LeftOut),
    ];

    private IEnumerable<string> Of(ComparedMethod other, Func<ComparedMethod, Side, string> sentence, params MethodFamily[] families) =>
        from method in comparison.Methods
        where families.Contains(method.Family)
        let side = new Side(comparison, comparison.Pairs(method, other))
        where side.Pairs.Count > 0
        select sentence(method, side) + Failures(method) + Failures(other);

    private static string AgainstRetraining(ComparedMethod method, Side side)
    {
        var time = side.One.TimeToRetraining is { } share && share.Count == side.Pairs.Count ? $" and {Percent(share.Mean)} of its time" : "";
        return $"`{method.Name}` unlearns {Percent(side.One.Unlearned!.Mean)} where retraining unlearns {Percent(side.Other.Unlearned!.Mean)}, at {Times(side.One.ToRetraining!.Mean)} retraining's Fréchet distance{time} ({Counted(side.Pairs.Count, "run", "runs")}, each beside the retraining of its class).";
    }

    private static string AgainstFineTuning(ComparedMethod method, Side side)
    {
        var (ours, theirs) = (side.One.Unlearned!.Mean, side.Other.Unlearned!.Mean);
        var (near, far) = (side.One.FrechetRatio!.Mean, side.Other.FrechetRatio!.Mean);
        var amount = Said(ours, theirs, Percent, "more than", "**less** than", "as much as");
        var images = Said(near, far, Times, "worse", "better", "as good");
        return $"`{method.Name}` unlearns {amount} plain fine-tuning: {Percent(ours)} against {Percent(theirs)}, more in {side.Higher(PUL)} of {Counted(side.Pairs.Count, "pair", "pairs")} of one class and seed{Contrary()}. "
            + $"Its images are {images}: {Times(near)} against {Times(far)} the Fréchet distance before. It takes {Whole(side.One.Steps!.Mean)} generator updates against {Whole(side.Other.Steps!.Mean)}.";

        // Classes whose mean says the opposite of the mean of all.
        string Contrary()
        {
            var others = side.ByClass().Where(each => (each.Side.One.Unlearned!.Mean - each.Side.Other.Unlearned!.Mean) * (ours - theirs) < 0).Select(each => MarkdownText.Escape(each.Class)).ToList();
            return others.Count == 0 ? "" : $", but {(ours > theirs ? "less" : "more")} on {string.Join(", ", others)}";
        }
    }

    private static string AgainstDefault(ComparedMethod method, Side side) =>
        $"`{method.Name}` against the default preset: PUL {Points(side.One.Unlearned!.Mean - side.Other.Unlearned!.Mean)} points, higher in {side.Higher(PUL)} of {Counted(side.Pairs.Count, "pair", "pairs")} of one class and seed; "
        + $"Fréchet ratio {Change(side.One.FrechetRatio!.Mean - side.Other.FrechetRatio!.Mean)}, higher in {side.Higher(outcome => outcome.FrechetRatio)}.";

    private string Failures(ComparedMethod method) => comparison.Figures(method, comparison.Classes) is { Failed: > 0 } figures
        ? $" {Counted(figures.Failed, "run", "runs")} of `{method.Name}` came to no result and {(figures.Failed == 1 ? "is" : "are")} not in this."
        : "";

    private static double? PUL(CellOutcome outcome) => outcome.Unlearned;

    // By what the page shows: a difference that it rounds away is none.
    private static string Said(double one, double other, Func<double, string> unit, string above, string below, string same) =>
        unit(one) == unit(other) ? same : one > other ? above : below;

    // The runs of two methods that stand beside each other.
    private sealed class Side(Comparison comparison, IReadOnlyList<ComparedPair> pairs)
    {
        public IReadOnlyList<ComparedPair> Pairs { get; } = pairs;

        public MethodFigures One { get; } = comparison.Of(pairs.Select(pair => pair.One));

        public MethodFigures Other { get; } = comparison.Of(pairs.Select(pair => pair.Other));

        public int Higher(Func<CellOutcome, double?> figure) => Pairs.Count(pair => figure(pair.One.Outcome!) > figure(pair.Other.Outcome!));

        public IEnumerable<(string Class, Side Side)> ByClass() => Pairs.GroupBy(pair => pair.One.Key.Class).Select(same => (same.Key, new Side(comparison, [.. same])));
    }
}
