using AdaptThenUnlearn.Torch.Models.Dcgan;
using AdaptThenUnlearn.Torch.Models.Mlp;
using AdaptThenUnlearn.Torch.Models.StyleGan2;

namespace AdaptThenUnlearn.Torch.Models;

/// <summary>A family of generators that can be rebuilt from the names and shapes of its weights alone.</summary>
public interface IGeneratorArchitecture
{
    /// <summary>In checkpoints and reports.</summary>
    string Name { get; }

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

/// <summary>Every generator architecture that can be governed. A new one: write its folder, add its line.</summary>
public static class GeneratorArchitectures
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<IGeneratorArchitecture> All { get; } = [new StyleGan2Architecture(), new StyleGan2AdaArchitecture(), new DcganArchitecture(), new MlpArchitecture()];

    /// <summary>The one these weights belong to, or null.</summary>
    public static IGeneratorArchitecture? Of(StoredNetwork stored) =>
        All.FirstOrDefault(architecture => architecture.Recognises(stored));

    /// <summary>An architecture by its name.</summary>
    /// <exception cref="InvalidOperationException">There is none.</exception>
    public static IGeneratorArchitecture Named(string name) => All.First(architecture => architecture.Name == name);
}
