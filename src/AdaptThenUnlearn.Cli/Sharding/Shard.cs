using System.Globalization;
using AdaptThenUnlearn.Publishing.Hosts;

namespace AdaptThenUnlearn.Cli.Sharding;

/// <summary><c>--shard i/n</c>: one of several parts of a job.</summary>
/// <param name="Part">1 to <paramref name="Parts"/>.</param>
/// <param name="Parts">Number of parts.</param>
public sealed record Shard(int Part, int Parts)
{
    /// <summary>Says that the part is in the variables of the engine that started this process.</summary>
    public const string Auto = "auto";

    /// <summary>Parses the argument.</summary>
    /// <param name="text"><c>i/n</c>, or <see cref="Auto"/>.</param>
    /// <param name="environment">Where an engine says which part this is.</param>
    /// <exception cref="BadArgumentException">
    /// The text is not i/n with 1 ≤ i ≤ n, or no engine says which part this is.
    /// </exception>
    public static Shard Parse(string text, EnvironmentSnapshot environment) =>
        text == Auto ? ShardEngines.FindShard(environment) : Parse(text);

    /// <summary>Parses a part.</summary>
    /// <param name="text"><c>i/n</c>.</param>
    /// <exception cref="BadArgumentException">The text is not i/n with 1 ≤ i ≤ n.</exception>
    internal static Shard Parse(string text) =>
        text.Split('/') is [var first, var second]
            && TryNumber(first, out var part) && TryNumber(second, out var parts) && part >= 1 && part <= parts
                ? new Shard(part, parts)
                : throw new BadArgumentException($"--shard {text}: write it as i/n, with i from 1 to n, or as {Auto}");

    /// <summary>The items of this part: every n-th one.</summary>
    public IReadOnlyList<T> SelectFrom<T>(IEnumerable<T> all) => [.. all.Where((_, number) => number % Parts == Part - 1)];

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Part}-of-{Parts}");

    /// <summary>The part that an engine's variables name.</summary>
    /// <param name="part">Number of the part, from 1.</param>
    /// <param name="parts">Number of parts.</param>
    /// <param name="isValid">False where the engine's numbers contradict each other.</param>
    /// <exception cref="BadArgumentException">There is no such part.</exception>
    internal static Shard FromEngine(int part, int parts, bool isValid = true) => isValid && part >= 1 && part <= parts
        ? new Shard(part, parts)
        : throw new BadArgumentException(FormattableString.Invariant(
            $"--shard {Auto}: part {part} of {parts} cannot be; number the tasks evenly, and start one for each part"));

    /// <summary>A variable of an engine as a number.</summary>
    /// <param name="environment">Has the variable.</param>
    /// <param name="name">Of the variable.</param>
    /// <param name="usual">Its value where it is not set; null where it must be set.</param>
    /// <exception cref="BadArgumentException">It is not a whole number.</exception>
    internal static int ReadNumber(EnvironmentSnapshot environment, string name, int? usual = null) =>
        environment[name] is not { } text && usual is { } given ? given
        : TryNumber(environment[name], out var number) ? number
        : throw new BadArgumentException(
            $"--shard {Auto}: {name} is {(environment[name] is { } wrong ? $"'{wrong}'" : "not set")}; it must be a whole "
            + "number");

    private static bool TryNumber(string? text, out int number) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
