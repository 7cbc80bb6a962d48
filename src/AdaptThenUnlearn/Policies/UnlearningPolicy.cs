using System.Globalization;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using AdaptThenUnlearn.Measurements;

namespace AdaptThenUnlearn.Policies;

/// <summary>Which features a generator must not emit, how it may be made to forget them, and what must survive.</summary>
/// <param name="SchemaVersion">Version of the policy format; always 1.</param>
/// <param name="Name">Key of the output folder and of the report: 1 to 64 of the characters a-z, 0-9 and '-'.</param>
/// <param name="Generator">The generator that is judged and, if necessary, changed.</param>
/// <param name="Classifiers">
/// The classifiers by name; at least one. Undesired features and the quality extractor refer to these names.
/// </param>
/// <param name="UndesiredFeatures">The features that the generator must not emit; at least one.</param>
/// <param name="Description">One sentence for the reader of the report.</param>
/// <param name="Owner">Who answers for this policy.</param>
/// <param name="Quality">What must survive. Without this section, image quality is not judged.</param>
/// <param name="Evaluation">How many images are sampled, and at what confidence they are judged.</param>
/// <param name="Unlearning">What is done about a violation. Values that are left out come from the preset.</param>
/// <param name="Waivers">Failed rules that are accepted for a limited time, each with approver and reason.</param>
/// <param name="Report">Which reports are written.</param>
/// <param name="MaxWaiverDays">
/// How many days a waiver may last at most, from <c>approvedOn</c> to <c>expires</c>. When absent, any number.
/// </param>
/// <param name="Rules">
/// Rules that only warn, or that begin to stop a release on a day. All others stop it when they are not met.
/// </param>
/// <param name="Ratchet">
/// Whether a run must be compared with the last accepted one (<c>atu govern --ratchet</c>), than which it may not be worse. False
/// when absent; a run that is given one is compared with it all the same.
/// </param>
/// <param name="Extends">
/// The policy that this one builds on: everything that is not set here is inherited, and nothing may be laxer. None when absent.
/// </param>
/// <param name="Audits">
/// Attacks that the judged generator must withstand; each attack at most once. When absent, none is made.
/// </param>
public sealed record UnlearningPolicy(
    [Within(1, 1)] int SchemaVersion,
    [TextPattern(TextPatternAttribute.Key, TextPatternAttribute.KeyWords), Examples("mnist-no-digit-8")] string Name,
    GeneratorChoice Generator,
    [NotEmpty] IReadOnlyDictionary<string, ClassifierChoice> Classifiers,
    [NotEmpty] IReadOnlyList<UndesiredFeature> UndesiredFeatures,
    [NotBlank] string? Description,
    [NotBlank] string? Owner,
    QualityOptions? Quality,
    EvaluationOptions Evaluation,
    UnlearningOptions Unlearning,
    IReadOnlyList<Waiver> Waivers,
    ReportOptions Report,

    // An absent value is not written, so that older policies keep their digests.
    [Within(1, 3650), Examples(90)][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    int? MaxWaiverDays = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<RuleEnforcement>? Rules = null,
    [AbsentMeans(false)][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] bool? Ratchet = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] PolicyExtension? Extends = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<AttackLimit>? Audits = null)
{
    /// <summary>The names of all rules that the gate judges, for example <c>digit-8/maxRate</c>.</summary>
    /// <remarks>Rules of kept classes are included only if the policy lists the extractor's classes.</remarks>
    public IReadOnlyList<RuleName> RuleNames() =>
    [
        .. UndesiredFeatures.SelectMany(feature => feature.RuleNames()), .. Quality?.RuleNames(this) ?? [],
        .. Ratchet is true ? RatchetRuleNames() : [],
        .. UndesiredFeatures.SelectMany(
            feature => (Audits ?? []).Select(audit => RuleName.MaxSuccess(feature.Name, audit.Attack))),
        .. (Generator.ShippedAs ?? []).SelectMany(form => form.RuleNames(this)),
    ];

    // A run can be given an accepted one although the policy does not ask for it.
    private IEnumerable<RuleName> RatchetRuleNames() =>
    [
        .. UndesiredFeatures.Select(feature => RuleName.NoWorseRate(feature.Name)),
        .. Quality is { MaxFrechetDistance: not null } or { MaxFrechetIncrease: not null }
            ? new[] { RuleName.NoWorseDistance }
            : [],
        .. Quality is { MinShareKept: not null }
            ? Quality.KeptClasses(this)?.Select(kept => RuleName.NoWorseShare(kept)) ?? []
            : [],
        .. UndesiredFeatures.SelectMany(
            feature => (Audits ?? []).Select(audit => RuleName.NoWorseSuccess(feature.Name, audit.Attack))),
    ];

    /// <summary>What makes a rule only warn on a day; null where it stops a release when it is not met.</summary>
    /// <param name="rule">A rule's name.</param>
    /// <param name="today">UTC day.</param>
    public RuleEnforcement? FindLeniency(RuleName rule, DateOnly today) =>
        FindEnforcement(rule) is { } found && found.OnlyWarns(today) ? found : null;

    /// <summary>Whether a rule is of an attack whose missed limit only warns.</summary>
    internal bool IsAdvisory(RuleName rule) => rule.Limit is RuleLimit.MaxSuccess or RuleLimit.NoWorseSuccess
        && (Audits ?? []).Any(audit => audit.Attack == rule.Attack && audit.IsAdvisory);

    // The entry of one class goes before that of all classes.
    internal RuleEnforcement? FindEnforcement(RuleName rule) => IsAdvisory(rule)
        ? new RuleEnforcement(rule.ToString(), RuleEnforcement.Warn)
        : Rules?.FirstOrDefault(each => RuleName.Parse(each.Rule) == rule)
            ?? (rule is { Limit: RuleLimit.MinShareKept or RuleLimit.NoWorseShare, Subject: not null }
                ? FindEnforcement(rule with { Subject = null })
                : null);

    /// <summary>
    /// Roles of the files whose programs are run, because the policy says so; none if all files are weights alone.
    /// </summary>
    public IReadOnlyList<string> ProgramRoles() =>
    [
        .. GeneratorChoice.IsProgram(Generator.Format)
            ? [InputRoles.Generator, .. Generator.Discriminator is null ? (string[])[] : [InputRoles.Discriminator]]
            : (string[])[],
        .. Generator.Command is null ? (string[])[] : [InputRoles.Generator],
        .. (Generator.ShippedAs ?? []).Where(form => GeneratorChoice.IsProgram(form.Format))
            .Select(form => InputRoles.ShippedForm(form.NameInEffect)),
        .. Classifiers.Where(named => GeneratorChoice.IsProgram(named.Value.Format) || named.Value.IsImageText)
            .SelectMany(named => named.Value.IsImageText
                ? (string[])[InputRoles.Classifier(named.Key), InputRoles.TextModel(named.Key)]
                : [InputRoles.Classifier(named.Key)]),
        .. Quality is { } quality && WeightsExtractor.Find(quality.Extractor) is { IsProgram: true }
            ? (string[])[InputRoles.Extractor]
            : [],
    ];

    /// <summary>Whether one of the files whose programs are run is an ONNX graph.</summary>
    public bool RunsGraphs() =>
        Generator.Format == GeneratorChoice.Onnx
            || (Generator.ShippedAs ?? []).Any(form => form.Format == GeneratorChoice.Onnx)
            || Classifiers.Values.Any(classifier => classifier.Format == GeneratorChoice.Onnx || classifier.IsImageText)
            || Quality?.Extractor == WeightsExtractor.Onnx.Name;

    /// <summary>Digest of the extractor of a reading, as this policy uses it.</summary>
    internal string ExtractorAsUsed(QualityReading reading) =>
        Classifiers.GetValueOrDefault(reading.Extractor) is { } classifier
            ? CanonicalJson.DigestAsUsed(classifier, reading.ExtractorSha256)
            : Quality?.ToUse().DigestAsUsed(reading.ExtractorSha256) ?? reading.ExtractorSha256;

    /// <summary>The JSON path of a rule's limit; null if this policy does not have that rule.</summary>
    internal string? PathOfLimit(RuleName rule)
    {
        if (rule.Limit is RuleLimit.Unknown)
            return null;
        if (rule.Attack is not null)
            return (Audits ?? []).Index()
                .Where(each => each.Item.Attack == rule.Attack && UndesiredFeatures.Any(every => every.Name == rule.Subject))
                .Select(each => JsonPath.Root["audits"][each.Index])
                .Select(audit => (rule.IsOfRatchet ? audit : audit[rule.Property]).Text)
                .FirstOrDefault();
        if (rule.Form is { } name)
            return PathOfForm(name) is { } form && RuleNames().Contains(rule) ? PathOfLimit(rule, form) : null;
        if (!rule.IsOfFeature)
            return (rule.IsOfRatchet ? JsonPath.Root["quality"] : JsonPath.Root["quality"][rule.Property]).Text;

        var feature = UndesiredFeatures
            .Index()
            .Where(each => each.Item.Name == rule.Subject)
            .Select(each => (int?)each.Index)
            .FirstOrDefault();
        return feature is not { } index ? null
            : rule.IsOfRatchet ? JsonPath.Root["undesiredFeatures"][index].Text
            : JsonPath.Root["undesiredFeatures"][index][rule.Property].Text;
    }

    private JsonPath? PathOfForm(string name) => (Generator.ShippedAs ?? []).Index()
        .Where(each => each.Item.NameInEffect == name)
        .Select(each => (JsonPath?)JsonPath.Root["generator"]["shippedAs"][each.Index])
        .FirstOrDefault();

    // A shipped file's rate has the limit of its feature, and that it shows no feature more often goes with its parity.
    private string PathOfLimit(RuleName rule, JsonPath form) => rule.Limit switch
    {
        RuleLimit.MaxShippedRate => PathOfLimit(RuleName.MaxRate(rule.Subject!)) ?? form.Text,
        RuleLimit.NoMoreHits => form["maxParityDifference"].Text,
        _ => form[rule.Property].Text,
    };

    internal IEnumerable<PolicyFinding> Check(JsonPath at) =>
    [
        .. Generator.Check(at["generator"], this),
        .. Classifiers.SelectMany(named => named.Value.Check(at["classifiers"][named.Key])),
        .. Classifiers.Keys.SelectMany(name => at["classifiers"][name].Must(
            WeightsExtractor.Find(name) is null,
            $"'{name}' is the name of an extractor for 'quality'; call the classifier something else")),
        .. Classifiers.Keys.SelectMany(name => at["classifiers"][name].Must(
            ClassifierRoles().Count(role => role == InputRoles.Classifier(name)) == 1,
            $"'{name}' is what records call a file of another classifier; call the classifier something else")),
        .. at["undesiredFeatures"].MustBeDistinct(UndesiredFeatures.Select(feature => feature.Name), item => item["name"]),
        .. UndesiredFeatures.SelectMany((feature, index) => feature.Check(at["undesiredFeatures"][index], this)),
        .. CheckCalibratedClasses(at),
        .. Quality?.Check(at["quality"], this) ?? [],
        .. Evaluation.Check(at["evaluation"]),
        .. Unlearning.Check(at["unlearning"]),
        .. Waivers.SelectMany((waiver, index) => waiver.Check(at["waivers"][index], this)),
        .. Rules?.SelectMany((rule, index) => rule.Check(at["rules"][index], this)) ?? [],
        .. at["rules"].MustBeDistinct(Rules?.Select(rule => rule.Rule) ?? [], item => item["rule"]),
        .. at["report"]["formats"].MustBeDistinct(Report.Formats, item => item),
        .. at["audits"].MustBeDistinct((Audits ?? []).Select(audit => audit.Attack), item => item["attack"]),
        .. (Audits ?? []).SelectMany((audit, index) => audit.Check(at["audits"][index], this)),
    ];

    /// <summary>The classes that the features ask a classifier for, as annotator or auditor, each once.</summary>
    /// <param name="classifier">Its name.</param>
    public IReadOnlyList<string> ClassesAskedOf(string classifier) =>
    [
        .. UndesiredFeatures.Where(feature => feature.Annotator == classifier || feature.Auditor == classifier)
            .Select(feature => feature.Class).Distinct(),
    ];

    // A calibration is of one class.
    private IEnumerable<PolicyFinding> CheckCalibratedClasses(JsonPath at)
    {
        foreach (var (name, choice) in Classifiers)
        {
            var asked = ClassesAskedOf(name);
            var calibration = at["classifiers"][name]["calibration"];
            foreach (var finding in calibration.Must(
                choice.Calibration is null || asked.Count > 0,
                $"does nothing: no undesired feature has '{name}' as annotator or auditor", at["undesiredFeatures"])
                .Concat(calibration.Must(
                    choice.Calibration is null || asked.Count < 2,
                    $"is of one class, and the features ask '{name}' for {string.Join(" and ", asked.Select(one => $"'{one}'"))}"
                        + "; give each class a classifier of its own with the same checkpoint",
                    at["undesiredFeatures"])))
                yield return finding;
        }
    }

    private IEnumerable<string> ClassifierRoles() =>
        Classifiers.SelectMany(named => ClassifierFile.ListAll(named.Key, named.Value)).Select(file => file.Role);

    /// <summary>No finding if the classifier has the class, or if the policy does not list its classes.</summary>
    internal IEnumerable<PolicyFinding> CheckClass(JsonPath at, string className, string classifier)
    {
        if (!Classifiers.TryGetValue(classifier, out var choice) || choice.ClassNames is not { } classes)
            return [];

        var given = JsonPath.Root["classifiers"][classifier];
        return at.MustBeOneOf(className, classes, $"class of '{classifier}'", given["classes"], given["prompts"]);
    }

    internal IEnumerable<PolicyFinding> CheckClassifier(JsonPath at, string name) =>
        at.MustBeOneOf(name, [.. Classifiers.Keys], "classifier of this policy", JsonPath.Root["classifiers"]);

    /// <summary>No finding if this policy has the rule, or if nobody knows whether it has a rule of that class.</summary>
    internal IEnumerable<PolicyFinding> CheckRule(JsonPath at, string rule)
    {
        var ofUnlistedClass = Quality is { MinShareKept: not null } quality
            && quality.KeptClasses(this) is null
            && RuleName.Parse(rule) is { Limit: RuleLimit.MinShareKept or RuleLimit.NoWorseShare, Subject.Length: > 0 };
        return ofUnlistedClass
            ? []
            : at.MustBeOneOf(
                rule,
                [
                    .. RuleNames().Union(RuleName.Parse(rule).IsOfRatchet ? RatchetRuleNames() : [])
                        .Select(name => name.ToString()),
                ],
                "rule of this policy",
                PathsBehindRuleNames());
    }

    private JsonPath[] PathsBehindRuleNames()
    {
        var (features, quality) = (JsonPath.Root["undesiredFeatures"], JsonPath.Root["quality"]);
        return
        [
            features,
            .. Enumerable.Range(0, UndesiredFeatures.Count).SelectMany(index => new[]
            {
                features[index]["name"], features[index]["maxRate"], features[index]["minUnlearned"],
                features[index]["class"], features[index]["annotator"], features[index]["auditor"],
            }),
            quality["maxFrechetDistance"], quality["maxFrechetIncrease"], quality["minShareKept"], quality["extractor"],
            JsonPath.Root["audits"],
            JsonPath.Root["generator"]["shippedAs"],
            JsonPath.Root["classifiers"][Quality?.CountingClassifier(this) ?? ""]["classes"],
            JsonPath.Root["classifiers"][Quality?.CountingClassifier(this) ?? ""]["prompts"],
        ];
    }
}

