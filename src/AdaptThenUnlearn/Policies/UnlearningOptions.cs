using System.Text.Json.Serialization;

namespace AdaptThenUnlearn.Policies;

/// <summary>What is done about a violation: a preset's values, and whatever the policy says otherwise.</summary>
/// <param name="Method">A name from the method catalogue: <c>adapt-then-unlearn</c>, <c>fine-tune</c>, <c>extrapolation</c>, <c>retrain</c>.</param>
/// <param name="Preset">Where the values that the policy leaves out come from: <c>quick</c>, <c>default</c>, <c>thorough</c>, <c>paper</c>.</param>
/// <param name="Seed">Of everything random in training.</param>
/// <param name="FeedbackSamples">Images the annotator labels before training; at least 100.</param>
/// <param name="MinimumNegatives">The run ends when the annotator finds fewer negatives than this for a feature; at least 1.</param>
/// <param name="CleanBelow">A sample is a positive when the annotator's probability of every undesired class is below this; above 0, at most 1.</param>
/// <param name="Steps">Generator updates of the unlearning stage; at least 1.</param>
/// <param name="RecoverySteps">The last of these steps, with decaying learning rate and without repulsion; 0 to <paramref name="Steps"/>.</param>
/// <param name="BatchSize">Images a step; at least 2, a multiple of 4 or below 4 (minibatch standard deviation).</param>
/// <param name="LearningRate">Adam step size, before the lazy-regularisation correction; positive.</param>
/// <param name="EmaHalfLife">Of the moving average of the generator's weights, in images; positive.</param>
/// <param name="CandidateEvery">Steps between two candidates; at least 1.</param>
/// <param name="CandidateSamples">Images by which a candidate is judged; at least 100.</param>
/// <param name="Adversarial">The StyleGAN2 training terms.</param>
/// <param name="Adaptation">The first stage.</param>
/// <param name="Repulsion">What the generator is pushed away with.</param>
/// <param name="Retention">Keep what is not banned; weight 0 switches it off.</param>
/// <param name="NegativesAsFakes">Labelled negatives on the discriminator's fake side; weight 0 switches it off.</param>
/// <param name="ClassBalance">Keep the shares of the retained classes; rate 0 switches it off.</param>
/// <param name="Extrapolation">Of the method <c>extrapolation</c>.</param>
/// <param name="Data">Folder with the real images, for the method <c>retrain</c> alone.</param>
/// <param name="Positives">Folder of clean images, relative to the policy file; training learns from them instead of the generator's own clean samples.</param>
/// <param name="MinimumClean">
/// <paramref name="CleanBelow"/> is raised until at least this share of the samples that show nothing undesired are positives: an annotator that
/// is seldom sure would leave too few, and those of one kind. 0 to 1; 0 never raises it. <see cref="DefaultMinimumClean"/> when absent.
/// </param>
/// <param name="CandidateMargin">
/// Part of each rate's limit that a candidate is held to, above 0, at most 1: training has learned to please the annotators, and the auditors, who
/// have the last word, still see what those no longer do. <see cref="DefaultCandidateMargin"/> when absent.
/// </param>
/// <param name="DiscriminatorWarmUp">How a discriminator is made for a generator whose checkpoint has none; <see cref="DiscriminatorWarmUpOptions.Default"/> when absent.</param>
public sealed record UnlearningOptions(
    [KnownName(NameKind.Method)] string Method,
    [KnownName(NameKind.Preset)] string Preset,
    [Within(0)] long Seed,
    [Within(100)] int FeedbackSamples,
    [Within(1)] int MinimumNegatives,
    [Within(0, 1, Above = true)] double CleanBelow,
    [Within(1)] int Steps,
    [Within(0)] int RecoverySteps,
    [Within(2)] int BatchSize,
    [Within(0, Above = true)] double LearningRate,
    [Within(0, Above = true)] double EmaHalfLife,
    [Within(1)] int CandidateEvery,
    [Within(100)] int CandidateSamples,
    AdversarialOptions Adversarial,
    AdaptationOptions Adaptation,
    RepulsionOptions Repulsion,
    RetentionOptions Retention,
    NegativesAsFakesOptions NegativesAsFakes,
    ClassBalanceOptions ClassBalance,
    ExtrapolationOptions Extrapolation,
    [NotBlank] string? Data,
    [NotBlank] [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Positives = null,

    // Left out where they are absent, as above, so that the digests of policies from before these properties stand.
    [Within(0, 1)] [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? MinimumClean = null,
    [Within(0, 1, Above = true)] [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? CandidateMargin = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] DiscriminatorWarmUpOptions? DiscriminatorWarmUp = null)
{
    /// <summary>Of <see cref="MinimumClean"/>.</summary>
    public const double DefaultMinimumClean = 0.8;

    /// <summary>The smallest share of clean samples, whether the policy says so or not.</summary>
    [JsonIgnore]
    public double MinimumCleanOrDefault => MinimumClean ?? DefaultMinimumClean;

    /// <summary>Of <see cref="CandidateMargin"/>.</summary>
    public const double DefaultCandidateMargin = 0.5;

    /// <summary>The part of each limit that candidates are held to, whether the policy says so or not.</summary>
    [JsonIgnore]
    public double CandidateMarginOrDefault => CandidateMargin ?? DefaultCandidateMargin;

    /// <summary>How a missing discriminator is made, whether the policy says so or not.</summary>
    [JsonIgnore]
    public DiscriminatorWarmUpOptions WarmUp => DiscriminatorWarmUp ?? DiscriminatorWarmUpOptions.Default;

    internal IEnumerable<PolicyFinding> Check(JsonPath at) =>
    [
        .. at["minimumNegatives"].Must(
            MinimumNegatives <= FeedbackSamples,
            $"must be at most 'feedbackSamples' ({FeedbackSamples}), but is {MinimumNegatives}", at["feedbackSamples"]),
        .. at["recoverySteps"].Must(
            RecoverySteps <= Steps, $"must be at most 'steps' ({Steps}), but is {RecoverySteps}", at["steps"]),
        .. at["batchSize"].Must(
            BatchSize < 4 || BatchSize % 4 == 0, $"must be a multiple of 4, or 2 or 3, but is {BatchSize}"),
        .. at["negativesAsFakes"]["batchSize"].Must(
            NegativesAsFakes.BatchSize < 4 || NegativesAsFakes.BatchSize % 4 == 0, $"must be a multiple of 4, or 1 to 3, but is {NegativesAsFakes.BatchSize}"),
        .. at["data"].MustBePresent(
            Data is not null || Method != "retrain", "the method 'retrain' needs a folder with the real images", at["method"]),
    ];
}

/// <summary>The StyleGAN2 training terms (Karras et al. 2020, arXiv:1912.04958).</summary>
/// <param name="R1Weight">γ of the gradient penalty γ/2·E‖∇D(x)‖² on real images; 0 or more.</param>
/// <param name="R1Every">Discriminator steps between two penalties; at least 1.</param>
/// <param name="PathLengthWeight">Of the path-length penalty; 0 or more.</param>
/// <param name="PathLengthEvery">Generator steps between two penalties; at least 1.</param>
/// <param name="StyleMixing">Probability of a second latent, 0 to 1.</param>
public sealed record AdversarialOptions(
    [Within(0)] double R1Weight,
    [Within(1)] int R1Every,
    [Within(0)] double PathLengthWeight,
    [Within(1)] int PathLengthEvery,
    [Within(0, 1)] double StyleMixing);

/// <summary>The first stage: copies of the GAN are pulled towards the undesired features.</summary>
/// <param name="Steps">Generator updates; at least 1.</param>
/// <param name="LearningRate">Adam step size; positive.</param>
/// <param name="EwcWeight">λ in λ·Σ F·(θ − θG)²; 0 or more.</param>
/// <param name="FisherSamples">Images the Fisher information is estimated from; at least 1.</param>
/// <param name="Models">K, how many adapted generators; at least 1.</param>
public sealed record AdaptationOptions(
    [Within(1)] int Steps,
    [Within(0, Above = true)] double LearningRate,
    [Within(0)] double EwcWeight,
    [Within(1)] int FisherSamples,
    [Within(1)] int Models);

/// <summary>What the generator is pushed away with.</summary>
/// <param name="Loss">A name from the repulsion catalogue: <c>il2</c>, <c>nl2</c>, <c>el2</c>.</param>
/// <param name="Weight">γ; 0 or more.</param>
/// <param name="Alpha">α in exp(−α·d²); positive.</param>
/// <param name="Distance">What d² is: <c>plain</c> is ‖θ − θN‖² (the paper's), <c>relative</c> is ‖θ − θN‖² / ‖θG − θN‖², which makes γ and α portable between generators.</param>
/// <param name="Limit">The push ends where d² has grown to this multiple of ‖θG − θN‖²; above 1. It is what keeps <c>nl2</c> from running away.</param>
public sealed record RepulsionOptions(
    [KnownName(NameKind.RepulsionLoss)] string Loss,
    [Within(0)] double Weight,
    [Within(0, Above = true)] double Alpha,
    [KnownName(NameKind.Distance)] string Distance,
    [Within(1, Above = true)] double Limit);

/// <summary>Retention anchoring: for latents whose original image is clean, stay near the original image.</summary>
/// <param name="Weight">Of the mean squared pixel difference; 0 or more, 0 switches it off.</param>
public sealed record RetentionOptions([Within(0)] double Weight);

/// <summary>Labelled negatives join the discriminator's fake side.</summary>
/// <param name="Weight">Of their term in the discriminator's loss; 0 or more, 0 switches it off.</param>
/// <param name="BatchSize">Negatives a step; at least 1, a multiple of 4 or below 4 (minibatch standard deviation).</param>
public sealed record NegativesAsFakesOptions([Within(0)] double Weight, [Within(1)] int BatchSize);

/// <summary>Class balancing: positives of classes that have become rare are drawn more often.</summary>
/// <param name="Rate">How fast the weights follow, 0 to 1: the log-weight of a class grows by rate · log(wanted share / made share) at each count; 0 switches it off.</param>
/// <param name="Limit">Largest factor between a class's weight and 1, either way; above 1.</param>
public sealed record ClassBalanceOptions([Within(0, 1)] double Rate, [Within(1, Above = true)] double Limit);

/// <summary>The baseline θG + γ(θG − θN).</summary>
/// <param name="Gamma">How far beyond the original, in units of the adaptation; positive.</param>
public sealed record ExtrapolationOptions([Within(0, Above = true)] double Gamma);

/// <summary>The stage before the first, for checkpoints that have no discriminator and only for them: one is warmed up on the generator's own samples.</summary>
/// <param name="Steps">Discriminator updates; at least 1.</param>
public sealed record DiscriminatorWarmUpOptions([Within(1)] int Steps)
{
    /// <summary>What holds where a policy says nothing.</summary>
    public static DiscriminatorWarmUpOptions Default { get; } = new(Steps: 400);
}
