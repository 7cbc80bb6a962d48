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
        using var balance = new ClassBalance(positives, annotation, new ClassBalanceOptions(Rate: 0.5, Limit: 100));

        var before = BannedShare(balance, annotation);
        balance.Observe(Made(networks.Generator));
        balance.UpdateWeights(1);
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
        using var balance = new ClassBalance(positives, annotation, new ClassBalanceOptions(Rate: 1, Limit: 2));

        var made = Made(networks.Generator);
        for (var step = 0; step < 20; step++)
        {
            balance.Observe(made);
            balance.UpdateWeights(1);
        }

        Assert.All(balance.LogWeights.data<float>().ToArray(), weight => Assert.Equal(Math.Log(2), Math.Abs(weight), 5));
    }

    [Fact]
    public void Draw_OtherSharesWanted_GivesThemFromTheStart()
    {
        using var scope = NewDisposeScope();
        using var networks = Small.Gan();
        using var classifier = Small.Classifier();
        var annotation = Small.Annotation(classifier);
        using var positives = HalfAndHalf(networks.Generator, annotation);
        using var balance = new ClassBalance(positives, annotation, new ClassBalanceOptions(Rate: 0.5, Limit: 3), [0.3, 0.7]);

        Assert.InRange(BannedShare(balance, annotation), 0.66, 0.74);   // of 2,000 drawn
    }

    [Fact]
    public void Draw_BeforeAnything_IsSeeded()
    {
        using var scope = NewDisposeScope();
        using var networks = Small.Gan();
        using var classifier = Small.Classifier();
        var annotation = Small.Annotation(classifier);
        using var positives = HalfAndHalf(networks.Generator, annotation);
        using var balance = new ClassBalance(positives, annotation, new ClassBalanceOptions(Rate: 0.5, Limit: 3));

        Assert.True(balance.Draw(8, new Generator(5, CPU)).equal(balance.Draw(8, new Generator(5, CPU))).all().item<bool>());
    }

    // Where a class's weight moves depends on all images since the last move, and on nothing before it.
    [Fact]
    public void Move_SeveralBatches_CountsThemTogetherAndStartsAnew()
    {
        using var scope = NewDisposeScope();
        using var networks = Small.Gan();
        using var classifier = Small.Classifier();
        var annotation = Small.Annotation(classifier);
        using var positives = HalfAndHalf(networks.Generator, annotation);
        using var balance = new ClassBalance(positives, annotation, new ClassBalanceOptions(Rate: 0.5, Limit: 100));
        var made = Made(networks.Generator);
        var banned = annotation.Classes(made).select(1, 1).sum().item<long>();

        balance.Observe(made.narrow(0, 0, 100));
        balance.Observe(made.narrow(0, 100, 156));
        balance.UpdateWeights(0.4);

        var wanted = annotation.Classes(positives.Rows(arange(positives.Count))).select(1, 1).to(float32).mean().item<float>();
        Assert.Equal(
            0.4 * 0.5 * Math.Log((wanted + 0.5 / 256) / ((banned + 0.5) / 256)),
            balance.LogWeights[1].item<float>(),
            tolerance: 1e-5);
        var weights = balance.LogWeights.clone();
        balance.UpdateWeights(1);
        Assert.True(weights.equal(balance.LogWeights).all().item<bool>());   // nothing was counted since
    }

    private static Tensor Made(ImageGenerator generator)
    {
        using var _ = no_grad();
        manual_seed(22);
        return generator.Generate(randn(256, Small.Settings.LatentSize), noise: null);
    }

    private static InMemoryImages HalfAndHalf(ImageGenerator generator, Annotation annotation)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        manual_seed(21);
        var images = generator.Generate(randn(400, Small.Settings.LatentSize), noise: null);
        var banned = annotation.Classes(images).select(1, 1);
        var some = images[banned];
        var number = Math.Min(some.shape[0], 40);
        return new InMemoryImages(
            cat([some.narrow(0, 0, number), images[banned.logical_not()].narrow(0, 0, number)]).DetachFromDisposeScope());
    }

    private static double BannedShare(ClassBalance balance, Annotation annotation)
    {
        using var _ = no_grad();
        var drawn = balance.Draw(2000, new Generator(9, CPU));
        return annotation.Classes(drawn).select(1, 1).to(float32).mean().item<float>();
    }
}
