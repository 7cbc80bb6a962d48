using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Labelling;

/// <summary>What an auditor makes of images, for a person's audit: the scores that divide them, and the pictures to look
/// at.</summary>
/// <param name="rule">By which classifier, and from when on, an image shows the feature.</param>
/// <param name="progress">Receives the number of images so far.</param>
/// <param name="cancel">Ends the work between two batches.</param>
public sealed class AuditScores(FeatureRule rule, IProgress<StageProgress> progress, CancellationToken cancel)
{
    private const string Stage = "looking at the images";

    /// <summary>Scores every image of a measurement.</summary>
    /// <param name="generator">In eval mode; stays the caller's.</param>
    /// <param name="images">Of the measurement: the same latents by the same seed.</param>
    /// <param name="looks">How many images were measured at each look; the last number is that of all.</param>
    /// <returns>Of each image whether the auditor sees the feature, and its probability of it.</returns>
    public IReadOnlyList<(bool Shows, float Probability)> Score(
        ImageGenerator generator, EvaluationImages images, IReadOnlyList<long> looks)
    {
        using var _ = no_grad();
        List<(bool, float)> scores = [];
        foreach (var size in looks)
            foreach (var batch in EvaluationImages.EnumerateBatches(size, from: scores.Count))
            {
                cancel.ThrowIfCancellationRequested();
                using var scope = NewDisposeScope();
                scores.AddRange(Score(images.Draw(generator, batch)));
                progress.Report(new StageProgress(Stage, scores.Count, (int)looks[^1], Losses: null));
            }

        return scores;
    }

    /// <summary>Finds images that show the feature as clearly as the auditor can tell.</summary>
    /// <param name="generator">That makes them; in eval mode; stays the caller's.</param>
    /// <param name="images">Of other latents than any that are judged.</param>
    /// <param name="wanted">How many; of four times as many hits those with the highest scores are chosen.</param>
    /// <param name="most">How many images are searched.</param>
    /// <returns>Pictures, PNG files; fewer where fewer were found.</returns>
    public IReadOnlyList<byte[]> FindPositives(ImageGenerator generator, EvaluationImages images, int wanted, int most)
    {
        const int choice = 4;
        using var _ = no_grad();
        List<(float Probability, byte[] Picture)> found = [];
        foreach (var batch in EvaluationImages.EnumerateBatches(most))
        {
            if (found.Count >= choice * wanted)
                break;
            cancel.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var drawn = images.Draw(generator, batch);
            foreach (var (number, (shows, probability)) in Score(drawn).Index())
                if (shows && float.IsFinite(probability))
                    found.Add((probability, ImageGrid.SinglePng(drawn, number)));
        }

        return [.. found.OrderByDescending(image => image.Probability).Take(wanted).Select(image => image.Picture)];
    }

    /// <summary>Draws some images of a measurement again.</summary>
    /// <param name="generator">In eval mode; stays the caller's.</param>
    /// <param name="images">Of the measurement.</param>
    /// <param name="numbers">Which, from 0.</param>
    /// <returns>Pictures by number, PNG files.</returns>
    public IReadOnlyDictionary<int, byte[]> Pictures(ImageGenerator generator, EvaluationImages images, IEnumerable<int> numbers)
    {
        using var _ = no_grad();
        Dictionary<int, byte[]> pictures = [];
        foreach (var batch in numbers.GroupBy(number => number / EvaluationImages.BatchSize))
        {
            cancel.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            var drawn = images.Draw(generator, new EvaluationBatch(batch.Key, 0, EvaluationImages.BatchSize));
            foreach (var number in batch)
                pictures[number] = ImageGrid.SinglePng(drawn, number % EvaluationImages.BatchSize);
        }

        return pictures;
    }

    private IEnumerable<(bool Shows, float Probability)> Score(Tensor images)
    {
        using var scope = NewDisposeScope();
        var logits = rule.Classifier.Logits(rule.Classifier.Features(images));
        var shows = rule.Shows(logits).cpu().data<bool>().ToArray();
        return [.. shows.Zip(rule.Probability(logits).to(ScalarType.Float32).cpu().data<float>().ToArray())];
    }
}
