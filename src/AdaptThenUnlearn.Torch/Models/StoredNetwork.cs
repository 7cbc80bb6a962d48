namespace AdaptThenUnlearn.Torch.Models;

/// <summary>What a checkpoint says about a network: the shapes of its tensors, and the plain values beside them.</summary>
/// <param name="Shapes">Shape of each tensor by its name there.</param>
/// <param name="Attributes">Plain values as text (invariant culture) by name; empty where the format keeps none.</param>
public sealed record StoredNetwork(IReadOnlyDictionary<string, IReadOnlyList<long>> Shapes, IReadOnlyDictionary<string, string> Attributes)
{
    /// <summary>Its layers as somebody stated them, one text each, or the one name of a known layout; null where nobody did.</summary>
    public IReadOnlyList<string>? Layers { get; init; }

    /// <summary>The discriminator that goes with a generator, where it is known: what it takes says something about what the generator makes.</summary>
    public StoredNetwork? Discriminator { get; init; }

    /// <summary>Whether there is a tensor of this name.</summary>
    public bool Has(string tensor) => Shapes.ContainsKey(tensor);

    /// <summary>One dimension of a tensor.</summary>
    /// <exception cref="ArgumentException">There is no such tensor, or it has no such dimension, or none that a network could have.</exception>
    public int Size(string tensor, int dimension) =>
        !Shapes.TryGetValue(tensor, out var shape) ? throw new MissingTensorException(tensor)
        : dimension < shape.Count && shape[dimension] is > 0 and < 65536 ? (int)shape[dimension]
        : throw new ArgumentException($"'{tensor}' has the shape [{string.Join(", ", shape)}], which such a network does not have");
}

/// <summary>Where a network's own tensor lies in a checkpoint of its family.</summary>
/// <param name="Name">Its name there; the shape may differ by dimensions of size 1.</param>
/// <param name="Factor">Own value / stored value; a power of two, so that nothing is rounded.</param>
public sealed record StoredTensor(string Name, double Factor = 1);
