using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Torch.Comparing;
using static AdaptThenUnlearn.Cli.Comparing.FigureText;

namespace AdaptThenUnlearn.Cli.Comparing;

/// <summary>
/// States in words what the runs of a comparison show. Each sentence compares two methods on runs of the same class and seed.
/// </summary>
/// <param name="comparison">The plan and its runs.</param>
public sealed class ComparisonSummary(Comparison comparison)
{
    private const string Pair = "pair of runs with the same class and seed";
    private const string Pairs = "pairs of runs with the same class and seed";

    /// <summary>The paragraphs, each with one sentence for every two methods that have such runs.</summary>
    public IReadOnlyList<SummaryParagraph> Paragraphs() =>
    [
        .. CreateParagraphs("Presets against retraining", ComparedMethods.Retrain, AgainstRetraining, MethodFamily.Preset),
        .. CreateParagraphs(
            "Other retrainings against retraining", ComparedMethods.Retrain, AgainstOther,
            method => method.NeedsData && method != ComparedMethods.Retrain),
        .. CreateParagraphs(
            "Presets against refusing at sampling time, which leaves the generator unchanged", ComparedMethods.Reject,
            AgainstRefusing, MethodFamily.Preset),
        .. CreateParagraphs("Presets against plain fine-tuning", ComparedMethods.FineTune, AgainstOther, MethodFamily.Preset),
        .. CreateParagraphs(
            "Presets against the published method", ComparedMethods.PublishedEl2, AgainstOther, MethodFamily.Preset),
        .. CreateParagraphs(
            "Published losses against plain fine-tuning", ComparedMethods.FineTune, AgainstOther, MethodFamily.Published),
        .. CreateParagraphs(
            "The default preset without a part, or with one more", ComparedMethods.Default, AgainstDefault, MethodFamily.Part),
    ];

    private IEnumerable<SummaryParagraph> CreateParagraphs(
        string about, ComparedMethod other, Func<ComparedMethod, ComparedMethod, Pairing, string> sentence,
        params MethodFamily[] families) =>
        CreateParagraphs(about, other, sentence, method => families.Contains(method.Family));

    private IEnumerable<SummaryParagraph> CreateParagraphs(
        string about, ComparedMethod other, Func<ComparedMethod, ComparedMethod, Pairing, string> sentence,
        Func<ComparedMethod, bool> isAbout)
    {
        var sentences =
            from method in comparison.Methods
            where isAbout(method)
            let pairing = new Pairing(comparison, comparison.Pairs(method, other))
            where pairing.Pairs.Count > 0
            select sentence(method, other, pairing) + Failures(method) + Failures(other);
        return sentences.ToList() is { Count: > 0 } some ? [new SummaryParagraph(about, some)] : [];
    }

    private static string AgainstRetraining(ComparedMethod method, ComparedMethod retrain, Pairing pairing)
    {
        var distance = pairing.One.ToRetraining!.Mean;
        var time = pairing.One.TimeToRetraining is { } share && share.Count == pairing.Pairs.Count
            ? $" It takes {Percent(share.Mean)} of the core minutes of retraining."
            : "";
        return CompareUnlearning(
                method, retrain, pairing, "run, compared with the retraining of its class", "runs, each compared with the " +
                    "retraining of its class", isByClass: true)
            + CompareImages(
                distance, 1,
                $"{Times(distance)} retraining's Fréchet distance"
                    + Interval(pairing.Difference(FrechetRatio, isByClass: true), Ratio, " times the distance before"))
            + time;
    }

    private static string AgainstRefusing(ComparedMethod method, ComparedMethod reject, Pairing pairing)
    {
        var (near, far) = (pairing.One.FrechetRatio!.Mean, pairing.Other.FrechetRatio!.Mean);
        return CompareUnlearning(
                method, reject, pairing, "run, compared with refusing its class", "runs, each compared with refusing its class",
                isByClass: true)
            + CompareImages(
                near, far,
                $"{Times(near)} against {Times(far)} the Fréchet distance before"
                    + Interval(pairing.Difference(FrechetRatio, isByClass: true), Ratio, ""));
    }

    private static string AgainstOther(ComparedMethod method, ComparedMethod other, Pairing pairing)
    {
        var (near, far) = (pairing.One.FrechetRatio!.Mean, pairing.Other.FrechetRatio!.Mean);
        return CompareUnlearning(method, other, pairing, Pair, Pairs)
            + CompareImages(
                near, far,
                $"{Times(near)} against {Times(far)} the Fréchet distance before"
                    + Interval(pairing.Difference(FrechetRatio), Ratio, ""))
            + $" It takes {Whole(pairing.One.Steps!.Mean)} generator updates against {Whole(pairing.Other.Steps!.Mean)}.";
    }

