using System.Diagnostics;
using System.Globalization;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Attacks;

/// <summary>Runs attacks on generators under a policy, and keeps each result in a file of its own.</summary>
/// <param name="policy">Names features, classifiers and the seed.</param>
/// <param name="classifiers">Of the policy; stay the caller's.</param>
/// <param name="original">The original generator; stays the caller's.</param>
/// <param name="budget">How much each attack may spend.</param>
/// <param name="device">Where the networks are.</param>
/// <param name="tool">Name and version of the tool.</param>
/// <param name="progress">Receives how far an attack is.</param>
public sealed class AttackRuns(
    UnlearningPolicy policy,
    PolicyClassifiers classifiers,
    LoadedGenerator original,
    AttackBudget budget,
    Device device,
    string tool,
    IProgress<StageProgress> progress)
{
    /// <summary>Real images of the feature to reconstruct; null for none. They stay the caller's.</summary>
    public AttackImages? GivenImages { get; init; }

    // Raise this whenever a change makes an attack give other results: older cells are then made again.
    internal const int Revision = 3;   // 3: relearning trains by settings of its own

    /// <summary>
    /// How an attack trains, whatever the policy says of unlearning: as the preset <c>default</c>. Otherwise a policy could
    /// choose a learning rate at which no attack learns anything.
    /// </summary>
    internal static TrainingSettings Training { get; } = OfDefault();

    private const int LargestPicture = 64;   // pixels of an image in a picture, about

    /// <summary>Takes over the result of an earlier call where that is allowed, or attacks and writes the result.</summary>
    /// <param name="folder">Of the cells.</param>
    /// <param name="attack">What to try.</param>
    /// <param name="feature">Of the policy.</param>
    /// <param name="attacked">Which generator it is.</param>
    /// <param name="generator">The attacked generator; stays the caller's.</param>
    /// <param name="mayReuse">Whether whoever could have written an earlier result is trusted: it is not signed.</param>
    /// <param name="cancel">Ends the attack soon.</param>
    /// <exception cref="FileNotWrittenException">A file cannot be written.</exception>
    public AttackCell FindOrMake(
        string folder,
        IAttack attack,
        UndesiredFeature feature,
        AttackedGenerator attacked,
        LoadedGenerator generator,
        bool mayReuse,
        CancellationToken cancel)
    {
        var key = new AttackKey(attack.Name, feature.Name, attacked);
        var asked = DigestOf(key, feature, generator);
        if (mayReuse
            && AttackCell.Find(folder, key, asked) is { } known
            && known.Reading.GeneratorSha256 == generator.Sha256)
            return known;

        var watch = Stopwatch.StartNew();
        using var findings = Run(attack, feature, attacked, generator, cancel);
        var picture = Picture(findings, generator);
        var cell = new AttackCell(
            AttackCell.CurrentSchemaVersion,
            key,
            asked,
            tool,
            device.ToString(),
            get_num_threads(),
            Math.Round(watch.Elapsed.TotalSeconds, 1),
            ReadingOf(attack, feature, generator, findings),
            picture is null ? null : Sha256Digest.Compute(picture));
        cell.Write(folder, picture);
        return cell;
    }

    /// <summary>Attacks, and keeps nothing.</summary>
    /// <param name="attack">What to try.</param>
    /// <param name="feature">Of the policy.</param>
    /// <param name="attacked">Which generator it is.</param>
    /// <param name="generator">The attacked generator; stays the caller's.</param>
    /// <param name="cancel">Ends the attack soon.</param>
    public AttackReading Measure(
        IAttack attack,
        UndesiredFeature feature,
        AttackedGenerator attacked,
        LoadedGenerator generator,
        CancellationToken cancel)
    {
        using var findings = Run(attack, feature, attacked, generator, cancel);
        return ReadingOf(attack, feature, generator, findings);
    }

    private AttackFindings Run(
        IAttack attack,
        UndesiredFeature feature,
        AttackedGenerator attacked,
        LoadedGenerator generator,
        CancellationToken cancel)
    {
        var stage = new AttackKey(attack.Name, feature.Name, attacked).ToString();
        if (generator.Generator.Shape != original.Generator.Shape)
            return AttackFindings.NotMeasured(
                attack.Name,
                $"it makes {generator.Generator.Shape} images, and the original {original.Generator.Shape}");
        if (attack.ChangesWeights && !generator.Generator.parameters().Any())
            return AttackFindings.NotMeasured(attack.Name, "the generator has no trainable weights");

        var context = new AttackContext(
            attacked,
            generator.Generator,
            original.Generator,
            classifiers.Annotator(feature),
            classifiers.Auditor(feature),
            budget,
            new RandomStreams(policy.Evaluation.Seed, $"attack {attack.Name}"),
            Training,
            device,
            policy.Evaluation.IsRaw,
            (done, all) => progress.Report(new StageProgress(stage, done, all, Losses: null)))
        {
            // Where its own checkpoint has none, the attacker has the original's.
            Discriminator = generator.Discriminator ?? original.Discriminator,
            GivenImages = GivenImages?.Images,
        };
        return MemoryShortage.RunOrExplain(
            FormattableString.Invariant($"the attack {attack.Name} with batches of {AttackContext.BatchSize} images"),
            () => attack.Run(context, cancel));
    }

    private static TrainingSettings OfDefault()
    {
        var preset = UnlearningPresets.Get(UnlearningPresets.DefaultName);
        return preset.TrainingSettings(preset.LearningRate);
    }

    private AttackReading ReadingOf(
        IAttack attack, UndesiredFeature feature, LoadedGenerator generator, AttackFindings findings) =>
        new(
            attack.Name,
            feature.Name,
            generator.Sha256,
            findings.Variants,
            findings.Classes,
            DiscriminatorSha256: attack.Name == AttackLimit.NeedsDiscriminator
                ? generator.DiscriminatorSha256 ?? original.DiscriminatorSha256
                : null);

    // A row of the picture is a variant; the rows are as in the reading, without those that found nothing.
    private static byte[]? Picture(AttackFindings findings, LoadedGenerator generator)
    {
        if (findings.Pictures.Count == 0)
            return null;

        using var scope = NewDisposeScope();
        var images = cat([.. findings.Pictures.Select(found => Row(ImageQuantizer.FromBytes(found.Images)))]);
        var scale = Math.Max(1, LargestPicture / generator.Generator.Shape.Resolution);
        return ImageGrid.Png([new GridPanel("one row for each variant that found it", images, [])], FoundImages.MostKept, scale);

        static Tensor Row(Tensor found)
        {
            var missing = FoundImages.MostKept - found.shape[0];
            return missing == 0 ? found : cat([found, ones([missing, .. found.shape[1..]])]);
        }
    }

    private string DigestOf(AttackKey key, UndesiredFeature feature, LoadedGenerator generator)
    {
        string[] lines =
        [
            key.ToString(),
            budget.ToString(),
            string.Create(CultureInfo.InvariantCulture, $"{policy.Evaluation.Seed} {policy.Evaluation.RangeOrDefault}"),
            feature.Class,
            string.Create(CultureInfo.InvariantCulture, $"{feature.Threshold} {feature.AuditorThreshold}"),
            Identify(feature.Annotator),
            Identify(feature.Auditor ?? feature.Annotator),
            original.Sha256,
            generator.Sha256,

            // An index of several files does not tell what is in them.
            .. original.PartsSha256,
            .. generator.PartsSha256.Select(part => $"generator's {part}"),
            .. GivenImages is { } given ? [$"images {given.Sha256}"] : Array.Empty<string>(),
            $"discriminator {generator.DiscriminatorSha256 ?? original.DiscriminatorSha256}",
            device.ToString(),
            string.Create(CultureInfo.InvariantCulture, $"{get_num_threads()} threads"),
            $"torch {TorchBackend.Version}",
            string.Create(CultureInfo.InvariantCulture, $"revision {Revision}"),
        ];
        return Sha256Digest.Compute(string.Join('\n', lines));

        // The same file is another classifier where its outputs are read otherwise, or from another threshold on.
        string Identify(string classifier) => classifiers.Identity(classifier)
            + (classifiers.CalibrationSha256(classifier, feature.Class) is { } calibration ? $" {calibration}" : "");
    }
}
