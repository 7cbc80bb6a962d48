using System.Globalization;
using System.Text.Json.Serialization;

namespace AdaptThenUnlearn.Policies;

/// <summary>Which features a generator must not emit, how it may be made to forget them, and what must survive.</summary>
/// <param name="SchemaVersion">Always 1.</param>
/// <param name="Name">Key of the output folder and of the report: <c>[a-z0-9-]+</c>.</param>
/// <param name="Generator">The generator that is judged and, if need be, changed.</param>
/// <param name="Classifiers">By name; undesired features and the quality extractor refer to these names.</param>
/// <param name="UndesiredFeatures">At least one.</param>
/// <param name="Description">One sentence for the reader of the report.</param>
/// <param name="Owner">Who answers for this policy.</param>
/// <param name="Quality">What must survive; nothing is required of the images when absent.</param>
/// <param name="Evaluation">How much is sampled, and with what confidence it is judged.</param>
/// <param name="Unlearning">What is done about a violation.</param>
/// <param name="Waivers">Failed rules that are let pass for a while, by whom and why.</param>
/// <param name="Report">Which reports are written.</param>
public sealed record UnlearningPolicy(
    [Within(1, 1)] int SchemaVersion,
    [TextPattern(TextPatternAttribute.Key, TextPatternAttribute.KeyWords)] string Name,
    GeneratorChoice Generator,
    [NotEmpty] IReadOnlyDictionary<string, ClassifierChoice> Classifiers,
    [NotEmpty] IReadOnlyList<UndesiredFeature> UndesiredFeatures,
    [NotBlank] string? Description,
    [NotBlank] string? Owner,
    QualityOptions? Quality,
    EvaluationOptions Evaluation,
    UnlearningOptions Unlearning,
    IReadOnlyList<Waiver> Waivers,
    ReportOptions Report)
{
    /// <summary>The names of all rules that the gate judges, e.g. <c>digit-8/maxRate</c>; those of kept classes only where the policy lists the extractor's classes.</summary>
    public IReadOnlyList<RuleName> RuleNames() =>
        [.. UndesiredFeatures.SelectMany(feature => feature.RuleNames()), .. Quality?.RuleNames(this) ?? []];

    /// <summary>Roles of the files whose programs are run, because the policy names them as such; none where all are weights alone.</summary>
    public IReadOnlyList<string> ProgramRoles() =>
    [
        .. Generator.Format == GeneratorChoice.TorchScript
            ? [InputRoles.Generator, .. Generator.Discriminator is null ? (string[])[] : [InputRoles.Discriminator]]
            : (string[])[],
        .. Classifiers.Where(named => named.Value.Format == GeneratorChoice.TorchScript).Select(named => InputRoles.Classifier(named.Key)),
        .. Quality is { } quality && WeightsExtractor.Find(quality.Extractor) is { IsProgram: true } ? (string[])[InputRoles.Extractor] : [],
    ];

    /// <summary>The JSON path of the limit that a rule of this policy holds against, or null when it has no such rule.</summary>
    internal string? PathOfLimit(RuleName rule)
    {
        if (rule.Limit is RuleLimit.Unknown)
            return null;
        if (!rule.IsOfFeature)
            return JsonPath.Root["quality"][rule.Property].Text;

        var feature = UndesiredFeatures.Index().Where(each => each.Item.Name == rule.Subject).Select(each => (int?)each.Index).FirstOrDefault();
        return feature is { } index ? JsonPath.Root["undesiredFeatures"][index][rule.Property].Text : null;
    }

    internal IEnumerable<PolicyFinding> Check(JsonPath at) =>
    [
        .. Generator.Check(at["generator"]),
        .. Classifiers.SelectMany(named => named.Value.Check(at["classifiers"][named.Key])),
        .. Classifiers.Keys.SelectMany(name => at["classifiers"][name].Must(
            WeightsExtractor.Find(name) is null, $"'{name}' is the name of an extractor for 'quality'; call the classifier something else")),
        .. at["undesiredFeatures"].MustBeDistinct(UndesiredFeatures.Select(feature => feature.Name), item => item["name"]),
        .. UndesiredFeatures.SelectMany((feature, index) => feature.Check(at["undesiredFeatures"][index], this)),
        .. Quality?.Check(at["quality"], this) ?? [],
        .. Evaluation.Check(at["evaluation"]),
        .. Unlearning.Check(at["unlearning"]),
        .. Waivers.SelectMany((waiver, index) => waiver.Check(at["waivers"][index], this)),
        .. at["report"]["formats"].MustBeDistinct(Report.Formats, item => item),
    ];

    /// <summary>Whether a classifier of that name is there, and has that class.</summary>
    internal IEnumerable<PolicyFinding> CheckClass(JsonPath at, string className, string classifier)
    {
        if (!Classifiers.TryGetValue(classifier, out var choice) || choice.Classes is not { } classes)
            return [];

        var given = JsonPath.Root["classifiers"][classifier];
        return at.MustBeOneOf(className, classes, $"class of '{classifier}'", given["classes"]);
    }

    internal IEnumerable<PolicyFinding> CheckClassifier(JsonPath at, string name) =>
        at.MustBeOneOf(name, [.. Classifiers.Keys], "classifier of this policy", JsonPath.Root["classifiers"]);
}