    private static string CompareUnlearning(
        ComparedMethod method, ComparedMethod other, Pairing pairing, string pair, string pairs, bool isByClass = false)
    {
        var (ours, theirs) = (pairing.One.Unlearned!.Mean, pairing.Other.Unlearned!.Mean);
        return $"`{method.Name}` unlearns {Compare(ours, theirs, Percent, "more than", "**less** than", "as much as")} " +
            $"`{other.Name}`: "
            + $"{Percent(ours)} against {Percent(theirs)}. "
            + $"It unlearns more in {pairing.CountHigher(PUL)} of {FormatCount(pairing.Pairs.Count, pair, pairs)}"
            + $"{Interval(pairing.Difference(PUL, isByClass), Points, " points")}.{Contrary()}";

        // Name the classes on which the mean says otherwise than the mean of all.
        string Contrary() => string.Concat(pairing.ByClass()
            .GroupBy(
                each => Compare(each.Side.One.Unlearned!.Mean, each.Side.Other.Unlearned!.Mean, Percent, "more", "less", "as " +
                    "much"),
                each => MarkdownText.Escape(each.Class))
            .Where(same => same.Key != Compare(ours, theirs, Percent, "more", "less", "as much"))
            .Select(same => $" On average it unlearns {same.Key} on class {string.Join(", ", same)}."));
    }

    private static string CompareImages(double near, double far, string figures) =>
        $" Its images are {Compare(near, far, Times, "**worse**", "better", "as good")}: {figures}.";

    private static string AgainstDefault(ComparedMethod method, ComparedMethod usual, Pairing pairing)
    {
        var more = pairing.One.Unlearned!.Mean - pairing.Other.Unlearned!.Mean;
        var worse = pairing.One.FrechetRatio!.Mean - pairing.Other.FrechetRatio!.Mean;
        var unlearning = DescribeDifference(
            more, Points, points => $"{points} points more than", points => $"{points} points **less** than", "as much as");
        var images = DescribeDifference(
            worse, Ratio, times => $"**worse** by {times} times the distance before", times => $"better by {times} times the " +
                $"distance before", "as good");
        return $"`{method.Name}` unlearns {unlearning} `{usual.Name}` (more in {pairing.CountHigher(PUL)} of " +
            $"{FormatCount(pairing.Pairs.Count, Pair, Pairs)}{Interval(pairing.Difference(PUL), Points, " points")}). "
            + $"Its images are {images} (worse in {pairing.CountHigher(FrechetRatio)}"
            + $"{Interval(pairing.Difference(FrechetRatio), Ratio, "")}).";

        // A difference that the page rounds to zero counts as none.
        static string DescribeDifference(
            double difference, Func<double, string> unit, Func<string, string> above, Func<string, string> below, string same) =>
            unit(Math.Abs(difference)) is var size && size == unit(0) ? same : difference > 0 ? above(size) : below(size);
    }

    private string Failures(ComparedMethod method) => comparison.Figures(method, comparison.Classes) is { Failed: > 0 } figures
        ? $" {FormatCount(figures.Failed, "run", "runs")} of `{method.Name}` ended without a result and " +
            $"{(figures.Failed == 1 ? "is" : "are")} not included."
        : "";

    private static double? PUL(CellOutcome outcome) => outcome.Unlearned;

    private static double? FrechetRatio(CellOutcome outcome) => outcome.FrechetRatio;

    private static string Interval(PairedDifference? difference, Func<double, string> unit, string after) => difference is null
        ? ""
        : $"; 95 % interval of the difference {WithSign(difference.Lower, unit)} to {WithSign(difference.Upper, unit)}{after}"
            + (difference.IncludesZero ? ", which includes 0" : "");

    // Compares what the page shows: a difference that it rounds away counts as none.
    private static string Compare(double one, double other, Func<double, string> unit, string above, string below, string same) =>
        unit(one) == unit(other) ? same : one > other ? above : below;

    // The runs of two methods, in pairs of the same class and seed.
    private sealed class Pairing(Comparison comparison, IReadOnlyList<ComparedPair> pairs)
    {
        public IReadOnlyList<ComparedPair> Pairs { get; } = pairs;

        public MethodFigures One { get; } = comparison.FiguresOf(pairs.Select(pair => pair.One));

        public MethodFigures Other { get; } = comparison.FiguresOf(pairs.Select(pair => pair.Other));

        public int CountHigher(Func<CellOutcome, double?> figure) =>
            Pairs.Count(pair => figure(pair.One.Outcome!) > figure(pair.Other.Outcome!));

        // Every run of a class is compared with the same retraining, so that only the means of classes are pairs of their own.
        public PairedDifference? Difference(Func<CellOutcome, double?> figure, bool isByClass = false)
        {
            var differences = Pairs.Select(
                pair => (pair.One.Key.Class, Value: figure(pair.One.Outcome!) - figure(pair.Other.Outcome!))).ToList();
            return differences.Exists(pair => pair.Value is null) ? null
                : PairedDifference.Of(isByClass
                    ? [.. differences.GroupBy(pair => pair.Class).Select(same => same.Average(pair => pair.Value!.Value))]
                    : [.. differences.Select(pair => pair.Value!.Value)]);
        }

        public IEnumerable<(string Class, Pairing Side)> ByClass() =>
            Pairs.GroupBy(pair => pair.One.Key.Class).Select(same => (same.Key, new Pairing(comparison, [.. same])));
    }
}

/// <summary>Sentences that compare methods.</summary>
/// <param name="About">What is compared with what.</param>
/// <param name="Sentences">At least one.</param>
public sealed record SummaryParagraph(string About, IReadOnlyList<string> Sentences);
