using System.CommandLine;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Attacks;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary>The arguments of commands that attack generators: which attacks, and how much they may spend.</summary>
internal static class AttackArguments
{
    /// <summary>Names of all attacks.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. KnownAttacks.All.Select(attack => attack.Name)];

    /// <summary>Creates <c>--profile</c>.</summary>
    /// <param name="description">For the help.</param>
    public static Option<string> CreateProfile(string description)
    {
        var option = new Option<string>("--profile") { Description = description, DefaultValueFactory = _ => "quick" };
        option.AcceptOnlyFromAmong([.. AttackBudget.Profiles.Keys]);
        return option;
    }

    /// <summary>The attacks that <c>--attacks</c> names, in the catalogue's order.</summary>
    /// <param name="names">As given; none for all.</param>
    /// <exception cref="BadArgumentException">One is unknown.</exception>
    public static IReadOnlyList<IAttack> Find(IReadOnlyList<string> names)
    {
        if (names.FirstOrDefault(name => !Names.Contains(name)) is { } unknown)
            throw new BadArgumentException("--attacks: " + Suggestion.NotOneOf(unknown, Names, "known attack"));
        return [.. KnownAttacks.All.Where(attack => names.Count == 0 || names.Contains(attack.Name))];
    }
}
