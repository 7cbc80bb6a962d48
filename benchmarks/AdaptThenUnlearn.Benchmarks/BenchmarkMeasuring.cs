using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Models.StyleGan2;
using AdaptThenUnlearn.Torch.Randomness;
using TorchSharp;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Benchmarks;

/// <summary>A generator and a classifier of the embedded sizes, ready to measure; used by every benchmark of measuring.</summary>
internal sealed class BenchmarkMeasuring : IDisposable
{
    private readonly StyleGan2Generator _generator;
    private readonly FeatureClassifier _classifier;
    private readonly EvaluationImages _draws;

    public BenchmarkMeasuring(Device device)
    {
        _generator = new StyleGan2Generator(BenchmarkGan.Embedded);
        _generator.to(device);
        _generator.eval();
        _classifier = ClassifierArchitectures
            .Build(StridedConvNet.Name, _generator.Shape, [.. Enumerable.Range(0, 10).Select(number => $"{number}")]);
        _classifier.to(device);
        _classifier.eval();
        _draws = new EvaluationImages(new RandomStreams(1, "benchmark"), Truncation: 1, device);
    }

    /// <summary>Makes the images of a batch; they belong to the caller's scope.</summary>
    public Tensor Draw(EvaluationBatch batch) => _draws.Draw(_generator, batch);

    /// <summary>Makes the images of a batch and classifies them; the logits belong to the caller's scope.</summary>
    public Tensor Classify(EvaluationBatch batch) => _classifier.Logits(_classifier.Features(Draw(batch)));

    public void Dispose()
    {
        _classifier.Dispose();
        _generator.Dispose();
    }
}
