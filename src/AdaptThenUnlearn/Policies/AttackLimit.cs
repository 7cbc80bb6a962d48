using System.Text.Json.Serialization;
using AdaptThenUnlearn.Measurements;

namespace AdaptThenUnlearn.Policies;

/// <summary>An attack that the judged generator must withstand, for every undesired feature.</summary>
/// <param name="Attack">Name of the attack.</param>
/// <param name="MaxSuccess">
/// Largest share of an attack's attempts that may succeed, 0 to 1; the upper bound of every variant is judged.
/// </param>
/// <param name="Budget">
/// How much the attack may spend: the name of a profile, or an object with the numbers that differ from it.
/// </param>
/// <param name="Advisory">Whether the rule only warns. When absent, a missed limit fails the gate.</param>
/// <param name="Images">
/// Folder of real pictures that show the feature, of the generator's size, relative to the policy file; for <c>inversion</c>,
/// which then reconstructs them too. Needs a policy with one undesired feature.
/// </param>
public sealed record AttackLimit(
    [KnownName(NameKind.Attack), Examples("truncation")] string Attack,
    [Within(0, 1), Examples(0.05)] double MaxSuccess,

    // Absent values are not written, here and below, so that a policy that leaves one out keeps its digest.
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] AttackSpending? Budget = null,
    [AbsentMeans(false)][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] bool? Advisory = null,
    [FilePath][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Images = null)
{
    /// <summary>Whether the rule only warns.</summary>
    [JsonIgnore]
    public bool IsAdvisory => Advisory is true;

    /// <summary>What the attack may spend, with every number.</summary>
    [JsonIgnore]
    public AttackBudget BudgetInEffect => (Budget ?? new AttackSpending()).ToBudget();

    internal IEnumerable<PolicyFinding> Check(JsonPath at, UnlearningPolicy policy) =>
    [
        .. policy.UndesiredFeatures.SelectMany((feature, index) => at["attack"].Must(
            feature.HasIndependentAuditor(policy),
            $"the feature '{feature.Name}' has no auditor of its own: the classifier that guides an attack would also judge it; "
                + "name another classifier as its 'auditor'",
            JsonPath.Root["undesiredFeatures"][index], JsonPath.Root["classifiers"])),
        .. at["attack"].Must(
            Attack != NeedsDiscriminator
                || policy.Generator.Format != GeneratorChoice.TorchScript || policy.Generator.Discriminator is not null,
            $"'{NeedsDiscriminator}' trains against a discriminator, and a TorchScript generator has none beside it; name it as "
                + "'generator.discriminator', or remove this attack",
            JsonPath.Root["generator"]),
        .. at["attack"].Must(
            Attack != NeedsDiscriminator || policy.Generator.Format != GeneratorChoice.Onnx,
            $"'{NeedsDiscriminator}' trains, and an ONNX graph has no weights that can be trained; remove this attack",
            JsonPath.Root["generator"]),
        .. at["images"].Must(
            Images is null || Attack == TakesImages,
            $"is only for '{TakesImages}', which reconstructs them", at["attack"]),
        .. at["images"].Must(
            Images is null || policy.UndesiredFeatures.Count == 1,
            "are of one feature, and this policy has several; give them with a policy of that feature alone",
            JsonPath.Root["undesiredFeatures"]),
        .. CheckProvability(at, policy.Evaluation),
    ];

    /// <summary>The attack that reconstructs images, and takes a folder of them.</summary>
    public const string TakesImages = "inversion";

    /// <summary>The attack that trains, and so needs a discriminator.</summary>
    public const string NeedsDiscriminator = "relearning";

    /// <summary>The most attempts that any variant of an attack has; <c>same-latents</c> may have fewer.</summary>
    /// <param name="attack">Name of the attack.</param>
    /// <param name="budget">How much it may spend.</param>
    public static int MostAttempts(string attack, AttackBudget budget) =>
        _fromStarts.Contains(attack) ? budget.Starts : budget.Samples;

    private static readonly string[] _fromStarts = ["latent-search", TakesImages];

    private IEnumerable<PolicyFinding> CheckProvability(JsonPath at, EvaluationOptions evaluation)
    {
        if (Budget?.Profile is { } profile && !AttackBudget.Profiles.ContainsKey(profile))
            yield break;   // said where the profile is

        var most = MostAttempts(Attack, BudgetInEffect);
        if (most < 1)
            yield break;   // said where the number is

        var bound = ClopperPearson.UpperBound(0, most, evaluation.Confidence);
        if (MaxSuccess < bound)
            yield return at["maxSuccess"].Warning(
                PolicyCodes.UnprovableLimit,
                FormattableString.Invariant(
                    $"cannot be proved: without a success in {most} attempts the upper bound is still {bound:0.0#e-0}; raise ")
                    + "'budget' or the limit",
                at["budget"], JsonPath.Root["evaluation"]["confidence"]);
        if (MaxSuccess >= 1)
            yield return at["maxSuccess"].Warning(
                PolicyCodes.LaxRule, "allows every attempt to succeed, so it is not a limit");
    }
}

/// <summary>How much an attack may spend.</summary>
/// <param name="Profile">The numbers that are not given here.</param>
/// <param name="Samples">Images for each rate.</param>
/// <param name="Starts">Latents from which each search starts.</param>
/// <param name="Steps">Gradient steps of each search.</param>
[Shorthand("profile")]
public sealed record AttackSpending(
    [KnownName(NameKind.AttackProfile), AbsentMeans(AttackSpending.DefaultProfile)]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? Profile = null,
    [Within(1)][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Samples = null,
    [Within(1)][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Starts = null,
    [Within(1)][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Steps = null)
{
    /// <summary>The profile where none is named.</summary>
    public const string DefaultProfile = "quick";

    /// <summary>Every number of the budget.</summary>
    /// <exception cref="KeyNotFoundException">The profile is unknown. A policy that was read names a known one.</exception>
    public AttackBudget ToBudget()
    {
        var profile = AttackBudget.Profiles[Profile ?? DefaultProfile];
        return profile with
        {
            Samples = Samples ?? profile.Samples,
            Starts = Starts ?? profile.Starts,
            Steps = Steps ?? profile.Steps,
        };
    }
}
