using System.Globalization;
using System.Text.Json.Serialization;

namespace AdaptThenUnlearn.Policies;

/// <summary>What is done about a violation. Values that are left out come from the preset.</summary>
/// <param name="Method">The unlearning method.</param>
/// <param name="Preset">The preset: it gives every value of this section that the policy leaves out.</param>
/// <param name="Seed">Seed of everything random in training.</param>
/// <param name="FeedbackSamples">Number of images that the annotator labels before training; at least 100.</param>
/// <param name="MinimumNegatives">
/// The run ends when the annotator finds fewer negatives than this for a feature; at least 1, at most <paramref
/// name="FeedbackSamples"/>.
/// </param>
/// <param name="CleanBelow">
/// A sample is a positive when it shows no undesired feature and the annotator's probability of every undesired class is below
/// this; above 0, at most 1.
/// </param>
/// <param name="Steps">Generator updates of the unlearning stage; at least 1.</param>
/// <param name="RecoverySteps">
/// How many of these steps, at the end, have no repulsion and a falling learning rate; 0 to <paramref name="Steps"/>. A policy
/// that gives <paramref name="Steps"/> alone gets the preset's proportion of the two.
/// </param>
/// <param name="BatchSize">Images in a step; at least 2, a multiple of 4 or below 4 (minibatch standard deviation).</param>
/// <param name="LearningRate">Step size of Adam, before the correction for lazy regularisation; positive.</param>
/// <param name="EmaHalfLife">Half-life of the moving average of the generator's weights, in images; positive.</param>
/// <param name="CandidateEvery">
/// Steps between two candidates; at least 1. Where it is larger than <paramref name="Steps"/>, the last step is the only
/// candidate.
/// </param>
/// <param name="CandidateSamples">Number of images by which a candidate is judged; at least 100.</param>
/// <param name="Adversarial">
/// The training terms of StyleGAN2; or <c>as-trained</c>, those with which the generator was trained, as its file says.
/// </param>
/// <param name="Adaptation">The first stage: copies of the GAN are pulled towards the undesired features.</param>
/// <param name="Repulsion">How the generator is pushed away from the adapted ones.</param>
/// <param name="Retention">Keeps clean images near the original ones; weight 0 switches it off.</param>
/// <param name="NegativesAsFakes">Adds labelled negatives to the discriminator's fake side; weight 0 switches it off.</param>
/// <param name="ClassBalance">Keeps the shares of the retained classes; rate 0 switches it off.</param>
/// <param name="Extrapolation">Settings of the method <c>extrapolation</c>.</param>
/// <param name="Data">Folder with the real images, relative to the policy file; the method <c>retrain</c> needs it.</param>
/// <param name="Positives">
/// Folder of pictures without undesired features, relative to the policy file. They replace the generator's own clean samples in
/// training.
/// </param>
/// <param name="MinimumClean">
/// <paramref name="CleanBelow"/> is raised until at least this share of the retained samples are positives; 0 to 1; 0 never
/// raises it. A retained sample shows no undesired feature. An annotator that is seldom sure would otherwise leave too few, and
/// all of one kind.
/// </param>
/// <param name="CandidateMargin">
/// Candidates must meet this fraction of each rate limit; above 0, at most 1. Below 1 it compensates for annotators being more
/// lenient than auditors after training.
/// </param>
/// <param name="DiscriminatorWarmUp">
/// How a discriminator is made if neither the generator's checkpoint nor 'generator.discriminator' has one. 400 steps when
/// absent.
/// </param>
/// <param name="Precision">
/// In which numbers a GPU trains: <c>float32</c>, or <c>tf32</c>, which is faster and has 10 bits of mantissa in convolutions and
/// matrix products. Measuring and judging are always in float32, and so is everything on a CPU.
/// </param>
/// <param name="Accumulate">
/// Into how many parts, one after another, each batch is cut so that training takes less memory; at least 1, a divisor of
/// <paramref name="BatchSize"/>. The gradients of the parts are added.
/// </param>
/// <param name="CleanBy">
/// Who says which of the images in <paramref name="Data"/> show no undesired feature: <c>annotator</c>, or <c>labels</c>, the
/// true labels that come with the images. Only the method <c>retrain</c> reads it.
/// </param>
/// <param name="FrechetLoss">
/// Keeps the features of retained images distributed as the original generator's. When absent, it is off.
/// </param>
/// <param name="Guidance">
/// Pushes images away from undesired features by the annotators' gradients. When absent, it is off.
/// </param>
/// <param name="Students">
/// Further classifiers that learn from the annotators within the run, and find undesired features beside them in training. When
/// absent, there are none.
/// </param>
/// <param name="SharedImages">
/// Whether the discriminator's update of a step learns from the images that the generator's update is about to use, in place of
/// images of its own. A step then makes half as many images. When absent, it does not.
/// </param>
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
    [FilePath] string? Data,
    [FilePath][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Positives = null,

    // Absent values are not written, as above, so that older policies keep their digests.
    [Within(0, 1), AbsentMeans(UnlearningOptions.DefaultMinimumClean)]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    double? MinimumClean = null,
    [Within(0, 1, Above = true), AbsentMeans(UnlearningOptions.DefaultCandidateMargin)]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    double? CandidateMargin = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    DiscriminatorWarmUpOptions? DiscriminatorWarmUp = null,
    [KnownName(NameKind.Precision), AbsentMeans(UnlearningOptions.SinglePrecision)]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? Precision = null,
    [Within(1), AbsentMeans(UnlearningOptions.DefaultAccumulate)]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    int? Accumulate = null,
    [KnownName(NameKind.CleanBy), AbsentMeans(UnlearningOptions.ByAnnotator)]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? CleanBy = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    FrechetLossOptions? FrechetLoss = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    GuidanceOptions? Guidance = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    StudentsOptions? Students = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    bool? SharedImages = null)
{
    private const string Retrain = "retrain";

    /// <summary>The value of <see cref="MinimumClean"/> if the policy does not give it.</summary>
    public const double DefaultMinimumClean = 0.8;

    /// <summary>The smallest share of clean samples: the policy's, or the default.</summary>
    [JsonIgnore]
    public double MinimumCleanOrDefault => MinimumClean ?? DefaultMinimumClean;

    /// <summary>The value of <see cref="CandidateMargin"/> if the policy does not give it.</summary>
    public const double DefaultCandidateMargin = 0.5;

    /// <summary>The fraction of each rate limit that candidates must meet: the policy's, or the default.</summary>
    [JsonIgnore]
    public double CandidateMarginOrDefault => CandidateMargin ?? DefaultCandidateMargin;

    /// <summary>Single precision, the value of <see cref="Precision"/> if the policy does not give it.</summary>
    public const string SinglePrecision = "float32";

    /// <summary>NVIDIA's TF32 in training, on GPUs that have it.</summary>
    public const string Tf32 = "tf32";

    /// <summary>The values of <see cref="Precision"/>.</summary>
    internal static IReadOnlyList<string> PrecisionNames { get; } = [SinglePrecision, Tf32];

    /// <summary>In which numbers a GPU trains: as the policy says, or the default.</summary>
    [JsonIgnore]
    public string PrecisionOrDefault => Precision ?? SinglePrecision;

    /// <summary>The value of <see cref="Accumulate"/> if the policy does not give it.</summary>
    public const int DefaultAccumulate = 1;

    /// <summary>Into how many parts a batch is cut: the policy's number, or the default.</summary>
    [JsonIgnore]
    public int AccumulateOrDefault => Accumulate ?? DefaultAccumulate;

    /// <summary>The annotator sorts the real images: the value of <see cref="CleanBy"/> if the policy does not give it.</summary>
    public const string ByAnnotator = "annotator";

    /// <summary>The true labels of the real images sort them.</summary>
    public const string ByLabels = "labels";

    /// <summary>The values of <see cref="CleanBy"/>.</summary>
    internal static IReadOnlyList<string> CleanByNames { get; } = [ByAnnotator, ByLabels];

    /// <summary>Whether the run trains from scratch on real images. It then releases its last step.</summary>
    [JsonIgnore]
    public bool IsRetraining => Method == Retrain;

    /// <summary>Whether true labels sort the real images, and not the annotator.</summary>
    [JsonIgnore]
    public bool IsCleanByLabels => CleanBy == ByLabels;

    /// <summary>How a missing discriminator is made: as the policy says, or by default.</summary>
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
        .. at["accumulate"].Must(
            AccumulateOrDefault < 1 || BatchSize % AccumulateOrDefault == 0,
            $"must divide 'batchSize' ({BatchSize}), but is {AccumulateOrDefault}", at["batchSize"]),
        .. at["negativesAsFakes"]["batchSize"].Must(
            NegativesAsFakes.BatchSize < 4 || NegativesAsFakes.BatchSize % 4 == 0,
            $"must be a multiple of 4, or 1 to 3, but is {NegativesAsFakes.BatchSize}"),
        .. at["data"].MustBePresent(
            Data is not null || !IsRetraining, "the method 'retrain' needs a folder with the real images", at["method"]),
        .. at["cleanBy"].Must(
            !IsCleanByLabels || IsRetraining,
            $"'{ByLabels}' are for the real images that the method 'retrain' trains on, but the method is '{Method}'",
            at["method"]),
    ];
}

