using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Torch.Comparing;
using static AdaptThenUnlearn.Cli.Comparing.FigureText;

namespace AdaptThenUnlearn.Cli.Comparing;

/// <summary>What a comparison says in words: each sentence follows from runs that stand side by side, and what was not run is not spoken of.</summary>
/// <param name="comparison">What there is.</param>
public sealed class ComparisonReading(Comparison comparison)
{
    /// <summary>What there is to say, by what is held against what; a sentence for every two methods that have such runs.</summary>
    public IReadOnlyList<ReadingParagraph> Paragraphs() =>
    [
        .. Of("Presets against retraining", ComparedMethods.Retrain, AgainstRetraining, MethodFamily.Preset),
        .. Of("Presets against plain fine-tuning", ComparedMethods.FineTune, AgainstOther, MethodFamily.Preset),
        .. Of("Presets against the published method", ComparedMethods.PublishedEl2, AgainstOther, MethodFamily.Preset),
        .. Of("Published losses against plain fine-tuning", ComparedMethods.FineTune, AgainstOther, MethodFamily.Published),
        .. Of("Parts against the default preset, which has them all", ComparedMethods.Default, AgainstDefault, MethodFamily.Alone, MethodFamily.LeftOut),
    ];

    private IEnumerable<ReadingParagraph> Of(string about, ComparedMethod other, Func<ComparedMethod, ComparedMethod, Side, string> sentence, params MethodFamily[] families)
    {
        var sentences =
            from method in comparison.Methods
            where families.Contains(method.Family)
            let side = new Side(comparison, comparison.Pairs(method, other))
            where side.Pairs.Count > 0
            select sentence(method, other, side) + Failures(method) + Failures(other);
        return sentences.ToList() is { Count: > 0 } some ? [new ReadingParagraph(about, some)] : [];
    }

    private static string AgainstRetraining(ComparedMethod method, ComparedMethod retrain, Side side)
    {
        var time = side.One.TimeToRetraining is { } share && share.Count == side.Pairs.Count ? $" It takes {Percent(share.Mean)} of the core minutes that retraining takes." : "";
        return Amount(method, retrain, side, "run beside the retraining of its class", "runs, each beside the retraining of its class") + Images(side.One.ToRetraining!.Mean, 1, $"{Times(side.One.ToRetraining!.Mean)} retraining's Fréchet distance") + time;
    }

    private static string AgainstOther(ComparedMethod method, ComparedMethod other, Side side)
    {
        var (near, far) = (side.One.FrechetRatio!.Mean, side.Other.FrechetRatio!.Mean);
        return Amount(method, other, side, "pair of runs of one class and seed", "pairs of runs of one class and seed") + Images(near, far, $"{Times(near)} against {Times(far)} the Fréchet distance before")
            + $" It takes {Whole(side.One.Steps!.Mean)} generator updates against {Whole(side.Other.Steps!.Mean)}.";
    }

    private static string Amount(ComparedMethod method, ComparedMethod other, Side side, string pair, string pairs)
    {
        var (ours, theirs) = (side.One.Unlearned!.Mean, side.Other.Unlearned!.Mean);
        return $"`{method.Name}` unlearns {Said(ours, theirs, Percent, "more than", "**less** than", "as much as")} `{other.Name}`: {Percent(ours)} against {Percent(theirs)}; more in {side.Higher(PUL)} of {Counted(side.Pairs.Count, pair, pairs)}{Contrary()}.";

        // Classes whose mean says something else than the mean of all.
        string Contrary() => string.Concat(side.ByClass()
            .GroupBy(each => Said(each.Side.One.Unlearned!.Mean, each.Side.Other.Unlearned!.Mean, Percent, "more", "less", "as much"), each => MarkdownText.Escape(each.Class))
            .Where(same => same.Key != Said(ours, theirs, Percent, "more", "less", "as much"))
            .Select(same => $"; on average {same.Key} on class {string.Join(", ", same)}"));
    }

    private static string Images(double near, double far, string figures) =>
        $" Its images are {Said(near, far, Times, "**worse**", "better", "as good")}: {figures}.";

    private static string AgainstDefault(ComparedMethod method, ComparedMethod usual, Side side)
    {
        var (more, worse) = (side.One.Unlearned!.Mean - side.Other.Unlearned!.Mean, side.One.FrechetRatio!.Mean - side.Other.FrechetRatio!.Mean);
        return $"`{method.Name}` unlearns {Told(more, Points, points => $"{points} points more than", points => $"{points} points **less** than", "as much as")} `{usual.Name}` (more in {side.Higher(PUL)} of {Counted(side.Pairs.Count, "pair", "pairs")} of runs of one class and seed). "
            + $"Its images are {Told(worse, Ratio, times => $"**worse** by {times} times the distance before", times => $"better by {times} times the distance before", "as good")} (worse in {side.Higher(outcome => outcome.FrechetRatio)}).";

        // A difference that the page rounds away is none.
        static string Told(double difference, Func<double, string> unit, Func<string, string> above, Func<string, string> below, string same) =>
            unit(Math.Abs(difference)) is var size && size == unit(0) ? same : difference > 0 ? above(size) : below(size);
    }

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

/// <summary>Some sentences of a comparison.</summary>
/// <param name="About">What is held against what.</param>
/// <param name="Sentences">At least one.</param>
public sealed record ReadingParagraph(string About, IReadOnlyList<string> Sentences);
