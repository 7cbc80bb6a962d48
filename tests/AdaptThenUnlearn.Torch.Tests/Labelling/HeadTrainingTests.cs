using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Labelling;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Randomness;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Labelling;

/// <summary>
/// The linear head on frozen features: against the loss's gradient, a closed form, and data whose answer is known.
/// </summary>
public sealed class HeadTrainingTests
{
    [Fact]
    public void Fit_AnyRows_MakesTheGradientOfThePenalisedLossVanish()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        var rows = randn([60, 4], dtype: float64);
        var shows = (rows.select(1, 0) + randn([60], dtype: float64)).gt(0).to(float64);

        var fitted = LogisticRegression.Fit(rows, shows, penalty: 0.7);

        // By autograd, from the loss as it is defined.
        var weights = fitted.clone().requires_grad_();
        var margins = rows.mv(weights[..4]) + weights[4];
        (nn.functional.binary_cross_entropy_with_logits(margins, shows, reduction: nn.Reduction.Sum)
            + 0.35 * weights[..4].square().sum()).backward();
        Assert.True(weights.grad!.abs().max().item<double>() < 1e-8);
    }

    [Fact]
    public void Fit_RowsThatSayNothing_GivesTheLogOdds()
    {
        using var scope = NewDisposeScope();
        var shows = cat([ones(12, dtype: float64), zeros(28, dtype: float64)]);

        var fitted = LogisticRegression.Fit(zeros([40, 2], dtype: float64), shows, penalty: 1);

        Assert.Equal(Math.Log(12.0 / 28), fitted[2].item<double>(), precision: 9);
        Assert.Equal(0, fitted[..2].abs().max().item<double>(), precision: 12);
    }

    [Theory]
    [InlineData(3)]     // fewer features than labels
    [InlineData(300)]   // more
    public void Run_SeparableImages_ErrsNowhere(int features)
    {
        using var scope = NewDisposeScope();
        var (rows, labels) = Separable(features, gap: 40);

        using var head = HeadTraining.Run(rows, labels, _ => true, seed: 1, new Small.Silent(), CancellationToken.None);

        Assert.Equal((20, 0, 40, 0), (head.HeldOut.With, head.HeldOut.Missed, head.HeldOut.Without, head.HeldOut.FalseAlarms));
        var margins = (rows.to(float64).mv(head.Weights) + head.Bias).data<double>().ToArray();
        Assert.All(labels, label => Assert.Equal(label.Value, margins[label.Key] > 0));
    }

    [Fact]
    public void Run_LabelsByLot_AreNotHeldOutToBeLearnt()
    {
        using var scope = NewDisposeScope();
        var (rows, labels) = Separable(features: 300, gap: 0);

        using var head = HeadTraining.Run(rows, labels, _ => true, seed: 1, new Small.Silent(), CancellationToken.None);

        // It can tell all that it was trained on (300 features, 60 images); what was held out, no better than by always saying
        // no.
        Assert.True(head.HeldOut.Errors >= 15, head.HeldOut.ToString());
    }

    // Those that were chosen for their likeness are easy to find, those by lot cannot be told from the rest.
    [Fact]
    public void Run_ImagesThatWereChosen_AreTrainedOnAndNotCounted()
    {
        using var scope = NewDisposeScope();
        manual_seed(2);
        var rows = randn([80, 5]);
        rows[TensorIndex.Slice(0, 20)] += 40;
        var labels = Enumerable.Range(0, 80).ToDictionary(image => image, image => image is < 20 or >= 70);

        using var all = HeadTraining.Run(rows, labels, _ => true, seed: 1, new Small.Silent(), CancellationToken.None);
        using var byLot =
            HeadTraining.Run(rows, labels, image => image >= 40, seed: 1, new Small.Silent(), CancellationToken.None);

        Assert.Equal(Small.Bytes(all.Weights), Small.Bytes(byLot.Weights));
        Assert.True(all.HeldOut.Missed < 15, all.HeldOut.ToString());
        Assert.Equal((10, 30), (byLot.HeldOut.With, byLot.HeldOut.Without));
        Assert.True(byLot.HeldOut.Missed > 7, byLot.HeldOut.ToString());
    }

    [Fact]
    public void Run_SameSeed_SameWeights()
    {
        using var scope = NewDisposeScope();
        var (rows, labels) = Separable(features: 5, gap: 1);

        using var first = HeadTraining.Run(rows, labels, _ => true, seed: 4, new Small.Silent(), CancellationToken.None);
        using var second = HeadTraining.Run(rows, labels, _ => true, seed: 4, new Small.Silent(), CancellationToken.None);

        Assert.Equal(Small.Bytes(first.Weights), Small.Bytes(second.Weights));
        Assert.Equal(first.HeldOut, second.HeldOut);
    }

    [Fact]
    public void Run_Repeatedly_LeavesNoTensors()
    {
        var live = new List<long>();
        for (var number = 0; number < 3; number++)
        {
            using (NewDisposeScope())
            {
                var (rows, labels) = Separable(features: 5, gap: 1);
                using var head = HeadTraining.Run(rows, labels, _ => true, seed: 4, new Small.Silent(), CancellationToken.None);
            }

            live.Add(Small.LiveTensors());
        }

        Assert.Equal(live[1], live[2]);
    }

    [Fact]
    public void Run_EmbeddedDiscriminator_LearnsADigitFromTwoHundredLabels()
    {
        var models = Path.Combine(Root(), "models", "mnist");
        using var loaded = GeneratorCheckpoint.Load(Path.Combine(models, "stylegan2.safetensors"), "auto", null, null, CPU);
        using var person = ClassifierCheckpoint.Load(Path.Combine(models, "lenet5.safetensors"), null, null, CPU);
        using var classifier = new FrozenFeaturesHead(FrozenNetwork.From(loaded.Discriminator!), ["other", "digit-0"]);
        using var samples =
            LabelledSamples.Generate(loaded.Generator, classifier, 200, seed: 1, CPU, new Small.Silent(), CancellationToken.None);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var shows = new EvaluationImages(new RandomStreams(1, "labelling"), 1, CPU);
        var likeliest = cat([.. EvaluationImages.EnumerateBatches(200).Select(
            batch => person.Classifier.Probabilities(shows.Draw(loaded.Generator, batch)).argmax(1))]).data<long>().ToArray();
        var labels = Enumerable.Range(0, 200).ToDictionary(image => image, image => likeliest[image] == 0);

        using var head =
            HeadTraining.Run(samples.Features, labels, _ => true, seed: 1, new Small.Silent(), CancellationToken.None);

        // Always to say no errs on every image that shows it.
        Assert.True(head.HeldOut.Errors < head.HeldOut.With / 2, head.HeldOut.ToString());
    }

    // Sixty labelled of eighty images, the first twenty apart from the rest.
    private static (Tensor Rows, Dictionary<int, bool> Labels) Separable(int features, double gap)
    {
        manual_seed(2);
        var rows = randn([80, features]);
        rows[TensorIndex.Slice(0, 20)] += gap;
        return (rows, Enumerable.Range(0, 60).ToDictionary(image => image, image => image < 20));
    }

    internal static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "AdaptThenUnlearn.sln")))
            folder = folder.Parent;
        return folder.FullName;
    }
}
