using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Engines;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Benchmarks;

/// <summary>The main costs of a run at the size of the embedded generator: one training step, and one hundred images.</summary>
[SimpleJob(RunStrategy.Monitoring, warmupCount: 3, iterationCount: 10)]
public class TrainingBenchmarks
{
    private const int StepsAnIteration = 16;   // one lazy R1 penalty among them, as in training

    private BenchmarkGan _gan = null!;
    private int _step;

    [GlobalSetup]
    public void Build()
    {
        TorchBackend.Load();
        _gan = new BenchmarkGan(BenchmarkGan.Embedded, batchSize: 16);
    }

    [GlobalCleanup]
    public void Dispose() => _gan.Dispose();

    [Benchmark(OperationsPerInvoke = StepsAnIteration)]
    public void TrainingStep()
    {
        for (var number = 0; number < StepsAnIteration; number++)
            _gan.Trainer.Step(++_step, _gan.Images);
    }

    [Benchmark]
    public void HundredImages()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var source = new RandomStreams(1, "benchmark").At("images");
        LatentDraw.Sample(_gan.Networks.Generator, 100, source, CPU).Images(_gan.Networks.Generator);
    }
}
