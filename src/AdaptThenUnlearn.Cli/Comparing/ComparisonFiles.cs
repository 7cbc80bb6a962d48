using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Torch.Images;

namespace AdaptThenUnlearn.Cli.Comparing;

/// <summary>Writes the files of a comparison for readers: the page, the table and the plots.</summary>
public static class ComparisonFiles
{
    private const string PlotName = "tradeoff.png";
    private const string TableName = "results.csv";

    /// <summary>Names of the files that <see cref="Publish"/> writes, relative to the page's folder.</summary>
    /// <param name="page">Name of the page.</param>
    public static IReadOnlyList<string> NamesFor(string page) =>
        [page, .. new[] { PlotName, TableName }.Select(name => $"{Path.GetFileNameWithoutExtension(page)}/{name}")];

    /// <summary>Writes the page, the table and the plots.</summary>
    /// <param name="comparison">The plan and its runs so far.</param>
    /// <param name="page">Path of the page; the other files go into a folder of the same name beside it.</param>
    public static void Publish(Comparison comparison, string page)
    {
        var name = Path.GetFileNameWithoutExtension(page);
        var beside = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(page))!, name);
        AtomicFile.Write(Path.Combine(beside, PlotName), Plot(comparison));
        AtomicFile.Write(Path.Combine(beside, TableName), ComparisonCsv.Render(comparison));
        AtomicFile.Write(page, ComparisonPage.Render(comparison, name));
    }

    private static byte[] Plot(Comparison comparison)
    {
        var figures = comparison.Methods
            .Select(method => (Method: method, Figures: comparison.Figures(method, comparison.Classes))).ToList();
        var unlearned = ScatterAxis.Removed("PUL, %");
        var distance = ScatterAxis.Logarithmic("Fréchet distance after / before");
        var cost = ScatterAxis.Logarithmic("minutes of one core");
        return ScatterPlot.Png(
        [
            new(
                "unlearned against quality",
                distance,
                unlearned,
                Points(each => each.FrechetRatio?.Mean, each => each.Unlearned?.Mean)),
            new(
                "unlearned against cost",
                cost,
                unlearned,
                Points(Cost, each => each.Unlearned?.Mean)),
            new(
                "quality against cost",
                cost,
                distance,
                Points(Cost, each => each.FrechetRatio?.Mean)),
        ]);

        // What trains nothing costs no minutes, which a logarithmic axis cannot show.
        static double? Cost(MethodFigures figures) => figures.ProcessorMinutes is { Mean: > 0 and var minutes } ? minutes : null;

        IReadOnlyList<ScatterPoint> Points(Func<MethodFigures, double?> x, Func<MethodFigures, double?> y) =>
            [.. figures.Where(each => x(each.Figures) is not null && y(each.Figures) is not null).Select(each => new ScatterPoint(
                each.Method.Name + Part(each.Figures),
                ComparisonPage.Heading(each.Method.Family),
                x(each.Figures)!.Value,
                y(each.Figures)!.Value))];

        static string Part(MethodFigures figures) =>
            figures.Cells.Count == figures.Planned
                ? ""
                : FormattableString.Invariant($" ({figures.Cells.Count} of {figures.Planned})");
    }
}