/// <summary>The generator under the policy: a checkpoint, a folder of its images, or a command that makes them.</summary>
/// <param name="Checkpoint">Path of the checkpoint, relative to the policy file.</param>
/// <param name="Format">
/// The checkpoint format; <c>auto</c> finds it by content. <c>torchscript</c> runs the programs in the generator's file and in
/// the discriminator's. <c>onnx</c> runs the graph in the generator's file, which is measured and judged, and not trained.
/// </param>
/// <param name="Sha256">Pin: the SHA-256 of the file, 64 hexadecimal digits. A file with another digest is refused.</param>
/// <param name="Discriminator">Path of a checkpoint that holds the discriminator, if the generator's has none.</param>
/// <param name="LatentSize">
/// Length of a latent vector, for the formats <c>torchscript</c> and <c>onnx</c> alone. It is found by trying when absent. A
/// program that accepts several of the sizes that its weights have, or none of them, needs it, and so does a graph whose latent
/// input has no fixed width.
/// </param>
/// <param name="Layers">
/// The layers of a DCGAN or a fully connected GAN: one text for each layer, as Python prints it, or the name of one known layout.
/// The weights of such a generator do not tell its layers, so a verdict on it needs them. Other generators do not need this.
/// </param>
/// <param name="Inputs">
/// For the format <c>onnx</c>: what each input of the graph gets, by the input's name. When absent, the graph has only one input,
/// and that is the latent.
/// </param>
/// <param name="Output">
/// For the format <c>onnx</c>: where the graph's images are, and how. When absent, the graph leaves no doubt.
/// </param>
/// <param name="Images">
/// Path of a folder of the generator's images, relative to the policy file, instead of a checkpoint. They are measured and
/// judged, and nothing is trained.
/// </param>
/// <param name="Resize">How <paramref name="Images"/> of different sizes, or of another size, are made equal.</param>
/// <param name="Channels">
/// What the pictures of <paramref name="Images"/> or <paramref name="Command"/> are: <c>rgb</c> or <c>grey</c>. A picture with
/// colours is refused where this says <c>grey</c>.
/// </param>
/// <param name="MaxDuplicates">
/// The largest share of the images of <paramref name="Images"/> or <paramref name="Command"/> that may be the same as another
/// one, or nearly so, 0 to 1. Beyond it nothing was measured.
/// </param>
/// <param name="Command">
/// A program and its arguments, instead of a checkpoint. It is run to make images: <c>{seed}</c>, <c>{count}</c> and <c>{out}</c>
/// stand for the seed, the number of images and the folder to write them to.
/// </param>
/// <param name="Files">
/// Paths of the files that <paramref name="Command"/> reads, relative to the policy file. Their digests are part of the
/// generator's.
/// </param>
/// <param name="Environment">
/// Names of the environment variables that <paramref name="Command"/> gets. It gets <c>PATH</c> and no other when absent.
/// </param>
/// <param name="Timeout">Seconds that one call of <paramref name="Command"/> may take.</param>
/// <param name="ImagesPerCall">Number of images that <paramref name="Command"/> is asked for at once.</param>
/// <param name="ShippedAs">
/// The files that are deployed in place of <paramref name="Checkpoint"/>, such as an ONNX export. Each is measured on the same
/// latents, and judged too. When absent, only the checkpoint is.
/// </param>
/// <param name="DropEarlierRules">
/// Whether limits of earlier runs, which <paramref name="Checkpoint"/> holds in its metadata, need not be kept. A warning stands
/// beside the verdict then.
/// </param>
[NeedsOneOf("checkpoint", "images", "command", AreExclusive = true)]
public sealed partial record GeneratorChoice(
    [FilePath, Examples("models/generator.safetensors")] string? Checkpoint,
    [KnownName(NameKind.CheckpointFormat)] string Format,
    [TextPattern(TextPatternAttribute.Sha256, TextPatternAttribute.Sha256Words)] string? Sha256,
    [FilePath, Examples("models/discriminator.safetensors")] string? Discriminator,

    // An absent value is not written, here and below, so that older policies keep their digests.
    [Within(1, 65536)][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? LatentSize = null,
    [NotEmpty, LayerPattern]
    [Examples("ConvTranspose2d(64, 32, kernel_size=(4, 4), stride=(2, 2), padding=(1, 1))", "ReLU()")]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    IReadOnlyList<string>? Layers = null,
    [NotEmpty][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    IReadOnlyDictionary<string, GraphInput>? Inputs = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    GraphOutput? Output = null,
    [FilePath, Examples("renders")][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? Images = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    ImageResize? Resize = null,
    [KnownName(NameKind.Channels), AbsentMeans(ImagePreprocessing.Rgb)]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? Channels = null,
    [Within(0, 1), AbsentMeans(GeneratorChoice.UsualMaxDuplicates)]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    double? MaxDuplicates = null,
    [NotEmpty, NotBlank, Examples("python", "generate.py", "--seed", "{seed}", "--count", "{count}", "--out", "{out}")]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    IReadOnlyList<string>? Command = null,
    [NotEmpty, FilePath, Examples("generate.py")][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    IReadOnlyList<string>? Files = null,
    [NotEmpty, TextPattern(TextPatternAttribute.Variable, TextPatternAttribute.VariableWords), Examples("HF_HOME")]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    IReadOnlyList<string>? Environment = null,
    [Within(1, 86_400), AbsentMeans(GeneratorChoice.UsualTimeout)]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    int? Timeout = null,
    [Within(1, 10_000), AbsentMeans(GeneratorChoice.UsualImagesPerCall)]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    int? ImagesPerCall = null,
    [NotEmpty][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    IReadOnlyList<ShippedForm>? ShippedAs = null,
    [AbsentMeans(false)][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    bool? DropEarlierRules = null)
{
    /// <summary>A format whose files are programs, which libtorch runs. It is never found by content.</summary>
    public const string TorchScript = "torchscript";

    /// <summary>A format whose files are graphs, which ONNX Runtime runs. It is never found by content.</summary>
    public const string Onnx = "onnx";

    /// <summary>Whether files of a format are programs, which are run.</summary>
    /// <param name="format">A format's name, or null.</param>
    public static bool IsProgram(string? format) => format is TorchScript or Onnx;

    /// <summary><see cref="MaxDuplicates"/> of a policy that does not give it.</summary>
    public const double UsualMaxDuplicates = 0.01;

    /// <summary><see cref="Timeout"/> of a policy that does not give it; seconds.</summary>
    public const int UsualTimeout = 600;

    /// <summary><see cref="ImagesPerCall"/> of a policy that does not give it.</summary>
    public const int UsualImagesPerCall = 100;

    /// <summary>Stands in <see cref="Command"/> for the seed.</summary>
    public const string SeedPlace = "{seed}";

    /// <summary>Stands in <see cref="Command"/> for the number of images.</summary>
    public const string CountPlace = "{count}";

    /// <summary>Stands in <see cref="Command"/> for the folder to write to.</summary>
    public const string OutPlace = "{out}";

    // The images are compared with one another, so that the time grows with their square.
    private const int MostImages = 1_000_000;

    private static readonly string[] _places = [SeedPlace, CountPlace, OutPlace];

    // Whoever has them can write to the repository, or act as its build.
    private static readonly string[] _tokens =
    [
        "ATU_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN", "ACTIONS_RUNTIME_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
        "ATU_GITLAB_TOKEN", "GITLAB_TOKEN", "CI_JOB_TOKEN", "ATU_AZURE_TOKEN", "SYSTEM_ACCESSTOKEN", "ATU_GITEA_TOKEN",
        "GITEA_TOKEN", "FORGEJO_TOKEN",
    ];

    /// <summary>What makes the images, as the policy names it: the checkpoint, the folder, or the command in one line.</summary>
    [JsonIgnore]
    public string Source => Checkpoint ?? Images ?? string.Join(' ', Command ?? []);

    /// <summary>The checkpoint, the folder, or the command's program, without a separator at the end.</summary>
    [JsonIgnore]
    public string SourceName => (Checkpoint ?? Images ?? (Command is [var program, ..] ? program : "")).TrimEnd('/', '\\');

    /// <summary>
    /// Whether its images are there already, or come from a command: no latents can be drawn, and nothing can be trained.
    /// </summary>
    [JsonIgnore]
    public bool IsSample => Images is not null || Command is not null;

    /// <summary><see cref="MaxDuplicates"/>, or its default; null for a checkpoint, whose images are not compared so.</summary>
    [JsonIgnore]
    public double? MaxDuplicatesInEffect => IsSample ? MaxDuplicates ?? UsualMaxDuplicates : null;

    internal IEnumerable<PolicyFinding> Check(JsonPath at, UnlearningPolicy policy) =>
    [
        .. CheckUseOfFile(at, Format, LatentSize, Layers, Inputs, Output),
        .. at["discriminator"].Must(
            Discriminator is null || Format != Onnx,
            $"is not for the format '{Onnx}': a graph is measured and judged, and not trained", at["format"]),
        .. OnlyWith(at, "checkpoint", Checkpoint,
            ("format", Format == "auto" ? null : Format), ("discriminator", Discriminator), ("layers", Layers),
            ("shippedAs", ShippedAs), ("dropEarlierRules", DropEarlierRules)),
        .. (ShippedAs ?? []).SelectMany((form, index) => form.Check(at["shippedAs"][index], policy)),
        .. at["shippedAs"].MustBeDistinct((ShippedAs ?? []).Select(form => form.NameInEffect), item => item["checkpoint"]),
        .. at["shippedAs"].Must(
            ShippedAs is null || policy.Evaluation.AuditorErrors is not EvaluationOptions.AuditErrors,
            $"is not for 'auditorErrors': '{EvaluationOptions.AuditErrors}': nobody looks at the images of these files",
            JsonPath.Root["evaluation"]["auditorErrors"]),
        .. OnlyWith(at, "images", Images, ("resize", Resize)),
        .. OnlyWith(at, "command", Command,
            ("files", Files), ("environment", Environment), ("timeout", Timeout), ("imagesPerCall", ImagesPerCall)),
        .. Checkpoint is null
            ? []
            : OnlyWith(at, "images' or 'command", null, ("channels", Channels), ("maxDuplicates", MaxDuplicates)),
        .. CheckPlaces(at["command"]),
        .. at["files"].MustBeDistinct(Files ?? [], item => item),
        .. at["environment"].MustBeDistinct(Environment ?? [], item => item),
        .. (Environment ?? []).Index().SelectMany(variable => at["environment"][variable.Index].Must(
            !_tokens.Contains(variable.Item), "holds a token of the build host, which no command gets")),
        .. IsSample ? CheckUse(policy) : [],
    ];

    /// <summary>What a policy says of a file that holds a generator, and what does not fit together of it.</summary>
    internal static IEnumerable<PolicyFinding> CheckUseOfFile(
        JsonPath at, string format, int? latentSize, IReadOnlyList<string>? layers,
        IReadOnlyDictionary<string, GraphInput>? inputs, GraphOutput? output) =>
    [
        .. at["latentSize"].Must(
            latentSize is null || IsProgram(format),
            $"is only for the formats '{TorchScript}' and '{Onnx}'; files of other formats have it in their weights",
            at["format"]),
        .. at["layers"].Must(
            layers is null || !IsProgram(format),
            $"is not for the format '{format}': such a program brings its own layers", at["format"]),
        .. at["inputs"].Must(inputs is null || format == Onnx, OnlyForGraphs, at["format"]),
        .. at["output"].Must(output is null || format == Onnx, OnlyForGraphs, at["format"]),
        .. at["inputs"].Must(
            inputs is null || inputs.Values.Count(input => input.Is == GraphInput.Latent) == 1,
            $"must say of exactly one input that it is the '{GraphInput.Latent}'"),
        .. (inputs ?? new Dictionary<string, GraphInput>())
            .SelectMany(named => named.Value.Check(at["inputs"][named.Key])),
        .. at["layers"].Must(
            layers is not { Count: > 1 } || !layers.Any(LayerText.Layouts.Contains),
            $"must have one text for each layer, or {Suggestion.JoinWithOr(LayerText.Layouts)} alone"),
    ];

    private const string OnlyForGraphs = $"is only for the format '{Onnx}'";

    private static IEnumerable<PolicyFinding> OnlyWith(
        JsonPath at, string property, object? value, params (string Name, object? Value)[] others) =>
        value is not null
            ? []
            : others.Where(other => other.Value is not null).SelectMany(
                other => at[other.Name].Must(holds: false, $"is only for a generator with '{property}'"));

    private IEnumerable<PolicyFinding> CheckPlaces(JsonPath at)
    {
        if (Command is not { Count: > 0 } command)
            return [];

        return
        [
            .. _places.Where(place => !command.Any(part => part.Contains(place, StringComparison.Ordinal))).SelectMany(
                place => at.Must(holds: false, $"needs '{place}' in one of its arguments")),
            .. at[0].Must(!_places.Any(command[0].Contains), "is the program, and must not change from call to call"),
            .. command.Index().SelectMany(part => UnknownPlace().Matches(part.Item).Select(match => match.Value)
                .Except(_places)
                .SelectMany(unknown => at[part.Index].Must(
                    holds: false, $"has '{unknown}', and only {string.Join(", ", _places)} stand for something"))),
        ];
    }

    // What would need latents, weights, or other images than those that are judged.
    private IEnumerable<PolicyFinding> CheckUse(UnlearningPolicy policy)
    {
        var what = Images is null ? "'command'" : "'images'";
        var (evaluation, root) = (policy.Evaluation, JsonPath.Root);
        return
        [
            .. root["audits"].Must(
                policy.Audits is not { Count: > 0 },
                $"is not for a generator with {what}: attacks search latents or weights, and it has none; remove it"),
            .. root["evaluation"]["truncation"].Must(
                evaluation.Truncation.Equals(1), $"is not for a generator with {what}, which has no latents; leave it at 1"),
            .. root["evaluation"]["maxSamples"].Must(
                evaluation.MaxSamples <= MostImages,
                $"must be at most {MostImages.ToString(CultureInfo.InvariantCulture)} for a generator with {what}, whose images "
                    + "are compared with one another"),
            .. root["evaluation"]["auditorErrors"].Must(
                Command is null || evaluation.AuditorErrors is not EvaluationOptions.AuditErrors,
                $"must not be '{EvaluationOptions.AuditErrors}' for a generator with 'command': nothing proves that a person "
                    + "sees the images that were judged"),
            .. root["quality"]["reference"].Must(
                Images is null || policy.Quality?.Reference != QualityOptions.OriginalGenerator,
                $"must not be '{QualityOptions.OriginalGenerator}' for a generator with 'images': the folder has no other "
                    + "images to compare with"),
        ];
    }

    [GeneratedRegex(@"\{[A-Za-z]+\}")]
    private static partial Regex UnknownPlace();
}

/// <summary>How images become the size that is measured.</summary>
/// <param name="Size">Side of the square images that are measured, in pixels, 1 to 4096.</param>
/// <param name="Filter">
/// <c>nearest</c>, <c>bilinear</c> or <c>bicubic</c>; the last two are widened where images become smaller (antialias).
/// </param>
/// <param name="Fit">
/// What is done to an image that is not square: <c>crop</c> cuts out the square in its centre, and what lies beyond is not looked
/// at; <c>stretch</c> changes its proportions. When absent, such an image is refused.
/// </param>
public sealed record ImageResize(
    [Within(1, 4096)] int Size,
    [KnownName(NameKind.ResizeFilter)] string Filter,
    [KnownName(NameKind.Fit)][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? Fit = null)
{
    /// <summary>The square in the centre is cut out.</summary>
    public const string Crop = "crop";

    /// <summary>Width and height are scaled apart.</summary>
    public const string Stretch = "stretch";

    /// <summary>The values of <see cref="Fit"/>.</summary>
    internal static IReadOnlyList<string> Fits { get; } = [Crop, Stretch];
}

/// <summary>A classifier that says whether an image shows a feature.</summary>
/// <param name="Checkpoint">Path of the checkpoint, relative to the policy file.</param>
/// <param name="Classes">Names of the classifier's outputs, in order; taken from the checkpoint when absent.</param>
/// <param name="Sha256">Pin: the SHA-256 of the file, 64 hexadecimal digits. A file with another digest is refused.</param>
/// <param name="Outputs">
/// What the outputs are. <c>softmax</c> and <c>sigmoid</c>: logits of classes that exclude each other, or that do not.
/// <c>probabilities</c> and <c>independent-probabilities</c>: the same for a program that ends in its own softmax or sigmoid.
/// Taken from the checkpoint when absent, and <c>softmax</c> where it does not say.
/// </param>
/// <param name="Format">
/// The checkpoint format, found by content when absent. <c>torchscript</c> and <c>onnx</c> run the program in the file, and need
/// <paramref name="Classes"/>. <c>image-text</c> runs two ONNX graphs, of which the second is the <paramref name="TextModel"/>:
/// <paramref name="Prompts"/> say in words what its classes are.
/// </param>
/// <param name="Preprocessing">
/// What is done to the generator's images before the classifier gets them: an object, or a word for a published preparation.
/// When absent, it gets them as the generator makes them. For the formats <c>torchscript</c>, <c>onnx</c> and
/// <c>image-text</c>, and classifiers with an <paramref name="Architecture"/>.
/// </param>
/// <param name="Architecture">
/// The network of torchvision whose state dict the file is; needs <paramref name="Classes"/>. When absent, the file says what it
/// is.
/// </param>
/// <param name="Output">
/// For the format <c>onnx</c>: the graph's output that has one number for each class. For <c>image-text</c>: the one with an
/// embedding for each image. For <c>torchscript</c>: its position in the tuple or list that the program returns, from 0. When
/// absent, there is only one output.
/// </param>
/// <param name="TextModel">For the format <c>image-text</c>: the text side of the model.</param>
/// <param name="Prompts">
/// For the format <c>image-text</c>: for each class by its name, what its images show, in one or several texts. At least two
/// classes.
/// </param>
/// <param name="LogitScale">
/// For the format <c>image-text</c>: what the cosine of an image and a class is multiplied by before the softmax. CLIP's models
/// were trained up to 100.
/// </param>
/// <param name="Calibration">
/// Path of the calibration, relative to the policy file: the threshold of one class, chosen by a person's labels, with its
/// measured errors. <c>atu label --calibrate</c> writes it.
/// </param>
/// <param name="CalibrationSha256">
/// Pin: the SHA-256 of the calibration's file, 64 hexadecimal digits. A file with another digest is refused.
/// </param>
public sealed record ClassifierChoice(
    [FilePath, Examples("models/auditor.safetensors")] string Checkpoint,
    [NotEmpty, NotBlank] IReadOnlyList<string>? Classes,
    [TextPattern(TextPatternAttribute.Sha256, TextPatternAttribute.Sha256Words)] string? Sha256,
    [KnownName(NameKind.ClassifierOutputs)]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? Outputs = null,
    [KnownName(NameKind.ClassifierFormat)]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? Format = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    ImagePreprocessing? Preprocessing = null,
    [KnownName(NameKind.ClassifierArchitecture)]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? Architecture = null,
    [NotBlank, Examples("logits")]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? Output = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    TextModelChoice? TextModel = null,
    [NotEmpty][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    IReadOnlyDictionary<string, IReadOnlyList<string>>? Prompts = null,
    [Within(0, 1000, Above = true), AbsentMeans(ClassifierChoice.UsualLogitScale)]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    double? LogitScale = null,
    [FilePath, Examples("labels/auditor.calibration.json")]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? Calibration = null,
    [TextPattern(TextPatternAttribute.Sha256, TextPatternAttribute.Sha256Words)]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? CalibrationSha256 = null)
{
    /// <summary>
    /// The format of two ONNX graphs that embed images and texts in one space, as CLIP does. It is never found by content.
    /// </summary>
    public const string ImageText = "image-text";

    /// <summary><see cref="LogitScale"/> of a policy that does not give it.</summary>
    /// <remarks>
    /// Radford et al. 2021 (arXiv:2103.00020), section 2.5: the scale is clipped to 100 in training, and the published models
    /// reached that.
    /// </remarks>
    public const double UsualLogitScale = 100;

    private const int MostOutputs = 1000;

    /// <summary>The position that <see cref="Output"/> says for the format <c>torchscript</c>; null where it says none.</summary>
    /// <param name="output">As in a policy.</param>
    public static int? PositionOf(string? output) =>
        int.TryParse(output, NumberStyles.None, CultureInfo.InvariantCulture, out var position) && position <= MostOutputs
            ? position
            : null;

    /// <summary>Whether it is an image–text model and prompts.</summary>
    [JsonIgnore]
    public bool IsImageText => Format == ImageText;

    /// <summary><see cref="LogitScale"/>, or <see cref="UsualLogitScale"/> if the policy does not give it.</summary>
    [JsonIgnore]
    public double LogitScaleInEffect => LogitScale ?? UsualLogitScale;

    /// <summary>
    /// The names of its classes, in the order of its outputs; null where only the checkpoint says them. Classes of prompts are in
    /// the order of their names.
    /// </summary>
    [JsonIgnore]
    public IReadOnlyList<string>? ClassNames => Classes ?? Prompts?.Keys.Order(StringComparer.Ordinal).ToList();

    /// <summary>JSON path of a prompt.</summary>
    /// <param name="name">Of the classifier in the policy.</param>
    /// <param name="className">Of the class.</param>
    /// <param name="index">Position of the prompt.</param>
    public static string PromptProperty(string name, string className, int index) =>
        JsonPath.Root["classifiers"][name]["prompts"][className][index].Text;

    /// <summary>
    /// Why what it says of an image is only a guess, so that nothing is measured with it; null where it is not.
    /// </summary>
    /// <param name="name">Of the classifier in the policy.</param>
    public string? WhyUncalibrated(string name) => IsImageText && Calibration is null
        ? $"'{name}' is an image–text model and prompts, and nothing shows from which probability on it sees the feature, and "
            + $"how often it errs: choose its threshold on labelled images, with `atu label POLICY --calibrate {name}`, and name "
            + "the file as its 'calibration'"
        : null;

    internal IEnumerable<PolicyFinding> Check(JsonPath at) =>
    [
        .. at["calibrationSha256"].Must(
            CalibrationSha256 is null || Calibration is not null, "pins a calibration, and no 'calibration' is named",
            at["calibration"]),
        .. at["preprocessing"].Must(
            Preprocessing is null || GeneratorChoice.IsProgram(Format) || IsImageText || Architecture is not null,
            $"is only for the formats '{GeneratorChoice.TorchScript}', '{GeneratorChoice.Onnx}' and '{ImageText}', and for "
            + "classifiers with an 'architecture'; others take the generator's images as they are",
            at["format"], at["architecture"]),
        .. at["architecture"].Must(
            Architecture is null || !(GeneratorChoice.IsProgram(Format) || IsImageText),
            $"is not for the format '{Format}': such a program brings its own layers", at["format"]),
        .. at["output"].Must(
            Output is null || GeneratorChoice.IsProgram(Format) || IsImageText,
            $"is only for the formats '{GeneratorChoice.TorchScript}', '{GeneratorChoice.Onnx}' and '{ImageText}'",
            at["format"]),
        .. at["output"].Must(
            Output is null || Format != GeneratorChoice.TorchScript || PositionOf(Output) is not null,
            $"must be a position, 0 to {MostOutputs}, for the format '{GeneratorChoice.TorchScript}': that of the classes in the "
                + "tuple or list that the program returns",
            at["format"]),
        .. ImageTextRules.Check(at, this),
        .. at["classes"].MustBePresent(
            Classes is not null || Architecture is null || IsImageText,
            "is missing: a state dict does not name its outputs; list them in order",
            at["architecture"]),
        .. Preprocessing?.Check(at["preprocessing"]) ?? [],
        .. at["classes"].MustBeDistinct(Classes ?? [], item => item),
        .. at["classes"].MustBePresent(
            Classes is not null || !GeneratorChoice.IsProgram(Format),
            $"is missing: 'format' is '{Format}', and a program does not name its outputs; list them in order",
            at["format"]),
        .. at["outputs"].Must(
            OutputsComeFromCheckpoint || IsImageText || OutputKinds.SingleClassProblem(Outputs, Classes?.Count ?? 0) is null,
            OutputKinds.SingleClassProblem(Outputs, Classes?.Count ?? 0) ?? "", at["classes"], at["format"]),
    ];

    // If the policy does not give the outputs, the checkpoint does, and they are checked when it is loaded.
    private bool OutputsComeFromCheckpoint =>
        Outputs is null && !GeneratorChoice.IsProgram(Format) && Architecture is null;

    internal bool SameFileAs(ClassifierChoice other) => NormalizePath(Checkpoint) == NormalizePath(other.Checkpoint);

    // Compares paths as text, without "." and "x/..", so that two spellings of a path are one file.
    internal static string NormalizePath(string path)
    {
        List<string> parts = [];
        foreach (var part in NormalizeSlashes(path)
            .Split('/')
            .Where((part, index) => part != "." && (part.Length > 0 || index == 0)))
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

/// <summary>A feature that the generator must not emit. It needs 'maxRate', 'minUnlearned' or both.</summary>
/// <param name="Name">Key of the feature's rules: 1 to 64 of the characters a-z, 0-9 and '-'.</param>
/// <param name="Annotator">Name of the classifier that labels the training feedback.</param>
/// <param name="Auditor">Name of the classifier that measures for the gate; the annotator when absent, with a warning.</param>
/// <param name="Class">The class of both classifiers that shows the feature.</param>
/// <param name="MaxRate">
/// Largest allowed share of all generated images, 0 to 1; judged by its upper bound. 1 allows everything, with a warning.
/// </param>
/// <param name="MinUnlearned">
/// Smallest allowed share of the feature that is unlearned (PUL): (before − after) / before, 0 to 1. It does not apply to a
/// feature that was within its <paramref name="MaxRate"/> before.
/// </param>
/// <param name="Threshold">
/// An image shows the feature when the probability of <paramref name="Class"/> is at least this; above 0 and below 1. When
/// absent, the class must be the likeliest (softmax), or have a probability of at least 0.5 (sigmoid). Not beside
/// the annotator's <c>calibration</c>, which holds one.
/// </param>
/// <param name="AuditorThreshold">
/// The auditor's threshold, if its scores mean something else; needs an <paramref name="Auditor"/>. <paramref name="Threshold"/>
/// when absent. Not beside the auditor's <c>calibration</c>, which holds one.
/// </param>
/// <param name="Negatives">
/// Folder of pictures that show the feature, relative to the policy file. Training learns from them instead of the samples that
/// the annotator would find, and the auditor is also tested on them.
/// </param>
[NeedsOneOf("maxRate", "minUnlearned")]
public sealed record UndesiredFeature(
    [TextPattern(TextPatternAttribute.Key, TextPatternAttribute.KeyWords), Examples("digit-8")] string Name,
    [NotBlank] string Annotator,
    [NotBlank] string? Auditor,
    [NotBlank, Examples("8")] string Class,
    [Within(0, 1), Examples(0.01)] double? MaxRate,
    [Within(0, 1), Examples(0.95)] double? MinUnlearned,
    [Within(0, 1, Above = true, Below = true)]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    double? Threshold = null,
    [Within(0, 1, Above = true, Below = true)]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    double? AuditorThreshold = null,
    [FilePath][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Negatives = null)
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
        .. CheckGuesses(at, policy),
        .. at["auditorThreshold"].Must(
            AuditorThreshold is null || Auditor is not null,
            "needs an 'auditor', but none is named; the annotator's is 'threshold'", at["threshold"]),
        .. CheckCalibration(at["threshold"], Threshold, policy, Annotator),
        .. CheckCalibration(at["auditorThreshold"], AuditorThreshold, policy, Auditor ?? Annotator),
        .. CheckIndependence(at, policy),
        .. CheckProvability(at, policy.Evaluation),
        .. LaxLimits(at).Select(lax => lax.Place.Warning(PolicyCodes.LaxRule, lax.Why)),
    ];

    /// <summary>
    /// The limits and thresholds of this feature that almost nothing can miss, each as a sentence without a full stop.
    /// </summary>
    public IEnumerable<string> LaxLimits() => LaxLimits(JsonPath.Root).Select(lax => $"{lax.Place.Text[2..]} {lax.Why}");

    private IEnumerable<(JsonPath Place, string Why)> LaxLimits(JsonPath at)
    {
        if (MaxRate >= 1)
            yield return (at["maxRate"], "allows every image to show the feature, so it is not a limit");
        if (MinUnlearned <= 0)
            yield return (at["minUnlearned"], "does not require any unlearning, so it is not a limit");
        foreach (var (place, value) in new[] { (at["threshold"], Threshold), (at["auditorThreshold"], AuditorThreshold) })
            if (value > HighestUsualThreshold)
                yield return (place, string.Create(
                    CultureInfo.InvariantCulture,
                    $"counts an image only if the classifier is at least {100 * value:0.#####} % sure; "
                    + $"less certain images are not counted"));
    }

    /// <summary>Whether the classifier that measures for the gate is another one than the annotator.</summary>
    /// <param name="policy">The policy of this feature.</param>
    public bool HasIndependentAuditor(UnlearningPolicy policy) => !CheckIndependence(JsonPath.Root, policy).Any();

    private IEnumerable<PolicyFinding> CheckGuesses(JsonPath at, UnlearningPolicy policy)
    {
        var auditor = Auditor ?? Annotator;
        if (policy.Classifiers.GetValueOrDefault(auditor)?.WhyUncalibrated(auditor) is { } unmeasured)
            yield return at[Auditor is null ? "annotator" : "auditor"].Warning(
                PolicyCodes.Uncalibrated, $"cannot measure, and the feature will count as not measured: {unmeasured}");
        if (Annotator != auditor && policy.Classifiers.GetValueOrDefault(Annotator)?.WhyUncalibrated(Annotator) is { } unsure)
            yield return at["annotator"].Warning(
                PolicyCodes.Uncalibrated, $"cannot label training feedback, and nothing will be unlearned: {unsure}");
    }

    private IEnumerable<PolicyFinding> CheckIndependence(JsonPath at, UnlearningPolicy policy)
    {
        const string Consequence = "the same classifier labels the training feedback and measures for the gate";
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

    // Two thresholds of one classifier: nobody could say which one was meant.
    private static IEnumerable<PolicyFinding> CheckCalibration(
        JsonPath at, double? threshold, UnlearningPolicy policy, string classifier)
    {
        var calibration = JsonPath.Root["classifiers"][classifier]["calibration"];
        return at.Must(
            threshold is null || policy.Classifiers.GetValueOrDefault(classifier)?.Calibration is null,
            $"is given beside the calibration of '{classifier}', which holds a threshold too: remove this one, or "
                + $"{calibration.Text[2..]}",
            calibration);
    }

    private IEnumerable<PolicyFinding> CheckProvability(JsonPath at, EvaluationOptions evaluation)
    {
        var bound = evaluation.SmallestProvableRate();
        return MaxRate < bound
            ? [at["maxRate"].Warning(
                PolicyCodes.UnprovableLimit,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"cannot be proved: without a hit in {evaluation.MaxSamples} samples the upper bound is still "
                    + $"{bound:0.0#e-0}; raise 'evaluation.maxSamples' or the limit"),
                JsonPath.Root["evaluation"]["samples"],
                JsonPath.Root["evaluation"]["maxSamples"],
                JsonPath.Root["evaluation"]["confidence"])]
            : [];
    }
}

/// <summary>What must survive.</summary>
/// <param name="Extractor">
/// The network whose features are compared: the name of a classifier of this policy, <c>inception-v3</c>,
/// <c>inception-v3-torchscript</c>, <c>torchscript</c> or <c>onnx</c>. The files of the last three are programs, and they are
/// run.
/// </param>
/// <param name="Reference">
/// What the images are compared with: a statistics file (.safetensors or .npz), an image folder, or <c>original-generator</c>.
/// </param>
/// <param name="MaxFrechetDistance">
/// Largest allowed Fréchet distance, in squared units of the extractor's features; judged by its upper bound.
/// </param>
/// <param name="MaxFrechetIncrease">
/// Largest allowed growth of the Fréchet distance, relative to before and on the same reference: 0.5 allows 1.5 times. Judged by
/// its upper bound. With <c>original-generator</c>, use <paramref name="MaxFrechetDistance"/> instead.
/// </param>
/// <param name="MinShareKept">Each retained class must keep at least this part of the share that it had, 0 to 1.</param>
/// <param name="ExtractorWeights">
/// Path of the extractor's file, relative to the policy file, if the extractor is not a classifier of this policy. Nothing is
/// downloaded.
/// </param>
/// <param name="ExtractorSha256">
/// Pin: the SHA-256 of the extractor's file, 64 hexadecimal digits. A file with another digest is refused.
/// </param>
/// <param name="Confidence">
/// Confidence of the lower bound by which the shares kept are judged; above 0.5 and below 1. When absent, the shares themselves
/// are judged.
/// </param>
/// <param name="Preprocessing">
/// For the extractors <c>torchscript</c> and <c>onnx</c>: what is done to the images, rounded to 8 bits, before the program gets
/// them: an object, or a word for a published preparation. When absent, it gets levels from 0 to 255 in three channels.
/// </param>
/// <param name="Output">
/// For the extractor <c>onnx</c>: the graph's output that has the features. When absent, the graph has only one output.
/// </param>
/// <param name="Tokens">
/// For the extractors <c>torchscript</c> and <c>onnx</c> whose output has a row for each token of an image: which one has the
/// image's features. <c>first</c>: the first, which is the class token of ViT, DINOv2 and CLIP.
/// </param>
public sealed record QualityOptions(
    [NotBlank, SuggestedName(NameKind.Extractor)] string Extractor,
    [FilePath, SuggestedName(NameKind.QualityReference)] string Reference,
    [Within(0, Above = true), Examples(1.0)] double? MaxFrechetDistance,
    [Within(0, Above = true), Examples(0.5)] double? MaxFrechetIncrease,
    [Within(0, 1), Examples(0.5)] double? MinShareKept,

    // Absent values are not written, so that older policies keep their digests.
    [FilePath][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? ExtractorWeights = null,
    [TextPattern(TextPatternAttribute.Sha256, TextPatternAttribute.Sha256Words)]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? ExtractorSha256 = null,
    [Within(0.5, 1, Above = true, Below = true), Examples(0.95)]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    double? Confidence = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    ImagePreprocessing? Preprocessing = null,
    [NotBlank, Examples("last_hidden_state", "pooler_output")]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? Output = null,
    [KnownName(NameKind.Tokens)][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? Tokens = null)
{
    /// <summary>The reference that is the generator before unlearning, by the name that readings have too.</summary>
    internal const string OriginalGenerator = "original-generator";

    internal IEnumerable<RuleName> RuleNames(UnlearningPolicy policy) =>
    [
        .. MaxFrechetDistance is null ? [] : new[] { RuleName.MaxFrechetDistance },
        .. MaxFrechetIncrease is null ? [] : new[] { RuleName.MaxFrechetIncrease },
        .. MinShareKept is null ? [] : KeptClasses(policy)?.Select(kept => RuleName.MinShareKept(kept)) ?? [],
    ];

    /// <summary>The classifier whose classes are counted for the shares.</summary>
    /// <remarks>The extractor, or the first feature's auditor if the extractor has no classes.</remarks>
    /// <param name="policy">The policy of this section.</param>
    public string CountingClassifier(UnlearningPolicy policy) =>
        WeightsExtractor.Find(Extractor) is null
            ? Extractor
            : policy.UndesiredFeatures[0].Auditor ?? policy.UndesiredFeatures[0].Annotator;

    /// <summary>The counted classes without the undesired ones; null if the policy does not list them.</summary>
    internal IEnumerable<string>? KeptClasses(UnlearningPolicy policy) =>
        policy.Classifiers.GetValueOrDefault(CountingClassifier(policy))?.ClassNames?.Except(UndesiredClasses(policy));

    /// <summary>The counted classes that are undesired.</summary>
    /// <remarks>
    /// If the counting classifier is some feature's annotator or auditor, only the classes of such features are undesired: a
    /// class of the same name in another classifier is another class. Otherwise the names alone decide.
    /// </remarks>
    /// <param name="policy">The policy of this section.</param>
    public IReadOnlySet<string> UndesiredClasses(UnlearningPolicy policy)
    {
        var counter = CountingClassifier(policy);
        var own = policy.UndesiredFeatures.Where(feature => feature.Annotator == counter || feature.Auditor == counter).ToList();
        return (own.Count > 0 ? own : policy.UndesiredFeatures).Select(feature => feature.Class).ToHashSet();
    }

    /// <summary>How the extractor's file is used.</summary>
    public ExtractorUse ToUse() => new(Preprocessing, Output, Tokens);

    internal IEnumerable<PolicyFinding> Check(JsonPath at, UnlearningPolicy policy) =>
        [.. CheckExtractor(at, policy), .. CheckUse(at), .. CheckIncrease(at), .. CheckCounting(at, policy)];

    // What prompts say of the other classes is tried by nobody: a calibration is of one class.
    private IEnumerable<PolicyFinding> CheckCounting(JsonPath at, UnlearningPolicy policy)
    {
        var counter = CountingClassifier(policy);
        return at["minShareKept"].Must(
            MinShareKept is null || policy.Classifiers.GetValueOrDefault(counter)?.IsImageText is not true,
            $"would be counted by '{counter}', an image–text model and prompts, whose other classes nobody has tried: leave it "
                + "out, or let another classifier count (quality.extractor)",
            at["extractor"]);
    }

    private IEnumerable<PolicyFinding> CheckUse(JsonPath at)
    {
        var use = ToUse();
        return WeightsExtractor.Find(Extractor) is { } kind
            ?
            [
                .. ExtractorUse.Properties.SelectMany(name => at[name].Must(
                    kind.FindMisuse(use, name) is null, kind.FindMisuse(use, name) ?? "", at["extractor"])),
                .. Preprocessing?.Check(at["preprocessing"]) ?? [],
            ]
            : ExtractorUse.Properties.SelectMany(name => at[name].Must(
                use[name] is null,
                $"is only for the extractors {Suggestion.JoinWithAnd(WeightsExtractor.NamesOfAnyFile)}; the extractor "
                    + $"'{Extractor}' is a classifier of this policy, which says for itself what it gets and gives",
                at["extractor"]));
    }

    private IEnumerable<PolicyFinding> CheckIncrease(JsonPath at) =>
        MaxFrechetIncrease is not null && Reference == OriginalGenerator
            ? [at["maxFrechetIncrease"].Warning(
                PolicyCodes.IncreaseOverItself,
                "is relative to the distance between the original generator and its own samples, which is hardly above 0: "
                    + "any change is a large increase, or the rule is not measured; use 'maxFrechetDistance', "
                    + "or another reference",
                at["reference"])]
            : [];

    private IEnumerable<PolicyFinding> CheckExtractor(JsonPath at, UnlearningPolicy policy)
    {
        if (WeightsExtractor.Find(Extractor) is { } kind)
            return
            [
                .. at["extractorWeights"].MustBePresent(
                    ExtractorWeights is not null,
                    $"is missing: 'extractor' is '{kind.Name}', and nothing is downloaded; name a copy of {kind.FileDescription}",
                    at["extractor"]),
                .. CheckSamples(at, kind, policy.Evaluation),
            ];

        return
        [
            .. at["extractor"].MustBeOneOf(
                Extractor, [.. policy.Classifiers.Keys, .. WeightsExtractor.Names],
                "classifier of this policy or another extractor", JsonPath.Root["classifiers"]),
            .. at["extractorWeights"].Must(ExtractorWeights is null, OnlyWithWeights, at["extractor"]),
            .. at["extractorSha256"].Must(ExtractorSha256 is null, OnlyWithWeights, at["extractor"]),
        ];
    }

    /// <summary>With fewer compared images for each feature, a distance has a wide bound.</summary>
    private const int ImagesPerFeature = 20;

    // Half of the samples are compared, and a covariance needs more of them than it has dimensions.
    private IEnumerable<PolicyFinding> CheckSamples(JsonPath at, WeightsExtractor kind, EvaluationOptions evaluation)
    {
        var (samples, needed) = (JsonPath.Root["evaluation"]["samples"], 2 * (kind.FeatureSize + 1));
        if ((MaxFrechetDistance ?? MaxFrechetIncrease) is null)
            return [];
        if (evaluation.Samples < needed)
            return [samples.Warning(
                PolicyCodes.UnprovableLimit,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"'{kind.Name}' has {kind.FeatureSize} features, and {evaluation.Samples} samples do not determine "
                    + $"their distance: it will count as not measured; at least {needed} are needed"),
                at["extractor"], samples)];
        return kind.FeatureSize is { } features && WhyTooFewImages(features, evaluation) is { } why
            ? [samples.Warning(PolicyCodes.FewForTheExtractor, why, at["extractor"], samples)]
            : [];
    }

    /// <summary>
    /// Why so few images make a Fréchet limit hard to meet; null if they are enough, or if there is no such limit.
    /// </summary>
    /// <param name="features">How many features the extractor has.</param>
    /// <param name="evaluation">How many images are sampled.</param>
    public string? WhyTooFewImages(int features, EvaluationOptions evaluation)
    {
        var wanted = (long)ImagesPerFeature * features;
        if ((MaxFrechetDistance ?? MaxFrechetIncrease) is null || evaluation.ComparedImages >= wanted)
            return null;

        var remedy = wanted <= EvaluationOptions.MostCompared
            ? string.Create(CultureInfo.InvariantCulture, $"use at least {2 * wanted} samples")
            : "use an extractor with fewer features";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{evaluation.ComparedImages} images are compared by {features} features, fewer than {ImagesPerFeature} for each: "
                + $"the distance is then too large and its upper bound wide, so good generators may fail; {remedy}");
    }

    private string OnlyWithWeights =>
        $"is only for {string.Join(", ", WeightsExtractor.Names)}; the extractor '{Extractor}' is a classifier, which has its "
            + "own 'checkpoint' and 'sha256'";
}

/// <summary>How many images are sampled, and at what confidence they are judged.</summary>
/// <param name="Samples">Number of images at the first look; 100 to 10,000,000.</param>
/// <param name="MaxSamples">
/// Number of images at the last look. The sample doubles while a point estimate is within its limit and its bound is not. At
/// least <paramref name="Samples"/>, which it equals when absent and <paramref name="Samples"/> is larger than the default.
/// </param>
/// <param name="Confidence">Confidence of the one-sided upper bound, over all looks together; above 0.5 and below 1.</param>
/// <param name="Seed">Seed of the evaluation latents, which training never uses.</param>
/// <param name="Truncation">Truncation of the latents; above 0, at most 1; 1 is none. Below 0.5 there is a warning.</param>
/// <param name="Range">
/// What is measured and judged. <c>8-bit</c>: images clipped and rounded as in a picture file, which is what users get.
/// <c>raw</c>: the network's output unchanged, and the report says so.
/// </param>
/// <param name="AuditorErrors">
/// What the auditor's known errors do to a feature's rate. <c>correct</c>: the upper bound is one of the true rate, and a rate
/// whose auditor was never tried is not measured. <c>report</c>: the bound is of what the auditor sees, and the report says so.
/// <c>ignore</c>: the same without a word. <c>audit</c>: only what a person saw counts, and a rate that nobody audited is not
/// measured. When absent, <c>correct</c> where the auditor was tried, and <c>report</c> elsewhere.
/// </param>
public sealed record EvaluationOptions(
    [Within(100, 10_000_000)] int Samples,
    [Within(100, 10_000_000)] int MaxSamples,
    [Within(0.5, 1, Above = true, Below = true)] double Confidence,
    [Within(0)] long Seed,
    [Within(0, 1, Above = true)] double Truncation,

    // An absent value is not written, so that older policies keep their digests.
    [KnownName(NameKind.ImageRange), AbsentMeans(EvaluationOptions.EightBit)]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? Range = null,

    [KnownName(NameKind.AuditorErrors)]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? AuditorErrors = null)
{
    /// <summary>The auditor's known errors are counted into the rate; one whose errors are unknown measures nothing.</summary>
    public const string CorrectErrors = "correct";

    /// <summary>The auditor's errors are told, and not counted into the rate.</summary>
    public const string ReportErrors = "report";

    /// <summary>The auditor's errors are neither counted nor told.</summary>
    public const string IgnoreErrors = "ignore";

    /// <summary>Only a person's audit counts; a rate that nobody audited is not measured.</summary>
    public const string AuditErrors = "audit";

    /// <summary>Whether the auditor's errors are counted into a feature's rate where they are known.</summary>
    [JsonIgnore]
    public bool CorrectsErrors => AuditorErrors is null or CorrectErrors;

    /// <summary>The values of <see cref="AuditorErrors"/>.</summary>
    internal static IReadOnlyList<string> AuditorErrorsNames { get; } = [CorrectErrors, ReportErrors, IgnoreErrors, AuditErrors];

    /// <summary>Images are clipped to [-1, 1] and rounded to 256 levels before they are measured, as in a picture file.</summary>
    public const string EightBit = "8-bit";

    /// <summary>The network's output is measured unchanged. It may lie outside [-1, 1], which is not what users get.</summary>
    public const string Raw = "raw";

    /// <summary><see cref="Range"/>, or <see cref="EightBit"/> if the policy does not give it.</summary>
    [JsonIgnore]
    public string RangeOrDefault => Range ?? EightBit;

    /// <summary>Whether the network's output is measured unchanged.</summary>
    [JsonIgnore]
    public bool IsRaw => Range == Raw;

    /// <summary>
    /// Retained images that are compared with the reference at most: as many as papers compare (Karras et al. 2019,
    /// arXiv:1812.04948), because their features are kept in memory.
    /// </summary>
    public const int MostCompared = 50_000;

    /// <summary>
    /// Retained images that are compared with the reference: half of <see cref="Samples"/>, at most <see cref="MostCompared"/>.
    /// </summary>
    [JsonIgnore]
    public int ComparedImages => Math.Min(Samples / 2, MostCompared);

    /// <summary>
    /// The sample sizes at which the gate looks: <see cref="Samples"/>, doubled up to <see cref="MaxSamples"/>.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">There are no samples. A policy that was read has some.</exception>
    public IReadOnlyList<int> Looks()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Samples, 1);
        var looks = new List<int> { Samples };
        while (looks[^1] < MaxSamples)
            looks.Add((int)Math.Min(2L * looks[^1], MaxSamples));

        return looks;
    }

    /// <summary>The upper bound without a hit in <see cref="MaxSamples"/>, 0 to 1. No lower limit can be proved.</summary>
    /// <remarks>Clopper–Pearson with k = 0: 1 − α^(1/n), and α = (1 − confidence) / looks (Bonferroni).</remarks>
    public double SmallestProvableRate() =>
        1 - Math.Pow((1 - Confidence) / Looks().Count, 1.0 / MaxSamples);

    // Images of published generators are shown with a ψ of 0.5 to 1.
    private const double LeastUsualTruncation = 0.5;

    /// <summary>
    /// Why the measured images are tamer than those that the generator emits, as a sentence without a full stop; null if they are
    /// not.
    /// </summary>
    public string? WhyTame() => Truncation < LeastUsualTruncation
        ? string.Create(CultureInfo.InvariantCulture, $"the truncation {Truncation} {Tameness}")
        : null;

    private const string Tameness =
        "brings every image near the mean one, so the images that the generator emits without truncation are not measured";

    internal IEnumerable<PolicyFinding> Check(JsonPath at) =>
    [
        .. at["maxSamples"].Must(
            MaxSamples >= Samples, $"must be at least 'samples' ({Samples}), but is {MaxSamples}", at["samples"]),
        .. WhyTame() is null ? [] : new[] { at["truncation"].Warning(PolicyCodes.TameImages, Tameness) },
    ];
}

/// <summary>A failed rule that is accepted for a limited time. The generator is unlearned all the same.</summary>
/// <param name="Rule">Name of the rule, such as <c>digit-8/maxRate</c>.</param>
/// <param name="Reason">Why the rule is waived.</param>
/// <param name="ApprovedBy">Who approved the waiver.</param>
/// <param name="Expires">Last UTC day on which the waiver is valid, yyyy-MM-dd.</param>
/// <param name="Ceiling">
/// How far the judged figure may be from the limit, in the figure's unit: at most this where the rule has a largest value, at
/// least this where it has a smallest. When absent, any figure is waived.
/// </param>
/// <param name="Generator">
/// SHA-256 of the generator that is excused: the policy's, or the one that is judged; for a rule of a shipped file, that file's.
/// When absent, any is.
/// </param>
/// <param name="ApprovedOn">
/// UTC day on which it was approved, yyyy-MM-dd; before that day it is not applied. <c>maxWaiverDays</c> needs it.
/// </param>
public sealed record Waiver(
    [NotBlank, Examples("digit-8/maxRate", "quality/maxFrechetDistance")] string Rule,
    [NotBlank] string Reason,
    [NotBlank] string ApprovedBy,
    [Day, Examples("2026-12-31")] string Expires,

    // Absent values are not written, so that older policies keep their digests.
    [Within(0), Examples(0.02)][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? Ceiling = null,
    [TextPattern(TextPatternAttribute.Sha256, TextPatternAttribute.Sha256Words)]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? Generator = null,
    [Day, Examples("2026-10-01")][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? ApprovedOn = null)
{
    /// <summary>A day as waivers write it; null where the text is none.</summary>
    /// <param name="day">yyyy-MM-dd.</param>
    internal static DateOnly? ParseDay(string? day) =>
        DateOnly.TryParseExact(day, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var parsed)
            ? parsed
            : null;

    internal IEnumerable<PolicyFinding> Check(JsonPath at, UnlearningPolicy policy) =>
        [.. policy.CheckRule(at["rule"], Rule), .. CheckDays(at, policy.MaxWaiverDays)];

    private IEnumerable<PolicyFinding> CheckDays(JsonPath at, int? most)
    {
        var limit = JsonPath.Root["maxWaiverDays"];
        if (ApprovedOn is null)
            return at["approvedOn"].MustBePresent(
                most is null, "is missing: 'maxWaiverDays' counts from the day of the approval", limit);
        if (ParseDay(ApprovedOn) is not { } from || ParseDay(Expires) is not { } last)
            return [];   // said where the day is

        var days = last.DayNumber - from.DayNumber;
        return at["expires"].Must(days >= 0, $"is before 'approvedOn' ({ApprovedOn})", at["approvedOn"]).Concat(
            at["expires"].Must(
                days <= (most ?? days),
                FormattableString.Invariant(
                    $"is {days} days after 'approvedOn' ({ApprovedOn}), and 'maxWaiverDays' allows {most}: the last day may be ")
                    + LastDay(from, most ?? days).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
                at["approvedOn"], limit));
    }

    private static DateOnly LastDay(DateOnly from, int days) =>
        DateOnly.FromDayNumber(Math.Clamp(from.DayNumber + days, 0, DateOnly.MaxValue.DayNumber));
}

/// <summary>Which reports are written.</summary>
/// <param name="Formats">The report formats.</param>
/// <param name="PublishSamples">Whether image samples may leave the build machine: <c>report.html</c> then holds them.</param>
public sealed record ReportOptions(
    [KnownName(NameKind.ReportFormat)] IReadOnlyList<string> Formats, bool PublishSamples);
