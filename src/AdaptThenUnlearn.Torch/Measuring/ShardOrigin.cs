using System.Globalization;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>Which part of a measurement a shard is, and where and when it was measured.</summary>
/// <param name="Part">From 1 to <paramref name="Parts"/>.</param>
/// <param name="Parts">Number of parts.</param>
/// <param name="Machine">Name of the machine.</param>
/// <param name="Device">What computed: <c>cpu</c>, <c>cuda:0</c>.</param>
/// <param name="Threads">CPU threads of tensor operations.</param>
/// <param name="Started">UTC.</param>
/// <param name="Finished">UTC.</param>
/// <param name="Torch">As of <see cref="Runs.RunEnvironment"/>; null in parts of older versions.</param>
public sealed record ShardOrigin(
    int Part, int Parts, string Machine, string Device, int Threads, DateTimeOffset Started, DateTimeOffset Finished,
    string? Torch = null)
{
    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"part {Part} of {Parts}");
}
