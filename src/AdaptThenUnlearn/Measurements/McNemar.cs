namespace AdaptThenUnlearn.Measurements;

/// <summary>Whether two generators answer differently on the same latents, by the latents on which they differ alone.</summary>
/// <remarks>
/// McNemar 1947, "Note on the sampling error of the difference between correlated proportions or percentages", Psychometrika 12.
/// Exact and conditional: of n differing pairs, those of one kind are binomial with probability 1/2 where neither generator shows
/// the feature more often. Fagerland, Lydersen and Laake 2013 (BMC Medical Research Methodology 13:91) compare it with its
/// approximations: it is never too small, for any number of pairs.
/// </remarks>
public static class McNemar
{
    /// <summary>The two-sided probability of a split at least as uneven, where neither shows the feature more often.</summary>
    /// <param name="one">Latents on which the first alone shows it; 0 or more.</param>
    /// <param name="other">Latents on which the second alone shows it; 0 or more.</param>
    /// <returns>2·P(X ≥ max), at most 1; 1 where no latent differs.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A count is negative.</exception>
    public static double TwoSided(long one, long other) => Math.Min(1, 2 * Added(Math.Min(one, other), Math.Max(one, other)));

    /// <summary>The one-sided probability of so many added hits or more, where neither shows the feature more often.</summary>
    /// <param name="removed">Latents on which the first alone shows it; 0 or more.</param>
    /// <param name="added">Latents on which the second alone shows it; 0 or more.</param>
    /// <returns>P(X ≥ added) for X binomial with n = removed + added and p = 1/2; 1 where no latent differs.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A count is negative.</exception>
    public static double Added(long removed, long added)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(removed);
        ArgumentOutOfRangeException.ThrowIfNegative(added);
        return added == 0 ? 1 : BetaDistribution.Below(0.5, added, removed + 1);   // I_p(k, n − k + 1) = P(X ≥ k)
    }
}
