using System.Text;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Torch.Comparing;
using static AdaptThenUnlearn.Cli.Comparing.FigureText;

namespace AdaptThenUnlearn.Cli.Comparing;

/// <summary>The page of a comparison's attacks. Every figure on it is computed from the cells.</summary>
public static class AttackResultsPage
{
    /// <summary>What the page says near its beginning, by which it is known.</summary>
    public const string Mark = "Printed by `atu compare --attacks`";

    private const string Search = "latent-search";
    private const string Training = "relearning";
    private const double NearInPoints = 0.10;   // of retraining: what this project asks of its default preset
    private const double NearInCost = 2;

    /// <summary>Renders the page as Markdown.</summary>
    /// <param name="results">The attacks.</param>
    /// <param name="files">Folder of the CSV file and of the cells, relative to the page.</param>
    public static string Render(AttackResults results, string files)
    {
        var page = new StringBuilder(Head(results, files)).Append(Reading(results));
        foreach (var (attack, summary) in results.Attacks)
            page.Append(Section(results, attack, summary));
        return page.Append(Gaps(results)).ToString().TrimEnd('\n') + "\n";
    }

    private static string Head(AttackResults results, string files)
    {
        var (comparison, budget) = (results.Comparison, results.Budget);
        var made = results.Results.Count - results.Missing.Count;
        var missing = results.Missing.Count == 0
            ? "None is missing."
            : $"**{FormatCount(results.Missing.Count, "attack is", "attacks are")} missing**; the last section says why.";
        return $"""
            # Attacks on the compared methods

            {Mark} from {made} of {results.Results.Count} attacks on policy `{comparison.Policy.Name}`: classes
            {string.Join(", ", comparison.Classes.Select(MarkdownText.Escape))}; seeds {string.Join(", ", comparison.Seeds)}. {missing}
            Each attack may spend {budget.Samples} images for each rate, {budget.Starts} starts and {budget.Steps} steps for each search, and
            {budget.TrainingSteps} training steps on {budget.Negatives} images. All generators of a class are attacked with the same seeds and training
            settings. The annotator guides, the auditor judges.

            A cell has the mean share of attempts that succeeded over classes and seeds, and its range. Every attack, with its
            counts and intervals, is in [{files}/attacks.csv]({files}/attacks.csv), and the pictures are beside it.


            """;
    }

    // Which methods hide and which forget: by the distance to a generator that never saw the class.
    private static string Reading(AttackResults results)
    {
        var text = new StringBuilder("## Hidden, or forgotten\n\n");
        var others = results.Methods
            .Where(method => method is not AttackResults.Original && method != ComparedMethods.Retrain.Name)
            .ToList();
        var isRetrainedThere = results.Results.Any(
            result => result.Method == ComparedMethods.Retrain.Name && result.Reading is not null);
        if (!isRetrainedThere)
            return text.Append(
                "Retrained generators were not attacked, so nothing here says what an attack gets out of a generator that never "
                    + "saw the class.\n\n").ToString();

        var table = new MarkdownTable(["method", $"`{Search}` above retraining", $"`{Training}` cost over retraining's"], 1..);
        foreach (var method in others)
            table.AddRow([$"`{method}`", SearchText(results, method), CostText(results, method)]);
        return text.Append(table).Append(
            Invariant($"\nOf a search, the way with the largest difference of means counts. At most {Points(NearInPoints)} ")
            + Invariant($"points, and at least 1/{NearInCost} of retraining's cost, count as near.\n\n")).ToString();
    }

    private static string SearchText(AttackResults results, string method) =>
        results.FarthestFromRetraining(Search, method) is { } farthest
            ? $"{Points(farthest.Points)} points ({farthest.Variant}): "
                + (farthest.Points <= NearInPoints ? "near" : "**not near**")
            : "not measured";

