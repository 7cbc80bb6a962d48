namespace AdaptThenUnlearn.Runs;

/// <summary>Names of the files a run writes, where other code must find one again.</summary>
public static class OutputRoles
{
    /// <summary>The checkpoint to release.</summary>
    public const string Artifact = "artifact";

    /// <summary>Images of the original and the unlearned generator for the same latents.</summary>
    public const string Grid = "before and after";

    /// <summary>Rate, Fréchet distance, losses and parameter distances over the steps, as a plot.</summary>
    public const string Plot = "curves plot";

    /// <summary>The numbers behind the plot.</summary>
    public const string Curves = "curves";
}
