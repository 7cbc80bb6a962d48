using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using AdaptThenUnlearn.Measurements;

namespace AdaptThenUnlearn.Policies;

/// <summary>Finds where a policy is laxer than the one that it builds on.</summary>
/// <remarks>
/// What may be tightened is compared by its direction. Name, description, owner, generator, training and reports are the policy's
/// own. Everything else must be as in the base, so that a new property is not overlooked.
/// </remarks>
internal static partial class PolicyTightening
{
    // From lax to strict; to audit is another way to measure, and comparable with none.
    private static readonly string?[] _auditorErrors =
        [EvaluationOptions.IgnoreErrors, EvaluationOptions.ReportErrors, null, EvaluationOptions.CorrectErrors];

    /// <summary>One finding for each place at which a policy is laxer.</summary>
    /// <param name="basis">In effect, with paths relative to the other's folder.</param>
    /// <param name="policy">That builds on it, in effect.</param>
    public static IEnumerable<PolicyFinding> FindLoosened(UnlearningPolicy basis, UnlearningPolicy policy) =>
    [
        .. Features(basis, policy),
        .. Quality(basis, policy),
        .. Evaluation(basis, policy, JsonPath.Root["evaluation"]),
        .. Discriminator(basis, policy),
        .. Samples(basis.Generator, policy.Generator),
        .. Shipped(basis.Generator.ShippedAs ?? [], policy.Generator.ShippedAs ?? []),
        .. Pins(basis, policy),
        .. Waivers(basis, policy),
        .. Rules(basis, policy),
        .. Audits(basis.Audits ?? [], policy.Audits ?? [], JsonPath.Root["audits"]),
        .. basis.Ratchet is true && policy.Ratchet is not true
            ? [Loosened(JsonPath.Root["ratchet"], "must be true, as in the base policy")]
            : Array.Empty<PolicyFinding>(),
        .. Rest(basis, policy),
    ];

    private static IEnumerable<PolicyFinding> Features(UnlearningPolicy basis, UnlearningPolicy policy)
    {
        foreach (var its in basis.UndesiredFeatures)
        {
            var index = IndexOf(policy, its.Name);
            if (index < 0)
            {
                yield return Loosened(JsonPath.Root["undesiredFeatures"], $"lacks the feature '{its.Name}' of the base policy");
                continue;
            }

            var (own, at) = (policy.UndesiredFeatures[index], JsonPath.Root["undesiredFeatures"][index]);
            foreach (var finding in AtMost(at["maxRate"], its.MaxRate, own.MaxRate)
                .Concat(AtLeast(at["minUnlearned"], its.MinUnlearned, own.MinUnlearned)))
                yield return finding;

            // A feature that the original emits within its maxRate has nothing to unlearn.
            if (its is { MaxRate: null, MinUnlearned: not null } && own.MaxRate is not null)
                yield return Loosened(
                    at["maxRate"],
                    "is added, and in the base policy 'minUnlearned' holds without it: of a feature that the original emits "
                        + "within its maxRate nothing must be unlearned");
        }

        // Images that show an undesired feature are not compared, and its class is not one that must be kept. The classifier
        // that counts the classes may be that of the first feature.
        if (basis.Quality is not { } quality
            || (quality.MaxFrechetDistance ?? quality.MaxFrechetIncrease ?? quality.MinShareKept) is null)
            yield break;
        foreach (var (index, feature) in policy.UndesiredFeatures.Index())
            if (IndexOf(basis, feature.Name) < 0)
                yield return Loosened(
                    JsonPath.Root["undesiredFeatures"][index],
                    $"adds the feature '{feature.Name}', and images that show it would count neither in the distances nor in the "
                        + "shares that the base policy limits (quality); judge it by a policy of its own");
        if (quality.MinShareKept is not null && quality.CountingClassifier(basis) is var counts
            && policy.Quality?.CountingClassifier(policy) is { } counter && counter != counts)
            yield return Loosened(
                JsonPath.Root["undesiredFeatures"],
                $"makes '{counter}' count the classes that must be kept, and in the base policy it is '{counts}' "
                    + "(quality.minShareKept): it is the classifier of the first feature; list the features in "
                    + "the order of the base policy");
    }

