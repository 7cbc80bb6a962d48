using System.Text.Json.Serialization;
using AdaptThenUnlearn.Measurements;

namespace AdaptThenUnlearn.Runs;

/// <summary>All that <c>atu attack</c> found; on disk, <c>attack.json</c>.</summary>
/// <param name="SchemaVersion">Always <see cref="CurrentSchemaVersion"/>.</param>
/// <param name="Tool">Name and version of what made it.</param>
/// <param name="Policy">Name of the policy.</param>
/// <param name="Seed">Seed of every attack.</param>
/// <param name="Confidence">Of the intervals in the reports, between 0 and 1.</param>
/// <param name="Samples">Images for each rate that was counted.</param>
/// <param name="Starts">Latents from which each search started.</param>
/// <param name="Steps">Gradient steps of each search.</param>
/// <param name="TrainingSteps">Most training steps of an attack that trains.</param>
/// <param name="Negatives">Most images of the feature that an attack trained on.</param>
/// <param name="Generators">The generators that were attacked, the original first.</param>
/// <param name="Attacks">What was found, in the order of the reports.</param>
/// <param name="Images">
/// The folder of real images that were to be reconstructed; null, and left out, where none were given.
/// </param>
public sealed record AttackStudy(
    int SchemaVersion,
    string Tool,
    string Policy,
    long Seed,
    double Confidence,
    int Samples,
    int Starts,
    int Steps,
    int TrainingSteps,
    int Negatives,
    IReadOnlyList<StudiedGenerator> Generators,
    IReadOnlyList<StudiedAttack> Attacks,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] StudiedImages? Images = null)
{
    /// <summary>Of the studies that this version writes.</summary>
    public const int CurrentSchemaVersion = 1;

    /// <summary>File name of a study in its folder.</summary>
    public const string FileName = "attack.json";

    /// <summary>The findings of one generator's attack; null where it was not made.</summary>
    /// <param name="attack">Name of the attack.</param>
    /// <param name="feature">Name of the feature.</param>
    /// <param name="generator">Name of the generator in the study.</param>
    public StudiedAttack? Find(string attack, string feature, string generator) => Attacks.FirstOrDefault(
        each => each.Reading.Attack == attack && each.Reading.Feature == feature && each.Generator == generator);

    /// <summary>
    /// Why a limit on an attack's success is not met, in a sentence without a full stop; null where it is. Fail-closed: an attack
    /// that was not made has not been withstood.
    /// </summary>
    /// <param name="attack">Name of the attack.</param>
    /// <param name="feature">Name of the feature.</param>
    /// <param name="generator">Name of the generator in the study.</param>
    /// <param name="maxSuccess">Largest share of attempts that may succeed, 0 to 1.</param>
    public string? FindViolation(string attack, string feature, string generator, double maxSuccess) =>
        Find(attack, feature, generator) is { } made
            ? made.Reading.FindViolation(maxSuccess, Confidence)
            : "not measured: the attack was not made";
}

/// <summary>Real images that were to be reconstructed.</summary>
/// <param name="Path">Of their folder, relative to the study's folder where that is possible.</param>
/// <param name="Sha256">Digest of the folder, 64 lower-case hexadecimal digits.</param>
/// <param name="Count">How many it holds; at least 1.</param>
public sealed record StudiedImages(string Path, string Sha256, int Count);

/// <summary>A generator that was attacked.</summary>
/// <param name="Name"><c>before</c>, <c>after</c> or <c>retrained</c>.</param>
/// <param name="Path">Of its checkpoint, relative to the study's folder where that is possible.</param>
/// <param name="Sha256">Of its checkpoint, 64 lower-case hexadecimal digits.</param>
public sealed record StudiedGenerator(string Name, string Path, string Sha256);

/// <summary>What an attack found in a generator.</summary>
/// <param name="Generator">Name of the generator in the study.</param>
/// <param name="Summary">What the attack tries, as one sentence without a full stop.</param>
/// <param name="Seconds">How long it took.</param>
/// <param name="Reading">The counts.</param>
/// <param name="Picture">
/// Picture of what was found, relative to the study's folder; null, and left out, where nothing was found.
/// </param>
public sealed record StudiedAttack(
    string Generator,
    string Summary,
    double Seconds,
    AttackReading Reading,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Picture = null);