/// <summary>The generator under the policy.</summary>
/// <param name="Checkpoint">Path, relative to the policy file.</param>
/// <param name="Format">A checkpoint format's name, or <c>auto</c> (found by content); <c>torchscript</c>, for both files, runs the programs in them.</param>
/// <param name="Sha256">Pin: 64 hexadecimal digits; a file with another digest is refused.</param>
/// <param name="Discriminator">Path of a checkpoint that holds the discriminator, where the generator's has none.</param>
/// <param name="LatentSize">Length of a latent vector, for a <c>torchscript</c> program that takes more than one of the sizes that its weights have; found out when absent.</param>
/// <param name="Layers">
/// The layers of a DCGAN or a fully connected GAN that is a state dict, one text each as Python prints them (<see cref="LayerText"/>), or the one
/// name of a known layout: weights do not tell strides, activations and the like. A verdict needs it; null for every other generator.
/// </param>
public sealed record GeneratorChoice(
    [NotBlank] string Checkpoint,
    [KnownName(NameKind.CheckpointFormat)] string Format,
    [TextPattern(TextPatternAttribute.Sha256, TextPatternAttribute.Sha256Words)] string? Sha256,
    [NotBlank] string? Discriminator,

    // Left out where it is absent, here and below, so that the digests of policies from before this property stand.
    [Within(1, 65536)] [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? LatentSize = null,
    [NotEmpty, LayerPattern] [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<string>? Layers = null)
{
    /// <summary>The format whose files are programs, which are run: never found by content.</summary>
    public const string TorchScript = "torchscript";

    internal IEnumerable<PolicyFinding> Check(JsonPath at) =>
    [
        .. at["latentSize"].Must(
            LatentSize is null || Format == TorchScript, $"is only for the format '{TorchScript}'; every other tells it by its weights", at["format"]),
        .. at["layers"].Must(
            Layers is null || Format != TorchScript, $"is not for the format '{TorchScript}': such a program brings its own layers", at["format"]),
        .. at["layers"].Must(
            Layers is not { Count: > 1 } || !Layers.Any(LayerText.Layouts.Contains), $"is one layer a text, or one of {string.Join(", ", LayerText.Layouts)} alone"),
    ];
}

/// <summary>A classifier that says whether an image shows a feature.</summary>
/// <param name="Checkpoint">Path, relative to the policy file.</param>
/// <param name="Classes">Names of its outputs, in order; taken from the checkpoint when absent.</param>
/// <param name="Sha256">Pin, as for the generator.</param>
/// <param name="Outputs">What its outputs are, one of <see cref="OutputKinds"/>: logits of which one class holds (<c>softmax</c>) or several may (<c>sigmoid</c>), or probabilities, likewise; what the checkpoint says when absent.</param>
/// <param name="Format">A checkpoint format's name; found by content when absent. <c>torchscript</c> runs the program in the file, and needs <paramref name="Classes"/>.</param>
public sealed record ClassifierChoice(
    [NotBlank] string Checkpoint,
    [NotEmpty, NotBlank] IReadOnlyList<string>? Classes,
    [TextPattern(TextPatternAttribute.Sha256, TextPatternAttribute.Sha256Words)] string? Sha256,
    [KnownName(NameKind.ClassifierOutputs)] [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Outputs = null,
    [KnownName(NameKind.CheckpointFormat)] [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Format = null)
{
    internal IEnumerable<PolicyFinding> Check(JsonPath at) =>
    [
        .. at["classes"].MustBeDistinct(Classes ?? [], item => item),
        .. at["classes"].MustBePresent(Classes is not null || Format != GeneratorChoice.TorchScript, $"'format' is '{GeneratorChoice.TorchScript}', and a program does not name its outputs: this must, in their order", at["format"]),
        .. at["outputs"].Must(OutputsComeFromCheckpoint || OutputKinds.SingleClassProblem(Outputs, Classes?.Count ?? 0) is null, OutputKinds.SingleClassProblem(Outputs, Classes?.Count ?? 0) ?? "", at["classes"], at["format"]),
    ];

    // Where the policy leaves the outputs to a checkpoint, loading it tells.
    private bool OutputsComeFromCheckpoint => Outputs is null && Format != GeneratorChoice.TorchScript;

    internal bool SameFileAs(ClassifierChoice other) => NormalizePath(Checkpoint) == NormalizePath(other.Checkpoint);

    // As text: without "." and "x/..", so that a detour does not make another file of it.
    private static string NormalizePath(string path)
    {
        List<string> parts = [];
        foreach (var part in NormalizeSlashes(path).Split('/').Where((part, index) => part != "." && (part.Length > 0 || index == 0)))
        {
            if (part == ".." && parts.Count > 0 && parts[^1] is not (".." or ""))
                parts.RemoveAt(parts.Count - 1);
            else
                parts.Add(part);
        }

        return string.Join('/', parts);
    }

    internal static string NormalizeSlashes(string path) => path.Replace('\\', '/');
}

/// <summary>A feature that the generator must not emit.</summary>
/// <param name="Name">Key of its rules: <c>[a-z0-9-]+</c>.</param>
/// <param name="Annotator">The classifier that labels training feedback.</param>
/// <param name="Auditor">The classifier that measures for the gate; the annotator when absent (a warning).</param>
/// <param name="Class">The class of both classifiers that shows the feature.</param>
/// <param name="MaxRate">Largest allowed share of all generated images, 0 to 1; judged by its upper bound.</param>
/// <param name="MinUnlearned">Smallest allowed PUL, (before − after) / before, 0 to 1.</param>
/// <param name="Threshold">An image shows the feature when the probability of the class is at least this, above 0 and below 1; when absent, the class must be the likeliest (softmax) or as likely as not (sigmoid).</param>
/// <param name="AuditorThreshold">The auditor's, where it differs; <paramref name="Threshold"/> when absent.</param>
/// <param name="Negatives">Folder of images that show the feature, relative to the policy file; training learns from them instead of what the annotator finds.</param>
[NeedsOneOf("maxRate", "minUnlearned")]
public sealed record UndesiredFeature(
    [TextPattern(TextPatternAttribute.Key, TextPatternAttribute.KeyWords)] string Name,
    [NotBlank] string Annotator,
    [NotBlank] string? Auditor,
    [NotBlank] string Class,
    [Within(0, 1)] double? MaxRate,
    [Within(0, 1)] double? MinUnlearned,
    [Within(0, 1, Above = true, Below = true)] [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? Threshold = null,
    [Within(0, 1, Above = true, Below = true)] [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? AuditorThreshold = null,
    [NotBlank] [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Negatives = null)
{
    private const double HighestUsualThreshold = 0.99;

    internal IEnumerable<RuleName> RuleNames() =>
    [
        .. MaxRate is null ? [] : new[] { RuleName.MaxRate(Name) },
        .. MinUnlearned is null ? [] : new[] { RuleName.MinUnlearned(Name) },
    ];

    internal IEnumerable<PolicyFinding> Check(JsonPath at, UnlearningPolicy policy) =>
    [
        .. policy.CheckClassifier(at["annotator"], Annotator),
        .. policy.CheckClass(at["class"], Class, Annotator),
        .. Auditor is null ? [] : policy.CheckClassifier(at["auditor"], Auditor),
        .. Auditor is null || Auditor == Annotator ? [] : policy.CheckClass(at["class"], Class, Auditor),
        .. at["auditorThreshold"].Must(
            AuditorThreshold is null || Auditor is not null, "is for an 'auditor', and none is named; the annotator's is 'threshold'", at["threshold"]),
        .. CheckIndependence(at, policy),
        .. CheckProvability(at, policy.Evaluation),
        .. LaxLimits(at).Select(lax => lax.Place.Warning(PolicyCodes.LaxRule, lax.Why)),
    ];

    /// <summary>What of this feature's rules hardly anything can miss, in sentences without a full stop; none where all of them ask for something.</summary>
    public IEnumerable<string> LaxLimits() => LaxLimits(JsonPath.Root).Select(lax => $"{lax.Place.Text[2..]} {lax.Why}");

    private IEnumerable<(JsonPath Place, string Why)> LaxLimits(JsonPath at)
    {
        if (MaxRate >= 1)
            yield return (at["maxRate"], "allows every image to show the feature: it is no limit");
        if (MinUnlearned <= 0)
            yield return (at["minUnlearned"], "asks for nothing to be unlearned: it is no limit");
        foreach (var (place, value) in new[] { (at["threshold"], Threshold), (at["auditorThreshold"], AuditorThreshold) })
            if (value > HighestUsualThreshold)
                yield return (place, string.Create(CultureInfo.InvariantCulture, $"counts an image only where the classifier is at least {100 * value:0.#####} % sure: what it is merely likely to show is not counted"));
    }

    /// <summary>Whether somebody else marks the exam than who labels the training feedback.</summary>
    /// <param name="policy">That this belongs to.</param>
    public bool HasIndependentAuditor(UnlearningPolicy policy) => !CheckIndependence(JsonPath.Root, policy).Any();

    private IEnumerable<PolicyFinding> CheckIndependence(JsonPath at, UnlearningPolicy policy)
    {
        const string Consequence = "whoever labels the training feedback also marks the exam";
        if (Auditor is null)
            return [at.Warning(PolicyCodes.NoIndependentAuditor, $"names no 'auditor': {Consequence}", at["auditor"])];

        if (Auditor == Annotator)
            return [at["auditor"].Warning(PolicyCodes.NoIndependentAuditor, $"is the annotator: {Consequence}", at["annotator"])];

        var sameFile = policy.Classifiers.TryGetValue(Annotator, out var annotator)
            && policy.Classifiers.TryGetValue(Auditor, out var auditor)
            && annotator.SameFileAs(auditor);
        var classifiers = JsonPath.Root["classifiers"];
        return sameFile
            ? [at["auditor"].Warning(
                PolicyCodes.NoIndependentAuditor, $"has the annotator's checkpoint: {Consequence}",
                classifiers[Annotator]["checkpoint"], classifiers[Auditor]["checkpoint"])]
            : [];
    }

    private IEnumerable<PolicyFinding> CheckProvability(JsonPath at, EvaluationOptions evaluation)
    {
        var bound = evaluation.SmallestProvableRate();
        return MaxRate < bound
            ? [at["maxRate"].Warning(
                PolicyCodes.UnprovableLimit,
                string.Create(CultureInfo.InvariantCulture, $"cannot be proved: not one hit in {evaluation.MaxSamples} samples still leaves an upper bound of {bound:0.0#e-0}; raise 'evaluation.maxSamples' or the limit"),
                JsonPath.Root["evaluation"]["samples"], JsonPath.Root["evaluation"]["maxSamples"], JsonPath.Root["evaluation"]["confidence"])]
            : [];
    }
}

/// <summary>What must survive.</summary>
/// <param name="Extractor">Whose features are compared: the name of a classifier of this policy, <c>inception-v3</c>, or one whose file is run: <c>inception-v3-torchscript</c>, <c>torchscript</c>.</param>
/// <param name="Reference">Statistics file, image folder, or <c>original-generator</c>.</param>
/// <param name="MaxFrechetDistance">Absolute limit, squared feature units.</param>
/// <param name="MaxFrechetIncrease">Relative to before, on the same reference: 0.5 allows 1.5 times.</param>
/// <param name="MinShareKept">Each retained class must keep at least this part of the share it had, 0 to 1.</param>
/// <param name="ExtractorWeights">File of an extractor that is no classifier; nothing is downloaded.</param>
/// <param name="ExtractorSha256">Pin of that file: 64 hexadecimal digits; a file with another digest is refused.</param>
public sealed record QualityOptions(
    [NotBlank] string Extractor,
    [NotBlank] string Reference,
    [Within(0, Above = true)] double? MaxFrechetDistance,
    [Within(0, Above = true)] double? MaxFrechetIncrease,
    [Within(0, 1)] double? MinShareKept,

    // Left out where there are none, so that the digests of policies from before these properties stand.
    [NotBlank] [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? ExtractorWeights = null,
    [TextPattern(TextPatternAttribute.Sha256, TextPatternAttribute.Sha256Words)] [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? ExtractorSha256 = null)
{
    private const string OriginalGenerator = "original-generator";   // as a reading calls it

    internal IEnumerable<RuleName> RuleNames(UnlearningPolicy policy) =>
    [
        .. MaxFrechetDistance is null ? [] : new[] { RuleName.MaxFrechetDistance },
        .. MaxFrechetIncrease is null ? [] : new[] { RuleName.MaxFrechetIncrease },
        .. MinShareKept is null ? [] : KeptClasses(policy)?.Select(kept => RuleName.MinShareKept(kept)) ?? [],
    ];

    /// <summary>The classifier whose classes are counted for the shares: the extractor, or the first feature's auditor where the extractor has no classes.</summary>
    /// <param name="policy">That this belongs to.</param>
    public string CountingClassifier(UnlearningPolicy policy) =>
        WeightsExtractor.Find(Extractor) is null ? Extractor : policy.UndesiredFeatures[0].Auditor ?? policy.UndesiredFeatures[0].Annotator;

    /// <summary>The counted classes without the undesired ones, or null when the policy does not list them.</summary>
    internal IEnumerable<string>? KeptClasses(UnlearningPolicy policy) =>
        policy.Classifiers.GetValueOrDefault(CountingClassifier(policy))?.Classes?.Except(UndesiredClasses(policy));

    /// <summary>
    /// Those of the counted classes that are undesired. Where the counter is some feature's annotator or auditor, another classifier's class of the same
    /// name is another class; where it is none's, names are all that tells.
    /// </summary>
    /// <param name="policy">That this belongs to.</param>
    public IReadOnlySet<string> UndesiredClasses(UnlearningPolicy policy)
    {
        var counter = CountingClassifier(policy);
        var own = policy.UndesiredFeatures.Where(feature => feature.Annotator == counter || feature.Auditor == counter).ToList();
        return (own.Count > 0 ? own : policy.UndesiredFeatures).Select(feature => feature.Class).ToHashSet();
    }

    internal IEnumerable<PolicyFinding> Check(JsonPath at, UnlearningPolicy policy) => [.. CheckExtractor(at, policy), .. CheckIncrease(at)];

    private IEnumerable<PolicyFinding> CheckIncrease(JsonPath at) => MaxFrechetIncrease is not null && Reference == OriginalGenerator
        ? [at["maxFrechetIncrease"].Warning(
            PolicyCodes.IncreaseOverItself,
            "is taken over the distance between the original generator and its own samples, which is hardly above 0, so that any change is a large increase or the rule is not measured; use 'maxFrechetDistance', or another reference",
            at["reference"])]
        : [];

    private IEnumerable<PolicyFinding> CheckExtractor(JsonPath at, UnlearningPolicy policy)
    {
        if (WeightsExtractor.Find(Extractor) is { } kind)
            return
            [
                .. at["extractorWeights"].MustBePresent(
                    ExtractorWeights is not null, $"'extractor' is '{kind.Name}', and nothing is downloaded: this must name a copy of {kind.FileDescription}", at["extractor"]),
                .. CheckSamples(at, kind, policy.Evaluation),
            ];

        return
        [
            .. at["extractor"].MustBeOneOf(Extractor, [.. policy.Classifiers.Keys, .. WeightsExtractor.Names], "classifier of this policy, nor an extractor with weights of its own", JsonPath.Root["classifiers"]),
            .. at["extractorWeights"].Must(ExtractorWeights is null, OnlyWithWeights, at["extractor"]),
            .. at["extractorSha256"].Must(ExtractorSha256 is null, OnlyWithWeights, at["extractor"]),
        ];
    }

    /// <summary>Compared images a feature below which a distance has a wide bound.</summary>
    private const int ImagesPerFeature = 20;

    // Half of the samples are compared, and a covariance needs more of them than dimensions.
    private IEnumerable<PolicyFinding> CheckSamples(JsonPath at, WeightsExtractor kind, EvaluationOptions evaluation)
    {
        var (samples, needed) = (JsonPath.Root["evaluation"]["samples"], 2 * (kind.FeatureSize + 1));
        if ((MaxFrechetDistance ?? MaxFrechetIncrease) is null)
            return [];
        if (evaluation.Samples < needed)
            return [samples.Warning(
                PolicyCodes.UnprovableLimit,
                string.Create(CultureInfo.InvariantCulture, $"'{kind.Name}' makes {kind.FeatureSize} features, and {evaluation.Samples} samples do not determine their distance: it will count as not measured; {needed} or more are needed"),
                at["extractor"], samples)];
        return kind.FeatureSize is { } features && WhyTooFewImages(features, evaluation) is { } why ? [samples.Warning(PolicyCodes.FewForTheExtractor, why, at["extractor"], samples)] : [];
    }

    /// <summary>Why so few images leave a Fréchet limit hard to meet; null where they are enough, or no such limit is asked for.</summary>
    /// <param name="features">That the extractor makes of an image.</param>
    /// <param name="evaluation">Says how many images there are.</param>
    public string? WhyTooFewImages(int features, EvaluationOptions evaluation) =>
        (MaxFrechetDistance ?? MaxFrechetIncrease) is null || evaluation.Samples / 2 >= (long)ImagesPerFeature * features ? null
        : string.Create(CultureInfo.InvariantCulture, $"half of {evaluation.Samples} samples are compared by {features} features, fewer than {ImagesPerFeature} a feature: the distance of few images is too large and its upper bound wide, so that good generators may fail; {2L * ImagesPerFeature * features} samples or more make it narrow");

    private string OnlyWithWeights => $"is only for {string.Join(", ", WeightsExtractor.Names)}; the extractor '{Extractor}' is a classifier, which has its own 'checkpoint' and 'sha256'";
}

/// <summary>How much is sampled, and with what confidence it is judged.</summary>
/// <param name="Samples">Images at the first look; 100 to 10,000,000.</param>
/// <param name="MaxSamples">Images at the last look; the sample doubles while a point estimate is within its limit and its bound is not.</param>
/// <param name="Confidence">Of the one-sided upper bound, over all looks together; between 0.5 and 1, both excluded.</param>
/// <param name="Seed">Of the evaluation latents; never those of training.</param>
/// <param name="Truncation">Above 0, at most 1; 1 is none.</param>
/// <param name="Range">What is measured and judged: <see cref="EightBit"/>, the pictures that users get, when absent; or <see cref="Raw"/>, the network's output.</param>
public sealed record EvaluationOptions(
    [Within(100, 10_000_000)] int Samples,
    [Within(100, 10_000_000)] int MaxSamples,
    [Within(0.5, 1, Above = true, Below = true)] double Confidence,
    [Within(0)] long Seed,
    [Within(0, 1, Above = true)] double Truncation,

    // Left out where it is absent, so that the digests of policies from before this property stand.
    [KnownName(NameKind.ImageRange)] [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Range = null)
{
    /// <summary>Images are clipped to [-1, 1] and rounded to 256 levels before anything looks at them: what a picture file holds.</summary>
    public const string EightBit = "8-bit";

    /// <summary>Classifiers look at the network's output as it is, which may lie beyond [-1, 1]: not what users get.</summary>
    public const string Raw = "raw";

    /// <summary><see cref="Range"/>, or <see cref="EightBit"/> where the policy does not say.</summary>
    [JsonIgnore]
    public string RangeOrDefault => Range ?? EightBit;

    /// <summary>Whether the network's output is measured as it is.</summary>
    [JsonIgnore]
    public bool IsRaw => Range == Raw;

    /// <summary>The sample sizes at which the gate looks: <see cref="Samples"/>, doubled until <see cref="MaxSamples"/>, which is the last.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There are no samples; a policy that was read has some.</exception>
    public IReadOnlyList<int> Looks()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Samples, 1);
        var looks = new List<int> { Samples };
        while (looks[^1] < MaxSamples)
            looks.Add((int)Math.Min(2L * looks[^1], MaxSamples));

        return looks;
    }

    /// <summary>The upper bound that not one hit in <see cref="MaxSamples"/> leaves, 0 to 1; no lower limit can be proved.</summary>
    /// <remarks>Clopper–Pearson with k = 0: 1 − α^(1/n), and α = (1 − confidence) / looks (Bonferroni).</remarks>
    public double SmallestProvableRate() =>
        1 - Math.Pow((1 - Confidence) / Looks().Count, 1.0 / MaxSamples);

    // Psi of 0.5 to 1 is what published generators are shown with.
    private const double LeastUsualTruncation = 0.5;

    /// <summary>What makes the images tamer than those that the generator emits, in a sentence without a full stop; null where nothing does by much.</summary>
    public string? WhyTame() => Truncation < LeastUsualTruncation
        ? string.Create(CultureInfo.InvariantCulture, $"the truncation {Truncation} {Tameness}")
        : null;

    private const string Tameness = "brings every image near the mean one: what the generator emits without it is not measured";

    internal IEnumerable<PolicyFinding> Check(JsonPath at) =>
    [
        .. at["maxSamples"].Must(
            MaxSamples >= Samples, $"must be at least 'samples' ({Samples}), but is {MaxSamples}", at["samples"]),
        .. WhyTame() is null ? [] : new[] { at["truncation"].Warning(PolicyCodes.TameImages, Tameness) },
    ];
}

/// <summary>A failed rule that is let pass for a while.</summary>
/// <param name="Rule">A rule's name, e.g. <c>digit-8/maxRate</c>.</param>
/// <param name="Reason">Why.</param>
/// <param name="ApprovedBy">By whom.</param>
/// <param name="Expires">Last UTC day on which it holds, <c>yyyy-MM-dd</c>.</param>
public sealed record Waiver(
    [NotBlank] string Rule, [NotBlank] string Reason, [NotBlank] string ApprovedBy, [Day] string Expires)
{
    internal IEnumerable<PolicyFinding> Check(JsonPath at, UnlearningPolicy policy)
    {
        var ofUnlistedClass = policy.Quality is { MinShareKept: not null } quality
            && quality.KeptClasses(policy) is null
            && RuleName.Parse(Rule) is { Limit: RuleLimit.MinShareKept, Subject.Length: > 0 };
        return ofUnlistedClass
            ? []
            : at["rule"].MustBeOneOf(
                Rule, [.. policy.RuleNames().Select(name => name.ToString())], "rule of this policy", PathsBehindRuleNames(policy));
    }

    private static JsonPath[] PathsBehindRuleNames(UnlearningPolicy policy)
    {
        var (features, quality) = (JsonPath.Root["undesiredFeatures"], JsonPath.Root["quality"]);
        return
        [
            features,
            .. Enumerable.Range(0, policy.UndesiredFeatures.Count).SelectMany(index => new[]
            {
                features[index]["name"], features[index]["maxRate"], features[index]["minUnlearned"],
                features[index]["class"], features[index]["annotator"], features[index]["auditor"],
            }),
            quality["maxFrechetDistance"], quality["maxFrechetIncrease"], quality["minShareKept"], quality["extractor"],
            JsonPath.Root["classifiers"][policy.Quality?.CountingClassifier(policy) ?? ""]["classes"],
        ];
    }
}

/// <summary>Which reports are written.</summary>
/// <param name="Formats">Names of the report catalogue.</param>
/// <param name="PublishSamples">Whether image samples may leave the build machine.</param>
public sealed record ReportOptions(
    [KnownName(NameKind.ReportFormat)] IReadOnlyList<string> Formats, bool PublishSamples);
