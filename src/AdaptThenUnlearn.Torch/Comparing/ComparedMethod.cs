using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Torch.Comparing;

/// <summary>One row of the comparison: overrides of the policy's <c>unlearning</c> section.</summary>
/// <param name="Name">Name in tables and arguments: <c>[a-z0-9-]+</c>.</param>
/// <param name="Family">The kind of row, under which the page lists it.</param>
/// <param name="Description">What the method is, for the reader of the page.</param>
/// <param name="Settings">Overrides as <c>path=value</c>, within <c>unlearning</c>.</param>
/// <param name="OneSeed">
/// Whether one seed for each class is enough. This is so for the reference, which costs far more than the others.
/// </param>
/// <param name="IncludesAdaptationSteps">
/// Whether the method has one stage and gets the steps of both, so that it costs as much as the method that it is compared with.
/// </param>
/// <param name="OnRequest">
/// Whether it is run only where it is named. This is so for rows that cost hours and that no figure of another row needs.
/// </param>
public sealed record ComparedMethod(
    string Name,
    MethodFamily Family,
    string Description,
    IReadOnlyList<string> Settings,
    bool OneSeed = false,
    bool IncludesAdaptationSteps = false,
    bool OnRequest = false)
{
    /// <summary>Whether it trains from scratch on the real images, which have to be given.</summary>
    public bool NeedsData => Settings.Contains("method=retrain");

    /// <summary>
    /// Whether its runs make generators of their own, which can be attacked and compared with a retrained one by their files.
    /// Refusing leaves the original as it is.
    /// </summary>
    public bool MakesGenerator => Family != MethodFamily.Refusing;
}

/// <summary>Kinds of rows.</summary>
public enum MethodFamily
{
    /// <summary>Methods that need nothing of this tool.</summary>
    Baseline,

    /// <summary>The losses of Tiwary et al. 2025 (arXiv:2309.14054), without additions.</summary>
    Published,

    /// <summary>This project's presets.</summary>
    Preset,

    /// <summary>The default preset without one of its parts, or with another part.</summary>
    Part,

    /// <summary>Nothing is unlearned: images with the class are refused when they are made.</summary>
    Refusing,
}

/// <summary>Every row of the comparison. A new one: add its line.</summary>
public static class ComparedMethods
{
    private const string Usual = "preset=default";
    private const string NoNegatives = "negativesAsFakes.weight=0";

    private static readonly string[] _noBalance = ["classBalance.rate=0", "classBalance.guidance=0"];
    private static readonly string[] _noRetention = ["retention.weight=0", "retention.featureWeight=null"];
    private static readonly string[] _noFrechet = ["frechetLoss.annotatorWeight=0", "frechetLoss.discriminatorWeight=0"];
    private static readonly string[] _noGuidance = [.. _noFrechet, "guidance.weight=0", "students.count=0"];

    // Options of the repulsion for rows without it. They are fixed, so that a change of the preset's repulsion does not make
    // these runs again.
    private static readonly string[] _unread =
    [
        "repulsion.loss=el2", "repulsion.weight=300", "repulsion.alpha=0.1", "repulsion.limit=1000"
    ];

    /// <summary>
    /// Refusing at sampling time: the original generator, and an annotator that lets only clean images through. Its images have
    /// the distribution that unlearning aims at, and its generator still makes the class.
    /// </summary>
    /// <remarks>It sets nothing: the bound of a clean image is the policy's own.</remarks>
    public static ComparedMethod Reject { get; } = new(
        "reject",
        MethodFamily.Refusing,
        "the original generator as it is; only those of its images are kept that the annotator finds clean",
        [],
        OneSeed: true);

    /// <summary>Training from scratch without the class: the reference for the others.</summary>
    public static ComparedMethod Retrain { get; } = new(
        "retrain",
        MethodFamily.Baseline,
        "training from scratch, for 20,000 steps, on those real images that the annotator finds clean of the class; it may "
            + "make the class all the same, for it interpolates between those that it was shown",
        [.. Retraining(steps: 20000, decay: 4000), "cleanBy=null"],
        OneSeed: true);

    /// <summary>
    /// The same training on the images that their true labels say are not of the class: what the annotator costs it.
    /// </summary>
    public static ComparedMethod RetrainLabels { get; } = new(
        "retrain-labels",
        MethodFamily.Baseline,
        "`retrain` on those real images that their true labels say are not of the class, whatever the annotator finds",
        [.. Retraining(steps: 20000, decay: 4000), $"cleanBy={UnlearningOptions.ByLabels}"],
        OneSeed: true,
        OnRequest: true);

    /// <summary>The same training for twice as long: whether the reference was only stopped early.</summary>
    public static ComparedMethod RetrainLong { get; } = new(
        "retrain-long",
        MethodFamily.Baseline,
        "`retrain` with twice the steps, and twice as many of them with a falling learning rate",
        [.. Retraining(steps: 40000, decay: 8000), "cleanBy=null"],
        OneSeed: true,
        OnRequest: true);

