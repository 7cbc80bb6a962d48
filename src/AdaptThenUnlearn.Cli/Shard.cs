using System.Globalization;

namespace AdaptThenUnlearn.Cli;

/// <summary><c>--shard i/n</c>: one of several parts of a job.</summary>
/// <param name="Part">1 to <paramref name="Parts"/>.</param>
/// <param name="Parts">Number of parts.</param>
public sealed record Shard(int Part, int Parts)
{
    /// <summary>Parses the argument.</summary>
    /// <exception cref="BadArgumentException">The text is not i/n with 1 ≤ i ≤ n.</exception>
    public static Shard Parse(string text) =>
        text.Split('/') is [var first, var second]
        && int.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out var part)
        && int.TryParse(second, NumberStyles.None, CultureInfo.InvariantCulture, out var parts)
        && part >= 1 && part <= parts
            ? new Shard(part, parts)
            : throw new BadArgumentException($"--shard {text}: write it as i/n, with i from 1 to n");

    /// <summary>The items of this part: every n-th one.</summary>
    public IReadOnlyList<T> SelectFrom<T>(IEnumerable<T> all) => [.. all.Where((_, number) => number % Parts == Part - 1)];
}
