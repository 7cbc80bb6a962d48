namespace AdaptThenUnlearn.Diagnostics;

/// <summary>The codes of what the gate says; a code never changes its meaning.</summary>
/// <remarks>
/// The build's tasks look for <see cref="NotMet"/> in the tool's output, because they know the command line alone.
/// </remarks>
public static class GateCodes
{
    /// <summary>A rule failed or was not measured; a warning where a failed gate is let through.</summary>
    public const string NotMet = "ATU3001";

    /// <summary>Warning: something makes the verdict weaker than it looks, or a waiver has expired or was not needed.</summary>
    public const string WeakVerdict = "ATU3002";

    /// <summary>A run record is not valid: a hash, a pinned file, a reading, the policy or a report has changed.</summary>
    public const string InvalidRecord = "ATU3003";

    /// <summary>Warning: a rule is not met and waived.</summary>
    public const string Waived = "ATU3004";

    /// <summary>Warning: the gate failed and was let through.</summary>
    public const string LetThrough = "ATU3005";

    /// <summary>
    /// Files that a run record names are missing, so they were not checked; a warning where only the readings are to be judged.
    /// </summary>
    public const string MissingFiles = "ATU3006";

    /// <summary>
    /// An attestation does not fit its run or model, or no signature of it is the key's; a warning where it is unsigned. Or a
    /// generator that may not be released was to be signed.
    /// </summary>
    public const string Attestation = "ATU3007";

    /// <summary>Warning: a rule is not met or was not measured, and on this day it only warns.</summary>
    public const string OnlyWarns = "ATU3010";
}
