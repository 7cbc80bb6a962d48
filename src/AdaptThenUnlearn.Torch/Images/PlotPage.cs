using ScottPlot;

namespace AdaptThenUnlearn.Torch.Images;

/// <summary>Several plots as one PNG picture.</summary>
internal static class PlotPage
{
    /// <summary>Width of a plot in pixels.</summary>
    public const int PlotWidth = 640;

    /// <summary>Draws the plots in rows.</summary>
    /// <param name="charts">At least one.</param>
    /// <param name="columns">Largest number of plots in a row.</param>
    /// <param name="height">Height of a plot in pixels.</param>
    /// <param name="draw">Draws a chart on an empty plot, whose font is set.</param>
    /// <returns>A PNG file's bytes.</returns>
    public static byte[] Png<TChart>(IReadOnlyList<TChart> charts, int columns, int height, Action<Plot, TChart> draw)
    {
        PictureFont.UseForPlots();
        columns = Math.Min(columns, charts.Count);
        var rows = (charts.Count + columns - 1) / columns;
        var page = new Multiplot();
        page.AddPlots(charts.Count);
        page.Layout = new ScottPlot.MultiplotLayouts.Grid(rows, columns);
        foreach (var (number, chart) in charts.Index())
        {
            var plot = page.GetPlot(number);
            plot.Font.Set(PictureFont.Name);
            draw(plot, chart);
        }

        return page.Render(columns * PlotWidth, rows * height).GetImageBytes(ImageFormat.Png);
    }
}
