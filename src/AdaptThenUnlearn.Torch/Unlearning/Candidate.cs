using AdaptThenUnlearn.Torch.Models;

namespace AdaptThenUnlearn.Torch.Unlearning;

/// <summary>A generator on the way, judged cheaply by the annotators: the auditors must not take part in choosing.</summary>
/// <param name="Step">After which it was taken.</param>
/// <param name="Rate">Largest share of any undesired feature, 0 to 1.</param>
/// <param name="Excess">How far the policy's limits on features and shares are missed, 0 when they are met.</param>
/// <param name="FrechetDistance">
/// To the original generator's retained images, in annotator features; null when it could not be measured.
/// </param>
/// <param name="SmallestShareKept">Of any retained class, relative to the original generator.</param>
public sealed record Candidate(int Step, double Rate, double Excess, double? FrechetDistance, double SmallestShareKept)
{
    /// <summary>Whether this one is to be kept rather than another: nearer to the limits first, then the smaller Fréchet distance, then the later step, for what recovery has mended since.</summary>
    public bool IsBetterThan(Candidate? other) => other is null || Rank(this).CompareTo(Rank(other)) < 0;

    private static (double, double, int) Rank(Candidate candidate) => (candidate.Excess, candidate.FrechetDistance ?? double.PositiveInfinity, -candidate.Step);
}

/// <summary>Judges candidates.</summary>
public interface ICandidateEvaluator
{
    /// <summary>Judges a generator; always on the same latents, so that candidates can be compared.</summary>
    /// <param name="generator">In eval mode; stays the caller's.</param>
    /// <param name="step">After which it was taken.</param>
    Candidate Evaluate(ImageGenerator generator, int step);
}