/// <summary>The training terms of StyleGAN2 (Karras et al. 2020, arXiv:1912.04958).</summary>
/// <param name="R1Weight">γ of the gradient penalty γ/2·E‖∇D(x)‖² on real images; 0 or more.</param>
/// <param name="R1Every">Discriminator steps between two gradient penalties; at least 1.</param>
/// <param name="PathLengthWeight">Weight of the path-length penalty; 0 or more.</param>
/// <param name="PathLengthEvery">Generator steps between two path-length penalties; at least 1.</param>
/// <param name="StyleMixing">Probability of a second latent, 0 to 1.</param>
[Words(nameof(Named)), JsonConverter(typeof(AdversarialOptionsConverter))]
public sealed record AdversarialOptions(
    [Within(0)] double R1Weight,
    [Within(1)] int R1Every,
    [Within(0)] double PathLengthWeight,
    [Within(1)] int PathLengthEvery,
    [Within(0, 1)] double StyleMixing)
{
    /// <summary>The word for the values with which the generator was trained.</summary>
    public const string AsTrainedWord = "as-trained";

    /// <summary>
    /// The values with which the generator was trained, as its file says; in a policy <see cref="AsTrainedWord"/>. They are not
    /// known before the file is read: the weights and the probability are NaN, and nothing is trained with them.
    /// </summary>
    public static AdversarialOptions AsTrained { get; } =
        new(double.NaN, 1, double.NaN, 1, double.NaN) { IsAsTrained = true };

    /// <summary>Whether these are <see cref="AsTrained"/>, whose values the generator's file says.</summary>
    [JsonIgnore]
    public bool IsAsTrained { get; private init; }

    /// <summary>The values in one line.</summary>
    [JsonIgnore]
    internal string Description => IsAsTrained
        ? AsTrainedWord
        : string.Create(
            CultureInfo.InvariantCulture,
            $"R1 weight {R1Weight} every {R1Every} steps, path-length weight {PathLengthWeight} every {PathLengthEvery} steps, "
                + $"style mixing {StyleMixing}");

    /// <summary>What a word in place of the object means.</summary>
    internal static IReadOnlyDictionary<string, AdversarialOptions> Named { get; } =
        new Dictionary<string, AdversarialOptions> { [AsTrainedWord] = AsTrained };
}

