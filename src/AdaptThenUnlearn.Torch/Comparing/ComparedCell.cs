using System.Globalization;
using System.Text.Json.Serialization;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Torch.Comparing;

/// <summary>Which run a cell of the comparison is.</summary>
/// <param name="Method">Name of the compared method.</param>
/// <param name="Class">The class that is unlearned.</param>
/// <param name="Seed">Of training.</param>
public sealed record CellKey(string Method, string Class, long Seed)
{
    /// <summary>Name of the cell's files: lower-case letters, digits and hyphens.</summary>
    [JsonIgnore]
    public string FileName => string.Create(CultureInfo.InvariantCulture, $"{Method}-{Slug(Class)}-{Seed}");

    /// <summary>Name of what belongs to the run as one question asks for it.</summary>
    /// <param name="digest">Digest of the question, see <see cref="ComparedCell.DigestOf"/>.</param>
    public string FileNameFor(string digest) => $"{FileName}-{digest[..Math.Min(8, digest.Length)]}";

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Method}, class {Class}, seed {Seed}");

    /// <summary>A class's name as part of a policy's name.</summary>
    public static string Slug(string name)
    {
        var slug = string.Concat(name.ToLowerInvariant().Select(letter => char.IsAsciiLetterOrDigit(letter) ? letter : '-')).Trim('-');
        return slug.Length > 0 && slug.Length == name.Length ? slug : $"{slug}-{Sha256Digest.Compute(name)[..6]}".TrimStart('-');
    }
}

/// <summary>What came of one run of the comparison: plain numbers off its run record, judged by the auditor.</summary>
/// <param name="SchemaVersion">Always <see cref="CurrentSchemaVersion"/>.</param>
/// <param name="Key">Which run it was.</param>
/// <param name="Asked">Digest of all that decides the result, see <see cref="DigestOf"/>.</param>
/// <param name="Tool">Name and version of what ran it.</param>
/// <param name="Environment">Where it ran.</param>
/// <param name="Outcome">The figures; null when the run could not finish.</param>
/// <param name="Failure">Why the run could not finish; null when it did.</param>
public sealed record ComparedCell(
    int SchemaVersion, CellKey Key, string Asked, string Tool, RunEnvironment Environment, CellOutcome? Outcome, string? Failure)
{
    /// <summary>Of the cells that this version writes and reads.</summary>
    public const int CurrentSchemaVersion = 1;

    // To be raised whenever training, choosing candidates or measuring comes to other results: cells from before are then made again.
    // 2: images are clipped and rounded to 8 bits before they are judged.
    private const int Revision = 2;

    /// <summary>Digest of what decides a run's result. Where the training data lies does not; what it holds does.</summary>
    /// <param name="policy">As it takes effect.</param>
    /// <param name="inputs">Digest of each file that the run reads, by its role; the policy file itself is left out, since its effect is in <paramref name="policy"/>.</param>
    public static string DigestOf(UnlearningPolicy policy, IEnumerable<(string Role, string Sha256)> inputs)
    {
        var lines = inputs.Where(input => input.Role != InputRoles.Policy).Select(input => $"{input.Role} {input.Sha256}");
        var settled = policy with { Unlearning = policy.Unlearning with { Data = null } };
        return Sha256Digest.Compute(string.Join(
            '\n', [CanonicalJson.Serialize(settled), .. lines, FormattableString.Invariant($"revision {Revision}")]));
    }
}