    // The attack that trains is only as strong as what it trains against.
    private static IEnumerable<PolicyFinding> Discriminator(UnlearningPolicy basis, UnlearningPolicy policy) =>
        basis.Generator.Discriminator is { } its
            && (basis.Audits ?? []).Any(audit => audit.Attack == AttackLimit.NeedsDiscriminator && !audit.IsAdvisory)
            && NormalizedOrNull(policy.Generator.Discriminator) != NormalizedOrNull(its)
            ? [Loosened(
                JsonPath.Root["generator"]["discriminator"],
                $"must be '{its}', as in the base policy, whose audit '{AttackLimit.NeedsDiscriminator}' trains against it")]
            : [];

    // The generator is the policy's own. How often its images may repeat is a limit, and what the classifiers get of each image
    // decides what they can see.
    private static IEnumerable<PolicyFinding> Samples(GeneratorChoice its, GeneratorChoice own) => own.IsSample
        ?
        [
            .. AtMost(
                JsonPath.Root["generator"]["maxDuplicates"], its.MaxDuplicates ?? GeneratorChoice.UsualMaxDuplicates,
                own.MaxDuplicatesInEffect),
            .. own.Resize == its.Resize
                ? []
                : new[]
                {
                    Loosened(
                        JsonPath.Root["generator"]["resize"],
                        "must be as in the base policy: it decides what its classifiers can see"),
                },
        ]
        : [];

    // The files are the policy's own, as its generator is; that there is one under each name, and its limits, are the base's.
    private static IEnumerable<PolicyFinding> Shipped(IReadOnlyList<ShippedForm> basis, IReadOnlyList<ShippedForm> policy)
    {
        var at = JsonPath.Root["generator"]["shippedAs"];
        foreach (var its in basis)
        {
            var index = policy.Index().Where(each => each.Item.NameInEffect == its.NameInEffect)
                .Select(each => each.Index).FirstOrDefault(-1);
            if (index < 0)
            {
                yield return Loosened(at, $"lacks the shipped file '{its.NameInEffect}' of the base policy");
                continue;
            }

            var own = policy[index];
            foreach (var finding in AtMost(at[index]["maxParityDifference"], its.MaxParityDifference, own.MaxParityDifference)
                .Concat(AtMost(at[index]["maxPixelDifference"], its.MaxPixelDifference, own.MaxPixelDifference))
                .Concat(AtMost(at[index]["maxFrechetDifference"], its.MaxFrechetDifference, own.MaxFrechetDifference))
                .Concat(SamePin(at[index]["sha256"], its.Sha256, own.Sha256)))
                yield return finding;
        }
    }

    private static IEnumerable<PolicyFinding> Quality(UnlearningPolicy basis, UnlearningPolicy policy)
    {
        var at = JsonPath.Root["quality"];
        return (basis.Quality, policy.Quality) switch
        {
            (null, _) => [],
            (_, null) => [Loosened(at, "is removed, and the base policy has it")],
            var (its, own) =>
            [
                .. AtMost(at["maxFrechetDistance"], its.MaxFrechetDistance, own.MaxFrechetDistance),
                .. AtMost(at["maxFrechetIncrease"], its.MaxFrechetIncrease, own.MaxFrechetIncrease),
                .. AtLeast(at["minShareKept"], its.MinShareKept, own.MinShareKept),
                .. AtLeast(at["confidence"], its.Confidence, own.Confidence),
            ],
        };
    }

    private static IEnumerable<PolicyFinding> Evaluation(UnlearningPolicy basis, UnlearningPolicy policy, JsonPath at) =>
        Evaluation(basis.Evaluation, policy.Evaluation, at, basis.Ratchet is true ? Same : AtLeast);

    private static IEnumerable<PolicyFinding> Evaluation(
        EvaluationOptions its, EvaluationOptions own, JsonPath at,
        Func<JsonPath, double?, double?, IEnumerable<PolicyFinding>> demand) =>
    [
        .. demand(at["samples"], its.Samples, own.Samples),
        .. demand(at["maxSamples"], its.MaxSamples, own.MaxSamples),
        .. demand(at["confidence"], its.Confidence, own.Confidence),
        .. IsAsStrict(own.AuditorErrors, its.AuditorErrors)
            ? []
            : new[]
            {
                Loosened(
                    at["auditorErrors"],
                    $"may not be {Word(own.AuditorErrors)} where the base policy has {Word(its.AuditorErrors)}"),
            },
    ];

