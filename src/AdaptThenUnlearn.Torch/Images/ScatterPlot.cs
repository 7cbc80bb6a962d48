using ScottPlot;

namespace AdaptThenUnlearn.Torch.Images;

/// <summary>Draws named points, one colour a group, as one PNG picture.</summary>
public static class ScatterPlot
{
    private const int Height = 520;

    /// <summary>Draws the plots, two in a row.</summary>
    /// <param name="charts">At least one.</param>
    /// <returns>A PNG file's bytes.</returns>
    public static byte[] Png(IReadOnlyList<ScatterChart> charts) => PlotPage.Png(charts, columns: 2, Height, Draw);

    private static void Draw(Plot plot, ScatterChart chart)
    {
        plot.Title(chart.Title);
        plot.XLabel(chart.X);
        plot.YLabel(chart.Y);
        foreach (var group in chart.Points.GroupBy(point => point.Group))
        {
            var markers = plot.Add.ScatterPoints(group.Select(point => point.X).ToArray(), group.Select(point => point.Y).ToArray());
            markers.LegendText = group.Key;
            markers.MarkerSize = 9;
            foreach (var point in group)
            {
                var label = plot.Add.Text(point.Name, point.X, point.Y);
                label.LabelFontName = PictureFont.Name;
                label.LabelFontSize = 11;
                label.LabelFontColor = markers.Color;
                label.OffsetX = 6;
                label.OffsetY = -7;
            }
        }

        plot.Axes.Margins(left: 0.08, right: 0.3, bottom: 0.1, top: 0.1);   // names stand on the right of their points
        plot.Axes.AutoScale();
        if (chart.Points.Count > 0)
            plot.ShowLegend(Edge.Bottom);   // beside the plot: any corner may hold a point
    }
}

/// <summary>One plot of named points.</summary>
/// <param name="Title">What it shows.</param>
/// <param name="X">Axis, with the unit.</param>
/// <param name="Y">Axis, with the unit.</param>
/// <param name="Points">In any order.</param>
public sealed record ScatterChart(string Title, string X, string Y, IReadOnlyList<ScatterPoint> Points);

/// <summary>One named point.</summary>
/// <param name="Name">Written beside it.</param>
/// <param name="Group">In the legend; a colour each.</param>
/// <param name="X">Finite.</param>
/// <param name="Y">Finite.</param>
public sealed record ScatterPoint(string Name, string Group, double X, double Y);