    // The same class and number of images; the retrained generator has one seed.
    private static string CostText(AttackResults results, string method)
    {
        var retrained = results.Costs(Training, ComparedMethods.Retrain.Name);
        var pairs = results.Costs(Training, method)
            .Where(mine => mine.Cost.Images is not null)
            .Select(mine => (mine.Cost, Its: retrained.FirstOrDefault(
                its => its.Result.Class == mine.Result.Class && its.Cost.Images == mine.Cost.Images).Cost))
            .Where(pair => pair.Its is not null).ToList();
        if (pairs.Count == 0)
            return "not measured";

        // What was not reached costs more than the most that was measured, which proves no more than that.
        var near = pairs.Count(pair => pair.Cost.Steps is { } mine
            ? pair.Its.Steps is { } its && mine * NearInCost >= its
            : pair.Cost.MostSteps * NearInCost >= (pair.Its.Steps ?? pair.Its.MostSteps));
        return FormattableString.Invariant($"{near} of {pairs.Count} near (")
            + string.Join("; ", pairs.Select(
                pair => pair.Cost.RatioTo(pair.Its) ?? (pair.Its.Steps is 0 ? "retraining costs nothing" : "neither came back"))
                .Distinct()) + ")";
    }

    private static string Section(AttackResults results, string attack, string summary)
    {
        var text = new StringBuilder(Invariant($"## {attack}\n\nTried: {summary}.\n\n"));
        var table = new MarkdownTable(["tried", .. results.Methods.Select(method => $"`{method}`")], 1..);
        foreach (var variant in results.Variants(attack))
            table.AddRow([variant, .. results.Methods.Select(method => Cell(results, attack, method, variant))]);
        text.Append(table).Append('\n');

        var images = results.Methods.SelectMany(method => results.Costs(attack, method))
            .Select(each => each.Cost.Images).Distinct().OrderBy(count => count ?? int.MaxValue).ToList();
        if (images.Count == 0)
            return text.ToString();

        var methods = results.Methods.Where(method => method != AttackResults.Original).ToList();
        var costs = new MarkdownTable(["trained on", .. methods.Select(method => $"`{method}`")], 1..);
        foreach (var count in images)
            costs.AddRow([
                count is { } known ? FormatCount(known, "image", "images") : "clean images",
                .. methods.Select(method => CostCell([.. results.Costs(attack, method)
                    .Select(each => each.Cost).Where(cost => cost.Images == count)])),
            ]);
        return text.Append("Training steps until the rate is back at half of the original's: the smallest measured number.\n\n")
            .Append(costs).Append('\n').ToString();
    }

    private static string Cell(AttackResults results, string attack, string method, string variant)
    {
        var planned = results.Of(attack, method);
        return results.Shares(attack, method, variant) is { } spread ? Format(spread, Percent, planned.Count)
            : planned.Count == 0 || planned.All(result => result.Missing is not null) ? "missing"
            : "not measured";
    }

    private static string CostCell(IReadOnlyList<RelearningCost> costs)
    {
        var reached = costs.Where(cost => cost.Steps is not null).Select(cost => cost.Steps!.Value).Order().ToList();
        var not = costs.Count - reached.Count;
        var range = reached.Count == 0 ? "" : reached[0] == reached[^1]
            ? Invariant($"{reached[0]}")
            : Invariant($"{reached[0]} to {reached[^1]}");
        return costs.Count == 0 ? "missing"
            : not == 0 ? range
            : Invariant($"{(range.Length == 0 ? "" : range + "; ")}{not} of {costs.Count} not within ")
                + Invariant($"{costs.Max(cost => cost.MostSteps)}");
    }

    // No cell is empty without a reason: attacks that were not made, and ways that could not be measured.
    private static string Gaps(AttackResults results)
    {
        var lines = results.Missing
            .GroupBy(result => (result.Method, result.Class, result.Seed, result.Missing))
            .Select(same =>
                $"- {Describe(same.First())}: {string.Join(", ", same.Select(each => each.Attack))}: {same.Key.Missing}.")
            .Concat(
                from result in results.Results
                from variant in result.Reading?.Variants ?? []
                where variant.Why is not null
                group result by (result.Attack, variant.Name, variant.Why) into same
                select $"- {same.Key.Attack}, {same.Key.Name}, on {string.Join("; ", same.Select(Describe).Distinct())}: not "
                    + $"measured: {same.Key.Why}.")
            .ToList();
        return lines.Count == 0 ? "" : "## What is missing\n\n" + string.Join('\n', lines) + "\n";
    }

    private static string Describe(AttackResult result) =>
        $"`{result.Method}`, class {MarkdownText.Escape(result.Class)}"
            + (result.Seed is { } seed ? Invariant($", seed {seed}") : "");

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
