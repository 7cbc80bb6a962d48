namespace AdaptThenUnlearn.Torch.Attacks;

/// <summary>Every attack. A new one: write its file, add its line.</summary>
public static class KnownAttacks
{
    /// <summary>All of them, in the order in which reports show them.</summary>
    public static IReadOnlyList<IAttack> All { get; } =
    [
        new SameLatentsAttack(), new LatentSearchAttack(), new TruncationAttack(), new MixingAttack(), new InterpolationAttack(),
        new InversionAttack(), new RelearningAttack(),
    ];

    /// <summary>Finds an attack by its name.</summary>
    /// <exception cref="ArgumentException">The name is unknown.</exception>
    public static IAttack Named(string name) => All.SingleOrDefault(attack => attack.Name == name)
        ?? throw new ArgumentException(
            $"'{name}' is not an attack; use one of: {string.Join(", ", All.Select(attack => attack.Name))}");
}
