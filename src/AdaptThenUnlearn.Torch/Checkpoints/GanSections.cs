namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>Under which names checkpoints keep the networks of a GAN.</summary>
/// <remarks>rosinality's <c>g</c>, <c>g_ema</c> and <c>d</c>, NVIDIA's <c>G</c>, <c>G_ema</c> and <c>D</c>.</remarks>
internal static class GanSections
{
    private static readonly string[] _averaged = [RosinalityFormat.AveragedGenerator, NvidiaFormat.AveragedGenerator];
    private static readonly string[] _trained = [RosinalityFormat.Generator, NvidiaFormat.Generator];
    private static readonly string[] _discriminators = [RosinalityFormat.Discriminator, NvidiaFormat.Discriminator];

    /// <summary>The section that holds the averaged generator, which is what one samples from, or the one in training; the other where there is only that; null where there is none.</summary>
    public static string? GeneratorIn(TensorFile file, bool averaged) =>
        (averaged ? _averaged.Concat(_trained) : _trained.Concat(_averaged)).FirstOrDefault(file.HasSection);

    /// <summary>Every section that holds a generator.</summary>
    public static IReadOnlyList<string> GeneratorsIn(TensorFile file) => [.. _averaged.Concat(_trained).Where(file.HasSection)];

    /// <summary>The section that holds the discriminator, or null.</summary>
    public static string? DiscriminatorIn(TensorFile file) => _discriminators.FirstOrDefault(file.HasSection);

    /// <summary>What a GAN's checkpoint lacks, in sentences; nothing for a file that holds no GAN in sections.</summary>
    public static IEnumerable<string> MissingIn(TensorFile file)
    {
        if (GeneratorsIn(file).Count == 0)
            yield break;

        if (!_averaged.Any(file.HasSection))
            yield return "It has no averaged generator (g_ema).";
        if (!_trained.Any(file.HasSection))
            yield return "It has no trained generator (g), only its average.";
        if (DiscriminatorIn(file) is null)
            yield return "It has no discriminator (d).";
    }
}
