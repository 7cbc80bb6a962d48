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
    /// <summary>
    /// Says that parts were computed by different kernels, in a sentence without a full stop; null where they were not. Such
    /// numbers differ in their last bits, so that the merged ones are those of no single process.
    /// </summary>
    /// <param name="origins">Of every part.</param>
    public static string? FindMixture(IEnumerable<ShardOrigin> origins)
    {
        var kinds = origins.OrderBy(origin => origin.Part)
            .GroupBy(
                origin => $"TorchSharp {origin.Torch} on {origin.Device.Split(':')[0]}",
                origin => origin.Part.ToString(CultureInfo.InvariantCulture))
            .Select(parts => $"{parts.Key} (part {string.Join(", ", parts)})")
            .ToList();
        return kinds.Count < 2 ? null
            : $"the parts were computed by different kernels: {string.Join("; ", kinds)}; their numbers are not those of one "
                + "process in the last bits: measure all parts on one kind of machine";
    }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"part {Part} of {Parts}");
}
