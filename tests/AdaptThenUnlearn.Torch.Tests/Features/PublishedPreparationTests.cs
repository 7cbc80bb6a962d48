using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Features;

/// <summary>
/// The words for published preparations against the published steps in Pillow 9.4 and numpy 1.24, on pictures by formula: resize
/// of bytes with <c>Image.BICUBIC</c>, centre crop, / 255, mean and deviation.
/// </summary>
public sealed class PublishedPreparationTests
{
    private const double Tolerance = 1e-4;

    private static readonly (int Row, int Column, int Channel)[] _places =
        [(0, 0, 0), (10, 10, 1), (56, 3, 2), (111, 112, 0), (112, 57, 1), (200, 31, 2), (223, 223, 0), (150, 150, 1)];

    // Our pixels are those of Pillow, but for a few in ten thousand that differ by one level.
    [Theory]
    [InlineData("clip", 32, 0.1589212, 0.9962042,
        new[] { -1.792263, -1.752097, 0.65279, 0.061738, -0.65653, 0.411049, 0.674872, 1.999845 })]
    [InlineData("clip", 300, 0.1707553, 0.9047139,
        new[] { -1.792263, -1.752097, 2.017916, -0.274026, -0.701553, -0.243074, 0.923045, 0.409022 })]
    [InlineData("dinov2", 32, 0.2553334, 1.1538390,
        new[] { -2.117904, -2.035714, 2.64, 0.039815, 0.065126, 0.008192, 1.152924, -0.267507 })]
    [InlineData("dinov2", 300, 0.2786104, 1.0866546,
        new[] { -2.117904, -2.035714, 2.64, -0.285555, -1.510504, 1.472244, -0.747924, 1.045518 })]
    [InlineData("fd-dinov2", 32, 0.1925354, 1.1843408,
        new[] { -2.117904, -2.035714, 0.809935, 0.05694, -0.757703, 0.513638, 0.77618, 2.341036 })]
    [InlineData("fd-dinov2", 300, 0.2065536, 1.0766824,
        new[] { -2.117904, -2.035714, 2.483137, -0.33693, -0.810224, -0.288105, 1.0673, 0.485294 })]
    public void Prepare_PublishedWord_IsWhatPillowMakes(string word, int side, double mean, double deviation, double[] expected)
    {
        using var scope = NewDisposeScope();

        var prepared = Prepare(ImagePreprocessing.Published[word], side);

        Assert.Equal([1, 3, 224, 224], prepared.shape);
        Assert.Equal(mean, prepared.mean().item<double>(), Tolerance);
        Assert.Equal(deviation, prepared.std(unbiased: false).item<double>(), Tolerance);
        AssertPlaces(expected, prepared);
    }

    // The same steps on numbers that are not rounded: Pillow's mode F.
    [Theory]
    [InlineData("clip", 32, new[] { -1.792263, -1.752097, 0.655278, 0.059577, -0.652718, 0.414904, 0.675287, 1.999845 })]
    [InlineData("dinov2", 300, new[] { -2.117904, -2.035714, 2.64, -0.282166, -1.505363, 1.482386, -0.746742, 1.047083 })]
    [InlineData("fd-dinov2", 300, new[] { -2.117904, -2.035714, 2.481321, -0.33025, -0.804502, -0.291358, 1.067421, 0.485672 })]
    public void Prepare_SameStepsNotRounded_AreThoseOfFloatingPoint(string word, int side, double[] expected)
    {
        using var scope = NewDisposeScope();

        AssertPlaces(expected, Prepare(ImagePreprocessing.Published[word] with { Rounded = null }, side));
    }

    [Fact]
    public void Prepare_Rounded_StillHasAGradient()
    {
        using var scope = NewDisposeScope();
        var images = (rand(1, 3, 8, 8) * 2 - 1).requires_grad_();

        new Preprocessor(ImagePreprocessing.Published["clip"], new ImageShape(3, 8)).Prepare(images).sum().backward();

        Assert.True(images.grad!.abs().sum().item<float>() > 0);
    }

    private static void AssertPlaces(double[] expected, Tensor prepared) => Assert.Equal(
        expected,
        _places.Select(place => prepared[0, place.Channel, place.Row, place.Column].item<double>()),
        (one, other) => Math.Abs(one - other) < Tolerance);

    private static Tensor Prepare(ImagePreprocessing steps, int side) =>
        new Preprocessor(steps, new ImageShape(3, side)).Prepare(Picture(side) / 127.5f - 1).to(float64);

    // Hard edges on every second pixel, a smooth wave on the others, a black corner and a white one.
    private static Tensor Picture(int side)
    {
        var levels = new float[1, 3, side, side];
        for (var channel = 0; channel < 3; channel++)
            for (var y = 0; y < side; y++)
                for (var x = 0; x < side; x++)
                    levels[0, channel, y, x] = x >= side / 4 || y >= side / 2
                        ? (x + y) % 2 == 0
                            ? (x * x * 7 + y * 13 + x * y * 5 + channel * 61) % 256
                            : (float)Math.Floor(
                                127.5 + 127.5 * Math.Sin(x / (double)side * 6 + channel) * Math.Cos(y / (double)side * 5))
                        : y < side / 4 ? 0 : 255;
        var picture = tensor(levels);
        Assert.Equal(side == 32 ? 385_847 : 34_112_858, picture.to(float64).sum().item<double>());
        return picture;
    }
}
