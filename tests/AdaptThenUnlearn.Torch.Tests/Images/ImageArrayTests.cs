using AdaptThenUnlearn.Torch.Images;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Images;

/// <summary>
/// Checks that arrays in another range, order or type than images are refused, with what to do, and that nothing is clipped
/// silently.
/// </summary>
public sealed class ImageArrayTests
{
    [Fact]
    public void Parse_BytesAndMinusOneToOne_AreTaken()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        var values = rand(4, 3, 8, 8) * 2 - 1;

        Assert.True(ImageArray.Parse("a.npy", values).Images.equal(values).all().item<bool>());
        Assert.Equal(float32, ImageArray.Parse("a.npy", values.to(float64)).Images.dtype);
        Assert.Equal(uint8, ImageArray.Parse("a.npy", zeros([4, 1, 8, 8], uint8)).Images.dtype);
    }

    // The raw output of a generator overshoots, in some pixels.
    [Fact]
    public void Parse_SomePixelsFarOutside_AreTaken()
    {
        using var scope = NewDisposeScope();
        var values = rand(10, 1, 10, 10) * 2 - 1;
        values[0, 0, 0].fill_(3);   // 10 of 1000 numbers

        var (_, doubt) = ImageArray.Parse("a.npy", values);

        Assert.Null(doubt);
        values[0, 0, 1, 0] = -3;
        Assert.Contains("holds numbers from -3 to 3, 1.1", Refused(values), StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_AnotherRange_SaysWhichAndTheMend()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        var levels = randint(0, 256, [4, 3, 8, 8], float32);
        levels[0, 0, 0, 0] = 255;
        levels[0, 0, 0, 1] = 0;

        Assert.Contains(
            "a.npy: holds numbers from 0 to 255, as in 0 to 255, and images of numbers are -1 to 1; save them as uint8",
            Refused(levels),
            StringComparison.Ordinal);
        Assert.Contains(
            "holds numbers from 0 to 1 and none below 0, as in 0 to 1, and images of numbers are -1 to 1; save them as "
                + "images * 2 - 1",
            Refused(levels / 255),
            StringComparison.Ordinal);
        Assert.Contains("of them beyond ±1.5", Refused((levels / 255 - 0.45) / 0.225), StringComparison.Ordinal);
        Assert.Contains("of them beyond ±1.5", Refused(levels - 128), StringComparison.Ordinal);
        Assert.Contains(
            "if these are -0.5 to 0.5, save them as images * 2",
            ImageArray.Parse("a.npy", levels / 255 - 0.5).Doubt,
            StringComparison.Ordinal);
        levels[1, 1, 1, 1] = float.NaN;
        Assert.Contains("numbers that are not finite", Refused(levels / 127.5 - 1), StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_AnotherTypeOrOrder_SaysSo()
    {
        using var scope = NewDisposeScope();

        Assert.Contains(
            "holds images of type Int64; save them as uint8", Refused(zeros([2, 3, 8, 8], int64)), StringComparison.Ordinal);
        Assert.Contains(
            "the channels come last here: save it with numpy.transpose(images, (0, 3, 1, 2))",
            Refused(zeros([2, 8, 8, 3], uint8)),
            StringComparison.Ordinal);
        Assert.Contains(
            "images are [N, C, H, W] with 1 or 3 channels", Refused(zeros([2, 4, 8, 8], uint8)), StringComparison.Ordinal);
        Assert.Contains(
            "holds no images: its shape is [0, 3, 8, 8]", Refused(zeros([0, 3, 8, 8], uint8)), StringComparison.Ordinal);
    }

    private static string Refused(Tensor array) =>
        Assert.Throws<ImageFileException>(() => ImageArray.Parse("a.npy", array)).Message;
}
