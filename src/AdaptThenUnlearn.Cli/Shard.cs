using System.Globalization;
using AdaptThenUnlearn.Publishing.Hosts;

namespace AdaptThenUnlearn.Cli;

/// <summary><c>--shard i/n</c>: one of several parts of a job.</summary>
/// <param name="Part">1 to <paramref name="Parts"/>.</param>
/// <param name="Parts">Number of parts.</param>
public sealed record Shard(int Part, int Parts)
{
    /// <summary>Says that the part is in the variables of the engine that started this process.</summary>
    public const string Auto = "auto";

    /// <summary>Number of parts where the engine tells the part's number alone, as Kubernetes does.</summary>
    public const string PartsVariable = "ATU_SHARDS";

    /// <summary>Parses the argument.</summary>
    /// <param name="text"><c>i/n</c>, or <see cref="Auto"/>.</param>
    /// <param name="environment">Where an engine says which part this is.</param>
    /// <exception cref="BadArgumentException">
    /// The text is not i/n with 1 ≤ i ≤ n, or no engine says which part this is.
    /// </exception>
    public static Shard Parse(string text, EnvironmentSnapshot environment)
    {
        if (text == Auto)
            return FromEngine(environment);
        return text.Split('/') is [var first, var second]
            && TryNumber(first, out var part) && TryNumber(second, out var parts) && part >= 1 && part <= parts
                ? new Shard(part, parts)
                : throw new BadArgumentException($"--shard {text}: write it as i/n, with i from 1 to n, or as {Auto}");
    }

    /// <summary>The items of this part: every n-th one.</summary>
    public IReadOnlyList<T> SelectFrom<T>(IEnumerable<T> all) => [.. all.Where((_, number) => number % Parts == Part - 1)];

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Part}-of-{Parts}");

    // By https://slurm.schedmd.com/job_array.html, https://kubernetes.io/docs/concepts/workloads/controllers/job/ and
    // https://docs.gitlab.com/ci/variables/predefined_variables/. The first engine whose variable is set counts.
    private static Shard FromEngine(EnvironmentSnapshot environment)
    {
        if (environment["SLURM_ARRAY_TASK_ID"] is not null)
        {
            // The numbers of an array may begin anywhere, and may leave out others between them.
            var (id, count) = (Number("SLURM_ARRAY_TASK_ID"), Number("SLURM_ARRAY_TASK_COUNT"));
            var (first, last) = (Number("SLURM_ARRAY_TASK_MIN"), Number("SLURM_ARRAY_TASK_MAX"));
            var step = Number("SLURM_ARRAY_TASK_STEP", usual: 1);
            var isEven = step >= 1 && id >= first && (id - first) % step == 0 && (last - first) / step + 1 == count;
            return Create((id - first) / Math.Max(1, step) + 1, count, isEven);
        }

        if (environment["JOB_COMPLETION_INDEX"] is not null)
            return Create(Number("JOB_COMPLETION_INDEX") + 1, Number(PartsVariable));
        if (environment["CI_NODE_INDEX"] is not null)
            return Create(Number("CI_NODE_INDEX"), Number("CI_NODE_TOTAL"));
        throw new BadArgumentException(
            $"--shard {Auto}: nothing says which part this is; it is read from SLURM_ARRAY_TASK_ID (Slurm), JOB_COMPLETION_INDEX "
            + $"with {PartsVariable} (Kubernetes) or CI_NODE_INDEX (GitLab). Write it as i/n");

        int Number(string name, int? usual = null) =>
            environment[name] is not { } text && usual is { } given ? given
            : TryNumber(environment[name], out var number) ? number
            : throw new BadArgumentException(
                $"--shard {Auto}: {name} is {(environment[name] is { } wrong ? $"'{wrong}'" : "not set")}; it must be a whole "
                + "number");

        Shard Create(int part, int parts, bool isValid = true) => isValid && part >= 1 && part <= parts
            ? new Shard(part, parts)
            : throw new BadArgumentException(FormattableString.Invariant(
                $"--shard {Auto}: part {part} of {parts} cannot be; number the tasks evenly, and start one for each part"));
    }

    private static bool TryNumber(string? text, out int number) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
