using AdaptThenUnlearn.Publishing.Hosts;

namespace AdaptThenUnlearn.Cli.Sharding;

/// <summary>Something that starts many processes, such as a scheduler, and tells each which part of the job it does.</summary>
public interface IShardEngine
{
    /// <summary>The name in <c>atu plan --for</c>.</summary>
    string Name { get; }

    /// <summary>The name in messages.</summary>
    string Title { get; }

    /// <summary>The variable that says which part a process does.</summary>
    string Variable { get; }

    /// <summary>The most processes that the engine starts for one job.</summary>
    int MostShards { get; }

    /// <summary>Whether the processes have another copy of the folder in which the plan was made.</summary>
    bool HasOwnCheckout { get; }

    /// <summary>The part of this process.</summary>
    /// <param name="environment">In which <see cref="Variable"/> is set.</param>
    /// <exception cref="BadArgumentException">The engine's variables do not name a part.</exception>
    Shard ReadShard(EnvironmentSnapshot environment);

    /// <summary>The file that starts all processes of a measurement and then the one that judges the whole.</summary>
    /// <param name="plan">What to measure.</param>
    /// <exception cref="BadArgumentException">
    /// The plan lacks something that this engine needs, or has what it cannot do.
    /// </exception>
    string Write(ShardPlan plan);
}
