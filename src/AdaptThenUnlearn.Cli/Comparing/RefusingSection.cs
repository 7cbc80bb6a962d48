using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Torch.Comparing;
using static AdaptThenUnlearn.Cli.Comparing.FigureText;

namespace AdaptThenUnlearn.Cli.Comparing;

/// <summary>What a comparison's page says about the row that refuses images: what it is for, and why it is no release.</summary>
internal static class RefusingSection
{
    /// <summary>Renders the text below the row's table.</summary>
    public static string Render(Comparison comparison) => $"""

        An image is kept if its probability of the class, by the annotator, is below {Bound(comparison)} (`unlearning.cleanBelow`)
        and the annotator does not find the class in it. Nothing is trained. The images that are kept have the distribution that
        unlearning aims at: compare the distance of another row with this one's to see the damage that training does. A strict
        bound also refuses images that only resemble the class. That lowers the share of classes that look like it, and the
        distance can come below the original's, because images that are hard to tell are refused.

        **This is no result that can be released as weights:**

        - The generator is unchanged. Whoever has its weights gets everything, the class too.
        - Refusing costs extra images at each use.
        - The annotator has to be shipped with the generator, and to look at every image.
        - What the annotator misses stays.
        {Construction(comparison)}{PerClass(comparison)}
        """;

    /// <summary>Renders the point of the protocol about the row; empty where it is no row.</summary>
    public static string Protocol(Comparison comparison) => !comparison.Methods.Contains(ComparedMethods.Reject)
        ? ""
        : """
            - `reject` is the exception: it trains nothing. Its images come from the same evaluation latents, and from further
              batches of that stream, until as many are kept as every method is measured on.

            """;

    private static string Bound(Comparison comparison) => Invariant($"{comparison.Policy.Unlearning.CleanBelow}");

    private static string Construction(Comparison comparison) => ComparisonPage.HasAuditor(comparison)
        ? ""
        : """

            **PUL is 100 % by construction here:** the policy names no other auditor, so the annotator counts what it let through
            itself.

            """;

    private static string PerClass(Comparison comparison)
    {
        var lines = string.Concat(
            from name in comparison.Classes
            from cell in comparison.Figures(ComparedMethods.Reject, name).Cells
            where cell.Outcome is { Made: not null }
            select $"- class {MarkdownText.Escape(name)}: {Describe(cell.Outcome!, comparison)}\n");
        return lines.Length == 0 ? "" : $"\nWhat refusing costs, and what stays:\n\n{lines}";
    }

    private static string Describe(CellOutcome outcome, Comparison comparison) =>
        Invariant($"{outcome.Samples:N0} of {outcome.Made:N0} images kept, {Ratio(outcome.MadeForEach!.Value)} images made for ")
        + $"each that is kept; the {(ComparisonPage.HasAuditor(comparison) ? "auditor" : "annotator")} finds the class "
        + Invariant($"in {outcome.HitsAfter:N0} of those kept, and in {outcome.HitsBefore:N0} of as many before");

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
