namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>The names that projects give the networks of a GAN, and the names that wrap them.</summary>
/// <remarks>
/// rosinality's <c>g</c>, <c>g_ema</c>, <c>d</c>; NVIDIA's <c>G</c>, <c>G_ema</c>, <c>D</c>; the DCGAN example's <c>netG</c>,
/// <c>netD</c>; PyTorch's <c>module.</c> (<c>DataParallel</c>) and <c>_orig_mod.</c> (<c>compile</c>), <c>state_dict</c> and
/// <c>model_state_dict</c>; Lightning's <c>generator.</c>.
/// </remarks>
internal static class NetworkNames
{
    private static readonly string[] _averages = ["ema", "average", "avg", "running", "shadow"];
    private static readonly string[] _states = ["statedict", "state", "params", "parameters", "weights"];
    private static readonly HashSet<string> _wrappers =
    [
        "", "module", "origmod", "model", "net", "network", "checkpoint", "ckpt"
    ];
    private static readonly HashSet<string> _generators = ["g", "gs", "gen", "netg", "gnet", "modelg", "gmodel"];
    private static readonly HashSet<string> _sequences = ["decoder", "dec", "main", "layers", "seq", "sequential"];
    private static readonly HashSet<string> _discriminators = ["d", "dis", "disc", "dnet", "modeld", "dmodel", "critic"];

    /// <summary>Whether a part of a name says that what follows is a generator, or does not say what it is.</summary>
    public static bool MayBeGenerator(NamePart part) =>
        Bare(part.Text) is var bare
        && (_wrappers.Contains(bare)
            || _generators.Contains(bare)
            || _sequences.Contains(bare)
            || (part.IsSection && bare.All(char.IsAsciiDigit))
            || bare.StartsWith("netg", StringComparison.Ordinal) || bare.StartsWith("generator", StringComparison.Ordinal));

    /// <summary>Whether a part of a name says outright that what follows is a generator.</summary>
    public static bool IsGenerator(string part) => !IsOptimiser(part) && Bare(part) is var bare
        && (_generators.Contains(bare)
            || bare.StartsWith("netg", StringComparison.Ordinal)
            || bare.StartsWith("generator", StringComparison.Ordinal));

    /// <summary>Whether a part of a name says that what follows is a discriminator.</summary>
    public static bool IsDiscriminator(string part) => !IsOptimiser(part) && Bare(part) is var bare
        && (_discriminators.Contains(bare) || (bare is ['d', .. var number] && number.All(char.IsAsciiDigit))
            || bare.StartsWith("netd", StringComparison.Ordinal) || bare.StartsWith("discriminator", StringComparison.Ordinal));

    /// <summary>Whether a part of a name says nothing of what follows.</summary>
    public static bool IsWrapper(string part) => _wrappers.Contains(Bare(part));

    /// <summary>Whether a part of a name says that what follows is the state of an optimiser.</summary>
    public static bool IsOptimiser(string part) => part.Contains("opt", StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether a part of a name says that what follows is an average over training.</summary>
    public static bool IsAverage(string part) =>
        part == "Gs" || Array.Exists(_averages, average => part.Contains(average, StringComparison.OrdinalIgnoreCase));

    private static string Bare(string part)
    {
        var bare = string.Concat(part.Where(char.IsAsciiLetterOrDigit)).ToLowerInvariant();
        foreach (var affix in _averages.Concat(_states))
            bare = bare.Replace(affix, "", StringComparison.Ordinal);
        return bare;
    }
}
