namespace AdaptThenUnlearn.Policies;

/// <summary>The codes of policy errors and warnings; a code never changes its meaning.</summary>
public static class PolicyCodes
{
    /// <summary>Not JSON: from here on nothing can be read.</summary>
    public const string Syntax = "ATU1001";

    /// <summary>No policy has such a property here.</summary>
    public const string UnknownProperty = "ATU1002";

    /// <summary>The property was given before in the same object.</summary>
    public const string RepeatedProperty = "ATU1003";

    /// <summary>The right type, and a value that cannot be.</summary>
    public const string ImpossibleValue = "ATU1004";

    /// <summary>Another type, or null where a value is needed.</summary>
    public const string WrongType = "ATU1005";

    /// <summary>Something is needed and not given.</summary>
    public const string Missing = "ATU1006";

    /// <summary>A name that no catalogue, and nothing in this policy, goes by.</summary>
    public const string UnknownName = "ATU1007";

    /// <summary>Two entries of a list go by the same name.</summary>
    public const string RepeatedName = "ATU1008";

    /// <summary>An argument sets a place that this policy cannot have.</summary>
    public const string ImpossibleOverride = "ATU1009";

    /// <summary>Warning: whoever labels the training feedback also marks the exam.</summary>
    public const string NoIndependentAuditor = "ATU1101";

    /// <summary>Warning: a limit that no sample of the allowed size can prove.</summary>
    public const string UnprovableLimit = "ATU1102";

    /// <summary>Warning: a limit or threshold that hardly anything can miss.</summary>
    public const string LaxRule = "ATU1103";

    /// <summary>Warning: truncation makes the images tamer than those that the generator emits.</summary>
    public const string TameImages = "ATU1104";

    /// <summary>Warning: a classifier that by its own held-out counts does not see the feature well.</summary>
    public const string WeakClassifier = "ATU1105";

    /// <summary>A feature was not measured: its auditor cannot tell. <c>atu measure</c> ends with it.</summary>
    public const string NotMeasured = "ATU1106";

    /// <summary>What the weights cannot say of a generator was assumed: a warning where images are only made, an error where a verdict is asked for.</summary>
    public const string AssumedLayers = "ATU1110";

    /// <summary>Warning: fewer images are compared than the Fréchet distance of so many features needs for a narrow bound.</summary>
    public const string FewForTheExtractor = "ATU1120";

    /// <summary>Warning: an increase is asked for over the distance between a generator and its own samples, which is hardly above 0.</summary>
    public const string IncreaseOverItself = "ATU1121";
}
