using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Measuring;

/// <summary>What is measured is what users get.</summary>
public sealed class EvaluationImagesTests
{
    private static readonly EvaluationOptions _evaluation = new(100, 100, 0.95, Seed: 3, Truncation: 1);

    [Fact]
    public void Draw_OutputBeyondTheRange_IsClippedAndRoundedUnlessRawIsAsked()
    {
        using var scope = NewDisposeScope();
        using var loud = Loud();
        var batch = new EvaluationBatch(0, 0, EvaluationImages.BatchSize);

        var pictures = EvaluationImages.FromOptions(_evaluation, CPU).Draw(loud.Generator, batch);
        var raw = EvaluationImages
            .FromOptions(_evaluation with { Range = EvaluationOptions.Raw }, CPU)
            .Draw(loud.Generator, batch);

        Assert.True(raw.abs().max().item<float>() > 2);
        Assert.True(ImageQuantizer.FromBytes(ImageQuantizer.ToBytes(raw)).equal(pictures).all().item<bool>());
        Assert.True(EvaluationImages
            .FromOptions(_evaluation with { Range = EvaluationOptions.EightBit }, CPU)
            .Draw(loud.Generator, batch)
            .equal(pictures)
            .all()
            .item<bool>());
    }

    // Records hold digests of what was measured on these streams: their names must not change.
    [Fact]
    public void FromOptionsAndForReference_Streams_AreThoseOfEarlierVersions()
    {
        var images = EvaluationImages.FromOptions(_evaluation, CPU);

        Assert.Equal(new RandomStreams(3, "evaluation"), images.Random);
        Assert.Equal(images with { Random = new RandomStreams(3, "reference") }, images.ForReference());
    }

    // The smallest GAN, whose images go far beyond the range.
    private static GanPair Loud()
    {
        var networks = Small.Gan();
        using var _ = no_grad();
        foreach (var (name, parameter) in networks.Generator.named_parameters())
            if (name.Contains("rgb", StringComparison.OrdinalIgnoreCase))
                parameter.mul_(20);
        networks.Generator.eval();
        return networks;
    }
}
