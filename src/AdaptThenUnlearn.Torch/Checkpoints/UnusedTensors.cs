using System.Globalization;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Models;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>Refuses a file with tensors for which the built network has no place.</summary>
/// <remarks>An unused tensor means a missing layer: the measured network would not be the file's.</remarks>
internal static class UnusedTensors
{
    private const int MostShown = 6;

    // Names of the tensors of layers. A single number of another name, beside the network and not within it, does not belong to a
    // layer.
    private static readonly HashSet<string> _ofLayers =
    [
        "weight", "bias", "gamma", "beta", "alpha", "scale", "shift", "slope", "strength", "noise_strength", "gain", "eps",
        "mean", "std", "running_mean", "running_var", "weight_g", "weight_v", "weight_u", "weight_orig", "temperature", "a",
        "b", "g", "v", "w",
    ];

    private static readonly IgnoredTensor[] _always =
    [
        new(".num_batches_tracked", "counts the batches that a batch normalisation has seen; nothing is computed with it"),
    ];

    /// <summary>Refuses a file that holds more tensors of a network than were used.</summary>
    /// <param name="weights">The tensors of one network. Tensors of named sections belong to other networks.</param>
    /// <param name="used">Names of the tensors that were used.</param>
    /// <param name="harmless">Kinds of tensors that change nothing in a network of this architecture.</param>
    /// <exception cref="CheckpointException">A tensor was not used; the message names it.</exception>
    public static void RequireNone(TensorFile weights, IReadOnlySet<string> used, IReadOnlyList<IgnoredTensor> harmless)
    {
        // Refuse a tensor of the network that is not read at all.
        var own = used.Select(FirstPart).ToHashSet();
        if (weights.Unread.FirstOrDefault(
            tensor => TensorFile.SectionOf(tensor.Name) is null
                && IsOfNetwork(tensor.Name)) is { } unread)
            throw weights.NotRead(unread);

        // Refuse the tensors that were read and not used, except harmless ones.
        var ignored = _always.Concat(harmless).Select(kind => kind.Suffix).ToList();
        var left = weights.Tensors.Where(tensor => !IsBeside(tensor)).Select(tensor => tensor.Name)
            .Where(name => !used.Contains(name) && TensorFile.SectionOf(name) is null)
            .Where(name => !ignored.Exists(suffix => name.EndsWith(suffix, StringComparison.Ordinal)))
            .ToList();
        if (left.Count == 0)
            return;

        var names = string.Join(", ", left.Take(MostShown).Select(name => $"'{CheckpointException.Sanitize(name)}'"));
        throw new CheckpointException(
            weights.Path,
            string.Create(
                    CultureInfo.InvariantCulture,
                    $"holds {left.Count} tensor{(left.Count == 1 ? "" : "s")} that the network that was built has no place "
                        + $"for: {names}{(left.Count > MostShown ? ", …" : "")}"),
            $"it is a variant that this version does not know, and without them it would be another network; "
                + $"{CheckpointException.ExportAdvice}");

        bool IsOfNetwork(string name) => own.Contains(FirstPart(name)) || _ofLayers.Contains(LastPart(name));

        bool IsBeside(TensorEntry tensor) => tensor.Count == 0 || (tensor.Count == 1 && !IsOfNetwork(tensor.Name));
    }

    private static string FirstPart(string name) => name.Split('.')[0];

    private static string LastPart(string name) => name[(name.LastIndexOf('.') + 1)..];
}
