namespace AdaptThenUnlearn.Torch.Models;

/// <summary>A family of generators that can be rebuilt from the names and shapes of its weights alone.</summary>
/// <remarks>
/// An architecture builds networks; what they can do, the networks say themselves: a generator that implements
/// <see cref="IStyleBasedGenerator"/> can be trained with style mixing and path-length regularisation.
/// </remarks>
public interface IGeneratorArchitecture
{
    /// <summary>Its name in checkpoints and reports.</summary>
    string Name { get; }

    /// <summary>
    /// A tensor that every generator of this family has and nothing else has; by its name a generator is found wherever it lies
    /// in a file. Null where names say too little.
    /// </summary>
    string? MarkerTensor => null;

    /// <summary>Whether its generators take noise maps, which a checkpoint may store.</summary>
    bool TakesNoise => false;

    /// <summary>Whether these weights look like a generator of this family.</summary>
    /// <param name="stored">The generator's weights.</param>
    bool Recognises(StoredNetwork stored);

    /// <summary>Describes the network that these weights belong to, in one line.</summary>
    /// <param name="stored">The generator's weights.</param>
    /// <exception cref="ArgumentException">The shapes do not belong together; the message says which.</exception>
    string Describe(StoredNetwork stored);

    /// <summary>The shape of the images that these weights make.</summary>
    /// <param name="stored">The generator's weights.</param>
    /// <exception cref="ArgumentException">The shapes do not belong together; the message says which.</exception>
    ImageShape Images(StoredNetwork stored);

    /// <summary>Builds the generator that these weights belong to, with fresh weights; belongs to the caller.</summary>
    /// <param name="stored">The generator's weights.</param>
    /// <exception cref="ArgumentException">The shapes do not belong together; the message says which.</exception>
    ImageGenerator BuildGenerator(StoredNetwork stored);

    /// <summary>
    /// Refuses a loaded generator whose fixed tensors, such as filters, contradict what its checkpoint says of them.
    /// </summary>
    /// <param name="generator">As built here, with its weights.</param>
    /// <exception cref="ArgumentException">One contradicts it; the message names it.</exception>
    void CheckLoaded(ImageGenerator generator) { }

    /// <summary>
    /// What building the generator assumes because weights do not say it, in a sentence; null where nothing is assumed, or where
    /// the layers were stated.
    /// </summary>
    /// <param name="stored">As for <see cref="BuildGenerator"/>.</param>
    /// <exception cref="ArgumentException">The shapes do not belong together; the message says which.</exception>
    AssumedLayers? GetAssumedLayers(StoredNetwork stored) => null;

    /// <summary>Whether a policy may state the layers of its generators (<see cref="StoredNetwork.Layers"/>).</summary>
    bool TakesLayers => false;

    /// <summary>Tensors that a network of this family may have and that no result is computed with.</summary>
    IReadOnlyList<IgnoredTensor> IgnoredTensors => [];

    /// <summary>Builds the discriminator that these weights belong to, with fresh weights; belongs to the caller.</summary>
    /// <param name="stored">The discriminator's weights.</param>
    /// <param name="generator">The generator whose images it scores.</param>
    /// <exception cref="ArgumentException">The shapes do not belong together; the message says which.</exception>
    ImageDiscriminator BuildDiscriminator(StoredNetwork stored, ImageGenerator generator);

    /// <summary>
    /// Builds a discriminator that suits a generator of this family, with fresh weights, for checkpoints that hold none; belongs
    /// to the caller.
    /// </summary>
    /// <remarks>
    /// It has the generator's own layers in reverse: as wide at each resolution, and as deep. Its state is its parameters alone.
    /// Batch statistics would make a score depend on whether the network is in training, and on whether the run was resumed.
    /// </remarks>
    /// <param name="generator">As built here.</param>
    /// <exception cref="ArgumentException">The generator's layers cannot be reversed.</exception>
    ImageDiscriminator MirrorDiscriminator(ImageGenerator generator);

    /// <summary>
    /// How networks like these are created with fresh weights; null where this family is not trained from scratch.
    /// </summary>
    /// <remarks>Method <c>retrain</c> needs it.</remarks>
    /// <param name="generator">As built here.</param>
    /// <param name="discriminator">As built here; null where the checkpoint holds none.</param>
    IGanFactory? GetFactory(ImageGenerator generator, ImageDiscriminator? discriminator) => null;

    /// <summary>
    /// What checkpoints call the features of its discriminators (<see cref="ImageDiscriminator.FeatureKind"/>).
    /// </summary>
    string FeatureKind { get; }

    /// <summary>
    /// Builds the discriminator whose features a classifier was trained on, with fresh weights; belongs to the caller.
    /// </summary>
    /// <param name="stored">
    /// The weights of <see cref="ImageDiscriminator.CopyForFeatures"/> under the network's own names, and its
    /// <see cref="ImageDiscriminator.FeatureAttributes"/>.
    /// </param>
    /// <param name="images">The images it takes.</param>
    /// <exception cref="ArgumentException">The shapes do not belong together; the message says which.</exception>
    /// <exception cref="FormatException">An attribute is not a number.</exception>
    ImageDiscriminator BuildFeatureNetwork(StoredNetwork stored, ImageShape images);

    /// <summary>
    /// Where a tensor of one of its networks lies in a checkpoint of this family; under its own name unless the family says
    /// otherwise.
    /// </summary>
    /// <param name="network">Generator or discriminator, as built here.</param>
    /// <param name="name">A name of the network's state dict.</param>
    StoredTensor Locate(TorchSharp.torch.nn.Module network, string name) => new(name);
}

/// <summary>What was assumed about a generator's layers.</summary>
/// <param name="Sentence">The assumption, for a reader.</param>
/// <param name="Layers">The statement for a policy that says the same.</param>
public sealed record AssumedLayers(string Sentence, IReadOnlyList<string> Layers);

/// <summary>A kind of tensor that files have and that does not change what a network computes.</summary>
/// <param name="Suffix">The end of its name.</param>
/// <param name="Reason">Why it may be left out.</param>
public sealed record IgnoredTensor(string Suffix, string Reason);
