using AdaptThenUnlearn.Torch.Models;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace AdaptThenUnlearn.Torch.Tests.Models;

/// <summary>
/// A correct architecture that is not in the catalogue: one linear layer each way. Wrong ones override a part of it.
/// </summary>
internal class LinearArchitecture : IGeneratorArchitecture
{
    public string Name => "linear-gan";

    public string MarkerTensor => LinearGenerator.WeightName;

    public virtual string FeatureKind => LinearDiscriminator.Kind;

    /// <summary>The smallest GAN of it, 1×16×16.</summary>
    public static GanPair Gan()
    {
        manual_seed(3);
        return new GanPair(new LinearGenerator(8, Small.Shape), new LinearDiscriminator(Small.Shape));
    }

    public virtual bool Recognises(StoredNetwork stored) => stored.Has(LinearGenerator.WeightName);

    public string Describe(StoredNetwork stored) => $"linear GAN, {Images(stored)}";

    public ImageShape Images(StoredNetwork stored) => new(1, (int)Math.Sqrt(stored.Size(LinearGenerator.WeightName, 0)));

    public virtual ImageGenerator BuildGenerator(StoredNetwork stored) =>
        new LinearGenerator(stored.Size(LinearGenerator.WeightName, 1), Images(stored));

    public ImageDiscriminator BuildDiscriminator(StoredNetwork stored, ImageGenerator generator) =>
        new LinearDiscriminator(generator.Shape);

    public virtual ImageDiscriminator MirrorDiscriminator(ImageGenerator generator) => new LinearDiscriminator(generator.Shape);

    public virtual IGanFactory? GetFactory(ImageGenerator generator, ImageDiscriminator? discriminator) =>
        new Factory(generator.LatentSize, generator.Shape);

    public ImageDiscriminator BuildFeatureNetwork(StoredNetwork stored, ImageShape images) => new LinearDiscriminator(images);

    protected sealed record Factory(int LatentSize, ImageShape Shape) : IGanFactory
    {
        public ImageGenerator CreateGenerator() => new LinearGenerator(LatentSize, Shape);

        public ImageDiscriminator CreateDiscriminator() => new LinearDiscriminator(Shape);
    }
}

/// <summary>tanh of one linear layer.</summary>
internal sealed class LinearGenerator : ImageGenerator
{
    public const string WeightName = "to_image.weight";

    private readonly Linear to_image;
    private readonly double _gain;

    public LinearGenerator(int latentSize, ImageShape shape, double gain = 1) : base(nameof(LinearGenerator), shape, latentSize)
    {
        _gain = gain;
        to_image = Linear(latentSize, shape.Channels * shape.Resolution * shape.Resolution);
        RegisterComponents();
    }

    public override bool SupportsTruncation => false;

    public override IReadOnlyList<int> NoiseSizes => [];

    public override IReadOnlyList<Tensor> StoredNoise => [];

    public override Tensor Generate(Tensor latents, IReadOnlyList<Tensor>? noise, double truncation = 1)
    {
        using var scope = NewDisposeScope();
        return (to_image.call(latents) * _gain)
            .tanh()
            .view(-1, Shape.Channels, Shape.Resolution, Shape.Resolution)
            .MoveToOuterDisposeScope();
    }

    public override ImageGenerator Copy() => Weights.CopiedTo(new LinearGenerator(LatentSize, Shape, _gain), this);
}

/// <summary>A linear layer to six features, and one to the score.</summary>
internal sealed class LinearDiscriminator : ImageDiscriminator
{
    public const string Kind = "linear-discriminator";

    private readonly Linear features;
    private readonly Linear score;

    public LinearDiscriminator(ImageShape shape) : base(nameof(LinearDiscriminator), shape)
    {
        features = Linear(shape.Channels * shape.Resolution * shape.Resolution, 6);
        score = Linear(6, 1);
        RegisterComponents();
    }

    public override int FeatureSize => 6;

    public override string FeatureKind => Kind;

    public override Tensor Features(Tensor images)
    {
        using var scope = NewDisposeScope();
        return functional.softplus(features.call(images.flatten(1))).MoveToOuterDisposeScope();
    }

    public override Tensor Score(Tensor images)
    {
        using var scope = NewDisposeScope();
        return score.call(Features(images)).MoveToOuterDisposeScope();
    }

    public override ImageDiscriminator Copy() => Weights.CopiedTo(new LinearDiscriminator(Shape), this);
}
