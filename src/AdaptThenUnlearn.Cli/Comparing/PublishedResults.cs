using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Cli.Comparing;

/// <summary>The paper's results on MNIST, to show beside this project's figures.</summary>
/// <remarks>
/// Tiwary, Guha, Panda and Prathosh 2025 (TMLR, arXiv:2309.14054), means of the MNIST table: PUL in per cent, and FID
/// (Inception-v3) against MNIST without the class. Of the FID only the ratio to retraining's is shown. Their FID against the
/// retrained generator (Ret-FID) has
/// no such reference and is left out.
/// </remarks>
public static class PublishedResults
{
    /// <summary>The rows in the paper's order, each with the classes 1, 4 and 8.</summary>
    public static IReadOnlyList<PublishedRow> Rows { get; } =
    [
        new("retraining", "retrain", [new("1", 98.80, 4.94), new("4", 98.58, 5.24), new("8", 99.72, 4.80)]),
        new("extrapolation", "extrapolation", [new("1", 95.10, 41.39), new("4", 94.50, 17.90), new("8", 90.90, 45.79)]),
        new("NL2", "paper-nl2", [new("1", 97.85, 9.69), new("4", 93.03, 10.50), new("8", 97.92, 9.95)]),
        new("IL2", "paper-il2", [new("1", 92.97, 13.06), new("4", 90.39, 15.54), new("8", 98.28, 9.72)]),
        new("EL2", "paper-el2", [new("1", 99.32, 9.65), new("4", 96.23, 10.24), new("8", 95.22, 8.89)]),
    ];

    /// <summary>Whether a policy is about digits, so that the paper's table is about the same classes.</summary>
    /// <param name="policy">The annotator of its first feature names the classes.</param>
    public static bool AppliesTo(UnlearningPolicy policy) =>
        policy.Classifiers.GetValueOrDefault(policy.UndesiredFeatures[0].Annotator)?.ClassNames?.ToHashSet()
            .SetEquals(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]) == true;

    /// <summary>FID of a row relative to retraining's, for one class.</summary>
    public static double? ToRetraining(PublishedRow row, string className) =>
        row.FiguresFor(className)?.Fid / Rows[0].FiguresFor(className)?.Fid;
}

/// <summary>One method of the published table.</summary>
/// <param name="Name">The paper's name for it.</param>
/// <param name="Method">The compared method that it corresponds to.</param>
/// <param name="Figures">One for each class.</param>
public sealed record PublishedRow(string Name, string Method, IReadOnlyList<PublishedFigures> Figures)
{
    /// <summary>The figures of a class, or null.</summary>
    public PublishedFigures? FiguresFor(string className) => Figures.SingleOrDefault(figures => figures.Class == className);
}

/// <summary>Published means for one class.</summary>
/// <param name="Class">The digit that was unlearned.</param>
/// <param name="Unlearned">PUL in per cent.</param>
/// <param name="Fid">FID against real images without the class.</param>
public sealed record PublishedFigures(string Class, double Unlearned, double Fid);
