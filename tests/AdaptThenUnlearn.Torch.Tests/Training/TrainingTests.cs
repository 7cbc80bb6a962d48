using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Training;

/// <summary>The training step's parts by closed forms, and that a step leaks nothing, repeats itself and notices a NaN.</summary>
public sealed class TrainingTests
{
    private static readonly TrainingSettings _settings = new(
        BatchSize: 4,
        LearningRate: 0.01,
        R1Weight: 1,
        R1Every: 2,
        PathLengthWeight: 2,
        PathLengthEvery: 2,
        StyleMixing: 0.9,
        EmaHalfLife: 20);

    [Fact]
    public void Losses_ByHand_AreSoftplus()
    {
        using var scope = NewDisposeScope();

        // softplus(0) = ln 2; softplus(-x) + softplus(x) at x = 1 for one real and one fake score of 1 and -1: 2 ln(1 + 1/e)
        Assert.Equal(2 * Math.Log(2), Losses.Discriminator(zeros(3, 1), zeros(2, 1)).item<float>(), tolerance: 1e-6);
        Assert.Equal(2 * Math.Log(1 + 1 / Math.E), Losses.Discriminator(ones(1, 1), -ones(1, 1)).item<float>(), tolerance: 1e-6);
        Assert.Equal(Math.Log(1 + Math.E), Losses.Generator(-ones(4, 1)).item<float>(), tolerance: 1e-6);
    }

    [Fact]
    public void Adam_LazyCorrection_IsStyleGan2s()
    {
        using var scope = NewDisposeScope();
        using var network = nn.Linear(1, 1, hasBias: false);
        using var parameters = new ParameterVector(network);
        parameters.Values.fill_(1);
        using var adam = new Adam(parameters, learningRate: 0.1, lazyEvery: 4);
        var (rate, beta2) = (0.1 * 4 / 5, Math.Pow(0.99, 4.0 / 5));   // Karras et al. 2020, appendix B: c = k / (k + 1)
        var (value, second) = (1.0, 0.0);

        foreach (var (gradient, update) in new[] { (0.5, 1), (-0.25, 2), (2.0, 3) })
        {
            parameters.Gradients.fill_(gradient);
            adam.Step();
            second = beta2 * second + (1 - beta2) * gradient * gradient;
            value -= rate * gradient / (Math.Sqrt(second / (1 - Math.Pow(beta2, update))) + 1e-8);
            Assert.Equal(value, parameters.Values.item<float>(), tolerance: 1e-6);
        }
    }

    [Fact]
    public void RandomStreams_SamePurposeAndStep_SameNumbersAndNoOthers()
    {
        var streams = new RandomStreams(7, "stage");

        Assert.Equal(streams.SeedAt("latents", 3), new RandomStreams(7, "stage").SeedAt("latents", 3));
        var seeds = new[] { streams.SeedAt("latents", 3), streams.SeedAt("latents", 4), streams.SeedAt(
            "noise", 3), new RandomStreams(8, "stage").SeedAt("latents", 3), new RandomStreams(7, "other").SeedAt("latents", 3) };
        Assert.Equal(seeds.Length, seeds.Distinct().Count());
    }

    [Fact]
    public void ParameterVector_Written_ChangesTheNetwork()
    {
        using var scope = NewDisposeScope();
        using var networks = Small.Gan();
        using var vector = new ParameterVector(networks.Generator);

        using (no_grad())
            vector.Values.fill_(0.5);

        Assert.All(networks.Generator.parameters(), parameter => Assert.True(parameter.eq(0.5).all().item<bool>()));
        Assert.Equal(networks.Generator.parameters().Sum(parameter => parameter.numel()), vector.Values.numel());
    }

    [Fact]
    public void LearningRateSchedule_WarmsUpAndDecays()
    {
        var schedule = new LearningRateSchedule(Steps: 100, DecaySteps: 50, WarmupSteps: 10);

        Assert.Equal(
            [0.1, 0.5, 1, 1, 1],
            new[] { 1, 5, 10, 30, 50 }.Select(schedule.FactorAt),
            (one, other) => Math.Abs(one - other) < 1e-9);
        Assert.True(schedule.FactorAt(75) is > 0.4 and < 0.6 && schedule.FactorAt(100) is >= 0 and < 0.05);
    }

    [Fact]
    public void Step_Average_MovesByTheHalfLife()
    {
        using var scope = NewDisposeScope();
        using var networks = Small.Gan();
        using var images = Small.Images();
        using var trainer = Trainer(networks);
        var before = trainer.EmaWeights.clone();

        trainer.Step(1, images);

        // 4 images a step, half-life 20 images: the old average keeps ½^(4/20).
        var kept = Math.Pow(0.5, 4.0 / 20);
        Assert.True(allclose(before * kept + trainer.Generator.Values * (1 - kept), trainer.EmaWeights, rtol: 1e-4, atol: 1e-6));
    }

    [Fact]
    public void Step_Repeated_LeaksNoTensor()
    {
        using var networks = Small.Gan();
        using var images = Small.Images();
        using var trainer = Trainer(networks);
        List<long> live = [];
        for (var step = 1; step <= 8; step++)
        {
            trainer.Step(step, images, extraFakes: new ExtraFakes(images, 1, 4));
            live.Add(Small.LiveTensors());
        }

        Assert.All(live[2..], count => Assert.Equal(live[1], count));   // gradients come to be in the first two steps
    }

    [Fact]
    public void Step_SameSeed_SameBytes() => Assert.Equal(Trained(steps: 5), Trained(steps: 5));

    [Fact]
    public void Restore_InterruptedHalfway_GoesOnBitForBit() =>
        Assert.Equal(Trained(steps: 6), Trained(steps: 6, interruptedAfter: 3));

    [Fact]
    public void Step_NotANumber_EndsTheRunAndSaysWhere()
    {
        using var networks = Small.Gan();
        using var images = Small.Images();
        using var trainer = Trainer(networks);
        using (no_grad())
            trainer.Generator.Values[5] = float.NaN;

        var failed = Assert.Throws<TrainingDivergedException>(() => trainer.Step(17, images));

        Assert.Contains("tests", failed.Message, StringComparison.Ordinal);
        Assert.Contains("17", failed.Message, StringComparison.Ordinal);
    }

    private static AdversarialTrainer Trainer(GanPair networks) =>
        new(networks.Generator, networks.Discriminator, _settings, new RandomStreams(1, "tests"));

    private static byte[] Trained(int steps, int interruptedAfter = 0)
    {
        using var scope = NewDisposeScope();
        using var networks = Small.Gan();
        using var images = Small.Images();
        var trainer = Trainer(networks);
        for (var step = 1; step <= steps; step++)
        {
            trainer.Step(step, images);
            if (step != interruptedAfter)
                continue;

            var saved = trainer.State(out var counters).ToDictionary(pair => pair.Key, pair => pair.Value.clone());
            trainer.Dispose();
            trainer = Trainer(Small.Gan(seed: 99));
            trainer.Restore(saved, counters);
        }

        var result = Small.Bytes(cat([trainer.Generator.Values, trainer.EmaWeights, trainer.Discriminator.Values]));
        trainer.Dispose();
        return result;
    }
}
