using AdaptThenUnlearn.Labelling;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Labelling;

/// <summary>Orders images by how much they resemble those that are marked as showing the feature.</summary>
/// <remarks>
/// A logistic regression on the frozen features, as the head is, fitted to the labels of the learning images alone
/// (<see cref="PageOrder"/>). Its penalty is fixed: with few marks there is nothing to choose it by.
/// </remarks>
internal static class ImageRanking
{
    private const double Penalty = 0.1;

    /// <summary>The learning images, the likeliest first; in the order of their numbers where nothing tells them apart.</summary>
    /// <param name="features"><c>[M, d]</c>, of all images; stays the caller's.</param>
    /// <param name="labels">Labels of learning images.</param>
    public static IEnumerable<int> Likeliest(Tensor features, IReadOnlyDictionary<int, bool> labels)
    {
        var learning = Enumerable.Range(0, (int)features.shape[0]).Where(image => !PageOrder.IsTest(image));
        if (labels.Values.Distinct().Count() < 2)
            return learning;

        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var scaled = ScaledFeatures.From(features);
        var images = labels.Keys.Order().ToArray();
        var shows = tensor(images.Select(image => labels[image] ? 1.0 : 0.0).ToArray());

        // Fit in the span of the labelled images, which is exact, and fast for any number of features.
        var (u, s, v) = linalg.svd(scaled.Of(images), fullMatrices: false);
        var weights = v.t().mv(LogisticRegression.Fit(u * s, shows, Penalty)[..^1]);
        var likely = scaled.Rows.mv(weights).data<double>().ToArray();
        return learning.OrderByDescending(image => likely[image]);
    }
}
