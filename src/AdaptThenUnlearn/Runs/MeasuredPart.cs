using System.Globalization;
using System.Text.Json.Serialization;

namespace AdaptThenUnlearn.Runs;

/// <summary>
/// A part of the original generator's measurement that a process of its own took, on this machine or on another.
/// </summary>
/// <param name="Path">The part's file, relative to the run's folder where that is possible.</param>
/// <param name="Sha256">Of the file; 64 lower-case hexadecimal digits.</param>
/// <param name="Part">Which part, from 1 to <paramref name="Parts"/>.</param>
/// <param name="Parts">Number of parts of the measurement.</param>
/// <param name="Machine">Name of the machine; nothing proves it.</param>
/// <param name="Device">What computed: <c>cpu</c>, <c>cuda:0</c>.</param>
/// <param name="Threads">CPU threads of tensor operations.</param>
/// <param name="Started">UTC.</param>
/// <param name="Finished">UTC.</param>
/// <param name="Torch">As of <see cref="RunEnvironment"/>; null in parts of older versions.</param>
public sealed record MeasuredPart(
    string Path, string Sha256, int Part, int Parts, string Machine, string Device, int Threads,
    DateTimeOffset Started, DateTimeOffset Finished, string? Torch = null)
{
    /// <summary>What a record's list of files calls it.</summary>
    [JsonIgnore]
    public string Role => string.Create(CultureInfo.InvariantCulture, $"part {Part} of {Parts} of the measurement");

    /// <summary>Why parts are not one whole measurement, in one sentence; null where they are.</summary>
    /// <param name="parts">As recorded.</param>
    internal static string? FindProblem(IReadOnlyList<MeasuredPart> parts) =>
        parts.Count > 0 && parts.All(part => part.Parts == parts.Count)
            && parts.Select(part => part.Part).Order().SequenceEqual(Enumerable.Range(1, parts.Count))
                ? null
                : "the parts of its measurement are not each of them once";
}
