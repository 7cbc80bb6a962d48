using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Tests.Measuring;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Features;

/// <summary>
/// Compares the preprocessing of images with the definitions of its steps, and checks that a program gets what comes out of it.
/// </summary>
public sealed class PreprocessorTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-").FullName;

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // Pillow's filters (Pillow 10, src/libImaging/Resample.c, precompute_coeffs) and torch's interpolate without antialias.
    [Theory]
    [InlineData("bilinear", true, 8, 5)]
    [InlineData("bilinear", true, 8, 13)]
    [InlineData("bilinear", false, 8, 5)]
    [InlineData("bilinear", false, 8, 20)]
    [InlineData("bicubic", true, 8, 3)]
    [InlineData("bicubic", true, 8, 12)]
    [InlineData("bicubic", false, 8, 5)]
    [InlineData("bicubic", false, 8, 11)]
    public void Resize_ByItsDefinition_IsTheSame(string filter, bool antialias, int from, int to)
    {
        using var scope = NewDisposeScope();
        var images = Images(2, 3, from);

        var resized = Prepare(images, new ImagePreprocessing(Resize: to, Filter: filter, Antialias: antialias));

        var rows = Weights(filter, antialias, from, to);
        var expected = einsum("oh,nchw,pw->ncop", rows, images.to(float64), rows);
        Assert.True((resized.to(float64) - expected).abs().max().item<double>() < 1e-5);
    }

    [Fact]
    public void Resize_WithoutMoreWords_IsBilinearWithAntialias()
    {
        using var scope = NewDisposeScope();
        var images = Images(2, 1, 8);

        Assert.Equal(
            Small.Bytes(Prepare(images, new ImagePreprocessing(Resize: 5, Filter: "bilinear", Antialias: true))),
            Small.Bytes(Prepare(images, new ImagePreprocessing(Resize: 5))));
    }

    [Fact]
    public void Resize_Nearest_TakesSinglePixels()
    {
        using var scope = NewDisposeScope();
        var images = arange(16f).view(1, 1, 4, 4);

        Assert.Equal(
            [0, 2, 8, 10],
            Prepare(images, new ImagePreprocessing(Resize: 2, Filter: "nearest")).data<float>().Select(value => (int)value));
    }

    [Theory]
    [InlineData(3, 2)]   // a rest of 5: two pixels on the left
    [InlineData(2, 3)]
    [InlineData(8, 0)]
    public void Crop_OfEightPixels_TakesTheCentre(int side, int start)
    {
        using var scope = NewDisposeScope();
        var images = Images(1, 3, 8);

        Assert.Equal(
            Small.Bytes(images.narrow(2, start, side).narrow(3, start, side).contiguous()),
            Small.Bytes(Prepare(images, new ImagePreprocessing(Crop: side))));
    }

    [Theory]
    [InlineData("-1..1", -1, 0.5)]
    [InlineData("0..1", 0, 0.75)]
    [InlineData("0..255", 0, 191.25)]
    public void Range_OfBlackAndLightGrey_IsAsItSays(string range, double black, double light)
    {
        using var scope = NewDisposeScope();
        var images = tensor(new[] { -1f, 0.5f, 0.5f, -1f }).view(1, 1, 2, 2);

        Assert.Equal(
            [(float)black, (float)light, (float)light, (float)black],
            Prepare(images, new ImagePreprocessing(Range: range)).data<float>().ToArray());
    }

    // torchvision's documentation: (x − mean) / std, of pixels from 0 to 1.
    [Fact]
    public void Normalization_ImageNetOfGreyImages_IsTheDocumentedOne()
    {
        using var scope = NewDisposeScope();
        var white = ones(1, 1, 2, 2);

        var prepared = Prepare(white, new ImagePreprocessing("rgb", Range: "0..1", Normalization: "imagenet"));

        Assert.Equal([1, 3, 2, 2], prepared.shape);
        Assert.Equal(
            [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225],
            prepared[0, TensorIndex.Colon, 0, 0].data<float>().Select(value => Math.Round(value, 5)),
            (expected, actual) => Math.Abs(expected - actual) < 1e-4);
    }

    [Fact]
    public void Normalization_OwnNumbers_AreAppliedByChannel()
    {
        using var scope = NewDisposeScope();

        var prepared = Prepare(zeros(1, 3, 1, 1), new ImagePreprocessing(Range: "0..255", Mean: [127.5, 100, 27.5], Std: [2]));

        Assert.Equal([0f, 13.75f, 50f], prepared.data<float>().ToArray());
    }

    // ITU-R BT.601
    [Fact]
    public void Channels_GreyOfColours_IsTheirLuma()
    {
        using var scope = NewDisposeScope();

        var prepared = Prepare(
            tensor(new[] { 1f, -1f, 0.5f }).view(1, 3, 1, 1), new ImagePreprocessing("grey"));

        Assert.Equal([1, 1, 1, 1], prepared.shape);
        Assert.Equal(0.299 - 0.587 + 0.5 * 0.114, prepared.item<float>(), 1e-6);
    }

    [Fact]
    public void Layout_ChannelsLast_MovesTheChannels()
    {
        using var scope = NewDisposeScope();
        var images = Images(2, 3, 4);

        var prepared = Prepare(images, new ImagePreprocessing(Layout: "nhwc"));

        Assert.Equal([2, 4, 4, 3], prepared.shape);
        Assert.Equal(images[1, 2, 3, 0].item<float>(), prepared[1, 3, 0, 2].item<float>());
    }

    [Fact]
    public void Prepare_EveryStep_HasAGradient()
    {
        using var scope = NewDisposeScope();
        var images = Images(2, 3, 8).requires_grad_();

        Prepare(images, new ImagePreprocessing(
            "grey", 12, "bicubic", true, Crop: 10, Range: "0..255", Mean: [100], Std: [50], Layout: "nhwc")).sum().backward();

        Assert.True(images.grad!.abs().sum().item<float>() > 0);
    }

    [Theory]
    [InlineData(1, 32, "crop", "only 32 pixels wide; say 'resize' too")]
    [InlineData(1, 64, "mean", "'mean' has 3 numbers, and the images have 1 channels")]
    [InlineData(4, 64, "channels", "images of 4 channels are neither grey nor colours")]
    public void Create_ImagesDoNotFit_SaysWhy(int channels, int side, string step, string expected)
    {
        var steps = step switch
        {
            "crop" => new ImagePreprocessing(Crop: 48),
            "mean" => new ImagePreprocessing(Mean: [0.5, 0.5, 0.5], Std: [1]),
            _ => new ImagePreprocessing("rgb"),
        };

        Assert.Contains(
            expected,
            Assert.Throws<ArgumentException>(() => new Preprocessor(steps, new ImageShape(channels, side))).Message,
            StringComparison.Ordinal);
    }

    // A program of 12×12 images in three channels from 0 to 1: three logits, the channels' means in the upper half.
    [Fact]
    public void Classifier_ProgramOfOtherImages_GetsPreparedOnes()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var file = ScriptedProgram.Write(
            Path.Combine(_folder, "c.pt"),
            """
              def forward(self: __torch__.Program, img: Tensor) -> Tensor:
                rows = torch.view(img, [-1, 3, 12, 12])
                return torch.mean(torch.slice(rows, 2, 0, 6), [2, 3])
            """);
        var steps = new ImagePreprocessing("rgb", 12, Range: "0..1", Mean: [0.25, 0.5, 0.75], Std: [0.5]);
        var shape = new ImageShape(1, 8);
        using var loaded = ClassifierCheckpoint.Load(
            file, null, ["r", "g", "b"], CPU, "softmax", "torchscript", shape, new Preprocessor(steps, shape));
        var images = cat([ones(1, 1, 4, 8), -ones(1, 1, 4, 8)], 2);

        var logits = loaded.Classifier.Features(images);

        Assert.Equal(shape, loaded.Classifier.Shape);
        var upper = (5 + 5 / 6.0) / 6;   // the sixth row lies a sixth of the way to the black half
        Assert.Equal(
            [(upper - 0.25) / 0.5, (upper - 0.5) / 0.5, (upper - 0.75) / 0.5],
            logits.data<float>().Select(value => (double)value),
            (expected, actual) => Math.Abs(expected - actual) < 1e-5);
    }

    [Fact]
    public void Load_PolicyWhosePreprocessingDoesNotFit_NamesItsPlace()
    {
        var policy = AuditorCheckTests.Policy with
        {
            Classifiers = new Dictionary<string, ClassifierChoice>
            {
                ["annotator"] = new(
                    "c.pt", ["plain", "banned"], null, Format: "torchscript", Preprocessing: new ImagePreprocessing(Crop: 64)),
            },
        };
        ScriptedProgram.Write(Path.Combine(_folder, "c.pt"), ScriptedProgram.Sixteen);

        var refused = Assert.Throws<PolicyMismatchException>(() => PolicyClassifiers.Load(
            policy, path => Path.Combine(_folder, path), path => CheckpointFile.Open(path), Small.Shape, CPU).Dispose());

        Assert.Equal("$.classifiers.annotator.preprocessing", refused.JsonPath);
        Assert.Contains("'crop' is 64, and the images are only 16 pixels wide", refused.Problem, StringComparison.Ordinal);
    }

    private static Tensor Prepare(Tensor images, ImagePreprocessing steps) =>
        new Preprocessor(steps, new ImageShape((int)images.shape[1], (int)images.shape[3])).Prepare(images);

    private static Tensor Images(int count, int channels, int side)
    {
        manual_seed(5);
        return rand(count, channels, side, side) * 2 - 1;
    }

    // The weights of one direction, [to, from], by the definition.
    private static Tensor Weights(string filter, bool antialias, int from, int to)
    {
        var weights = new double[to, from];
        var ratio = from / (double)to;
        var stretch = antialias ? Math.Max(1, ratio) : 1;
        var reach = (filter == "bicubic" ? 2 : 1) * stretch;
        for (var at = 0; at < to; at++)
        {
            var centre = (at + 0.5) * ratio;
            var sum = 0.0;
            for (var pixel = (int)Math.Floor(centre - reach) - 1; pixel <= centre + reach + 1; pixel++)
            {
                var weight = Kernel(filter, antialias, (pixel + 0.5 - centre) / stretch);
                if (antialias && pixel is >= 0 && pixel < from)   // Pillow leaves out what lies outside
                    weights[at, pixel] += weight;
                else if (!antialias)                              // torch repeats the edge
                    weights[at, Math.Clamp(pixel, 0, from - 1)] += weight;
                if (!antialias || (pixel >= 0 && pixel < from))
                    sum += weight;
            }

            for (var pixel = 0; pixel < from; pixel++)
                weights[at, pixel] /= sum;
        }

        return tensor(weights);
    }

    // The triangle, and Keys' cubic (1981) with a = −0.5 as in Pillow, or −0.75 as in torch without antialias.
    private static double Kernel(string filter, bool antialias, double distance)
    {
        var x = Math.Abs(distance);
        if (filter == "bilinear")
            return Math.Max(0, 1 - x);

        var a = antialias ? -0.5 : -0.75;
        return x < 1 ? ((a + 2) * x - (a + 3)) * x * x + 1
            : x < 2 ? (((x - 5) * x + 8) * x - 4) * a
            : 0;
    }
}
