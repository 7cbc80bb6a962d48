namespace AdaptThenUnlearn.Torch.Models;

/// <summary>What a checkpoint says about a network: the shapes of its tensors and its attributes.</summary>
/// <param name="Shapes">Shape of each tensor, by its name in the checkpoint.</param>
/// <param name="Attributes">Plain values as text (invariant culture) by name; empty where the format keeps none.</param>
public sealed record StoredNetwork(
    IReadOnlyDictionary<string, IReadOnlyList<long>> Shapes, IReadOnlyDictionary<string, string> Attributes)
{
    /// <summary>
    /// Its layers as the policy states them, one text for each, or the name of a known layout; null where they are not stated.
    /// </summary>
    public IReadOnlyList<string>? Layers { get; init; }

    /// <summary>
    /// The discriminator of a generator; null where it is not known. The images it takes are a clue to those that the generator
    /// makes.
    /// </summary>
    public StoredNetwork? Discriminator { get; init; }

    /// <summary>Whether there is a tensor of this name.</summary>
    public bool Has(string tensor) => Shapes.ContainsKey(tensor);

    /// <summary>One dimension of a tensor.</summary>
    /// <exception cref="ArgumentException">
    /// The tensor or the dimension is missing, or the size is not one that a network has.
    /// </exception>
    public int Size(string tensor, int dimension) =>
        !Shapes.TryGetValue(tensor, out var shape) ? throw new MissingTensorException(tensor)
        : dimension < shape.Count && shape[dimension] is > 0 and < 65536 ? (int)shape[dimension]
        : throw new ArgumentException(
            $"'{tensor}' has the shape [{string.Join(", ", shape)}], which such a network does not have");
}

/// <summary>Where a network's own tensor lies in a checkpoint of its family.</summary>
/// <param name="Name">Its name there; the shape may differ by dimensions of size 1.</param>
/// <param name="Factor">Own value / stored value; a power of two, so that nothing is rounded.</param>
public sealed record StoredTensor(string Name, double Factor = 1);
