using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Measuring;

namespace AdaptThenUnlearn.Torch.Governing;

/// <summary>
/// What can be known of a policy's files before a run has opened them. A file that cannot be read gives no hint: loading it
/// says why.
/// </summary>
/// <param name="policy">Names the files.</param>
/// <param name="inputs">Finds them.</param>
public sealed class InputHints(UnlearningPolicy policy, InputFiles inputs)
{
    /// <summary>
    /// Whether the generator came without its discriminator, so that one must be warmed up should the generator have to be
    /// unlearned.
    /// </summary>
    public bool LacksDiscriminator
    {
        get
        {
            try
            {
                return policy.Generator is { Discriminator: null, IsSample: false }
                    && GeneratorCheckpoint.HasGeneratorOnly(ReadGenerator(), policy.Generator.Layers);
            }
            catch (CheckpointException)
            {
                return false;
            }
        }
    }

    /// <summary>What would have to be assumed about the generator's layers, in one sentence; null where nothing would.</summary>
    public string? GeneratorAssumption
    {
        get
        {
            if (GeneratorChoice.IsProgram(policy.Generator.Format) || policy.Generator.IsSample)
                return null;

            try
            {
                return GeneratorCheckpoint.Describe(ReadGenerator(), policy.Generator.Layers)?.Assumed;
            }
            catch (CheckpointException)
            {
                return null;
            }
        }
    }

    /// <summary>
    /// Which limit of an earlier run, held by the generator's file, the policy does not keep; null where it keeps them all.
    /// </summary>
    /// <param name="today">UTC day.</param>
    public PolicyMismatchException? FindUnkeptLimit(DateOnly today)
    {
        if (GeneratorChoice.IsProgram(policy.Generator.Format) || policy.Generator.IsSample)
            return null;

        try
        {
            GeneratorRequirements.RequireEarlierRules(
                policy, ReadGenerator().Metadata.GetValueOrDefault(SafetensorsFile.EarlierRunsKey), DigestOf, today);
            return null;
        }
        catch (CheckpointException)
        {
            return null;
        }
        catch (PolicyMismatchException unkept)
        {
            return unkept;
        }
    }

    /// <summary>
    /// Which attack needs the discriminator that the generator came without; null where none does, or where the generator has
    /// one.
    /// </summary>
    public PolicyMismatchException? FindImpossibleAttack()
    {
        if (!LacksDiscriminator)
            return null;

        try
        {
            GeneratorRequirements.RequireAttackableAlone(policy);
            return null;
        }
        catch (PolicyMismatchException impossible)
        {
            return impossible;
        }
    }

    /// <summary>
    /// Which training terms the policy leaves to the generator's file, which does not say them; null where it says them, or where
    /// the policy gives its own.
    /// </summary>
    public PolicyMismatchException? FindUnknownTerms()
    {
        if (policy.Generator.IsSample || policy.Generator.Format == OnnxFormat.FormatName)
            return null;   // not trained

        try
        {
            GeneratorRequirements.WithTrainedTerms(
                policy.Unlearning,
                policy.Unlearning.Adversarial.IsAsTrained && !GeneratorChoice.IsProgram(policy.Generator.Format)
                    ? TrainedRegime.Read(ReadGenerator().Metadata)
                    : TrainedRegime.Unknown);
            return null;
        }
        catch (CheckpointException)
        {
            return null;
        }
        catch (PolicyMismatchException unknown)
        {
            return unknown;
        }
    }

    /// <summary>
    /// Why a folder holds too few images for the policy's sample; null where it does not, or where there is none.
    /// </summary>
    public (string Property, string Problem)? TooFewImages
    {
        get
        {
            try
            {
                return policy.Generator.Images is null
                    ? null
                    : GeneratorRequirements.WhyTooFew(
                        policy.Evaluation, PictureFolder.List(inputs.Generator, bitmaps: true).Files.Count);
            }
            catch (ImageFileException)
            {
                return null;
            }
        }
    }

    /// <summary>
    /// Why the policy's samples are too few for the Fréchet distance of its extractor's features; null where they are enough, or
    /// where the extractor is not a classifier whose file shows how many features it makes.
    /// </summary>
    public string? TooFewSamplesReason
    {
        get
        {
            if (policy.Quality is not { } quality || !policy.Classifiers.TryGetValue(quality.Extractor, out var extractor)
                || GeneratorChoice.IsProgram(extractor.Format))
                return null;

            try
            {
                var file = CheckpointFormats.Read(
                    CheckpointFile.OpenUnhashed(inputs.Resolve(extractor.Checkpoint)),
                    extractor.Format ?? CheckpointFormats.Auto);
                return ClassifierCheckpoint.FeatureSize(file) is { } features
                    ? quality.WhyTooFewImages(features, policy.Evaluation)
                    : null;
            }
            catch (CheckpointException)
            {
                return null;
            }
        }
    }

    private string? DigestOf(string classifier) => AcceptedRun.DigestOf(
        classifier, policy,
        [
            .. inputs.EnumerateFiles()
                .Where(input => ClassifierFile.ListAll(classifier, policy.Classifiers[classifier])
                    .Any(file => file.Role == input.Role || InputRoles.IsPartOf(input.Role, file.Role)))
                .Select(input => new InputFile(input.Role, input.Path, Sha256Digest.FindAt(input.Path) ?? "")),
        ]);

    private TensorFile ReadGenerator() => CheckpointFormats.Read(inputs.OpenGeneratorForHint(), policy.Generator.Format);
}