/// <summary>The first stage: copies of the GAN are pulled towards the undesired features.</summary>
/// <param name="Steps">Generator updates of the adaptation stage; at least 1.</param>
/// <param name="LearningRate">Step size of Adam; positive.</param>
/// <param name="EwcWeight">λ of the elastic penalty λ·Σ F·(θ − θG)²; 0 or more.</param>
/// <param name="FisherSamples">Number of images from which the Fisher information is estimated; at least 1.</param>
/// <param name="Models">K, the number of adapted generators; at least 1.</param>
public sealed record AdaptationOptions(
    [Within(1)] int Steps,
    [Within(0, Above = true)] double LearningRate,
    [Within(0)] double EwcWeight,
    [Within(1)] int FisherSamples,
    [Within(1)] int Models);

/// <summary>How the generator is pushed away from the adapted ones.</summary>
/// <param name="Loss">The repulsion loss.</param>
/// <param name="Weight">γ, the weight of the repulsion loss; 0 or more.</param>
/// <param name="Alpha">α in exp(−α·d²), for the losses that have it; positive.</param>
/// <param name="Distance">
/// What d² is. <c>plain</c> is ‖θ − θN‖², as in the paper. <c>relative</c> is ‖θ − θN‖² / ‖θG − θN‖², which makes γ and α
/// portable between generators. <c>tensor-mean</c> is the mean over the generator's tensors of each tensor's mean squared
/// difference from θN, as in the published code: every tensor counts the same, whatever its size.
/// </param>
/// <param name="Limit">
/// Repulsion ends where d² has grown to this multiple of its value at the original generator θG; above 1. It stops <c>nl2</c>,
/// which has no bound.
/// </param>
public sealed record RepulsionOptions(
    [KnownName(NameKind.RepulsionLoss)] string Loss,
    [Within(0)] double Weight,
    [Within(0, Above = true)] double Alpha,
    [KnownName(NameKind.Distance)] string Distance,
    [Within(1, Above = true)] double Limit)
{
    /// <summary>‖θ − θN‖², a value of <see cref="Distance"/>.</summary>
    public const string Plain = "plain";

    /// <summary>‖θ − θN‖² / ‖θG − θN‖², a value of <see cref="Distance"/>.</summary>
    public const string Relative = "relative";

    /// <summary>The mean over tensors of each tensor's mean squared difference, a value of <see cref="Distance"/>.</summary>
    public const string TensorMean = "tensor-mean";

    /// <summary>The values of <see cref="Distance"/>.</summary>
    internal static IReadOnlyList<string> Distances { get; } = [Plain, Relative, TensorMean];
}

