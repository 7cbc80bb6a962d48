using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Runs;

/// <summary>
/// Where in its policy the limit of a rule was written, for annotations and for reports that editors and hosts open.
/// </summary>
/// <param name="File">
/// The policy's path as recorded: relative to the run's folder where that is possible, with forward slashes.
/// </param>
/// <param name="JsonPath">
/// Of the limit, e.g. <c>$.undesiredFeatures[0].maxRate</c>; <c>$</c> for a rule that the policy does not have.
/// </param>
/// <param name="Line">
/// 1-based. A limit that an argument set is placed at the object it was left out of; 1 when the recorded text is not a policy.
/// </param>
/// <param name="Column">1-based, in UTF-16 units.</param>
public sealed record RuleLocation(string File, string JsonPath, int Line, int Column)
{
    /// <summary>Finds the place of a rule in the recorded text.</summary>
    /// <param name="record">Any record, a damaged or hostile one too.</param>
    /// <param name="rule">A rule's name, e.g. <c>digit-8/maxRate</c> or <c>quality/minShareKept/9</c>.</param>
    public static RuleLocation Find(RunRecord record, RuleName rule) =>
        Find(record.Policy, record.PolicySource.File, record.PolicySource.Text, rule);

    /// <summary>Finds the place of a rule in a policy that was read.</summary>
    /// <param name="policy">As it took effect.</param>
    /// <param name="file">Its path.</param>
    /// <param name="text">Its text.</param>
    /// <param name="rule">A rule's name.</param>
    public static RuleLocation Find(UnlearningPolicy policy, string file, string text, RuleName rule) =>
        Create(file, text, policy.PathOfLimit(rule) ?? Policies.JsonPath.Root.Text);

    /// <summary>Finds the place of a waiver; of the file where the policy has no such waiver.</summary>
    /// <param name="policy">As it took effect.</param>
    /// <param name="file">Its path.</param>
    /// <param name="text">Its text.</param>
    /// <param name="waiver">One of the policy's.</param>
    public static RuleLocation FindWaiver(UnlearningPolicy policy, string file, string text, Waiver waiver)
    {
        var index = policy.Waivers.Index().Where(each => each.Item == waiver).Select(each => each.Index).FirstOrDefault(-1);
        return Create(file, text, index < 0 ? Policies.JsonPath.Root.Text : Policies.JsonPath.Root["waivers"][index].Text);
    }

    private static RuleLocation Create(string file, string text, string path)
    {
        var (line, column) = PolicyReader.Locate(text, path);
        return new RuleLocation(file, path, Math.Max(1, line), Math.Max(1, column));
    }
}
