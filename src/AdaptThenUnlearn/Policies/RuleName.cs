namespace AdaptThenUnlearn.Policies;

/// <summary>The parts of a rule's name: which limit it checks, and for which feature or class.</summary>
/// <remarks>
/// Names of features contain no <c>/</c>, so a feature called <c>quality</c> is not confused with the section of that name. Names
/// of classes may contain any character.
/// </remarks>
/// <param name="Limit">Which limit.</param>
/// <param name="Subject">The feature, or the kept class; null where the limit concerns the images as a whole.</param>
public sealed record RuleName(RuleLimit Limit, string? Subject = null)
{
    private const string Section = "quality";

    /// <summary>Reads a name.</summary>
    /// <param name="rule">For example <c>digit-8/maxRate</c>; may be any text.</param>
    public static RuleName Parse(string rule) => rule.Split('/', 3) switch
    {
        [Section, "maxFrechetDistance"] => new(RuleLimit.MaxFrechetDistance),
        [Section, "maxFrechetIncrease"] => new(RuleLimit.MaxFrechetIncrease),
        [Section, "minShareKept"] => new(RuleLimit.MinShareKept),
        [Section, "minShareKept", var kept] => new(RuleLimit.MinShareKept, kept),
        [var feature, "maxRate"] => new(RuleLimit.MaxRate, feature),
        [var feature, "minUnlearned"] => new(RuleLimit.MinUnlearned, feature),
        _ => new(RuleLimit.Unknown, rule),
    };

    /// <summary>The limit's property in a policy, for example <c>maxRate</c>; empty for an unknown rule.</summary>
    public string Property => Limit switch
    {
        RuleLimit.MaxRate => "maxRate",
        RuleLimit.MinUnlearned => "minUnlearned",
        RuleLimit.MaxFrechetDistance => "maxFrechetDistance",
        RuleLimit.MaxFrechetIncrease => "maxFrechetIncrease",
        RuleLimit.MinShareKept => "minShareKept",
        _ => "",
    };

    /// <summary>Whether the rule limits an undesired feature.</summary>
    public bool IsOfFeature => Limit is RuleLimit.MaxRate or RuleLimit.MinUnlearned;

    /// <summary>The name as waivers and records write it.</summary>
    public override string ToString() =>
        Limit is RuleLimit.Unknown ? Subject ?? ""
        : IsOfFeature ? $"{Subject}/{Property}"
        : Subject is null ? $"{Section}/{Property}"
        : $"{Section}/{Property}/{Subject}";
}

/// <summary>The limits that a policy can set.</summary>
public enum RuleLimit
{
    /// <summary>A limit that this version does not know.</summary>
    Unknown,

    /// <summary>Largest share of the images that may show a feature.</summary>
    MaxRate,

    /// <summary>Smallest part of a feature that must be unlearned.</summary>
    MinUnlearned,

    /// <summary>Largest Fréchet distance.</summary>
    MaxFrechetDistance,

    /// <summary>Largest growth of the Fréchet distance.</summary>
    MaxFrechetIncrease,

    /// <summary>Smallest part of its share that a class must keep.</summary>
    MinShareKept,
}