    /// <summary>The default preset.</summary>
    public static ComparedMethod Default { get; } = new("default", MethodFamily.Preset, "preset `default`", [Usual]);

    /// <summary>The longest preset.</summary>
    public static ComparedMethod Thorough { get; } =
        new("thorough", MethodFamily.Preset, "preset `thorough`", ["preset=thorough"]);

    /// <summary>The published losses: the one that the paper recommends.</summary>
    public static ComparedMethod PublishedEl2 { get; } = new(
        "paper-el2",
        MethodFamily.Published,
        "preset `paper`: EL2, γ 100, α 0.05",
        ["preset=paper", "repulsion.loss=el2", "repulsion.weight=100", "repulsion.alpha=0.05", .. _noGuidance]);

    /// <summary>Training on positives alone, with the published method's budget.</summary>
    public static ComparedMethod FineTune { get; } = new(
        "fine-tune",
        MethodFamily.Baseline,
        "training on positives alone, with the terms of preset `paper` and as many steps as its two stages together",
        ["preset=paper", "method=fine-tune", .. _noGuidance, .. _unread], IncludesAdaptationSteps: true);

    /// <summary>All of them, in the order of the page.</summary>
    public static IReadOnlyList<ComparedMethod> All { get; } =
    [
        Reject,
        Retrain,
        RetrainLabels,
        RetrainLong,
        FineTune,
        new(
            "extrapolation",
            MethodFamily.Baseline,
            "the weights moved away from the adapted ones: θG + γ(θG − θN), θG before and θN after the adaptation of preset "
                + "`paper`, γ 10, chosen like the constants of the published losses",
            ["preset=paper", "method=extrapolation", "extrapolation.gamma=10", .. _unread]),
        new(
            "paper-nl2",
            MethodFamily.Published,
            "preset `paper` with NL2, γ 3, pushed up to d² = 128 ‖θG − θN‖², for it would run away",
            ["preset=paper", "repulsion.loss=nl2", "repulsion.weight=3", "repulsion.limit=128", .. _noGuidance]),
        new(
            "paper-il2",
            MethodFamily.Published,
            "preset `paper` with IL2, γ 100",
            ["preset=paper", "repulsion.loss=il2", "repulsion.weight=100", .. _noGuidance]),
        PublishedEl2,
        new("quick", MethodFamily.Preset, "preset `quick`", ["preset=quick"]),
        Default,
        Thorough,
        new(
            "with-repulsion",
            MethodFamily.Part,
            "`default` with the adaptation and the repulsion of the published method: EL2, γ 10, α 0.5",
            [Usual, "repulsion.weight=10"]),
        new("no-frechet", MethodFamily.Part, "`default` without the Fréchet loss", [Usual, .. _noFrechet]),
        new("no-guidance", MethodFamily.Part, "`default` without guidance", [Usual, "guidance.weight=0"]),
        new("no-students", MethodFamily.Part, "`default` without students of the annotator", [Usual, "students.count=0"]),
        new("no-retention", MethodFamily.Part, "`default` without retention anchoring", [Usual, .. _noRetention]),
        new("no-negatives", MethodFamily.Part, "`default` without negatives as fakes", [Usual, NoNegatives]),
        new("no-balance", MethodFamily.Part, "`default` without class balancing", [Usual, .. _noBalance]),
        new("no-recovery", MethodFamily.Part, "`default` without the recovery phase", [Usual, "recoverySteps=0"]),
    ];

    /// <summary>Whether a run makes a generator of its own, as <see cref="ComparedMethod.MakesGenerator"/>.</summary>
    public static bool MakesGenerator(CellKey run) => !All.Any(method => !method.MakesGenerator && method.Name == run.Method);

    /// <summary>Whether a run trains from scratch on real images.</summary>
    public static bool Retrains(CellKey run) => All.Any(method => method.NeedsData && method.Name == run.Method);

    // Options that retraining does not read are fixed, so that a change of presets does not repeat hours of training.
    private static string[] Retraining(int steps, int decay) =>
    [
        "method=retrain", "feedbackSamples=5000", FormattableString.Invariant($"steps={steps}"),
        FormattableString.Invariant($"recoverySteps={decay}"), "cleanBelow=0.02", "adaptation.steps=1", "adaptation.ewcWeight=0",
        "repulsion.loss=el2", "repulsion.distance=relative", "repulsion.weight=0", "repulsion.alpha=1", "repulsion.limit=4",
        .. _noRetention, NoNegatives, "negativesAsFakes.batchSize=16", .. _noBalance, "classBalance.limit=3",
        .. _noGuidance, "sharedImages=false",
    ];
}
