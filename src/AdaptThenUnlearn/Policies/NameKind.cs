using AdaptThenUnlearn.Measurements;

namespace AdaptThenUnlearn.Policies;

/// <summary>What kind of name a value is.</summary>
internal enum NameKind
{
    Method,
    Preset,
    RepulsionLoss,
    Distance,
    Precision,
    CleanBy,
    CheckpointFormat,
    ClassifierFormat,
    ClassifierArchitecture,
    ClassifierOutputs,
    ImageRange,
    AuditorErrors,
    Channels,
    ResizeFilter,
    Fit,
    PixelRange,
    Normalization,
    Layout,
    Tokens,
    GraphInput,
    RuleSeverity,
    ReportFormat,
    Extractor,
    QualityReference,
    Attack,
    AttackProfile,
}

/// <summary>The names of each kind.</summary>
internal static class NameKinds
{
    private static readonly string[] _ranges = [EvaluationOptions.EightBit, EvaluationOptions.Raw];
    private static readonly string[] _references = [QualityOptions.OriginalGenerator];

    /// <summary>The names that a policy may use, or that an editor suggests.</summary>
    /// <param name="kind">The kind of name.</param>
    /// <param name="vocabulary">Has the names of the catalogues.</param>
    public static IReadOnlyList<string> Names(this NameKind kind, PolicyVocabulary vocabulary) => kind switch
    {
        NameKind.Method => vocabulary.Methods,
        NameKind.Preset => UnlearningPresets.Names,
        NameKind.RepulsionLoss => vocabulary.Repulsions,
        NameKind.Distance => RepulsionOptions.Distances,
        NameKind.Precision => UnlearningOptions.PrecisionNames,
        NameKind.CleanBy => UnlearningOptions.CleanByNames,
        NameKind.CheckpointFormat => ["auto", .. vocabulary.CheckpointFormats.Where(name => name != "auto")],
        NameKind.ClassifierFormat => [.. NameKind.CheckpointFormat.Names(vocabulary), ClassifierChoice.ImageText],
        NameKind.ClassifierArchitecture => vocabulary.ClassifierArchitectures,
        NameKind.ClassifierOutputs => OutputKinds.All,
        NameKind.ImageRange => _ranges,
        NameKind.AuditorErrors => EvaluationOptions.AuditorErrorsNames,
        NameKind.Channels => ImagePreprocessing.AllChannels,
        NameKind.ResizeFilter => ImagePreprocessing.Filters,
        NameKind.Fit => ImageResize.Fits,
        NameKind.PixelRange => ImagePreprocessing.Ranges,
        NameKind.Normalization => ImagePreprocessing.Normalizations,
        NameKind.Layout => ImagePreprocessing.Layouts,
        NameKind.Tokens => ExtractorUse.AllTokens,
        NameKind.GraphInput => GraphInput.Kinds,
        NameKind.RuleSeverity => RuleEnforcement.Severities,
        NameKind.ReportFormat => vocabulary.ReportFormats,
        NameKind.Extractor => WeightsExtractor.Names,
        NameKind.QualityReference => _references,
        NameKind.Attack => vocabulary.Attacks,
        NameKind.AttackProfile => [.. AttackBudget.Profiles.Keys],
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "has no names"),
    };

    /// <summary>The kind in a message, after "is not a".</summary>
    /// <param name="kind">The kind of name.</param>
    public static string Describe(this NameKind kind) => kind switch
    {
        NameKind.RepulsionLoss => "repulsion loss",
        NameKind.CleanBy => "way to sort real images",
        NameKind.CheckpointFormat or NameKind.ClassifierFormat => "checkpoint format",
        NameKind.ClassifierArchitecture => "classifier architecture",
        NameKind.ClassifierOutputs => "kind of outputs",
        NameKind.ImageRange => "range of images",
        NameKind.AuditorErrors => "way to treat the auditor's errors",
        NameKind.Channels => "number of channels",
        NameKind.ResizeFilter => "filter",
        NameKind.Fit => "way to make an image square",
        NameKind.PixelRange => "range of pixels",
        NameKind.Layout => "order of dimensions",
        NameKind.Tokens => "choice of a token",
        NameKind.GraphInput => "kind of input",
        NameKind.RuleSeverity => "severity of a rule",
        NameKind.ReportFormat => "report format",
        NameKind.QualityReference => "reference",
        NameKind.Attack => "known attack",
        NameKind.AttackProfile => "profile of a budget",
        _ => kind.ToString().ToLowerInvariant(),
    };

    /// <summary>Whether the names are the same in every build; those of a catalogue are not.</summary>
    /// <param name="kind">The kind of name.</param>
    public static bool IsClosed(this NameKind kind) =>
        kind is NameKind.Preset or NameKind.Distance or NameKind.Precision or NameKind.CleanBy
            or NameKind.ClassifierOutputs or NameKind.ImageRange or NameKind.AuditorErrors or NameKind.RuleSeverity
            or NameKind.Channels or NameKind.ResizeFilter or NameKind.PixelRange or NameKind.Normalization or NameKind.Layout
            or NameKind.AttackProfile or NameKind.GraphInput or NameKind.Fit or NameKind.Tokens;
}
