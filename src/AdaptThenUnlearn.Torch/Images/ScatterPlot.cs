using ScottPlot;
using SkiaSharp;

namespace AdaptThenUnlearn.Torch.Images;

/// <summary>Draws named points as one PNG picture, with one colour for each group.</summary>
public static class ScatterPlot
{
    private const int Height = 545;
    private const int FontSize = 11;
    private const float MarkerRadius = 4.5f;

    private static readonly PixelPadding _frame = new(left: 75, right: 15, bottom: 150, top: 45);   // for a legend of three lines
    private static readonly PixelSize _area =
        new(PlotPage.PlotWidth - _frame.Left - _frame.Right, Height - _frame.Top - _frame.Bottom);

    /// <summary>Draws the plots, two in a row. A group has the same colour in all of them.</summary>
    /// <param name="charts">At least one.</param>
    /// <returns>A PNG file's bytes.</returns>
    public static byte[] Png(IReadOnlyList<ScatterChart> charts)
    {
        List<string> groups = [.. charts.SelectMany(chart => chart.Points).Select(point => point.Group).Distinct()];
        return PlotPage.Png(charts, columns: 2, Height, (plot, chart) => Draw(plot, chart, groups));
    }

    private static void Draw(Plot plot, ScatterChart chart, List<string> groups)
    {
        // Fix the frame, because names are placed in pixels, and scale the axes.
        plot.Title(chart.Title);
        plot.Layout.Fixed(_frame);
        var points = chart.Points.Where(
            point => double.IsFinite(chart.X.Place(point.X))
                && double.IsFinite(chart.Y.Place(point.Y))).ToList();
        var x = Scale.Over(chart.X, [.. points.Select(point => point.X)], _area.Width);
        var y = Scale.Over(chart.Y, [.. points.Select(point => point.Y)], _area.Height);
        x.Rule(plot.Axes.Bottom);
        y.Rule(plot.Axes.Left);
        if (points.Count == 0)
            return;

        // Draw the names.
        var colours = groups.Index().ToDictionary(group => group.Item, group => plot.Add.Palette.GetColor(group.Index));
        var places = points.Select(point => new SKPoint((float)x.Pixel(point.X), (float)(_area.Height - y.Pixel(point.Y))))
            .ToList();
        var names = NamePlacement.Beside(
            places, [.. points.Select(point => SizeOf(point.Name))], new SKSize(_area.Width, _area.Height), MarkerRadius);
        foreach (var (number, point) in points.Index())
            Name(point.Name, places[number], names[number], colours[point.Group]);

        // Draw the points, one colour for each group.
        foreach (var group in points.GroupBy(point => point.Group))
        {
            var markers = plot.Add.ScatterPoints(
                group.Select(point => chart.X.Place(point.X)).ToArray(),
                group.Select(point => chart.Y.Place(point.Y)).ToArray(),
                colours[group.Key]);
            markers.LegendText = group.Key;
            markers.MarkerSize = 2 * MarkerRadius;
        }

        plot.ShowLegend(Edge.Bottom);   // outside of the plot, because any corner may hold a point

        // Draws a name, and a line to its point where the name is not beside it.
        void Name(string text, SKPoint place, SKRect box, Color colour)
        {
            var near = new SKPoint(Math.Clamp(place.X, box.Left, box.Right), Math.Clamp(place.Y, box.Top, box.Bottom));
            if (SKPoint.Distance(near, place) > 2 * MarkerRadius)
                plot.Add.Line(Back(place), Back(near)).LineStyle = new LineStyle(0.7f, colour);
            var label = plot.Add.Text(text, Back(new SKPoint(box.Left, box.Top)));
            label.LabelFontName = PictureFont.Name;
            label.LabelFontSize = FontSize;
            label.LabelFontColor = colour;
        }

        Coordinates Back(SKPoint pixel) => new(x.Value(pixel.X), y.Value(_area.Height - pixel.Y));
    }

    private static SKSize SizeOf(string name)
    {
        using var font = new SKFont(PictureFont.Typeface, FontSize);
        return new SKSize(font.MeasureText(name), FontSize + 3);
    }

    // An axis with its limits and its length in pixels. The limits include at least two marks where the axis has them.
    internal sealed record Scale(ScatterAxis Axis, double Low, double High, double Pixels)
    {
        private const double Margin = 0.06;

        public static Scale Over(ScatterAxis axis, IReadOnlyList<double> values, double pixels)
        {
            var places = values.Select(axis.Place).DefaultIfEmpty(0).ToList();
            var margin = Margin * Math.Max(places.Max() - places.Min(), 0.1);   // a single point has no extent
            var (low, high) = (places.Min() - margin, places.Max() + margin);
            var marks = axis.Marks.Select(axis.Place).ToList();
            if (marks.Count(mark => mark >= low && mark <= high) >= 2)
                return new Scale(axis, low, high, pixels);

            var below = marks.Where(mark => mark <= low).DefaultIfEmpty(low).Max();
            var above = marks.Where(mark => mark >= high).DefaultIfEmpty(high).Min();
            return new Scale(axis, below - margin, above + margin, pixels);
        }

        public double Pixel(double value) => (Axis.Place(value) - Low) / (High - Low) * Pixels;

        public double Value(double pixel) => Low + (pixel / Pixels * (High - Low));

        public IReadOnlyList<double> Marks => [.. Axis.Marks.Where(mark => Axis.Place(mark) >= Low && Axis.Place(mark) <= High)];

        public void Rule(IAxis on)
        {
            on.Min = Low;
            on.Max = High;
            on.Label.Text = Axis.Label;
            on.SetTicks([.. Marks.Select(Axis.Place)], [.. Marks.Select(Axis.Text)]);
        }
    }
}

/// <summary>One plot of named points.</summary>
/// <param name="Title">Title.</param>
/// <param name="X">The axis from left to right.</param>
/// <param name="Y">The axis from bottom to top.</param>
/// <param name="Points">
/// The points, in any order. Points without a place on an axis, such as 0 on a logarithmic one, are left out.
/// </param>
public sealed record ScatterChart(string Title, ScatterAxis X, ScatterAxis Y, IReadOnlyList<ScatterPoint> Points);

/// <summary>One named point.</summary>
/// <param name="Name">Name beside the point.</param>
/// <param name="Group">Name of its group, in the legend; each group has one colour.</param>
/// <param name="X">Value on the axis from left to right; finite.</param>
/// <param name="Y">Value on the axis from bottom to top; finite.</param>
public sealed record ScatterPoint(string Name, string Group, double X, double Y);
