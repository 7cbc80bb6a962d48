using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Reports;

/// <summary>What it costs to bring a feature back by training, as a table for people.</summary>
/// <param name="Caption">One sentence or two.</param>
/// <param name="Columns">Headings.</param>
/// <param name="Rows">One for each number of images.</param>
internal sealed record RelearningText(
    string Caption, IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyList<string>> Rows)
{
    private const string Before = "before";
    private const string After = "after";
    private const string Retrained = "retrained";

    /// <summary>The table; null for attacks that do not train, and where the original's rate is unknown.</summary>
    /// <param name="study">What was found.</param>
    /// <param name="feature">Name of the feature.</param>
    /// <param name="attack">Name of the attack.</param>
    public static RelearningText? Table(AttackStudy study, string feature, string attack)
    {
        if (RelearningCost.RateOf(study.Find(attack, feature, Before)?.Reading) is not { } original)
            return null;

        var costs = study.Generators.Select(generator => generator.Name).Where(name => name != Before)
            .Select(name => (Name: name, Costs: study.Find(attack, feature, name) is { } made
                ? RelearningCost.Of(made.Reading, original)
                : []))
            .Where(each => each.Costs.Count > 0).ToList();
        if (costs.Count == 0)
            return null;

        var compares = costs.Exists(each => each.Name == After) && costs.Exists(each => each.Name == Retrained);
        var images = costs.SelectMany(each => each.Costs).Select(cost => cost.Images).Distinct()
            .OrderBy(count => count ?? int.MaxValue);
        return new RelearningText(
            $"Training until the rate is back at half of before ({ReadingText.Percent(RelearningCost.Back * original)}): the "
                + "smallest number of steps that was measured and reaches it.",
            ["trained on", .. costs.Select(each => each.Name), .. compares ? ["after / retrained"] : Array.Empty<string>()],
            [.. images.Select(IReadOnlyList<string> (count) =>
            [
                count is { } known
                    ? FormattableString.Invariant($"{known} image{(known == 1 ? "" : "s")} of the feature")
                    : "clean images",
                .. costs.Select(each => Find(each.Costs, count)?.Words ?? "not measured"),
                .. compares ? [Ratio(count)] : Array.Empty<string>(),
            ])]);

        string Ratio(int? count) =>
            Find(costs.Single(each => each.Name == After).Costs, count) is { } mine
                && Find(costs.Single(each => each.Name == Retrained).Costs, count) is { } its
                ? mine.RatioTo(its) ?? "–"
                : "–";
    }

    private static RelearningCost? Find(IReadOnlyList<RelearningCost> costs, int? images) =>
        costs.FirstOrDefault(cost => cost.Images == images);
}
