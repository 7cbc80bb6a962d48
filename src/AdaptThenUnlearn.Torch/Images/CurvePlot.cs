using ScottPlot;

namespace AdaptThenUnlearn.Torch.Images;

/// <summary>Draws curves over training steps as one PNG picture, one plot for each quantity.</summary>
public static class CurvePlot
{
    private const int Height = 360;

    /// <summary>Draws the plots, two in a row.</summary>
    /// <param name="charts">At least one.</param>
    /// <returns>A PNG file's bytes.</returns>
    public static byte[] Png(IReadOnlyList<Chart> charts) => PlotPage.Png(charts, columns: 2, Height, Draw);

    private static void Draw(Plot plot, Chart chart)
    {
        plot.Title(chart.Title);
        plot.XLabel("step");
        foreach (var curve in chart.Curves)
        {
            var points = curve.Points.Where(point => double.IsFinite(point.Value)).ToList();
            var line = plot.Add.Scatter(points.Select(point => (double)point.Step).ToArray(), points.Select(point => point.Value).ToArray());
            line.LegendText = curve.Name;
            line.LineWidth = 2;
            line.MarkerSize = points.Count > 60 ? 0 : 5;
        }

        if (chart.Mark is { } mark)
        {
            var line = plot.Add.VerticalLine(mark, pattern: LinePattern.Dashed);
            line.Color = Colors.Gray;
            line.LegendText = "kept";
        }

        if (chart.Curves.SelectMany(curve => curve.Points).Select(point => point.Step).Distinct().ToList() is [var only])
            plot.Axes.SetLimitsX(0, 1.05 * Math.Max(1, only));   // around a single point there is no scale
        plot.Axes.SetLimitsY(0, Math.Max(1e-9, 1.35 * chart.Curves.SelectMany(curve => curve.Points).Select(point => point.Value).Where(double.IsFinite).DefaultIfEmpty(1).Max()));
        plot.ShowLegend(Alignment.UpperRight);
    }
}

/// <summary>One plot.</summary>
/// <param name="Title">With the unit.</param>
/// <param name="Curves">At least one; values at or above 0.</param>
/// <param name="Mark">A step to mark, or null.</param>
public sealed record Chart(string Title, IReadOnlyList<Curve> Curves, int? Mark);

/// <summary>One line of a plot.</summary>
/// <param name="Name">In the legend.</param>
/// <param name="Points">In order of their steps; values that are not finite are left out.</param>
public sealed record Curve(string Name, IReadOnlyList<CurveValue> Points);

/// <summary>One point of a line.</summary>
/// <param name="Step">Of training.</param>
/// <param name="Value">Of the quantity.</param>
public sealed record CurveValue(int Step, double Value);
