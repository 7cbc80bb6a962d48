using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Torch.Comparing;
using static AdaptThenUnlearn.Cli.Comparing.FigureText;

namespace AdaptThenUnlearn.Cli.Comparing;

/// <summary>What a comparison's page says about the row that refuses images: what it is for, and why it is no release.</summary>
internal static class RefusingSection
{
    /// <summary>Renders the text below the row's table.</summary>
    public static string Render(Comparison comparison) => $"""

        An image is kept if the annotator gives the class a probability below
        {Invariant($"{comparison.Policy.Unlearning.CleanBelow}")} (`unlearning.cleanBelow`), and does not find it. The images that are
        kept have the distribution that unlearning aims at. So the distance of a method above this row's is the damage that its
        training does.

        **It is not a result that can be released as weights:**

        - The generator is unchanged. Whoever has its weights gets everything, the class too.
        - Refusing costs extra images at each use. The annotator has to be shipped, and runs on every image.
        - What the annotator misses stays.

        {PerClass(comparison)}{Construction(comparison)}
        """;

    /// <summary>Renders the point of the protocol about the row; empty where it is no row.</summary>
    public static string Protocol(Comparison comparison) => !comparison.Methods.Contains(ComparedMethods.Reject)
        ? ""
        : """
            - `reject` is the exception: it trains nothing. Its images come from the same evaluation latents, and from further
              batches of that stream, until as many are kept as every method is measured on.

            """;

    private static string PerClass(Comparison comparison)
    {
        var lines =
            from name in comparison.Classes
            from cell in comparison.Figures(ComparedMethods.Reject, name).Cells
            where cell.Outcome is { Made: not null }
            select $"- class {MarkdownText.Escape(name)}: {Describe(cell.Outcome!)}\n";
        var all = string.Concat(lines);
        return all.Length == 0 ? "" : $"What it costs and what stays, by class:\n\n{all}";
    }

    private static string Describe(CellOutcome outcome) => Invariant(
        $"{outcome.Samples:N0} of {outcome.Made:N0} images kept, {Ratio(outcome.MadeForEach!.Value)} images made for each that ")
        + Invariant($"is kept; {outcome.HitsAfter:N0} of those kept show the class, {outcome.HitsBefore:N0} of as many before");

    private static string Construction(Comparison comparison) => ComparisonPage.HasAuditor(comparison)
        ? ""
        : """

            **PUL is 100 % by construction here:** the policy names no other auditor, so the annotator counts what it let through
            itself.

            """;

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
