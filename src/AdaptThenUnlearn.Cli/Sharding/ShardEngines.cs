using AdaptThenUnlearn.Publishing.Hosts;

namespace AdaptThenUnlearn.Cli.Sharding;

/// <summary>Every engine that <c>atu plan</c> writes for, and that <c>--shard auto</c> reads.</summary>
public static class ShardEngines
{
    /// <summary>The engines, in the order in which their variables are looked for.</summary>
    public static IReadOnlyList<IShardEngine> All { get; } =
        [new GitHubEngine(), new SlurmEngine(), new KubernetesEngine(), new GitLabEngine()];

    /// <summary>The part of this process.</summary>
    /// <param name="environment">Of the process. The first engine whose variable is set counts.</param>
    /// <exception cref="BadArgumentException">No engine says which part this is, or one says it wrongly.</exception>
    public static Shard FindShard(EnvironmentSnapshot environment) =>
        All.FirstOrDefault(engine => environment[engine.Variable] is not null)?.ReadShard(environment)
        ?? throw new BadArgumentException(
            $"--shard {Shard.Auto}: nothing says which part this is; it is read from "
            + string.Join(" or ", All.Select(engine => $"{engine.Variable} ({engine.Title})")) + ". Write it as i/n");

    /// <summary>The engine of a name.</summary>
    /// <exception cref="BadArgumentException">There is none.</exception>
    public static IShardEngine Find(string name) =>
        All.FirstOrDefault(engine => engine.Name == name)
        ?? throw new BadArgumentException(
            $"--for {name}: there is no such engine; name {string.Join(", ", All.Select(engine => engine.Name))}");
}
