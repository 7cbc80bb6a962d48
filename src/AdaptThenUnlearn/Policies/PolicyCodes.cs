namespace AdaptThenUnlearn.Policies;

/// <summary>The codes of policy errors and warnings; a code never changes its meaning.</summary>
public static class PolicyCodes
{
    /// <summary>The policy is not JSON.</summary>
    public const string Syntax = "ATU1001";

    /// <summary>Unknown property.</summary>
    public const string UnknownProperty = "ATU1002";

    /// <summary>Repeated property in one object.</summary>
    public const string RepeatedProperty = "ATU1003";

    /// <summary>Value out of range, or not allowed here.</summary>
    public const string ImpossibleValue = "ATU1004";

    /// <summary>Wrong type, or null where a value is needed.</summary>
    public const string WrongType = "ATU1005";

    /// <summary>A required value is missing.</summary>
    public const string Missing = "ATU1006";

    /// <summary>Unknown name, or a file that does not fit the property that names it.</summary>
    public const string UnknownName = "ATU1007";

    /// <summary>Two entries of a list have the same name.</summary>
    public const string RepeatedName = "ATU1008";

    /// <summary>An argument (<c>--set</c>) names a place that this policy cannot have.</summary>
    public const string ImpossibleOverride = "ATU1009";

    /// <summary>Warning: the annotator is also the auditor, by name, by path or as a copy.</summary>
    public const string NoIndependentAuditor = "ATU1101";

    /// <summary>Warning: no sample of the allowed size can prove this limit.</summary>
    public const string UnprovableLimit = "ATU1102";

    /// <summary>Warning: almost nothing can miss this limit or threshold.</summary>
    public const string LaxRule = "ATU1103";

    /// <summary>Warning: truncation makes the measured images tamer than those that the generator emits.</summary>
    public const string TameImages = "ATU1104";

    /// <summary>Warning: by its own held-out counts, a classifier does not see the feature, or hardly.</summary>
    public const string WeakClassifier = "ATU1105";

    /// <summary>A feature was not measured, because its auditor cannot tell. <c>atu measure</c> ends with this error.</summary>
    public const string NotMeasured = "ATU1106";

    /// <summary>
    /// Warning: a classifier from prompts has no calibration. As auditor it measures nothing, as annotator it trains nothing.
    /// </summary>
    public const string Uncalibrated = "ATU1107";

    /// <summary>The weights do not tell what the generator computes, and the policy does not say it.</summary>
    /// <remarks>A warning where images are only made or measured, an error where a verdict is asked for.</remarks>
    public const string AssumedLayers = "ATU1110";

    /// <summary>Warning: so few images are compared for each feature that the bounds of Fréchet distances are wide.</summary>
    public const string FewForTheExtractor = "ATU1120";

    /// <summary>Warning: an increase over the original generator's own distance, which is hardly above 0.</summary>
    public const string IncreaseOverItself = "ATU1121";

    /// <summary>The policy differs from the lock beside it.</summary>
    public const string DiffersFromLock = "ATU1130";

    /// <summary>A lock is required, and there is none beside the policy.</summary>
    public const string NoLock = "ATU1131";

    /// <summary>A lock cannot be read, is damaged, is of the future, or its time stamp does not hold.</summary>
    public const string BadLock = "ATU1132";

    /// <summary>Warning: a file that a locked policy names has no pin.</summary>
    public const string UnpinnedInLock = "ATU1133";

    /// <summary>A policy is laxer than the one that it builds on.</summary>
    public const string LoosensBase = "ATU1150";

    /// <summary>The policy that another builds on cannot be read or is not the pinned one; or a chain is too long.</summary>
    public const string UnusableBase = "ATU1151";

    /// <summary>
    /// The generator's file holds limits of earlier runs that the policy does not keep, or its list of them is damaged.
    /// </summary>
    public const string DropsEarlierRule = "ATU1152";

    /// <summary>
    /// The policy leaves the training terms to the generator's file (<c>as-trained</c>), and the file does not say them all.
    /// </summary>
    public const string UnknownTerms = "ATU1160";
}
