using AdaptThenUnlearn.Torch.Checkpoints.Tensors;

using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>Whether tensors of a file can be given other values where they lie, and no other copy of what they held is left.</summary>
internal static class RewriteCheck
{
    private const string Remedy = "save it again after giving each tensor its own elements: "
        + "torch.save({name: tensor.contiguous().clone() for name, tensor in model.state_dict().items()}, …)";

    /// <summary>Refuses a file in which they cannot.</summary>
    /// <param name="file">As read.</param>
    /// <param name="written">The tensors that get values, and which tensor of which network each gets them from.</param>
    /// <exception cref="CheckpointException">They cannot; the message names the tensors.</exception>
    public static void RequireRewritable(TensorFile file, IReadOnlyList<(TensorEntry Tensor, (nn.Module Network, string Name) Source)> written)
    {
        if (written.Any(one => !one.Tensor.IsInPlace))
            throw new CheckpointException(
                file.Path, "its tensors lie in it as text, as pickle protocol 2 has it, and trained ones could not take their places",
                "load it in Python and pickle it again with protocol 4");
        if (written.FirstOrDefault(one => one.Tensor.RepeatsElements).Tensor is { } repeated)
            throw new CheckpointException(
                file.Path, "a stored tensor repeats its elements, so that trained ones could not be saved in their places", Remedy,
                $"tensor '{CheckpointException.Sanitize(repeated.Name)}'");

        // Averages may share elements with the generator in training: both get the same values.
        if (TensorEntry.Overlapping(written) is var (one, other))
            throw new CheckpointException(
                file.Path,
                $"'{CheckpointException.Sanitize(one.Name)}' and '{CheckpointException.Sanitize(other.Name)}' share elements, "
                    + "so that one would be saved over the other once they are trained",
                Remedy);
        if (file.Unread.FirstOrDefault(MayBeACopy) is { } hidden)
            throw new CheckpointException(
                file.Path,
                $"'{CheckpointException.Sanitize(hidden.Name)}' holds floating-point tensors within '{hidden.Kind}', which is not read: "
                    + "were they a copy of the generator, it would still hold what was unlearned",
                "save the networks' state dicts and nothing else: torch.save({'g': g.state_dict(), 'd': d.state_dict()}, …)");

        bool MayBeACopy(UnreadTensor unread) => unread.MayBeWeights && !written.Any(one => one.Tensor.SharesStorage(unread.Elements!));
    }
}
