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
    int SchemaVersion,
    string Name,
    GeneratorChoice Generator,
    IReadOnlyDictionary<string, ClassifierChoice> Classifiers,
    IReadOnlyList<UndesiredFeature> UndesiredFeatures,
    string? Description,
    string? Owner,
    QualityOptions? Quality,
    EvaluationOptions Evaluation,
    UnlearningOptions Unlearning,
    IReadOnlyList<Waiver> Waivers,
    ReportOptions Report);

/// <summary>The generator under the policy.</summary>
/// <param name="Checkpoint">Path, relative to the policy file.</param>
/// <param name="Format">A checkpoint format's name, or <c>auto</c> (found by content).</param>
/// <param name="Sha256">Pin: 64 hexadecimal digits; a file with another digest is refused.</param>
/// <param name="Discriminator">Path of a checkpoint that holds the discriminator, where the generator's has none.</param>
public sealed record GeneratorChoice(string Checkpoint, string Format, string? Sha256, string? Discriminator);

/// <summary>A classifier that says whether an image shows a feature.</summary>
/// <param name="Checkpoint">Path, relative to the policy file.</param>
/// <param name="Classes">Names of its outputs, in order; taken from the checkpoint when absent.</param>
/// <param name="Sha256">Pin, as for the generator.</param>
public sealed record ClassifierChoice(string Checkpoint, IReadOnlyList<string>? Classes, string? Sha256);

/// <summary>A feature that the generator must not emit.</summary>
/// <param name="Name">Key of its rules: <c>[a-z0-9-]+</c>.</param>
/// <param name="Annotator">The classifier that labels training feedback.</param>
/// <param name="Auditor">The classifier that measures for the gate; the annotator when absent (a warning).</param>
/// <param name="Class">The class of both classifiers that shows the feature.</param>
/// <param name="MaxRate">Largest allowed share of all generated images, 0 to 1; judged by its upper bound.</param>
/// <param name="MinUnlearned">Smallest allowed PUL, (before − after) / before, 0 to 1.</param>
public sealed record UndesiredFeature(
    string Name, string Annotator, string? Auditor, string Class, double? MaxRate, double? MinUnlearned);

/// <summary>What must survive.</summary>
/// <param name="Extractor">Name of a classifier of this policy, whose features are compared.</param>
/// <param name="Reference">Statistics file, image folder, or <c>original-generator</c>.</param>
/// <param name="MaxFrechetDistance">Absolute limit, squared feature units.</param>
/// <param name="MaxFrechetIncrease">Relative to before, on the same reference: 0.5 allows 1.5 times.</param>
/// <param name="MinShareKept">Each retained class must keep at least this part of the share it had, 0 to 1.</param>
public sealed record QualityOptions(
    string Extractor, string Reference, double? MaxFrechetDistance, double? MaxFrechetIncrease, double? MinShareKept);

/// <summary>How much is sampled, and with what confidence it is judged.</summary>
/// <param name="Samples">Images at the first look; at least 100.</param>
/// <param name="MaxSamples">Images at the last look; the sample doubles while a point estimate is within its limit and its bound is not.</param>
/// <param name="Confidence">Of the one-sided upper bound, over all looks together.</param>
/// <param name="Seed">Of the evaluation latents; never those of training.</param>
/// <param name="Truncation">1 is none.</param>
public sealed record EvaluationOptions(int Samples, int MaxSamples, double Confidence, long Seed, double Truncation);

/// <summary>A failed rule that is let pass for a while.</summary>
/// <param name="Rule">A rule's name, e.g. <c>digit-8/maxRate</c>.</param>
/// <param name="Reason">Why.</param>
/// <param name="ApprovedBy">By whom.</param>
/// <param name="Expires">Last UTC day on which it holds, <c>yyyy-MM-dd</c>.</param>
public sealed record Waiver(string Rule, string Reason, string ApprovedBy, string Expires);

/// <summary>Which reports are written.</summary>
/// <param name="Formats">Names of the report catalogue.</param>
/// <param name="PublishSamples">Whether image samples may leave the build machine.</param>
public sealed record ReportOptions(IReadOnlyList<string> Formats, bool PublishSamples);