    /// <summary>Whether <c>evaluation.auditorErrors</c> is the same as another policy's, or stricter.</summary>
    internal static bool IsAsStrict(string? own, string? its) =>
        own == its || (Array.IndexOf(_auditorErrors, its) is >= 0 and var least && Array.IndexOf(_auditorErrors, own) > least);

    private static string Word(string? value) => value is null ? "left out" : $"'{value}'";

    private static IEnumerable<PolicyFinding> Pins(UnlearningPolicy basis, UnlearningPolicy policy) =>
    [
        .. SamePin(JsonPath.Root["generator"]["sha256"], basis.Generator.Sha256, policy.Generator.Sha256),
        .. FilesOf(basis).SelectMany(its => SamePin(
            new JsonPath(its.PinProperty), its.Sha256,
            FilesOf(policy).FirstOrDefault(own => own.Role == its.Role)?.Sha256)),
        .. SamePin(
            JsonPath.Root["quality"]["extractorSha256"], basis.Quality?.ExtractorSha256, policy.Quality?.ExtractorSha256),
    ];

    private static IEnumerable<ClassifierFile> FilesOf(UnlearningPolicy policy) =>
        policy.Classifiers.SelectMany(named => ClassifierFile.ListAll(named.Key, named.Value));

    private static IEnumerable<PolicyFinding> SamePin(JsonPath at, string? its, string? own) =>
        its is null || its.Equals(own, StringComparison.OrdinalIgnoreCase)
            ? []
            : [Loosened(at, $"must be the pin of the base policy ({its})")];

    private static IEnumerable<PolicyFinding> Waivers(UnlearningPolicy basis, UnlearningPolicy policy) =>
    [
        .. AtMost(JsonPath.Root["maxWaiverDays"], basis.MaxWaiverDays, policy.MaxWaiverDays),
        .. policy.Waivers.Index()
            .Where(each => HasRule(basis, RuleName.Parse(each.Item.Rule))
                && !basis.Waivers.Any(its => Covers(its, each.Item, RuleName.Parse(its.Rule))))
            .Select(each => Loosened(
                JsonPath.Root["waivers"][each.Index],
                $"waives {each.Item.Rule}, a rule of the base policy, for longer or for more than the base policy waives it")),
    ];

    private static bool Covers(Waiver its, Waiver own, RuleName rule) =>
        its.Rule == own.Rule
        && Waiver.ParseDay(own.Expires) <= Waiver.ParseDay(its.Expires)
        && (its.Generator is null || its.Generator.Equals(own.Generator, StringComparison.OrdinalIgnoreCase))
        && (its.ApprovedOn is null || Waiver.ParseDay(own.ApprovedOn) >= Waiver.ParseDay(its.ApprovedOn))
        && (its.Ceiling is not { } most || (own.Ceiling is { } ceiling && (IsLargest(rule) ? ceiling <= most : ceiling >= most)));

    private static bool IsLargest(RuleName rule) =>
        rule.Limit is not (RuleLimit.MinUnlearned or RuleLimit.MinShareKept or RuleLimit.NoWorseShare or RuleLimit.NoMoreHits);

    private static IEnumerable<PolicyFinding> Rules(UnlearningPolicy basis, UnlearningPolicy policy)
    {
        var names = (policy.Rules ?? []).Concat(basis.Rules ?? []).Select(each => each.Rule).Distinct();
        foreach (var name in names.Where(name => HasRule(basis, RuleName.Parse(name))))
        {
            var (its, own) = (
                Start(basis.FindEnforcement(RuleName.Parse(name))), Start(policy.FindEnforcement(RuleName.Parse(name))));
            if (own <= its)
                continue;
            var index = policy.Rules?.Index().Where(each => each.Item.Rule == name).Select(each => (int?)each.Index)
                .FirstOrDefault();
            yield return Loosened(
                index is { } at ? JsonPath.Root["rules"][at] : JsonPath.Root["rules"],
                $"makes {name} {Describe(own)}, and by the base policy it {DescribeBase(its)}");
        }

        // The day from which it stops a release; never for one that only warns.
        static DateOnly Start(RuleEnforcement? rule) => rule is null ? DateOnly.MinValue
            : rule.Severity == RuleEnforcement.Warn ? DateOnly.MaxValue
            : Waiver.ParseDay(rule.EffectiveFrom) ?? DateOnly.MinValue;

        static string Describe(DateOnly start) =>
            start == DateOnly.MaxValue ? "only warn" : $"take effect on {Day(start)}";

        static string DescribeBase(DateOnly start) =>
            start == DateOnly.MinValue ? "takes effect at once" : $"takes effect on {Day(start)}";

        static string Day(DateOnly day) => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
    }

