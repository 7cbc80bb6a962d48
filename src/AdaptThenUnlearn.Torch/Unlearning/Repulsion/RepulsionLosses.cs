namespace AdaptThenUnlearn.Torch.Unlearning.Repulsion;

/// <summary>Every repulsion loss a policy can name. A new one: write its file, add its line.</summary>
public static class RepulsionLosses
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<IRepulsionLoss> All { get; } =
        [new InverseL2Repulsion(), new NegativeL2Repulsion(), new ExponentialL2Repulsion()];

    /// <summary>Finds a loss by its name.</summary>
    /// <exception cref="ArgumentException">The name is unknown.</exception>
    public static IRepulsionLoss Named(string name) =>
        All.FirstOrDefault(loss => loss.Name == name)
        ?? throw new ArgumentException(
            $"'{name}' is not a repulsion loss; use one of: {string.Join(", ", All.Select(loss => loss.Name))}");
}
