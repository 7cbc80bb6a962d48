namespace AdaptThenUnlearn.Torch.Checkpoints.Tensors;

/// <summary>A tensor that a file holds in a way that is not read here: listed, kept as it is when the file is written again, and never computed with.</summary>
/// <param name="Name">Its full name, sections as in <see cref="TensorFile"/>; where it lies within another value, that value's.</param>
/// <param name="Kind">Why it is not read: its element type (<c>C64</c>), or the pickle global that would have made what holds it.</param>
/// <param name="Shape">Size of each dimension; empty where that is not known.</param>
public sealed record UnreadTensor(string Name, string Kind, IReadOnlyList<long> Shape)
{
    /// <summary>Where its elements lie; null where that is not known.</summary>
    internal StoredElements? Elements { get; init; }

    /// <summary>Whether a network's weights may be in it: floating-point numbers, and more than one.</summary>
    internal bool MayBeWeights => Elements is { Available: > 1 } elements && elements.Type.IsFloatingPoint();
}
