using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Labelling;

/// <summary>
/// Trains a linear head on frozen features from a few labels, and counts its errors on images that it was not trained on.
/// </summary>
/// <remarks>
/// <para>
/// Features are standardised to mean 0 and deviation 1 over all images, labelled or not. With fewer labels than features the best
/// weights lie in the span of the labelled images. The head is therefore fitted in as many coordinates as there are labels, which
/// is exact and takes seconds.
/// </para>
/// <para>
/// The strength of the L2 penalty is chosen by cross-validation within the training images. An outer cross-validation counts the
/// errors, on test images only: they are a random sample, the others may have been chosen for their likeness. Which images were
/// chosen must not depend on the labels of test images. The returned head is trained on all labels.
/// </para>
/// </remarks>
public static class HeadTraining
{
    private const int Folds = 5;
    private static readonly double[] _penalties = [10, 1, 0.1, 0.01, 0.001];   // the strongest comes first, because it wins a tie

    /// <summary>Trains the head.</summary>
    /// <param name="features"><c>[M, d]</c>, of all images; stays the caller's.</param>
    /// <param name="labels">
    /// Whether an image shows the feature, by the image's row; at least five images with it and five without.
    /// </param>
    /// <param name="isTest">Whether errors are counted on an image; the others are trained on only.</param>
    /// <param name="seed">Seed of the division into folds.</param>
    /// <param name="progress">Receives each fold.</param>
    /// <param name="cancel">Ends training between two folds.</param>
    /// <returns>Belongs to the caller.</returns>
    public static TrainedHead Run(
        Tensor features,
        IReadOnlyDictionary<int, bool> labels,
        Func<int, bool> isTest,
        long seed,
        IProgress<StageProgress> progress,
        CancellationToken cancel)
    {
        // Standardise the features, and take the rows of the labelled images.
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var scaled = ScaledFeatures.From(features);
        var images = labels.Keys.Order().ToArray();
        var shows = tensor(images.Select(image => labels[image] ? 1.0 : 0.0).ToArray());   // [N]
        var tested = tensor(images.Select(isTest).ToArray());                              // [N]

        // Change to coordinates in the span of the labelled images.
        var (u, s, v) = linalg.svd(scaled.Of(images), fullMatrices: false);
        // Coordinates: [N, min(N, d)].
        var coordinates = u * s;
        var random = new RandomStreams(seed, "head");

        // Cross-validate: predict the test images of each fold with a head that was trained on all other images.
        var predictions = zeros_like(shows);
        foreach (var (number, fold) in SplitFolds(shows, random, "held-out").Index())
        {
            cancel.ThrowIfCancellationRequested();
            progress.Report(new StageProgress("training the classifier", number + 1, Folds + 1, Losses: null));
            using var foldScope = NewDisposeScope();
            var heldOut = fold.logical_and(tested);
            if (!heldOut.any().item<bool>())
                continue;
            var trained = heldOut.logical_not();
            var weights = FitBest(coordinates[trained], shows[trained], random);
            predictions[heldOut] = LogisticRegression.Margins(coordinates[heldOut], weights).gt(Scalars.Of(0)).to(float64);
        }

        // Train on all labels, and change back to weights of the raw features.
        var wrong = predictions.ne(shows).to(float64);
        var (with, without) = (tested * shows, tested * (1 - shows));
        var best = FitBest(coordinates, shows, random);
        progress.Report(new StageProgress("training the classifier", Folds + 1, Folds + 1, Losses: null));
        var inFeatures = v.t().mv(best[..^1]) * scaled.Scale;   // [d]
        var bias = best[^1].item<double>() - inFeatures.dot(scaled.Mean).item<double>();
        return new TrainedHead(inFeatures.DetachFromDisposeScope(), bias, new HeldOutError(
            With: Number(with),
            Missed: Number(wrong * with),
            Without: Number(without),
            FalseAlarms: Number(wrong * without)));
    }

    // Fits with the penalty whose cross-validated loss is the smallest.
    private static Tensor FitBest(Tensor rows, Tensor shows, RandomStreams random)
    {
        var folds = SplitFolds(shows, random, "penalty").ToList();
        return LogisticRegression.Fit(rows, shows, _penalties.MinBy(HeldOutLoss));

        double HeldOutLoss(double penalty)
        {
            using var scope = NewDisposeScope();
            return folds.Sum(heldOut =>
            {
                var trained = heldOut.logical_not();
                var weights = LogisticRegression.Fit(rows[trained], shows[trained], penalty);
                return LogisticRegression
                    .LogLosses(LogisticRegression.Margins(rows[heldOut], weights), shows[heldOut])
                    .sum()
                    .item<double>();
            });
        }
    }

    // Masks [N] of five folds, each with about the same share of images that show the feature.
    private static IEnumerable<Tensor> SplitFolds(Tensor shows, RandomStreams random, string purpose)
    {
        using var source = random.At(purpose);
        var fold = zeros([shows.shape[0]], dtype: int64);
        foreach (var kind in (double[])[0, 1])
        {
            var members = shows.eq(Scalars.Of(kind)).nonzero().squeeze(1);
            var order = members.index_select(0, randperm(members.shape[0], generator: source));
            fold.index_copy_(0, order, arange(Scalars.Of(members.shape[0])) % Folds);
        }

        return [.. Enumerable.Range(0, Folds).Select(number => fold.eq(Scalars.Of(number)))];
    }

    private static int Number(Tensor counted) => (int)counted.sum().item<double>();
}

/// <summary>
/// A linear head and its errors. An image more likely shows the feature where weights · features + bias is positive.
/// </summary>
/// <param name="Weights"><c>[d]</c>, float64; owned by this.</param>
/// <param name="Bias">The bias.</param>
/// <param name="HeldOut">Errors on images that the head was not trained on.</param>
public sealed record TrainedHead(Tensor Weights, double Bias, HeldOutError HeldOut) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose() => Weights.Dispose();
}
