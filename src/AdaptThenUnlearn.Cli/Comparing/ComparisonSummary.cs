using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Torch.Comparing;
using static AdaptThenUnlearn.Cli.Comparing.FigureText;

namespace AdaptThenUnlearn.Cli.Comparing;

/// <summary>What a comparison says in words: each sentence follows from runs that stand side by side, and what was not run is not spoken of.</summary>
/// <param name="comparison">What there is.</param>
public sealed class ComparisonSummary(Comparison comparison)
{
    /// <summary>What there is to say, by what is held against what; a sentence for every two methods that have such runs.</summary>
    public IReadOnlyList<SummaryParagraph> Paragraphs() =>
    [
        .. CreateParagraphs("Presets against retraining", ComparedMethods.Retrain, AgainstRetraining, MethodFamily.Preset),
        .. CreateParagraphs("Presets against plain fine-tuning", ComparedMethods.FineTune, AgainstOther, MethodFamily.Preset),
        .. CreateParagraphs("Presets against the published method", ComparedMethods.PublishedEl2, AgainstOther, MethodFamily.Preset),
        .. CreateParagraphs("Published losses against plain fine-tuning", ComparedMethods.FineTune, AgainstOther, MethodFamily.Published),
        .. CreateParagraphs("Parts against the default preset, which has them all", ComparedMethods.Default, AgainstDefault, MethodFamily.Alone, MethodFamily.LeftOut),
    ];

    private IEnumerable<SummaryParagraph> CreateParagraphs(string about, ComparedMethod other, Func<ComparedMethod, ComparedMethod, Pairing, string> sentence, params MethodFamily[] families)
    {
        var sentences =
            from method in comparison.Methods
            where families.Contains(method.Family)
            let side = new Pairing(comparison, comparison.Pairs(method, other))
            where side.Pairs.Count > 0
            select sentence(method, other, side) + Failures(method) + Failures(other);
        return sentences.ToList() is { Count: > 0 } some ? [new SummaryParagraph(about, some)] : [];
    }

    private static string AgainstRetraining(ComparedMethod method, ComparedMethod retrain, Pairing pairing)
    {
        var time = pairing.One.TimeToRetraining is { } share && share.Count == pairing.Pairs.Count ? $" It takes {Percent(share.Mean)} of the core minutes that retraining takes." : "";
        return CompareUnlearning(method, retrain, pairing, "run beside the retraining of its class", "runs, each beside the retraining of its class") + CompareImages(pairing.One.ToRetraining!.Mean, 1, $"{Times(pairing.One.ToRetraining!.Mean)} retraining's Fréchet distance") + time;
    }

    private static string AgainstOther(ComparedMethod method, ComparedMethod other, Pairing pairing)
    {
        var (near, far) = (pairing.One.FrechetRatio!.Mean, pairing.Other.FrechetRatio!.Mean);
        return CompareUnlearning(method, other, pairing, "pair of runs of one class and seed", "pairs of runs of one class and seed") + CompareImages(near, far, $"{Times(near)} against {Times(far)} the Fréchet distance before")
            + $" It takes {Whole(pairing.One.Steps!.Mean)} generator updates against {Whole(pairing.Other.Steps!.Mean)}.";
    }

    private static string CompareUnlearning(ComparedMethod method, ComparedMethod other, Pairing pairing, string pair, string pairs)
    {
        var (ours, theirs) = (pairing.One.Unlearned!.Mean, pairing.Other.Unlearned!.Mean);
        return $"`{method.Name}` unlearns {Compare(ours, theirs, Percent, "more than", "**less** than", "as much as")} `{other.Name}`: {Percent(ours)} against {Percent(theirs)}; more in {pairing.CountHigher(PUL)} of {FormatCount(pairing.Pairs.Count, pair, pairs)}{Contrary()}.";

        // Classes whose mean says something else than the mean of all.
        string Contrary() => string.Concat(pairing.ByClass()
            .GroupBy(each => Compare(each.Side.One.Unlearned!.Mean, each.Side.Other.Unlearned!.Mean, Percent, "more", "less", "as much"), each => MarkdownText.Escape(each.Class))
            .Where(same => same.Key != Compare(ours, theirs, Percent, "more", "less", "as much"))
            .Select(same => $"; on average {same.Key} on class {string.Join(", ", same)}"));
    }

    private static string CompareImages(double near, double far, string figures) =>
        $" Its images are {Compare(near, far, Times, "**worse**", "better", "as good")}: {figures}.";

    private static string AgainstDefault(ComparedMethod method, ComparedMethod usual, Pairing pairing)
    {
        var (more, worse) = (pairing.One.Unlearned!.Mean - pairing.Other.Unlearned!.Mean, pairing.One.FrechetRatio!.Mean - pairing.Other.FrechetRatio!.Mean);
        return $"`{method.Name}` unlearns {DescribeDifference(more, Points, points => $"{points} points more than", points => $"{points} points **less** than", "as much as")} `{usual.Name}` (more in {pairing.CountHigher(PUL)} of {FormatCount(pairing.Pairs.Count, "pair", "pairs")} of runs of one class and seed). "
            + $"Its images are {DescribeDifference(worse, Ratio, times => $"**worse** by {times} times the distance before", times => $"better by {times} times the distance before", "as good")} (worse in {pairing.CountHigher(outcome => outcome.FrechetRatio)}).";

        // A difference that the page rounds away is none.
        static string DescribeDifference(double difference, Func<double, string> unit, Func<string, string> above, Func<string, string> below, string same) =>
            unit(Math.Abs(difference)) is var size && size == unit(0) ? same : difference > 0 ? above(size) : below(size);
    }

    private string Failures(ComparedMethod method) => comparison.Figures(method, comparison.Classes) is { Failed: > 0 } figures
        ? $" {FormatCount(figures.Failed, "run", "runs")} of `{method.Name}` came to no result and {(figures.Failed == 1 ? "is" : "are")} not in this."
        : "";

    private static double? PUL(CellOutcome outcome) => outcome.Unlearned;

    // By what the page shows: a difference that it rounds away is none.
    private static string Compare(double one, double other, Func<double, string> unit, string above, string below, string same) =>
        unit(one) == unit(other) ? same : one > other ? above : below;

    // The runs of two methods that stand beside each other.
    private sealed class Pairing(Comparison comparison, IReadOnlyList<ComparedPair> pairs)
    {
        public IReadOnlyList<ComparedPair> Pairs { get; } = pairs;

        public MethodFigures One { get; } = comparison.FiguresOf(pairs.Select(pair => pair.One));

        public MethodFigures Other { get; } = comparison.FiguresOf(pairs.Select(pair => pair.Other));

        public int CountHigher(Func<CellOutcome, double?> figure) => Pairs.Count(pair => figure(pair.One.Outcome!) > figure(pair.Other.Outcome!));

        public IEnumerable<(string Class, Pairing Side)> ByClass() => Pairs.GroupBy(pair => pair.One.Key.Class).Select(same => (same.Key, new Pairing(comparison, [.. same])));
    }
}

/// <summary>Some sentences of a comparison.</summary>
/// <param name="About">What is held against what.</param>
/// <param name="Sentences">At least one.</param>
public sealed record SummaryParagraph(string About, IReadOnlyList<string> Sentences);