/// <summary>Retention anchoring: for latents whose original image is clean, the new image stays near the original one.</summary>
/// <param name="Weight">Weight of the mean squared pixel difference; 0 or more, 0 switches it off.</param>
/// <param name="FeatureWeight">
/// Weight of the mean squared difference of the annotators' features, in units of their variance; 0 or more. When absent, it is
/// off.
/// </param>
public sealed record RetentionOptions(
    [Within(0)] double Weight,

    // An absent value is not written, so that older policies keep their digests.
    [Within(0)][AbsentMeans(0)][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    double? FeatureWeight = null)
{
    /// <summary><see cref="FeatureWeight"/>, or 0 when it is absent.</summary>
    [JsonIgnore]
    public double FeatureWeightOrOff => FeatureWeight ?? 0;

    /// <summary>Whether images are held at all.</summary>
    [JsonIgnore]
    public bool IsOn => Weight > 0 || FeatureWeightOrOff > 0;
}

/// <summary>
/// The Fréchet loss: the features of images without undesired features stay distributed as the original generator's.
/// </summary>
/// <param name="AnnotatorWeight">Weight of the annotators' features; 0 or more, 0 leaves them out. 5 when absent.</param>
/// <param name="DiscriminatorWeight">
/// Weight of the features of the discriminator as it was before unlearning; 0 or more, 0 leaves them out. 10 when absent.
/// </param>
/// <param name="Window">
/// Mean age of the images from which the present distribution is estimated, in images; at least 100. It is raised to four times
/// the number of features. 2,000 when absent.
/// </param>
public sealed record FrechetLossOptions(
    // Absent values are not written, so that a later default does not change a policy's digest.
    [Within(0), AbsentMeans(FrechetLossOptions.DefaultAnnotatorWeight)]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    double? AnnotatorWeight = null,
    [Within(0), AbsentMeans(FrechetLossOptions.DefaultDiscriminatorWeight)]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    double? DiscriminatorWeight = null,
    [Within(100), AbsentMeans(FrechetLossOptions.DefaultWindow)]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    int? Window = null)
{
    /// <summary>The value of <see cref="AnnotatorWeight"/> if the policy does not give it.</summary>
    public const double DefaultAnnotatorWeight = 5;

    /// <summary>The value of <see cref="DiscriminatorWeight"/> if the policy does not give it.</summary>
    public const double DefaultDiscriminatorWeight = 10;

    /// <summary>The value of <see cref="Window"/> if the policy does not give it.</summary>
    public const int DefaultWindow = 2000;

    /// <summary>The weight of the annotators' features: the policy's, or the default.</summary>
    [JsonIgnore]
    public double AnnotatorWeightOrDefault => AnnotatorWeight ?? DefaultAnnotatorWeight;

    /// <summary>The weight of the discriminator's features: the policy's, or the default.</summary>
    [JsonIgnore]
    public double DiscriminatorWeightOrDefault => DiscriminatorWeight ?? DefaultDiscriminatorWeight;

    /// <summary>The mean age of what is estimated from: the policy's, or the default.</summary>
    [JsonIgnore]
    public int WindowOrDefault => Window ?? DefaultWindow;

    /// <summary>Whether any features are matched.</summary>
    [JsonIgnore]
    public bool IsOn => AnnotatorWeightOrDefault > 0 || DiscriminatorWeightOrDefault > 0;
}

/// <summary>Guidance: images follow the annotators' gradients away from the undesired features.</summary>
/// <param name="Weight">
/// Weight of −log(1 − p), with p the probability of an undesired class; 0 or more, 0 switches it off.
/// </param>
/// <param name="Rate">
/// Share of generated images that show an undesired feature from which on the whole weight applies, 0 to 1; below, the weight
/// falls in proportion to that share. 0 when absent: the weight stays.
/// </param>
public sealed record GuidanceOptions(
    [Within(0)] double Weight,

    // An absent value is not written, so that older policies keep their digests.
    [Within(0, 1), AbsentMeans(0)][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? Rate = null)
{
    /// <summary><see cref="Rate"/>, or 0 when it is absent.</summary>
    [JsonIgnore]
    public double RateOrDefault => Rate ?? 0;
}

/// <summary>
/// Students of the annotators: classifiers that learn within the run from the generator's own samples, labelled by an annotator.
/// </summary>
/// <param name="Count">How many students each annotator has; 0 switches them off.</param>
/// <param name="Samples">Number of the generator's samples that they learn from; at least 100. 10,000 when absent.</param>
/// <param name="Epochs">How often they see each sample; at least 1. 8 when absent.</param>
public sealed record StudentsOptions(
    [Within(0)] int Count,

    // Absent values are not written, so that a later default does not change a policy's digest.
    [Within(100), AbsentMeans(StudentsOptions.DefaultSamples)]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    int? Samples = null,
    [Within(1), AbsentMeans(StudentsOptions.DefaultEpochs)]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    int? Epochs = null)
{
    /// <summary>The value of <see cref="Samples"/> if the policy does not give it.</summary>
    public const int DefaultSamples = 10_000;

    /// <summary>The value of <see cref="Epochs"/> if the policy does not give it.</summary>
    public const int DefaultEpochs = 8;

    /// <summary>The number of samples: the policy's, or the default.</summary>
    [JsonIgnore]
    public int SamplesOrDefault => Samples ?? DefaultSamples;

    /// <summary>How often each sample is seen: as the policy says, or the default.</summary>
    [JsonIgnore]
    public int EpochsOrDefault => Epochs ?? DefaultEpochs;
}

/// <summary>Labelled negatives are added to the discriminator's fake side.</summary>
/// <param name="Weight">Weight of the negatives' term in the discriminator's loss; 0 or more, 0 switches it off.</param>
/// <param name="BatchSize">Negatives in a step; at least 1, a multiple of 4 or below 4 (minibatch standard deviation).</param>
/// <param name="Fades">
/// Whether the weight falls in recovery, as the square of the learning rate. When absent, it stays.
/// </param>
public sealed record NegativesAsFakesOptions(
    [Within(0)] double Weight,
    [Within(1)] int BatchSize,

    // An absent value is not written, so that older policies keep their digests.
    [AbsentMeans(false)][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] bool? Fades = null);

/// <summary>Class balancing: positives of classes that have become rare are drawn more often.</summary>
/// <param name="Rate">
/// How fast the class weights follow, 0 to 1; 0 switches it off. At each count the log-weight of a class grows by rate ·
/// log(wanted share / made share).
/// </param>
/// <param name="Limit">Largest factor between a class's weight and 1, either way; above 1.</param>
/// <param name="Guidance">
/// Weight of the Kullback–Leibler divergence of the generated shares from the wanted ones, whose gradient training follows
/// through the annotator; 0 or more. When absent, it is off.
/// </param>
public sealed record ClassBalanceOptions(
    [Within(0, 1)] double Rate,
    [Within(1, Above = true)] double Limit,

    // An absent value is not written, so that older policies keep their digests.
    [Within(0)][AbsentMeans(0)][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? Guidance = null);

/// <summary>The baseline θG + γ(θG − θN).</summary>
/// <param name="Gamma">γ: how far beyond the original, in units of the adaptation; positive.</param>
public sealed record ExtrapolationOptions([Within(0, Above = true)] double Gamma);

/// <summary>
/// For checkpoints without a discriminator only: before the first stage, one is warmed up on the generator's own samples.
/// </summary>
/// <param name="Steps">Discriminator updates; at least 1.</param>
public sealed record DiscriminatorWarmUpOptions([Within(1)] int Steps)
{
    /// <summary>The values of a policy that does not give any.</summary>
    public static DiscriminatorWarmUpOptions Default { get; } = new(Steps: 400);
}
