namespace AdaptThenUnlearn.Runs;

/// <summary>Names of the files a run reads, where other code must find one again.</summary>
public static class InputRoles
{
    /// <summary>The checkpoint of the original generator.</summary>
    public const string Generator = "generator";

    /// <summary>The policy file.</summary>
    public const string Policy = "policy";

    /// <summary>What generated images are compared with, where that is a file or a folder.</summary>
    public const string Reference = "reference";

    /// <summary>The folder of real images that a generator is retrained on.</summary>
    public const string TrainingData = "training data";

    /// <summary>Weights of an extractor that is no classifier of the policy.</summary>
    public const string Extractor = "extractor";

    /// <summary>Images without undesired features that the policy gives.</summary>
    public const string Positives = "positives";

    /// <summary>Images with an undesired feature that the policy gives.</summary>
    /// <param name="feature">Name of the feature.</param>
    public static string Negatives(string feature) => $"negatives {feature}";

    /// <summary>Whether an input of a role may be a folder, of images.</summary>
    /// <param name="role">As a record has it.</param>
    public static bool MayBeFolder(string role) => role is Reference or TrainingData or Positives || role.StartsWith(Negatives(""), StringComparison.Ordinal);

    /// <summary>The checkpoint of a classifier.</summary>
    /// <param name="name">In the policy.</param>
    public static string Classifier(string name) => $"classifier {name}";
}
