using System.Globalization;
using System.Text.Json.Serialization;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Torch.Comparing;

/// <summary>Identifies a run of the comparison.</summary>
/// <param name="Method">Name of the compared method.</param>
/// <param name="Class">The class that is unlearned.</param>
/// <param name="Seed">Seed of the training.</param>
public sealed record CellKey(string Method, string Class, long Seed)
{
    /// <summary>Name of the cell's files: lower-case letters, digits and hyphens.</summary>
    [JsonIgnore]
    public string FileName => string.Create(CultureInfo.InvariantCulture, $"{Method}-{Slug(Class)}-{Seed}");

    /// <summary>Name of files and folders that belong to the run with certain settings and inputs.</summary>
    /// <param name="digest">Digest of settings and inputs, see <see cref="ComparedCell.DigestOf"/>.</param>
    public string FileNameFor(string digest) => $"{FileName}-{digest[..Math.Min(8, digest.Length)]}";

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Method}, class {Class}, seed {Seed}");

    /// <summary>A class's name as part of a policy's name.</summary>
    public static string Slug(string name)
    {
        var slug = string.Concat(name.ToLowerInvariant().Select(letter => char.IsAsciiLetterOrDigit(letter) ? letter : '-'))
            .Trim('-');
        return slug.Length > 0 && slug.Length == name.Length ? slug : $"{slug}-{Sha256Digest.Compute(name)[..6]}".TrimStart('-');
    }
}

/// <summary>The result of one run of the comparison: the figures of its run record, counted by the auditor.</summary>
/// <param name="SchemaVersion">Always <see cref="CurrentSchemaVersion"/>.</param>
/// <param name="Key">The run.</param>
/// <param name="Asked">Digest of everything that decides the result, see <see cref="DigestOf"/>.</param>
/// <param name="Tool">Name and version of the tool that made the run.</param>
/// <param name="Environment">Where the run was made.</param>
/// <param name="Outcome">The figures; null where the run could not finish.</param>
/// <param name="Failure">Why the run could not finish; null where it did.</param>
public sealed record ComparedCell(
    int SchemaVersion, CellKey Key, string Asked, string Tool, RunEnvironment Environment, CellOutcome? Outcome, string? Failure)
{
    /// <summary>The schema version of the cells that this version writes and reads.</summary>
    public const int CurrentSchemaVersion = 1;

    // Raise this whenever a change makes training, the choice of candidates or measuring give other results: older cells are then
    // made again. Revision 2: images are clipped and rounded to 8 bits before they are judged.
    private const int Revision = 2;

    // Of the choice among several candidates, for runs that have it. 2: those that differ within their error are alike.
    private const string Choice = "choice 2";

    /// <summary>Digest of what decides a run's result. The content of the training data does; its path does not.</summary>
    /// <param name="policy">The effective policy.</param>
    /// <param name="inputs">
    /// Digest of each file that the run reads, by its role. The policy file is left out: <paramref name="policy"/> is its effect.
    /// </param>
    public static string DigestOf(UnlearningPolicy policy, IEnumerable<(string Role, string Sha256)> inputs)
    {
        var lines = inputs.Where(input => input.Role != InputRoles.Policy).Select(input => $"{input.Role} {input.Sha256}");
        bool? shared = policy.Unlearning.SharedImages == true ? true : null;   // false and absent are the same run
        var settled = policy with { Unlearning = policy.Unlearning with { Data = null, SharedImages = shared } };
        return Sha256Digest.Compute(string.Join(
            '\n',
            [
                CanonicalJson.Serialize(settled), .. lines, FormattableString.Invariant($"revision {Revision}"),
                .. Chooses(policy.Unlearning) ? [Choice] : Array.Empty<string>(),
            ]));
    }

    private static bool Chooses(UnlearningOptions options) => options.CandidateEvery < options.Steps && !options.IsRetraining;
}

