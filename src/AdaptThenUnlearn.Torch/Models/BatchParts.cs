using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Models;

/// <summary>Cuts a batch into equal parts.</summary>
internal static class BatchParts
{
    /// <summary>One part of a batch.</summary>
    /// <param name="batch"><c>[N, …]</c>.</param>
    /// <param name="number">Of the part, from 0.</param>
    /// <param name="parts">1, or a divisor of N.</param>
    /// <returns>
    /// <c>[N / parts, …]</c>, a view that belongs to the caller's scope; the batch itself where it is the only part.
    /// </returns>
    public static Tensor Part(this Tensor batch, int number, int parts)
    {
        var size = batch.shape[0] / parts;
        return parts == 1 ? batch : batch.narrow(0, number * size, size);
    }
}