/// <summary>The figures of a run that finished.</summary>
/// <param name="ArtifactSha256">Of the generator that came out.</param>
/// <param name="Samples">n, images before and images after, of the same latents.</param>
/// <param name="HitsBefore">Images with the class before.</param>
/// <param name="HitsAfter">Images with it after.</param>
/// <param name="FrechetBefore">Of the retained classes, against the policy's reference; null where not measured.</param>
/// <param name="FrechetAfter">Likewise, after.</param>
/// <param name="FrechetToRetrained">Of the retained classes, against the retrained generator's images (Ret-FD); null where none was at hand.</param>
/// <param name="RetrainedSha256">Of that retrained generator.</param>
/// <param name="Shares">Each retained class's images before and after.</param>
/// <param name="Steps">Generator updates, adaptation and the warm-up of a missing discriminator included.</param>
/// <param name="KeptStep">Of the candidate that was kept.</param>
/// <param name="TrainingSeconds">Wall time of feedback and training, the judging of candidates included; without measuring before and after.</param>
/// <param name="TotalSeconds">Wall time of all stages.</param>
/// <param name="Selected">What the annotators saw of the kept candidate: the only figures that tuning may look at.</param>
/// <param name="ProcessorSeconds">Time of all cores together that feedback and training used; null where it was not counted.</param>
/// <param name="AnnotatorHitsBefore">Images with the class before, to the annotator: like <paramref name="Selected"/> for tuning; null where it also audits.</param>
/// <param name="Range">What was looked at, as <see cref="Measurement.Range"/>; cells that do not say were measured raw.</param>
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
    string Range = EvaluationOptions.Raw)
{
    private const double Confidence = 0.95;

    /// <summary>Percentage of unlearning, as a share: (before − after) / before; null when there was nothing to unlearn.</summary>
    [JsonIgnore]
    public double? Unlearned => UnlearnedShare.Compute(HitsBefore, HitsAfter);

    /// <summary>Two-sided 95 % interval of <see cref="Unlearned"/>: Clopper–Pearson of the rate after, the rate before taken as known.</summary>
    /// <remarks>
    /// The rate before has an error too, on the same latents. Where little of the class is left it hardly matters; where much is, the interval is too wide if the
    /// images that are left are among those that were there, and too narrow if the two sets have nothing to do with each other.
    /// </remarks>
    [JsonIgnore]
    public (double Low, double High)? UnlearnedInterval => HitsBefore == 0
        ? null
        : (1 - ClopperPearson.UpperBound(HitsAfter, Samples, 1 - (1 - Confidence) / 2) * Samples / HitsBefore,
            1 - ClopperPearson.LowerBound(HitsAfter, Samples, 1 - (1 - Confidence) / 2) * Samples / HitsBefore);

    /// <summary>Fréchet distance after over before; null where either was not measured.</summary>
    [JsonIgnore]
    public double? FrechetRatio => FrechetBefore > 0 ? FrechetAfter / FrechetBefore : null;

    /// <summary>Smallest after/before of a retained class's images; null when there is none.</summary>
    [JsonIgnore]
    public double? SmallestShareKept => Shares.Where(share => share.Before > 0).Select(share => (double?)share.After / share.Before).Min();

    /// <summary>Largest after/before of a retained class's images: how much of what was undesired went to one class; null when there is none.</summary>
    [JsonIgnore]
    public double? LargestShareKept => Shares.Where(share => share.Before > 0).Select(share => (double?)share.After / share.Before).Max();

    /// <summary>Reads the figures off a run record in which something was trained.</summary>
    /// <exception cref="ArgumentException">Nothing was trained, or the record has more than one undesired feature.</exception>
    public static CellOutcome FromRecord(RunRecord record)
    {
        if (record.After is not { } after || record.Training is not { } training)
            throw new ArgumentException("nothing was trained: the generator met the policy as it was");
        if (record.Before.Features is not [var before] || after.Features is not [var afterwards])
            throw new ArgumentException("a comparison is about one undesired feature");

        var own = record.Times.Stages.Where(stage => !stage.Stage.StartsWith("measuring", StringComparison.Ordinal)).ToList();
        var adaptation = training.AdaptedDistance is null ? 0 : record.Policy.Unlearning.Adaptation.Steps * record.Policy.Unlearning.Adaptation.Models;
        return new CellOutcome(
            record.Outputs.Single(output => output.Role == OutputRoles.Artifact).Sha256,
            before.Looks[0].Samples,
            before.Looks[0].Hits,
            afterwards.Looks[0].Hits,
            record.Before.Quality?.FrechetDistance,
            after.Quality?.FrechetDistance,
            FrechetToRetrained: null,
            RetrainedSha256: null,
            [.. record.Before.Shares.Where(share => !share.Undesired).Select(share => new RetainedShare(
                share.Class, share.Hits, after.Shares.Single(other => other.Classifier == share.Classifier && other.Class == share.Class).Hits))],
            training.Steps + adaptation + (training.DiscriminatorWarmUp?.Steps ?? 0),
            training.SelectedStep,
            Math.Round(own.Sum(stage => stage.Seconds), 1),
            Math.Round(record.Times.Stages.Sum(stage => stage.Seconds), 1),
            training.Selected,
            own.TrueForAll(stage => stage.ProcessorSeconds is not null) ? Math.Round(own.Sum(stage => stage.ProcessorSeconds!.Value), 1) : null,
            before.AnnotatorHits,
            after.Range);
    }
}

/// <summary>Images of one retained class.</summary>
/// <param name="Class">Its name.</param>
/// <param name="Before">Among the samples before.</param>
/// <param name="After">Among the samples after.</param>
public sealed record RetainedShare(string Class, long Before, long After);
