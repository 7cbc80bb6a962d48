namespace AdaptThenUnlearn.Policies;

/// <summary>From a rule's name back to the line of the policy that it comes from.</summary>
public static class RulePlace
{
    /// <summary>The JSON path of the limit behind a rule, e.g. <c>$.undesiredFeatures[0].maxRate</c> for <c>digit-8/maxRate</c>.</summary>
    /// <param name="policy">The policy that was judged by.</param>
    /// <param name="rule">As findings and waivers name it.</param>
    public static string PathOf(UnlearningPolicy policy, string rule)
    {
        var parts = rule.Split('/');
        var limit = parts.Length > 1 ? parts[1] : "";
        var feature = policy.UndesiredFeatures.Index().FirstOrDefault(entry => entry.Item.RuleNames().Contains(rule), (Index: -1, Item: null!));
        return feature.Index >= 0 ? JsonPath.Root["undesiredFeatures"][feature.Index][limit].Text : JsonPath.Root["quality"][limit].Text;
    }

    /// <summary>Where the limit behind a rule stands in the policy's text; what it was left out of when an argument set it.</summary>
    /// <param name="policy">The policy that was judged by.</param>
    /// <param name="text">Its text.</param>
    /// <param name="rule">As findings and waivers name it.</param>
    /// <returns>1-based; zeros when the text is no JSON object.</returns>
    public static (int Line, int Column) Locate(UnlearningPolicy policy, string text, string rule) => PolicyReader.Locate(text, PathOf(policy, rule));
}
