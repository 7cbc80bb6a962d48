using AdaptThenUnlearn.Torch.Checkpoints.Tensors;

using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>
/// Checks that tensors of a file can be overwritten in place, and that the file holds no other copy of their values.
/// </summary>
internal static class RewriteCheck
{
    private const string Remedy = "save it again after giving each tensor its own elements: "
        + "torch.save({name: tensor.contiguous().clone() for name, tensor in model.state_dict().items()}, …)";

    /// <summary>Refuses a file whose tensors cannot be overwritten in place.</summary>
    /// <param name="file">As read.</param>
    /// <param name="written">The tensors to overwrite, each with the network's tensor whose values it gets.</param>
    /// <exception cref="CheckpointException">
    /// A tensor cannot be overwritten, or the file may hold a copy of it; the message names the tensor.
    /// </exception>
    public static void RequireRewritable(
        TensorFile file, IReadOnlyList<(TensorEntry Tensor, (nn.Module Network, string Name) Source)> written)
    {
        // Refuse tensors whose elements have no separate place: text, or repeated elements.
        if (written.Any(one => !one.Tensor.IsInPlace))
            throw new CheckpointException(
                file.Path,
                "its tensors lie in it as text, as pickle protocol 2 has it, and trained ones could not take their places",
                "load it in Python and pickle it again with protocol 4");
        if (written.FirstOrDefault(one => one.Tensor.RepeatsElements).Tensor is { } repeated)
            throw new CheckpointException(
                file.Path,
                "a stored tensor repeats its elements, so that trained ones could not be saved in their places",
                Remedy,
                $"tensor '{CheckpointException.Sanitize(repeated.Name)}'");

        // Refuse tensors that share elements and get different values. An average may share them with the generator in training:
        // both get the same values.
        if (TensorEntry.Overlapping(written) is var (one, other))
            throw new CheckpointException(
                file.Path,
                $"'{CheckpointException.Sanitize(one.Name)}' and '{CheckpointException.Sanitize(other.Name)}' share elements, "
                    + "so that one would be saved over the other once they are trained",
                Remedy);

        // Refuse a file with unread tensors that may be a copy of what is unlearned.
        if (file.Unread.FirstOrDefault(MayBeACopy) is { } hidden)
            throw new CheckpointException(
                file.Path,
                $"'{CheckpointException.Sanitize(hidden.Name)}' holds floating-point tensors within '{hidden.Kind}', which "
                    + "is not read: "
                    + "if they are a copy of the generator, the file would still hold what was unlearned",
                "save the networks' state dicts and nothing else: torch.save({'g': g.state_dict(), 'd': d.state_dict()}, …)");

        bool MayBeACopy(UnreadTensor unread) =>
            unread.MayBeWeights && !written.Any(one => one.Tensor.SharesStorage(unread.Elements!));
    }
}
