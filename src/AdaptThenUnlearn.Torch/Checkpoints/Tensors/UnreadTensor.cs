namespace AdaptThenUnlearn.Torch.Checkpoints.Tensors;

/// <summary>
/// A tensor whose form is not read. It is listed, kept as it is when the file is written again, and never computed with.
/// </summary>
/// <param name="Name">
/// Its full name, sections as in <see cref="TensorFile"/>. Where the tensor lies within another value, that value's name.
/// </param>
/// <param name="Kind">
/// Why it is not read: its element type (<c>C64</c>), or the pickle global that would have made the value around it.
/// </param>
/// <param name="Shape">Size of each dimension; empty where it is unknown.</param>
public sealed record UnreadTensor(string Name, string Kind, IReadOnlyList<long> Shape)
{
    /// <summary>Where its elements lie; null where that is unknown.</summary>
    internal StoredElements? Elements { get; init; }

    /// <summary>Whether a network's weights may be in it: floating-point numbers, and more than one.</summary>
    internal bool MayBeWeights => Elements is { Available: > 1 } elements && elements.Type.IsFloatingPoint();
}
