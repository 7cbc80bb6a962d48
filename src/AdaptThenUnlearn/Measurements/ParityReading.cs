using System.Text.Json.Serialization;

namespace AdaptThenUnlearn.Measurements;

/// <summary>What a shipped file made of the latents of the artifact; counts that can be judged again.</summary>
/// <param name="Form">The file's name in the policy.</param>
/// <param name="Sha256">Digest of the file.</param>
/// <param name="GeneratorSha256">Digest of the artifact that it was compared with.</param>
/// <param name="Answers">For each undesired feature: where the auditor's answers differ. Empty where the file failed.</param>
/// <param name="Measured">Readings of the file, taken as those of a generator; null, and left out, where it failed.</param>
/// <param name="PixelDifference">
/// Largest difference of a pixel at the first look, in the 256 levels of a picture file; null, and left out, where the file
/// failed.
/// </param>
/// <param name="FrechetDistance">
/// Between the artifact's images of the first look and the file's, in squared units of the extractor's features; null, and left
/// out, where it was not asked for, or could not be measured.
/// </param>
/// <param name="FrechetNotMeasured">
/// Why there is no distance, without a full stop; null, and left out, where there is one, or none was asked for.
/// </param>
/// <param name="NotMeasured">
/// Why nothing was measured, in a sentence without a full stop; null, and left out, where it was.
/// </param>
public sealed record ParityReading(
    string Form,
    string Sha256,
    string GeneratorSha256,
    IReadOnlyList<AnswerDifference> Answers,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] Measurement? Measured = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? PixelDifference = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? FrechetDistance = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? FrechetNotMeasured = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? NotMeasured = null)
{
    private const int Levels = 256;

    /// <summary>A file that could not be measured.</summary>
    /// <param name="form">Its name in the policy.</param>
    /// <param name="sha256">Its digest.</param>
    /// <param name="generatorSha256">Digest of the artifact.</param>
    /// <param name="why">A sentence without a full stop.</param>
    public static ParityReading Failed(string form, string sha256, string generatorSha256, string why) =>
        new(form, sha256, generatorSha256, [], NotMeasured: why);

    /// <summary>Whether the counts are possible, and fit one another.</summary>
    [JsonIgnore]
    public bool IsPossible => NotMeasured is not null
        || (Measured is { Shipped: null, Attacks: null } own
            && own.GeneratorSha256 == Sha256
            && PixelDifference is >= 0 and < Levels
            && FrechetDistance is null or >= 0
            && own.Features.All(reading => reading.Audit is null)
            && Answers.Select(answer => answer.Feature).SequenceEqual(own.Features.Select(reading => reading.Feature))
            && Answers.Zip(own.Features).All(pair => pair.Second.Looks is [var first, ..] && pair.First.IsPossible(first)));

    /// <summary>Where the answers about a feature differ; null where it was not compared.</summary>
    /// <param name="feature">The feature's name in the policy.</param>
    public AnswerDifference? Find(string feature) => Answers.FirstOrDefault(answer => answer.Feature == feature);
}

/// <summary>On how many latents of the first look the auditor answers differently about a feature.</summary>
/// <param name="Feature">The feature's name in the policy.</param>
/// <param name="Samples">n, latents that both were asked for.</param>
/// <param name="ArtifactOnly">Latents on which the artifact alone shows it.</param>
/// <param name="FormOnly">Latents on which the shipped file alone shows it.</param>
public sealed record AnswerDifference(string Feature, long Samples, long ArtifactOnly, long FormOnly)
{
    /// <summary>Latents on which the answers differ.</summary>
    [JsonIgnore]
    public long Differing => ArtifactOnly + FormOnly;

    /// <summary>The largest share of differing answers that these counts do not rule out (Clopper–Pearson).</summary>
    /// <param name="confidence">One-sided, between 0 and 1.</param>
    public double UpperBound(double confidence) => ClopperPearson.UpperBound(Differing, Samples, confidence);

    /// <summary>Latents on which the artifact shows it, by the file's own counts and by where the answers differ.</summary>
    /// <param name="form">The file's own counts at the first look.</param>
    internal long ArtifactHits(Look form) => form.Hits - FormOnly + ArtifactOnly;

    /// <summary>Whether the counts are possible beside those of the shipped file.</summary>
    /// <param name="form">The file's own counts at the first look.</param>
    internal bool IsPossible(Look form) =>
        Samples == form.Samples && ArtifactOnly >= 0 && FormOnly >= 0
        && FormOnly <= form.Hits && ArtifactOnly <= form.Samples - form.Hits;
}
