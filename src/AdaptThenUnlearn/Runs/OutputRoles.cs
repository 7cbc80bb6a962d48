namespace AdaptThenUnlearn.Runs;

/// <summary>Names of the files a run writes, where other code must find one again.</summary>
public static class OutputRoles
{
    /// <summary>
    /// The checkpoint to release. Records of earlier versions call a rejected one so too: there the verdict says which it is.
    /// </summary>
    public const string Artifact = "artifact";

    /// <summary>The checkpoint that was judged and may not be released.</summary>
    public const string Rejected = "rejected artifact";

    /// <summary>The command that made the images, and the digests of its files.</summary>
    public const string Command = "command";

    /// <summary>Whether a role is that of the checkpoint that was judged, released or not, and not of a further file.</summary>
    /// <param name="role">As a record has it.</param>
    public static bool IsGenerator(string role) => role is Artifact or Rejected;

    /// <summary>Images of the original and the unlearned generator for the same latents.</summary>
    public const string Grid = "before and after";

    /// <summary>Rate, Fréchet distance, losses and parameter distances over the steps, as a plot.</summary>
    public const string Plot = "curves plot";

    /// <summary>Images in which the auditor sees the feature, which an attack found.</summary>
    /// <param name="attack">What was attacked by what, in words.</param>
    public static string Attack(string attack) => AttackPrefix + attack;

    /// <summary>What was attacked by what; null for files of other roles.</summary>
    /// <param name="role">As a record has it.</param>
    public static string? FindAttack(string role) =>
        role.StartsWith(AttackPrefix, StringComparison.Ordinal) ? role[AttackPrefix.Length..] : null;

    private const string AttackPrefix = "found by ";

    /// <summary>A report beside the record. The record does not name it, because it is made from the record.</summary>
    public const string Report = "report";

    /// <summary>The numbers behind the plot.</summary>
    public const string Curves = "curves";
}
