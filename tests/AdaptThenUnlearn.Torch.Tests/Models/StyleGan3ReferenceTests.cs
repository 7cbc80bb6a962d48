using System.Text.Json;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Models.StyleGan2;
using AdaptThenUnlearn.Torch.Models.StyleGan3;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Models;

/// <summary>StyleGAN3, and the StyleGAN2 of its repository, against values that the published Python code computed.</summary>
public sealed class StyleGan3ReferenceTests
{
    private const double Tolerance = 1e-4;   // of the largest value

    public static TheoryData<string, string> Networks => new()
    {
        { "t", "stylegan3" },
        { "r", "stylegan3" },
        { "stylegan2", "stylegan2-ada" },
    };

    [Theory]
    [MemberData(nameof(Networks))]
    public void Generator_PublishedLatents_GivesThePublishedImages(string name, string architecture)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var loaded = Load(name);
        var generator = loaded.Generator;
        var latents = Latents(name);

        Assert.Equal(("nvidia", architecture, "G_ema"), (loaded.Format, loaded.Architecture, loaded.Section));
        Agree(name, "styles", ((IStyleBasedGenerator)generator).Map(latents));
        Agree(name, "images", generator.Generate(latents, generator.StoredNoise));
        Agree(name, "images_truncated", generator.Generate(latents, generator.StoredNoise, truncation: 0.6));
    }

    [Theory]
    [MemberData(nameof(Networks))]
    public void TrainedGenerator_PublishedLatents_GivesThePublishedImages(string name, string architecture)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var loaded = Load(name, "generator");

        Assert.Equal((architecture, "G"), (loaded.Architecture, loaded.Section));
        Agree(name, "images_trained", loaded.Generator.Generate(Latents(name), loaded.Generator.StoredNoise));
    }

    [Theory]
    [InlineData("t")]
    [InlineData("r")]
    public void FourierFeatures_PublishedStyles_ArePublished(string name)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var loaded = Load(name);
        var features = loaded.Generator.named_modules().Select(named => named.module).OfType<FourierFeatures>().Single();

        Agree(name, "features", features.call(Array(name, "styles")));
    }

    [Theory]
    [MemberData(nameof(Networks))]
    public void Discriminator_PublishedImages_GivesThePublishedScores(string name, string architecture)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var loaded = Load(name);
        var discriminator = Assert.IsType<StyleGan2Discriminator>(loaded.Discriminator);
        var images = Array(name, "images");

        Assert.Equal(architecture, loaded.Architecture);
        Agree(name, "scores", name == "r" ? discriminator.Score(images, Array(name, "c")) : discriminator.Score(images));
    }

    // The published code derives a network's layers from a few numbers, and so does this one.
    [Fact]
    public void Schedule_NumbersOfThePublishedNetworks_GivesTheLayersOfTheirFiles()
    {
        using var t = Load("t");
        using var r = Load("r");

        Same(
            new StyleGan3Schedule { Layers = 5, Margin = 4, ChannelBase = 64, ChannelMaximum = 6 }.For(new(1, 16), 8, 8),
            ((StyleGan3Generator)t.Generator).Settings);
        Same(
            (StyleGan3Schedule.Rotation with
            {
                Layers = 6,
                Margin = 5,
                ChannelBase = 96,
                ChannelMaximum = 6,
                Clamp = 2.5,
                OutputScale = 0.5,
                FilterSize = 5,
                LeakySampling = 4,
            }).For(new(3, 32), 8, 6, mappingLayers: 3, classes: 3),
            ((StyleGan3Generator)r.Generator).Settings);
        Assert.Equal("StyleGAN3-T, 1×16×16, latent 8, 2 mapping layers, channels 6 6 6 4 4", t.Description);
        Assert.Equal("StyleGAN3-R, 3×32×32, latent 8, 3 classes, 3 mapping layers, channels 6 6 6 5 3 3", r.Description);

        static void Same(StyleGan3Settings expected, StyleGan3Settings actual)
        {
            Assert.Equal(expected.Layers.Select(Rounded), actual.Layers.Select(Rounded));
            Assert.Equal(expected with { Layers = [] }, actual with { Layers = [] });
        }

        static StyleGan3Layer Rounded(StyleGan3Layer layer) => layer with { In = Near(layer.In), Out = Near(layer.Out) };

        static Band Near(Band band) => new(Math.Round(band.Cutoff, 10), Math.Round(band.HalfWidth, 10));
    }

    [Fact]
    public void LowPassDesign_ValuesOfSciPy_AreThese()
    {
        using var document = JsonDocument.Parse(File.ReadAllText(PathOf("filters.json")));
        foreach (var filter in document.RootElement.GetProperty("filters").EnumerateArray())
        {
            var (taps, cutoff) = (filter.GetProperty("taps").GetInt32(), filter.GetProperty("cutoff").GetDouble());
            var (halfWidth, rate) = (filter.GetProperty("halfWidth").GetDouble(), filter.GetProperty("rate").GetDouble());
            var designed = filter.GetProperty("radial").GetBoolean()
                ? LowPassDesign.Radial(taps, cutoff, halfWidth, rate)
                : LowPassDesign.Separable(taps, cutoff, halfWidth, rate);

            double[] expected = [.. filter.GetProperty("values").EnumerateArray().Select(value => value.GetDouble())];
            Assert.Equal(expected.Length, designed.Length);
            Assert.All(expected.Zip(designed), pair => Assert.Equal(pair.First, pair.Second, tolerance: 1e-7));
        }

        foreach (var value in document.RootElement.GetProperty("bessel").EnumerateArray())
        {
            var x = value.GetProperty("x").GetDouble();
            Assert.Equal(value.GetProperty("j0").GetDouble(), LowPassDesign.BesselJ(0, x), tolerance: 1e-13);
            Assert.Equal(value.GetProperty("j1").GetDouble(), LowPassDesign.BesselJ(1, x), tolerance: 1e-13);
            Assert.Equal(1, LowPassDesign.BesselI0(x) / value.GetProperty("i0").GetDouble(), tolerance: 1e-12);
        }
    }

    private static LoadedGenerator Load(string name, string network = "ema") =>
        GeneratorCheckpoint.Load(PathOf(name, "network.pkl"), "auto", null, null, CPU, network);

    // A class's one-hot row is a latent whose largest number chooses it.
    private static Tensor Latents(string name) =>
        name == "r" ? cat([Array(name, "z"), Array(name, "c")], dim: 1) : Array(name, "z");

    private static Tensor Array(string folder, string name) => NumpyFile.Read(PathOf(folder, name + ".npy"));

    private static string PathOf(params string[] parts) =>
        Path.Combine([AppContext.BaseDirectory, "Models", "StyleGan3Data", .. parts]);

    private static void Agree(string folder, string name, Tensor actual)
    {
        var expected = Array(folder, name);
        var worst = (actual - expected).abs().max().item<float>() / expected.abs().max().item<float>();
        Assert.Equal(expected.shape, actual.shape);
        Assert.True(
            worst <= Tolerance, FormattableString.Invariant($"{folder}/{name}: differs by {worst:G3} of the largest value"));
    }
}
