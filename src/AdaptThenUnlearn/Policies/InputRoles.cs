namespace AdaptThenUnlearn.Policies;

/// <summary>The roles of the files that a policy names: what records, messages and digests call them.</summary>
public static class InputRoles
{
    /// <summary>The checkpoint of the original generator, the folder of its images, or the command that makes them.</summary>
    public const string Generator = "generator";

    /// <summary>The checkpoint of the discriminator, where it is not in the generator's.</summary>
    public const string Discriminator = "discriminator";

    /// <summary>A file that is deployed in place of the generator's checkpoint.</summary>
    /// <param name="name">In the policy.</param>
    public static string ShippedForm(string name) => $"{ShippedPrefix}{name}";

    /// <summary>Whether a role is that of a file that ships in place of the generator, or of a part of one.</summary>
    public static bool IsShippedForm(string role) => role.StartsWith(ShippedPrefix, StringComparison.Ordinal);

    private const string ShippedPrefix = "shipped form ";

    /// <summary>The policy file.</summary>
    public const string Policy = "policy";

    /// <summary>A policy that the policy builds on.</summary>
    /// <param name="number">From 1, the nearest.</param>
    public static string PolicyBase(int number) => FormattableString.Invariant($"policy base {number}");

    /// <summary>The lock beside the policy file, where the run is made under one.</summary>
    public const string Lock = "lock";

    /// <summary>The record of the last accepted run, where the run is compared with one.</summary>
    public const string Baseline = "baseline";

    /// <summary>What generated images are compared with, where that is a file or a folder.</summary>
    public const string Reference = "reference";

    /// <summary>The folder of real images that a generator is retrained on.</summary>
    public const string TrainingData = "training data";

    /// <summary>Weights of an extractor that is not a classifier of the policy.</summary>
    public const string Extractor = "extractor";

    /// <summary>Images without undesired features that the policy gives.</summary>
    public const string Positives = "positives";

    /// <summary>Real images of a feature that the policy gives for an attack to reconstruct.</summary>
    public const string AttackImages = "images to reconstruct";

    /// <summary>Images with an undesired feature that the policy gives.</summary>
    /// <param name="feature">Name of the feature.</param>
    public static string Negatives(string feature) => $"negatives {feature}";

    /// <summary>A person's audit of a feature.</summary>
    /// <param name="feature">Name of the feature.</param>
    public static string Audit(string feature) => $"audit {feature}";

    /// <summary>Whether a role is that of a person's audit, which no policy names.</summary>
    /// <param name="role">As a record has it.</param>
    public static bool IsAudit(string role) => role.StartsWith(Audit(""), StringComparison.Ordinal);

    /// <summary>The checkpoint of a classifier.</summary>
    /// <param name="name">In the policy.</param>
    public static string Classifier(string name) => $"classifier {name}";

    /// <summary>The calibration of a classifier.</summary>
    /// <param name="classifier">Its name in the policy.</param>
    public static string Calibration(string classifier) => $"calibration {classifier}";

    /// <summary>The text graph of a classifier that is an image–text model and prompts.</summary>
    /// <param name="name">In the policy.</param>
    public static string TextModel(string name) => $"{Classifier(name)}, text model";

    /// <summary>The vocabulary of such a classifier's tokenizer.</summary>
    /// <param name="name">In the policy.</param>
    public static string TextVocabulary(string name) => $"{Classifier(name)}{VocabularyEnd}";

    /// <summary>The merges of such a classifier's tokenizer.</summary>
    /// <param name="name">In the policy.</param>
    public static string TextMerges(string name) => $"{Classifier(name)}{MergesEnd}";

    /// <summary>Whether a role is that of a classifier's network, and not of its tokenizer's files.</summary>
    /// <param name="role">As a record has it.</param>
    public static bool IsClassifierNetwork(string role) => role.StartsWith(Classifier(""), StringComparison.Ordinal)
        && !role.EndsWith(VocabularyEnd, StringComparison.Ordinal) && !role.EndsWith(MergesEnd, StringComparison.Ordinal);

    private const string VocabularyEnd = ", vocabulary";
    private const string MergesEnd = ", merges";

    /// <summary>A further file of a checkpoint that is in several files.</summary>
    /// <param name="role">Of the checkpoint.</param>
    /// <param name="number">From 1.</param>
    public static string Part(string role, int number) => FormattableString.Invariant($"{role}, part {number}");

    /// <summary>Whether a role is that of a further file of a checkpoint.</summary>
    /// <param name="role">As a record has it.</param>
    /// <param name="whole">Role of the checkpoint.</param>
    public static bool IsPartOf(string role, string whole) => role.StartsWith($"{whole}, part ", StringComparison.Ordinal);

    /// <summary>Whether an input of a role may be a folder of images.</summary>
    /// <param name="role">As a record has it.</param>
    public static bool MayBeFolder(string role) =>
        role is Reference or TrainingData or Positives or AttackImages
        || role.StartsWith(Negatives(""), StringComparison.Ordinal);
}
