using AdaptThenUnlearn.Torch.Images;
using SkiaSharp;

namespace AdaptThenUnlearn.Torch.Tests.Images;

/// <summary>Named points on a plot: every name can be read, and the scales say what they promise.</summary>
public sealed class ScatterPlotTests
{
    [Fact]
    public void Names_OfCrowdedPoints_HideNeitherPointsNorEachOther()
    {
        var (area, radius) = (new SKSize(550, 350), 4.5f);
        // Many points close together, and two at the edge.
        SKPoint[] points =
        [
            .. Enumerable.Range(0, 8).Select(each => new SKPoint(200 + (6 * each), 100 + (9 * (each % 3)))),
            new(540, 340),
            new(545, 20)
        ];

        var boxes = NamePlacement.Beside(points, [.. points.Select(_ => new SKSize(70, 14))], area, radius);

        Assert.All(boxes, box => Assert.True(
            box.Left >= 0 && box.Top >= 0 && box.Right <= area.Width && box.Bottom <= area.Height, $"{box} is cut off"));
        Assert.All(boxes, box => Assert.DoesNotContain(boxes, other => other != box && other.IntersectsWith(box)));
        Assert.All(boxes, box => Assert.DoesNotContain(points, point => SKRect.Inflate(box, radius, radius).Contains(point)));
        Assert.Equal(points.Length, boxes.Distinct().Count());
    }

    [Fact]
    public void Names_OfLonelyPoint_StandsOnItsRight()
    {
        var box = Assert.Single(NamePlacement.Beside([new(100, 100)], [new(70, 14)], new SKSize(550, 350), radius: 4));

        Assert.Equal(new SKRect(107, 93, 177, 107), box);   // a gap of 3, in the middle of the height
    }

    [Fact]
    public void RemovedAxis_EachTenthOfWhatWasLeft_IsOneStep()
    {
        var axis = ScatterAxis.Removed("PUL, %");

        Assert.Equal([0, 1, 2, 3], new[] { 0, 0.9, 0.99, 0.999 }.Select(axis.Place).Select(place => Math.Round(place, 9)));
        Assert.True(axis.Place(-0.5) < 0);   // more than before
        Assert.Equal(axis.Place(0.9999), axis.Place(1));
        Assert.Equal(["99.5", "≥ 99.99"], new[] { 0.995, 0.9999 }.Select(axis.Text));
    }

    [Theory]
    [InlineData(1.05)]
    [InlineData(1.13, 1.15, 1.33)]
    [InlineData(0.4, 50.0)]
    public void Scale_FewOrCloseValues_HasMarksOnBothSides(params double[] values)
    {
        var scale = ScatterPlot.Scale.Over(ScatterAxis.Logarithmic("ratio"), values, pixels: 500);

        Assert.True(scale.Marks.Count >= 2, string.Join(' ', scale.Marks));
        Assert.All(values, value => Assert.InRange(scale.Pixel(value), 0, 500));
    }

    [Fact]
    public void Plot_PointThatAnAxisHasNoPlaceFor_IsLeftOut()
    {
        var (axis, seen) = (ScatterAxis.Logarithmic("ratio"), new ScatterPoint("seen", "a", 2, 3));

        var with = Png(seen, new("nowhere", "b", 0, 3));

        Assert.Equal(Png(seen), with);
        Assert.NotEqual(Png(seen, new("somewhere", "b", 1, 3)), with);

        byte[] Png(params ScatterPoint[] points) => ScatterPlot.Png([new("title", axis, axis, points)]);
    }

    // A plot that lacks a group keeps the colours of the others.
    [Fact]
    public void Plots_GroupThatOnlyOneHas_LeavesTheOthersTheirColours()
    {
        var axis = ScatterAxis.Logarithmic("ratio");
        ScatterPoint[] first = [new("one", "a", 2, 3), new("two", "b", 3, 2)], second = [first[1]];

        var (beside, alone) = (Right(first, second), Right(second, second));

        Assert.Contains(ColourOf(1), beside);
        Assert.DoesNotContain(ColourOf(0), beside);
        Assert.Contains(ColourOf(0), alone);

        HashSet<SKColor> Right(params ScatterPoint[][] charts)
        {
            using var picture = SKBitmap.Decode(
                ScatterPlot.Png([.. charts.Select(points => new ScatterChart("title", axis, axis, points))]));
            return [.. from x in Enumerable.Range(picture.Width / 2, picture.Width / 2)
                       from y in Enumerable.Range(0, picture.Height)
                       select picture.GetPixel(x, y)];
        }

        static SKColor ColourOf(int number)
        {
            var colour = new ScottPlot.Plot().Add.Palette.GetColor(number);
            return new SKColor(colour.R, colour.G, colour.B);
        }
    }

    [Fact]
    public void Plot_WithoutPoints_IsStillAPicture()
    {
        using var picture = SKBitmap.Decode(
            ScatterPlot.Png([new("nothing yet", ScatterAxis.Removed("PUL, %"), ScatterAxis.Logarithmic("minutes"), [])]));

        Assert.Equal((640, 545), (picture.Width, picture.Height));
    }
}
