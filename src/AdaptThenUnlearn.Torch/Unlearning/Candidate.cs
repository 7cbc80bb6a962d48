using AdaptThenUnlearn.Torch.Models;

namespace AdaptThenUnlearn.Torch.Unlearning;

/// <summary>
/// A generator during training, judged on few images by the annotators: the auditors must not take part in choosing.
/// </summary>
/// <param name="Step">The step after which it was taken.</param>
/// <param name="Rate">Largest rate of any undesired feature, 0 to 1.</param>
/// <param name="Excess">How far the policy's limits on features and shares are missed; 0 where they are met.</param>
/// <param name="FrechetDistance">
/// Fréchet distance to the original generator's retained samples, in annotator features; null where it could not be measured.
/// </param>
/// <param name="SmallestShareKept">Smallest share of any retained class, relative to the original generator.</param>
public sealed record Candidate(int Step, double Rate, double Excess, double? FrechetDistance, double SmallestShareKept)
{
    // The distance is taken in features that training itself draws near, so a smaller difference says little: results/notes.
    private const double ClearlyFarther = 1.25;

    /// <summary>Standard error of <see cref="Excess"/>, which comes from counts of images; 0 or more.</summary>
    public double ExcessError { get; init; }

    /// <summary>
    /// Whether this candidate ranks before another. Candidates are ranked by (1) how far they miss the limits, where the two
    /// differ by more than the standard error of the difference; (2) Fréchet distance, where one is larger by more than a
    /// quarter; (3) later step, because recovery goes on improving images.
    /// </summary>
    /// <param name="other">Null where there is no other yet.</param>
    public bool IsBetterThan(Candidate? other)
    {
        if (other is null)
            return true;
        if (Math.Abs(Excess - other.Excess) > double.Hypot(ExcessError, other.ExcessError))
            return Excess < other.Excess;

        var (own, its) = (FrechetDistance ?? double.PositiveInfinity, other.FrechetDistance ?? double.PositiveInfinity);
        return Math.Max(own, its) > ClearlyFarther * Math.Min(own, its) ? own < its : Step > other.Step;
    }
}

/// <summary>Judges candidates.</summary>
public interface ICandidateEvaluator
{
    /// <summary>Judges a generator, always on the same latents, so that candidates can be compared.</summary>
    /// <param name="generator">In eval mode; stays the caller's.</param>
    /// <param name="step">The step after which it was taken.</param>
    Candidate Evaluate(ImageGenerator generator, int step);
}
