namespace AdaptThenUnlearn.Torch.Comparing;

/// <summary>An annotator finds so few of a generator's images clean that refusing the others is no way to use it.</summary>
/// <param name="clean">Number of clean images.</param>
/// <param name="made">Number of images that were made.</param>
/// <param name="cleanBelow">Bound of the probability of every undesired class.</param>
public sealed class TooFewCleanException(long clean, long made, double cleanBelow) : Exception(FormattableString.Invariant(
    $"refusing kept {clean} of {made} images: the annotator has to find at least 1 in {CleanImages.MostForEach} clean ")
    + FormattableString.Invariant($"(every undesired class below 'unlearning.cleanBelow', {cleanBelow}, and no feature shown)"));
