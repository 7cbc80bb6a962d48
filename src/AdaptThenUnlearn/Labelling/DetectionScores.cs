using AdaptThenUnlearn.Measurements;

namespace AdaptThenUnlearn.Labelling;

/// <summary>
/// The scores that a classifier gave to labelled images for one class. Its errors can be counted from them at any threshold.
/// </summary>
/// <remarks>
/// Every score is kept, so that the counts are exact at every threshold. A score is the probability that a threshold is compared
/// with. It has single precision, and so the threshold is rounded to single precision first, as where generated images are
/// judged.
/// </remarks>
public sealed class DetectionScores
{
    private readonly float[] _with;
    private readonly float[] _without;

    /// <summary>Takes scores in any order.</summary>
    /// <param name="with">Of the images that show the class, each 0 to 1.</param>
    /// <param name="without">Of the images that do not, each 0 to 1.</param>
    /// <remarks>
    /// NaN is taken as 1, because an image with an output that is not finite shows every class. Scores outside of 0 to 1 are
    /// taken as the nearer end.
    /// </remarks>
    public DetectionScores(IEnumerable<float> with, IEnumerable<float> without) =>
        (_with, _without) = (Sorted(with), Sorted(without));

    /// <summary>Scores of the images that show the class, ascending, each 0 to 1.</summary>
    public IReadOnlyList<float> With => _with;

    /// <summary>Scores of the images that do not show the class, ascending, each 0 to 1.</summary>
    public IReadOnlyList<float> Without => _without;

    /// <summary>Counts the errors at a threshold.</summary>
    /// <param name="threshold">Smallest score of an image that shows the class; above 0 and at most 1.</param>
    /// <param name="source">Where the images came from, as <see cref="DetectionCounts.Source"/>.</param>
    public DetectionCounts Count(double threshold, string source) => new(
        source, _with.Length, CountBelow(_with, threshold), _without.Length,
        _without.Length - CountBelow(_without, threshold));

    private static float[] Sorted(IEnumerable<float> scores) =>
        [.. scores.Select(score => float.IsNaN(score) ? 1 : Math.Clamp(score, 0, 1)).Order()];

    // Scores are ascending, so the first that reaches the threshold is found by bisection.
    private static int CountBelow(float[] scores, double threshold)
    {
        var smallest = (float)threshold;
        var (first, end) = (0, scores.Length);
        while (first < end)
        {
            var middle = first + (end - first) / 2;
            if (scores[middle] < smallest)
                first = middle + 1;
            else
                end = middle;
        }

        return first;
    }
}
