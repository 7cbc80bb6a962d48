using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Models;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>What a file holds of a network beyond what the network that was built from it has a place for.</summary>
/// <remarks>A tensor that is left over is a layer that is left out: the network that is measured would be another than the file's.</remarks>
internal static class UnusedTensors
{
    private const int MostShown = 6;

    // What layers call their own. A lone number of another name, beside the network and not within it, is none of its layers.
    private static readonly HashSet<string> _ofLayers =
    [
        "weight", "bias", "gamma", "beta", "alpha", "scale", "shift", "slope", "strength", "noise_strength", "gain", "eps", "mean", "std", "running_mean", "running_var",
        "weight_g", "weight_v", "weight_u", "weight_orig", "temperature", "a", "b", "g", "v", "w",
    ];

    private static readonly IgnoredTensor[] _always =
    [
        new(".num_batches_tracked", "counts the batches that a batch normalisation has seen; nothing is computed with it"),
    ];

    /// <summary>Refuses a file that holds more of a network than was used.</summary>
    /// <param name="weights">Of one network; tensors of named sections beside it are other networks'.</param>
    /// <param name="used">Names of the tensors that were used.</param>
    /// <param name="harmless">Kinds that change nothing in a network of this family.</param>
    /// <exception cref="CheckpointException">Something is left over; the message names it.</exception>
    public static void RequireNone(TensorFile weights, IReadOnlySet<string> used, IReadOnlyList<IgnoredTensor> harmless)
    {
        var own = used.Select(FirstPart).ToHashSet();
        if (weights.Unread.FirstOrDefault(tensor => TensorFile.SectionOf(tensor.Name) is null && (own.Contains(FirstPart(tensor.Name)) || _ofLayers.Contains(LastPart(tensor.Name)))) is { } unread)
            throw weights.NotRead(unread);

        var left = weights.Tensors.Where(tensor => !IsBeside(tensor)).Select(tensor => tensor.Name)
            .Where(name => !used.Contains(name) && TensorFile.SectionOf(name) is null && !_always.Concat(harmless).Any(kind => name.EndsWith(kind.Suffix, StringComparison.Ordinal)))
            .ToList();
        if (left.Count == 0)
            return;

        var names = string.Join(", ", left.Take(MostShown).Select(name => $"'{CheckpointException.Sanitize(name)}'"));
        throw new CheckpointException(
            weights.Path,
            FormattableString.Invariant($"holds {left.Count} tensor{(left.Count == 1 ? "" : "s")} that the network that was built has no place for: {names}{(left.Count > MostShown ? ", …" : "")}"),
            $"it is a variant that this version does not know, and without them it would be another network; {CheckpointException.ExportAdvice}");

        bool IsBeside(TensorEntry tensor) =>
            tensor.Count == 0 || (tensor.Count == 1 && !own.Contains(FirstPart(tensor.Name)) && !_ofLayers.Contains(LastPart(tensor.Name)));
    }

    private static string FirstPart(string name) => name.Split('.')[0];

    private static string LastPart(string name) => name[(name.LastIndexOf('.') + 1)..];
}
