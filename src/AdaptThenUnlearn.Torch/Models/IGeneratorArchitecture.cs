using AdaptThenUnlearn.Torch.Models.StyleGan2;

namespace AdaptThenUnlearn.Torch.Models;

/// <summary>A family of generators that can be rebuilt from the names and shapes of its weights alone.</summary>
public interface IGeneratorArchitecture
{
    /// <summary>In checkpoints and reports.</summary>
    string Name { get; }

    /// <summary>Whether these weights look like a generator of this family.</summary>
    /// <param name="shapes">Shape of each tensor by its state-dict name.</param>
    bool Recognises(IReadOnlyDictionary<string, IReadOnlyList<long>> shapes);

    /// <summary>One line about the network these weights belong to.</summary>
    /// <exception cref="ArgumentException">The shapes do not belong together; the message says which.</exception>
    string Describe(IReadOnlyDictionary<string, IReadOnlyList<long>> shapes);

    /// <summary>Builds the generator these weights belong to, with fresh weights; belongs to the caller.</summary>
    /// <exception cref="ArgumentException">The shapes do not belong together; the message says which.</exception>
    ImageGenerator BuildGenerator(IReadOnlyDictionary<string, IReadOnlyList<long>> shapes);

    /// <summary>Builds the discriminator that goes with a generator of this family, with fresh weights; belongs to the caller.</summary>
    /// <param name="generatorShapes">The generator's weights.</param>
    ImageDiscriminator BuildDiscriminator(IReadOnlyDictionary<string, IReadOnlyList<long>> generatorShapes);
}

/// <summary>Every generator architecture that can be governed. A new one: write its folder, add its line.</summary>
public static class GeneratorArchitectures
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<IGeneratorArchitecture> All { get; } = [new StyleGan2Architecture()];

    /// <summary>The one these weights belong to, or null.</summary>
    public static IGeneratorArchitecture? Of(IReadOnlyDictionary<string, IReadOnlyList<long>> shapes) =>
        All.FirstOrDefault(architecture => architecture.Recognises(shapes));
}