    private static IEnumerable<PolicyFinding> Audits(
        IReadOnlyList<AttackLimit> basis, IReadOnlyList<AttackLimit> policy, JsonPath at)
    {
        foreach (var its in basis)
        {
            var index = policy.Index()
                .Where(each => each.Item.Attack == its.Attack).Select(each => each.Index).FirstOrDefault(-1);
            if (index < 0)
            {
                yield return Loosened(at, $"lacks the attack '{its.Attack}' of the base policy");
                continue;
            }

            var own = policy[index];
            foreach (var finding in AtMost(at[index]["maxSuccess"], its.MaxSuccess, own.MaxSuccess))
                yield return finding;
            if (own.IsAdvisory && !its.IsAdvisory)
                yield return Loosened(at[index]["advisory"], "must be false, as in the base policy");
            if (!IsAsLarge(own.BudgetInEffect, its.BudgetInEffect))
                yield return Loosened(at[index]["budget"], "is smaller than in the base policy");
            if (NormalizedOrNull(own.Images) != NormalizedOrNull(its.Images))
                yield return Loosened(at[index]["images"], "is another folder than in the base policy");
        }
    }

    private static bool IsAsLarge(AttackBudget own, AttackBudget its) =>
        own.Samples >= its.Samples && own.Starts >= its.Starts && own.Steps >= its.Steps
        && own.TrainingSteps >= its.TrainingSteps && own.Negatives >= its.Negatives;

    private static string? NormalizedOrNull(string? path) => path is null ? null : ClassifierChoice.NormalizePath(path);

    private static bool HasRule(UnlearningPolicy policy, RuleName rule)
    {
        var feature = policy.UndesiredFeatures.FirstOrDefault(each => each.Name == rule.Subject);
        return rule.Limit switch
        {
            RuleLimit.MaxRate => feature?.MaxRate is not null,
            RuleLimit.MinUnlearned => feature?.MinUnlearned is not null,
            RuleLimit.MaxFrechetDistance => policy.Quality?.MaxFrechetDistance is not null,
            RuleLimit.MaxFrechetIncrease => policy.Quality?.MaxFrechetIncrease is not null,
            RuleLimit.MinShareKept => policy.Quality?.MinShareKept is not null,
            RuleLimit.NoWorseRate => policy.Ratchet is true && feature is not null,
            RuleLimit.NoWorseDistance or RuleLimit.NoWorseShare => policy.Ratchet is true && policy.Quality is not null,
            RuleLimit.MaxSuccess or RuleLimit.NoWorseSuccess =>
                (rule.Limit is RuleLimit.MaxSuccess || policy.Ratchet is true) && feature is not null
                && (policy.Audits ?? []).Any(audit => audit.Attack == rule.Attack && !audit.IsAdvisory),
            RuleLimit.MaxShippedRate => feature?.MaxRate is not null,
            _ when rule.Form is not null => (policy.Generator.ShippedAs ?? []).Any(
                form => form.RuleNames(policy).Contains(rule)),
            _ => true,
        };
    }