/// <summary>The figures of a run that finished.</summary>
/// <param name="ArtifactSha256">
/// SHA-256 of the generator that was released; where images were refused, of the original, which is unchanged.
/// </param>
/// <param name="Samples">Number of images before, and of images after, of the same latents.</param>
/// <param name="HitsBefore">Number of images with the class, before.</param>
/// <param name="HitsAfter">Number of images with the class, after.</param>
/// <param name="FrechetBefore">
/// Fréchet distance of the retained classes to the policy's reference, before; null where it was not measured.
/// </param>
/// <param name="FrechetAfter">
/// Fréchet distance of the retained classes to the policy's reference, after; null where it was not measured.
/// </param>
/// <param name="FrechetToRetrained">
/// Fréchet distance of the retained classes to the retrained generator's images (Ret-FD); null where no retrained generator was
/// available.
/// </param>
/// <param name="RetrainedSha256">SHA-256 of that retrained generator.</param>
/// <param name="Shares">Number of images of each retained class, before and after.</param>
/// <param name="Steps">Number of updates, including adaptation and the warm-up of a missing discriminator.</param>
/// <param name="KeptStep">Step of the candidate that was kept.</param>
/// <param name="TrainingSeconds">
/// Wall time of feedback and training, including the evaluation of candidates, without measuring before and after.
/// </param>
/// <param name="TotalSeconds">Wall time of all stages.</param>
/// <param name="Selected">The annotators' figures for the kept candidate: the only ones that tuning may use.</param>
/// <param name="ProcessorSeconds">
/// Processor time of feedback and training on all cores together; null where it was not measured.
/// </param>
/// <param name="AnnotatorHitsBefore">
/// Number of images with the class before, counted by the annotator, for tuning; null where the annotator is also the auditor.
/// </param>
/// <param name="Range">
/// The range of the images that were judged, as <see cref="Measurement.Range"/>; raw in cells without it.
/// </param>
/// <param name="Made">
/// Number of images that had to be made to keep <paramref name="Samples"/> clean ones; null where none was refused.
/// </param>
/// <param name="Third">The same images with the class, counted by a third classifier; null where none counted them.</param>
public sealed record CellOutcome(
    string ArtifactSha256,
    long Samples,
    long HitsBefore,
    long HitsAfter,
    double? FrechetBefore,
    double? FrechetAfter,
    double? FrechetToRetrained,
    string? RetrainedSha256,
    IReadOnlyList<RetainedShare> Shares,
    int Steps,
    int KeptStep,
    double TrainingSeconds,
    double TotalSeconds,
    SelectedCandidate? Selected = null,
    double? ProcessorSeconds = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] long? AnnotatorHitsBefore = null,
    string Range = EvaluationOptions.Raw,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] long? Made = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] ThirdCount? Third = null)
{
    private const double Confidence = 0.95;

    /// <summary>
    /// Percentage of unlearning (PUL) as a share: (before − after) / before; null where there was nothing to unlearn.
    /// </summary>
    [JsonIgnore]
    public double? Unlearned => UnlearnedShare.Compute(HitsBefore, HitsAfter);

    /// <summary>
    /// Two-sided 95 % interval of <see cref="Unlearned"/>: the Clopper–Pearson interval of the rate after, with the rate before
    /// taken as exact.
    /// </summary>
    /// <remarks>
    /// The rate before has an error too. It hardly matters where little of the class is left. Where much is left, the interval is
    /// too wide if the same latents show the class before and after, and too narrow if the two sets of latents are independent.
    /// </remarks>
    [JsonIgnore]
    public (double Low, double High)? UnlearnedInterval => HitsBefore == 0
        ? null
        : (1 - ClopperPearson.UpperBound(HitsAfter, Samples, 1 - (1 - Confidence) / 2) * Samples / HitsBefore,
            1 - ClopperPearson.LowerBound(HitsAfter, Samples, 1 - (1 - Confidence) / 2) * Samples / HitsBefore);

    /// <summary>Fréchet distance after over before; null where either was not measured.</summary>
    [JsonIgnore]
    public double? FrechetRatio => FrechetBefore > 0 ? FrechetAfter / FrechetBefore : null;

    /// <summary>Smallest ratio after/before of a retained class's images; null where there is no retained class.</summary>
    [JsonIgnore]
    public double? SmallestShareKept =>
        Shares.Where(share => share.Before > 0).Select(share => (double?)share.After / share.Before).Min();

    /// <summary>
    /// Largest ratio after/before of a retained class's images, which shows whether one class took the undesired one's place;
    /// null where there is no retained class.
    /// </summary>
    [JsonIgnore]
    public double? LargestShareKept =>
        Shares.Where(share => share.Before > 0).Select(share => (double?)share.After / share.Before).Max();

    /// <summary>Number of images made for each that was kept, at least 1; null where none was refused.</summary>
    [JsonIgnore]
    public double? MadeForEach => Made is { } made ? (double)made / Samples : null;

    /// <summary>Takes the figures from the record of a run that trained.</summary>
    /// <exception cref="ArgumentException">The run did not train, or has more than one undesired feature.</exception>
    public static CellOutcome FromRecord(RunRecord record)
    {
        if (record.After is not { } after || record.Training is not { } training)
            throw new ArgumentException("nothing was trained: the generator met the policy as it was");
        var trainingStages = record.Times.Stages.Where(stage => !stage.Stage.StartsWith("measuring", StringComparison.Ordinal))
            .ToList();
        var adaptation = record.Policy.Unlearning.Adaptation;
        var adaptationSteps = training.AdaptedDistance is null ? 0 : adaptation.Steps * adaptation.Models;
        return FromReadings(record.Before, after) with
        {
            ArtifactSha256 = record.Outputs.Single(output => OutputRoles.IsGenerator(output.Role)).Sha256,
            Steps = training.Steps + adaptationSteps + (training.DiscriminatorWarmUp?.Steps ?? 0),
            KeptStep = training.SelectedStep,
            TrainingSeconds = Math.Round(trainingStages.Sum(stage => stage.Seconds), 1),
            TotalSeconds = Math.Round(record.Times.Stages.Sum(stage => stage.Seconds), 1),
            Selected = training.Selected,
            ProcessorSeconds = trainingStages.TrueForAll(stage => stage.ProcessorSeconds is not null)
                ? Math.Round(trainingStages.Sum(stage => stage.ProcessorSeconds!.Value), 1)
                : null,
        };
    }

    /// <summary>Takes the figures from all of a generator's images, and from those that were kept. Nothing was trained.</summary>
    /// <param name="before">Of all images.</param>
    /// <param name="after">Of as many images that were kept.</param>
    /// <param name="made">Number of images that had to be made for those that were kept.</param>
    /// <param name="seconds">Wall time of measuring.</param>
    /// <exception cref="ArgumentException">There is more than one undesired feature.</exception>
    internal static CellOutcome FromRefusing(Measurement before, Measurement after, long made, double seconds) =>
        FromReadings(before, after) with { TotalSeconds = Math.Round(seconds, 1), ProcessorSeconds = 0, Made = made };

    // Without what training adds.
    private static CellOutcome FromReadings(Measurement before, Measurement after)
    {
        if (before.Features is not [var feature] || after.Features is not [var afterwards])
            throw new ArgumentException("a comparison is about one undesired feature");

        var shares = before.Shares.Where(share => !share.Undesired).Select(share => new RetainedShare(
            share.Class,
            share.Hits,
            after.Shares.Single(other => other.Classifier == share.Classifier && other.Class == share.Class).Hits));
        return new CellOutcome(
            after.GeneratorSha256,
            feature.Looks[0].Samples,
            feature.Looks[0].Hits,
            afterwards.Looks[0].Hits,
            before.Quality?.FrechetDistance,
            after.Quality?.FrechetDistance,
            FrechetToRetrained: null,
            RetrainedSha256: null,
            [.. shares],
            Steps: 0,
            KeptStep: 0,
            TrainingSeconds: 0,
            TotalSeconds: 0,
            AnnotatorHitsBefore: feature.AnnotatorHits,
            Range: after.Range);
    }
}

/// <summary>
/// Number of images with the class, of those that the auditor counted, by a classifier that is used for nothing else.
/// </summary>
/// <param name="Sha256">SHA-256 of the classifier's checkpoint.</param>
/// <param name="HitsBefore">Number of images with the class, before.</param>
/// <param name="HitsAfter">Number of images with the class, after.</param>
public sealed record ThirdCount(string Sha256, long HitsBefore, long HitsAfter)
{
    /// <summary>As <see cref="CellOutcome.Unlearned"/>.</summary>
    [JsonIgnore]
    public double? Unlearned => UnlearnedShare.Compute(HitsBefore, HitsAfter);
}

/// <summary>Number of images of one retained class.</summary>
/// <param name="Class">Name of the class.</param>
/// <param name="Before">Number among the samples before.</param>
/// <param name="After">Number among the samples after.</param>
public sealed record RetainedShare(string Class, long Before, long After);
