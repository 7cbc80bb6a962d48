using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Labelling;

/// <summary>Generated images for a person to label: as pictures to look at, and as scores of a classifier.</summary>
/// <param name="Pictures">The images as PNG files, pixel for pixel.</param>
/// <param name="Scores">The classifier's probability of the class in each image; it may be not finite.</param>
public sealed record ScoredSamples(IReadOnlyList<byte[]> Pictures, IReadOnlyList<float> Scores)
{
    /// <summary>Generates the images of a seed, the same as those of <see cref="LabelledSamples"/>, and scores them.</summary>
    /// <param name="generator">In eval mode.</param>
    /// <param name="rule">By which classifier, and which class; its threshold has no part in it.</param>
    /// <param name="count">Number of images.</param>
    /// <param name="drawn">Which images; see <see cref="LabelledSamples.Images"/>.</param>
    /// <param name="progress">Receives the number of images so far.</param>
    /// <param name="cancel">Ends generation between two batches.</param>
    public static ScoredSamples Generate(
        ImageGenerator generator,
        FeatureRule rule,
        int count,
        EvaluationImages drawn,
        IProgress<StageProgress> progress,
        CancellationToken cancel)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        List<byte[]> pictures = [];
        List<float> scores = [];
        foreach (var batch in EvaluationImages.EnumerateBatches(count))
        {
            cancel.ThrowIfCancellationRequested();
            using var inner = NewDisposeScope();
            var images = drawn.Draw(generator, batch);
            for (var number = 0; number < images.shape[0]; number++)
                pictures.Add(ImageGrid.SinglePng(images, number));
            var probability = rule.Probability(rule.Classifier.Logits(rule.Classifier.Features(images)));
            scores.AddRange(probability.to(ScalarType.Float32).cpu().data<float>().ToArray());
            progress.Report(new StageProgress("generating", pictures.Count, count, Losses: null));
        }

        return new ScoredSamples(pictures, scores);
    }
}
