using AdaptThenUnlearn.Torch.Models;

namespace AdaptThenUnlearn.Torch.Training;

/// <summary>The networks with which one thread works on its part of each batch.</summary>
/// <remarks>All parts have the same parameters, as views of the same values. Their gradients are their own.</remarks>
internal sealed class TrainedPart : IDisposable
{
    private readonly bool _ownsNetworks;

    private TrainedPart(
        ImageGenerator generator,
        ImageDiscriminator discriminator,
        ParameterVector generatorParameters,
        ParameterVector discriminatorParameters,
        bool ownsNetworks)
    {
        (Generator, Discriminator) = (generator, discriminator);
        (GeneratorParameters, DiscriminatorParameters) = (generatorParameters, discriminatorParameters);
        _ownsNetworks = ownsNetworks;
        generator.train();
        discriminator.train();
    }

    /// <summary>The first part: the trained networks themselves, which stay the caller's.</summary>
    public TrainedPart(ImageGenerator generator, ImageDiscriminator discriminator)
        : this(generator, discriminator, new ParameterVector(generator), new ParameterVector(discriminator), ownsNetworks: false)
    {
    }

    public ImageGenerator Generator { get; }

    public ImageDiscriminator Discriminator { get; }

    public ParameterVector GeneratorParameters { get; }

    public ParameterVector DiscriminatorParameters { get; }

    /// <summary>Another part with the same parameters.</summary>
    public TrainedPart Share()
    {
        var (generator, discriminator) = (Generator.Copy(), Discriminator.Copy());
        return new TrainedPart(
            generator,
            discriminator,
            GeneratorParameters.Share(generator),
            DiscriminatorParameters.Share(discriminator),
            ownsNetworks: true);
    }

    /// <summary>Into how many parts a batch can be cut.</summary>
    /// <param name="images">Images of the batch.</param>
    /// <param name="most">The most parts that are wanted, at least 1.</param>
    /// <returns>The largest number that the networks allow, 1 to <paramref name="most"/>.</returns>
    public int MostParts(int images, int most) => Enumerable.Range(1, most).Last(parts => AllowsParts(images, parts));

    /// <summary>
    /// Whether a batch can be cut into a number of parts: images must be made, and scored, without the images of other parts.
    /// </summary>
    /// <param name="images">Images of the batch.</param>
    /// <param name="parts">At least 1; a whole batch is always allowed.</param>
    public bool AllowsParts(int images, int parts) => AllowsParts(Generator, Discriminator, images, parts);

    /// <inheritdoc cref="AllowsParts(int, int)"/>
    public static bool AllowsParts(ImageGenerator generator, ImageDiscriminator discriminator, int images, int parts) =>
        parts == 1
        || (generator.MakesImagesApart
            && discriminator.ComparedImages is { } together
            && images % (parts * together) == 0);

    /// <summary>Chooses which of the two networks the next update trains, and forgets its former gradients.</summary>
    public void Train(bool generator)
    {
        GeneratorParameters.RequiresGradient = generator;
        DiscriminatorParameters.RequiresGradient = !generator;
        (generator ? GeneratorParameters : DiscriminatorParameters).Gradients.zero_();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        GeneratorParameters.Dispose();
        DiscriminatorParameters.Dispose();
        if (!_ownsNetworks)
            return;

        Generator.Dispose();
        Discriminator.Dispose();
    }
}
