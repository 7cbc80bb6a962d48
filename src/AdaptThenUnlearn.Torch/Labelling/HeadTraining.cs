using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Labelling;

/// <summary>Trains a linear head on frozen features from a few labels, and says how often it errs on images it was not trained on.</summary>
/// <remarks>
/// Features are brought to mean 0 and deviation 1 over all images, labelled or not. With fewer labels than features, the best weights lie in the
/// span of the labelled images, so that all fitting is done in as many coordinates as there are labels: nothing is lost, and it takes
/// seconds. The strength of the L2 penalty is chosen by cross-validation within what is trained on, the error is
/// counted by a cross-validation around that, and the head that is kept is trained on all labels.
/// </remarks>
public static class HeadTraining
{
    private const int Folds = 5;
    private static readonly double[] _penalties = [10, 1, 0.1, 0.01, 0.001];   // the strongest first: it wins a tie

    /// <summary>Trains.</summary>
    /// <param name="features"><c>[M, d]</c>: of all images; stays the caller's.</param>
    /// <param name="labels">Whether an image shows the feature, by its row; at least five of either kind.</param>
    /// <param name="seed">Of the division into parts.</param>
    /// <param name="progress">Told of each part.</param>
    /// <param name="cancel">Ends it between two parts.</param>
    /// <returns>Belongs to the caller.</returns>
    public static TrainedHead Run(Tensor features, IReadOnlyDictionary<int, bool> labels, long seed, IProgress<StageProgress> progress, CancellationToken cancel)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var all = features.detach().cpu().to(float64);
        var mean = all.mean([0]);
        var scale = Scale(all);
        var images = labels.Keys.Order().ToArray();
        var rows = (all.index_select(0, tensor(images.Select(image => (long)image).ToArray())) - mean) * scale;   // [N, d]
        var shows = tensor(images.Select(image => labels[image] ? 1.0 : 0.0).ToArray());                          // [N]
        var (u, s, v) = linalg.svd(rows, fullMatrices: false);
        var coordinates = u * s;                                                                                    // [N, min(N, d)]
        var random = new RandomStreams(seed, "head");

        var predictions = zeros_like(shows);
        foreach (var (number, part) in Parts(shows, random, "held-out").Index())
        {
            cancel.ThrowIfCancellationRequested();
            progress.Report(new StageProgress("training the classifier", number + 1, Folds + 1, Losses: null));
            using var inner = NewDisposeScope();
            var (kept, held) = (part.logical_not(), part);
            var weights = Best(coordinates[kept], shows[kept], random);
            predictions[held] = LogisticRegression.Margins(coordinates[held], weights).gt(0).to(float64);
        }

        var wrong = predictions.ne(shows).to(float64);
        var best = Best(coordinates, shows, random);
        progress.Report(new StageProgress("training the classifier", Folds + 1, Folds + 1, Losses: null));
        var inFeatures = v.t().mv(best[..^1]) * scale;                                                              // [d]
        var bias = best[^1].item<double>() - inFeatures.dot(mean).item<double>();
        return new TrainedHead(inFeatures.DetachFromDisposeScope(), bias, new HeldOutError(
            With: Number(shows), Missed: Number(wrong * shows), Without: Number(1 - shows), FalseAlarms: Number(wrong * (1 - shows))));
    }

    // 1/(σ √d), so that a row's length is about 1 however many features there are; 0 for a feature that never changes.
    private static Tensor Scale(Tensor features)
    {
        var deviation = features.std(0, unbiased: false);
        var alive = deviation.gt(1e-6 * deviation.max());
        return where(alive, 1 / (deviation * Math.Sqrt(features.shape[1])), zeros_like(deviation));
    }

    private static Tensor Best(Tensor rows, Tensor shows, RandomStreams random)
    {
        var parts = Parts(shows, random, "penalty").ToList();
        return LogisticRegression.Fit(rows, shows, _penalties.MinBy(HeldOutLoss));

        double HeldOutLoss(double penalty)
        {
            using var scope = NewDisposeScope();
            return parts.Sum(part =>
            {
                var kept = part.logical_not();
                var weights = LogisticRegression.Fit(rows[kept], shows[kept], penalty);
                return LogisticRegression.LogLosses(LogisticRegression.Margins(rows[part], weights), shows[part]).sum().item<double>();
            });
        }
    }

    // Masks [N] of five parts, with as many of either kind in each as can be.
    private static IEnumerable<Tensor> Parts(Tensor shows, RandomStreams random, string purpose)
    {
        using var source = random.At(purpose);
        var part = zeros([shows.shape[0]], dtype: int64);
        foreach (var kind in (double[])[0, 1])
        {
            var members = shows.eq(kind).nonzero().squeeze(1);
            var order = members.index_select(0, randperm(members.shape[0], generator: source));
            part.index_copy_(0, order, arange(members.shape[0]) % Folds);
        }

        return [.. Enumerable.Range(0, Folds).Select(number => part.eq(number))];
    }

    private static int Number(Tensor counted) => (int)counted.sum().item<double>();
}

/// <summary>A linear head, and how often it errs.</summary>
/// <param name="Weights"><c>[d]</c>, float64; owned by this.</param>
/// <param name="Bias">The feature is more likely than not where weights · features + bias is positive.</param>
/// <param name="HeldOut">Counted on images that the head was not trained on.</param>
public sealed record TrainedHead(Tensor Weights, double Bias, HeldOutError HeldOut) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose() => Weights.Dispose();
}
