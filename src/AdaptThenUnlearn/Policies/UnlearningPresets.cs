namespace AdaptThenUnlearn.Policies;

/// <summary>The values of the <c>unlearning</c> section that a policy leaves out, as one table.</summary>
/// <remarks>
/// A policy that gives <c>steps</c> but not <c>recoverySteps</c> gets the preset's proportion of the two.
/// <c>paper</c> has the published losses (Tiwary et al. 2025, arXiv:2309.14054) and nothing else.
/// </remarks>
public static class UnlearningPresets
{
    private static readonly UnlearningOptions Default = new(
        Method: "adapt-then-unlearn",
        Preset: "default",
        Seed: 1,
        FeedbackSamples: 20000,
        MinimumNegatives: 20,
        CleanBelow: 0.001,
        Steps: 800,
        RecoverySteps: 400,
        BatchSize: 16,
        LearningRate: 0.003,
        EmaHalfLife: 2000,
        CandidateEvery: 200,
        CandidateSamples: 2000,
        Adversarial: new(R1Weight: 2, R1Every: 16, PathLengthWeight: 0, PathLengthEvery: 4, StyleMixing: 0),
        Adaptation: new(Steps: 200, LearningRate: 0.002, EwcWeight: 3e4, FisherSamples: 64, Models: 1),

        // Repulsion made no difference beside the other parts. Without it nothing is adapted, which saves the time.
        Repulsion: new(Loss: "el2", Weight: 0, Alpha: 0.5, Distance: "relative", Limit: 4),
        Retention: new(Weight: 10),
        NegativesAsFakes: new(Weight: 3, BatchSize: 16),
        ClassBalance: new(Rate: 0.1, Limit: 3, Guidance: 50),
        Extrapolation: new(Gamma: 1),
        Data: null,
        FrechetLoss: new(),
        Guidance: new(Weight: 15, Rate: 0.001),
        Students: new(Count: 1),
        SharedImages: true);

    // Too large to have an effect: EL2 and IL2 fade long before.
    private const double Never = 1000;

    // More steps than a run has, so that the last step gives the only candidate.
    private const int AfterTheLast = 1_000_000;

    private static readonly UnlearningOptions[] Table =
    [
        Default with
        {
            Preset = "quick",
            Steps = 500,
            RecoverySteps = 250,
            FeedbackSamples = 5000,
            CandidateEvery = 250,
            LearningRate = 0.006,   // few steps have to be longer
        },
        Default,
        Default with
        {
            Preset = "thorough",
            Steps = 2400,
            RecoverySteps = 1200,
            LearningRate = 0.002,
            FeedbackSamples = 40000,
            CandidateEvery = 400,
            CandidateSamples = 4000,
        },
        Default with
        {
            Preset = "paper",
            Steps = 1000,
            FeedbackSamples = 5000,
            RecoverySteps = 0,
            LearningRate = 0.002,
            CleanBelow = 0.5,
            CandidateEvery = AfterTheLast,
            Adversarial = Default.Adversarial with { R1Weight = 10, PathLengthWeight = 2, StyleMixing = 0.9 },
            // Distances are in units of ‖θG − θN‖², which only rescales γ and α. How far an adaptation leads differs more
            // between generators than between losses.
            Repulsion = Default.Repulsion with { Weight = 100, Alpha = 0.05, Limit = Never },
            Retention = new(Weight: 0),
            NegativesAsFakes = Default.NegativesAsFakes with { Weight = 0 },
            ClassBalance = new(Rate: 0, Limit: 3),
            FrechetLoss = null,
            Guidance = null,
            Students = null,
            SharedImages = null,
        },
    ];

    /// <summary>The preset of a policy that names none.</summary>
    public const string DefaultName = "default";

    /// <summary>The names of all presets, from the shortest run to the published one.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Table.Select(preset => preset.Preset)];

    /// <summary>All values of a preset.</summary>
    /// <exception cref="ArgumentException">The name is not a preset.</exception>
    public static UnlearningOptions Get(string name) =>
        Table.FirstOrDefault(preset => preset.Preset == name)
        ?? throw new ArgumentException(Suggestion.NotOneOf(name, Names, "preset"), nameof(name));
}
