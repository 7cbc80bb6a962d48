using AdaptThenUnlearn.Torch;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Models.StyleGan2;
using AdaptThenUnlearn.Torch.Training;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Engines;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Benchmarks;

/// <summary>What a run spends its time on, at the size of the embedded generator: one training step, and one hundred images.</summary>
[SimpleJob(RunStrategy.Monitoring, warmupCount: 3, iterationCount: 10)]
public class TrainingBenchmarks
{
    private const int StepsAnIteration = 16;   // one lazy R1 penalty among them, as in training

    private GanPair _networks = null!;
    private HeldImages _images = null!;
    private AdversarialTrainer _trainer = null!;
    private int _step;

    [GlobalSetup]
    public void Build()
    {
        TorchBackend.Load();
        var settings = new StyleGan2Settings(Resolution: 32, ImageChannels: 1, LatentSize: 64, MappingLayers: 4, Channels: [64, 64, 32, 16]);
        _networks = new GanPair(new StyleGan2Generator(settings), new StyleGan2Discriminator(settings));
        _images = new HeldImages(randn(256, 1, 32, 32).clamp(-1, 1));
        _trainer = new AdversarialTrainer(
            _networks.Generator, _networks.Discriminator,
            new TrainingSettings(BatchSize: 16, LearningRate: 0.002, R1Weight: 2, R1Every: 16, PathLengthWeight: 0, PathLengthEvery: 4, StyleMixing: 0, EmaHalfLife: 2000),
            new RandomStreams(1, "benchmark"));
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _trainer.Dispose();
        _images.Dispose();
        _networks.Dispose();
    }

    [Benchmark(OperationsPerInvoke = StepsAnIteration)]
    public void TrainingStep()
    {
        for (var number = 0; number < StepsAnIteration; number++)
            _trainer.Step(++_step, _images);
    }

    [Benchmark]
    public void HundredImages()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var source = new RandomStreams(1, "benchmark").At("images");
        LatentDraw.Next(_networks.Generator, 100, source, CPU).Images(_networks.Generator);
    }
}