    private static IEnumerable<PolicyFinding> Rest(UnlearningPolicy basis, UnlearningPolicy policy)
    {
        // Compare what the base has, in its order, and take as equal what was compared above or is free.
        if (basis.UndesiredFeatures.Any(its => IndexOf(policy, its.Name) < 0))
            yield break;
        var its = Fixed(basis);
        var own = Fixed(policy with
        {
            UndesiredFeatures =
                [.. basis.UndesiredFeatures.Select(feature => policy.UndesiredFeatures[IndexOf(policy, feature.Name)])],
            Classifiers = policy.Classifiers.Where(named => basis.Classifiers.ContainsKey(named.Key)).ToDictionary(),
            Quality = basis.Quality is null ? null : policy.Quality ?? basis.Quality,
        });
        foreach (var path in MeasurementSettings.FindDifferences(JsonPath.Root, ToJson(its), ToJson(own)))
            yield return Loosened(
                new JsonPath(FeatureIndex().Replace(path, match => FormattableString.Invariant(
                    $"$.undesiredFeatures[{IndexOf(
                        policy,
                        basis.UndesiredFeatures[int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)].Name)}]"))),
                "is another than in the base policy, and is not a limit that could be tightened; leave it out to inherit it");
    }

    private static UnlearningPolicy Fixed(UnlearningPolicy policy) => policy with
    {
        Name = "",
        Description = null,
        Owner = null,
        Generator = new GeneratorChoice("", "", null, null),
        Classifiers = policy.Classifiers.ToDictionary(named => named.Key, named => named.Value with
        {
            Checkpoint = ClassifierChoice.NormalizePath(named.Value.Checkpoint),
            Sha256 = null,
            Calibration = NormalizedOrNull(named.Value.Calibration),
            CalibrationSha256 = null,
            TextModel = named.Value.TextModel?.WithPaths(ClassifierChoice.NormalizePath),
        }),
        UndesiredFeatures = [.. policy.UndesiredFeatures.Select(
            feature => feature with
            {
                MaxRate = null, MinUnlearned = null, Negatives = NormalizedOrNull(feature.Negatives),
            })],
        Quality = policy.Quality is { } quality
            ? quality with
            {
                Reference = ClassifierChoice.NormalizePath(quality.Reference),
                ExtractorWeights = NormalizedOrNull(quality.ExtractorWeights),
                ExtractorSha256 = null,
                MaxFrechetDistance = null,
                MaxFrechetIncrease = null,
                MinShareKept = null,
                Confidence = null,
            }
            : null,
        Evaluation = policy.Evaluation with
        {
            Samples = 0,
            MaxSamples = 0,
            Confidence = 0,
            AuditorErrors = null,
            Range = policy.Evaluation.RangeOrDefault,
        },
        Unlearning = UnlearningPresets.Get(UnlearningPresets.DefaultName),
        Waivers = [],
        Report = new ReportOptions([], PublishSamples: false),
        MaxWaiverDays = null,
        Rules = null,
        Audits = null,
        Ratchet = null,
        Extends = null,
    };

    private static JsonElement ToJson(UnlearningPolicy policy) => JsonSerializer.SerializeToElement(policy, PolicyJson.Options);

    private static int IndexOf(UnlearningPolicy policy, string feature) =>
        policy.UndesiredFeatures.Index().Where(each => each.Item.Name == feature).Select(each => each.Index).FirstOrDefault(-1);

    private static IEnumerable<PolicyFinding> AtMost(JsonPath at, double? its, double? own) =>
        its is not { } most || own <= most ? [] : [Limit(at, "most", most, own)];

    private static IEnumerable<PolicyFinding> AtLeast(JsonPath at, double? its, double? own) =>
        its is not { } least || own >= least ? [] : [Limit(at, "least", least, own)];

    // A higher confidence or another number of looks widens the error by which a generator may be worse than the accepted one.
    private static IEnumerable<PolicyFinding> Same(JsonPath at, double? its, double? own) =>
        its.Equals(own)
            ? []
            : [Loosened(at, string.Create(
                CultureInfo.InvariantCulture,
                $"must be {its}, as in the base policy, whose ratchet is decided by it, but is {own}"))];

    private static PolicyFinding Limit(JsonPath at, string direction, double its, double? own) => Loosened(
        at,
        own is { } value
            ? string.Create(CultureInfo.InvariantCulture, $"must be at {direction} {its}, as in the base policy, but is {value}")
            : string.Create(
                CultureInfo.InvariantCulture, $"is removed, and in the base policy it is {its}; leave it out to inherit it"));

    private static PolicyFinding Loosened(JsonPath at, string problem) =>
        new(PolicyCodes.LoosensBase, at, $"{problem}; a policy that builds on another may only tighten it", []);

    [GeneratedRegex(@"^\$\.undesiredFeatures\[([0-9]+)\]")]
    private static partial Regex FeatureIndex();
}
