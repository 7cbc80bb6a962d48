using ScottPlot;

namespace AdaptThenUnlearn.Torch.Images;

/// <summary>Draws curves over training steps as one PNG picture, with one plot for each quantity.</summary>
public static class CurvePlot
{
    private const int Height = 360;   // of a plot, pixels

    /// <summary>Draws the plots, two in a row.</summary>
    /// <param name="charts">At least one.</param>
    /// <returns>A PNG file's bytes.</returns>
    public static byte[] Png(IReadOnlyList<Chart> charts) => PlotPage.Png(charts, columns: 2, Height, Draw);

    private static void Draw(Plot plot, Chart chart)
    {
        // Draw the curves; a curve of few points gets markers.
        plot.Title(chart.Title);
        plot.XLabel("step");
        foreach (var curve in chart.Curves)
        {
            var points = curve.Points.Where(point => double.IsFinite(point.Value)).ToList();
            var line = plot.Add.Scatter(
                points.Select(point => (double)point.Step).ToArray(), points.Select(point => point.Value).ToArray());
            line.LegendText = curve.Name;
            line.LineWidth = 2;
            line.MarkerSize = points.Count > 60 ? 0 : 5;
        }

        // Mark the kept step.
        if (chart.Mark is { } mark)
        {
            var line = plot.Add.VerticalLine(mark, pattern: LinePattern.Dashed);
            line.Color = Colors.Gray;
            line.LegendText = "kept";
        }

        // Set the limits: a single point gives no scale, and the legend needs room at the top.
        if (chart.Curves.SelectMany(curve => curve.Points).Select(point => point.Step).Distinct().ToList() is [var only])
            plot.Axes.SetLimitsX(0, 1.05 * Math.Max(1, only));
        var values = chart.Curves.SelectMany(curve => curve.Points)
            .Select(point => point.Value)
            .Where(double.IsFinite)
            .DefaultIfEmpty(1)
            .ToList();
        plot.Axes.SetLimitsY(Math.Min(0, 1.1 * values.Min()), Math.Max(1e-9, 1.35 * values.Max()));
        plot.ShowLegend(Alignment.UpperRight);
    }
}

/// <summary>One plot.</summary>
/// <param name="Title">Title, with the unit.</param>
/// <param name="Curves">The curves, at least one. The plot begins at 0, or below where a value is.</param>
/// <param name="Mark">A step to mark; null for none.</param>
public sealed record Chart(string Title, IReadOnlyList<Curve> Curves, int? Mark);

/// <summary>One line of a plot.</summary>
/// <param name="Name">Name in the legend.</param>
/// <param name="Points">The points, in the order of their steps. Values that are not finite are left out.</param>
public sealed record Curve(string Name, IReadOnlyList<CurveValue> Points);

/// <summary>One point of a line.</summary>
/// <param name="Step">Training step.</param>
/// <param name="Value">Value of the quantity.</param>
public sealed record CurveValue(int Step, double Value);
