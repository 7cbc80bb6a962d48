using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Training;
using AdaptThenUnlearn.Torch.Unlearning;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Unlearning;

/// <summary>Positives of classes that have become rare are drawn more often, within limits.</summary>
public sealed class ClassBalanceTests
{
    // The smallest GAN makes about a quarter "banned" images to this classifier; the positives here are half of each class.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Observe_AClassIsMadeTooSeldom_ItIsDrawnMoreOften(bool severalMayHold)
    {
        using var scope = NewDisposeScope();
        using var networks = Small.Gan();
        using var classifier = severalMayHold ? Small.LabelClassifier() : Small.Classifier();
        var annotation = Small.Annotation(classifier);
        using var positives = HalfAndHalf(networks.Generator, annotation);
        using var balance = new ClassBalance(positives, annotation, new ClassBalanceOptions(Rate: 0.5, Limit: 100), new RandomStreams(1, "test"), CPU);

        var before = BannedShare(balance, annotation);
        balance.Observe(networks.Generator, step: 0);
        var after = BannedShare(balance, annotation);

        Assert.InRange(before, 0.45, 0.55);
        Assert.InRange(after, before + 0.08, 0.95);
        var weights = balance.LogWeights.data<float>().ToArray();
        Assert.True((weights[0] < 0 || severalMayHold) && weights[1] > 0, $"log-weights are {weights[0]} and {weights[1]}");
    }

    [Fact]
    public void Observe_OverAndOver_StaysWithinTheLimit()
    {
        using var scope = NewDisposeScope();
        using var networks = Small.Gan();
        using var classifier = Small.Classifier();
        var annotation = Small.Annotation(classifier);
        using var positives = HalfAndHalf(networks.Generator, annotation);
        using var balance = new ClassBalance(positives, annotation, new ClassBalanceOptions(Rate: 1, Limit: 2), new RandomStreams(1, "test"), CPU);

        for (var step = 0; step < 20; step++)
            balance.Observe(networks.Generator, step);

        Assert.All(balance.LogWeights.data<float>().ToArray(), weight => Assert.Equal(Math.Log(2), Math.Abs(weight), 5));
    }

    [Fact]
    public void Draw_BeforeAnything_IsSeeded()
    {
        using var scope = NewDisposeScope();
        using var networks = Small.Gan();
        using var classifier = Small.Classifier();
        var annotation = Small.Annotation(classifier);
        using var positives = HalfAndHalf(networks.Generator, annotation);
        using var balance = new ClassBalance(positives, annotation, new ClassBalanceOptions(Rate: 0.5, Limit: 3), new RandomStreams(1, "test"), CPU);

        Assert.True(balance.Draw(8, new Generator(5, CPU)).equal(balance.Draw(8, new Generator(5, CPU))).all().item<bool>());
    }

    private static HeldImages HalfAndHalf(ImageGenerator generator, Annotation annotation)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        manual_seed(21);
        var images = generator.Generate(randn(400, Small.Settings.LatentSize), noise: null);
        var banned = annotation.Classes(images).select(1, 1);
        var some = images[banned];
        var number = Math.Min(some.shape[0], 40);
        return new HeldImages(cat([some.narrow(0, 0, number), images[banned.logical_not()].narrow(0, 0, number)]).DetachFromDisposeScope());
    }

    private static double BannedShare(ClassBalance balance, Annotation annotation)
    {
        using var _ = no_grad();
        var drawn = balance.Draw(2000, new Generator(9, CPU));
        return annotation.Classes(drawn).select(1, 1).to(float32).mean().item<float>();
    }
}
