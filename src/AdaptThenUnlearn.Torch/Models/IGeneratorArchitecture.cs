namespace AdaptThenUnlearn.Torch.Models;

/// <summary>A family of generators that can be rebuilt from the names and shapes of its weights alone.</summary>
public interface IGeneratorArchitecture
{
    /// <summary>In checkpoints and reports.</summary>
    string Name { get; }

    /// <summary>A tensor that every generator of this family has and nothing else, by whose name one is found wherever it lies in a file; null where names tell too little.</summary>
    string? MarkerTensor => null;

    /// <summary>Whether these weights look like a generator of this family.</summary>
    bool Recognises(StoredNetwork stored);

    /// <summary>One line about the network these weights belong to.</summary>
    /// <exception cref="ArgumentException">The shapes do not belong together; the message says which.</exception>
    string Describe(StoredNetwork stored);

    /// <summary>What images the network makes that these weights belong to.</summary>
    /// <exception cref="ArgumentException">The shapes do not belong together; the message says which.</exception>
    ImageShape Images(StoredNetwork stored);

    /// <summary>Builds the generator these weights belong to, with fresh weights; belongs to the caller.</summary>
    /// <exception cref="ArgumentException">The shapes do not belong together; the message says which.</exception>
    ImageGenerator BuildGenerator(StoredNetwork stored);

    /// <summary>What building the generator takes for granted because weights do not tell it, in a sentence; null where all is told or was stated.</summary>
    /// <param name="stored">As for <see cref="BuildGenerator"/>.</param>
    /// <exception cref="ArgumentException">The shapes do not belong together; the message says which.</exception>
    AssumedLayers? GetAssumedLayers(StoredNetwork stored) => null;

    /// <summary>Whether somebody may state the layers of its generators (<see cref="StoredNetwork.Layers"/>).</summary>
    bool TakesLayers => false;

    /// <summary>Tensors that a network of this family may have and that nothing is computed with.</summary>
    IReadOnlyList<IgnoredTensor> IgnoredTensors => [];

    /// <summary>Builds the discriminator these weights belong to, with fresh weights; belongs to the caller.</summary>
    /// <param name="stored">The discriminator's weights.</param>
    /// <param name="generator">The generator that it goes with.</param>
    /// <exception cref="ArgumentException">The shapes do not belong together; the message says which.</exception>
    ImageDiscriminator BuildDiscriminator(StoredNetwork stored, ImageGenerator generator);

    /// <summary>Builds a discriminator that suits a generator of this family, with fresh weights, for checkpoints that hold none; belongs to the caller.</summary>
    /// <remarks>
    /// The generator's own layers in reverse: as wide at each resolution, and as deep. Its state is its parameters alone: no batch
    /// statistics, so that an image's score says the same in training, when it is measured, and after a run was resumed.
    /// </remarks>
    /// <param name="generator">As built here.</param>
    ImageDiscriminator MirrorDiscriminator(ImageGenerator generator);

    /// <summary>Where a tensor of one of its networks lies in a checkpoint of this family; under its own name unless the family says otherwise.</summary>
    /// <param name="network">Generator or discriminator, as built here.</param>
    /// <param name="name">A name of the network's state dict.</param>
    StoredTensor Locate(TorchSharp.torch.nn.Module network, string name) => new(name);
}

/// <summary>What was taken for granted about a generator's layers.</summary>
/// <param name="Sentence">What, for a reader.</param>
/// <param name="Layers">The statement that says the same.</param>
public sealed record AssumedLayers(string Sentence, IReadOnlyList<string> Layers);

/// <summary>A kind of tensor that files have and that changes no number which a network gives.</summary>
/// <param name="Suffix">How its name ends.</param>
/// <param name="Reason">Why it may be left out.</param>
public sealed record IgnoredTensor(string Suffix, string Reason);
