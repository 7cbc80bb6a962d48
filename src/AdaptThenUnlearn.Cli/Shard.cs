using System.Globalization;

namespace AdaptThenUnlearn.Cli;

/// <summary>One of several parts of a job: <c>--shard i/n</c>.</summary>
/// <param name="Part">1 to <paramref name="Parts"/>.</param>
/// <param name="Parts">How many there are.</param>
public sealed record Shard(int Part, int Parts)
{
    /// <summary>Reads the argument.</summary>
    /// <exception cref="BadArgumentException">It is not i/n with 1 ≤ i ≤ n.</exception>
    public static Shard Parse(string text) =>
        text.Split('/') is [var first, var second]
        && int.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out var part) && int.TryParse(second, NumberStyles.None, CultureInfo.InvariantCulture, out var parts)
        && part >= 1 && part <= parts
            ? new Shard(part, parts)
            : throw new BadArgumentException($"--shard {text}: write it as i/n, with i from 1 to n");

    /// <summary>The items of this part: every n-th.</summary>
    public IReadOnlyList<T> SelectFrom<T>(IEnumerable<T> all) => [.. all.Where((_, number) => number % Parts == Part - 1)];
}
