using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace AdaptThenUnlearn.Torch.Models.Mlp;

/// <summary>Fully connected layers with ReLU, tanh at the end.</summary>
public sealed class MlpGenerator : ImageGenerator
{
    private readonly List<Linear> _layers;

    /// <summary>Builds it with fresh weights from torch's default random source.</summary>
    /// <param name="images">What it makes.</param>
    /// <param name="layers">From latent to pixels.</param>
    public MlpGenerator(ImageShape images, IReadOnlyList<MlpLayer> layers) : base(nameof(MlpGenerator), images, layers[0].Inputs)
    {
        Layers = layers;
        _layers = Mlp.Registered(this, layers);
    }

    /// <summary>The sizes of its layers, in order.</summary>
    public IReadOnlyList<MlpLayer> Layers { get; }

    /// <inheritdoc/>
    public override bool Truncates => false;

    /// <inheritdoc/>
    public override IReadOnlyList<int> NoiseSizes => [];

    /// <inheritdoc/>
    public override IReadOnlyList<Tensor> StoredNoise => [];

    /// <inheritdoc/>
    /// <exception cref="NotSupportedException">Truncation other than 1: there is no mean image to come nearer to.</exception>
    public override Tensor Generate(Tensor latents, IReadOnlyList<Tensor>? noise, double truncation = 1)
    {
        if (truncation != 1)
            throw new NotSupportedException("a GAN of fully connected layers has no truncation; leave it at 1");

        using var scope = NewDisposeScope();
        return Mlp.Run(_layers, latents, rows => functional.relu(rows)).tanh().view(-1, Shape.Channels, Shape.Resolution, Shape.Resolution).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override ImageGenerator Copy() => Weights.CopiedTo(new MlpGenerator(Shape, Layers), this);
}

/// <summary>Fully connected layers with leaky ReLU; its score is what the original puts through a sigmoid.</summary>
public sealed class MlpDiscriminator : ImageDiscriminator
{
    private readonly IReadOnlyList<MlpLayer> _sizes;
    private readonly List<Linear> _layers;

    /// <summary>Builds it with fresh weights from torch's default random source.</summary>
    /// <param name="images">What it takes.</param>
    /// <param name="layers">From pixels to one score.</param>
    public MlpDiscriminator(ImageShape images, IReadOnlyList<MlpLayer> layers) : base(nameof(MlpDiscriminator), images)
    {
        _sizes = layers;
        _layers = Mlp.Registered(this, layers);
    }

    /// <inheritdoc/>
    public override Tensor Score(Tensor images)
    {
        using var scope = NewDisposeScope();
        return Mlp.Run(_layers, images.flatten(1), Activated).MoveToOuterDisposeScope();   // [N, 1]
    }

    /// <inheritdoc/>
    public override int FeatureSize => _sizes[^1].Inputs;

    /// <inheritdoc/>
    public override Tensor Features(Tensor images)
    {
        using var scope = NewDisposeScope();
        return Activated(Mlp.Run(_layers[..^1], images.flatten(1), Activated)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override ImageDiscriminator Copy() => Weights.CopiedTo(new MlpDiscriminator(Shape, _sizes), this);

    private static Tensor Activated(Tensor rows) => functional.leaky_relu(rows, 0.2);
}

/// <summary>What both have in common: layers named by their place in the original sequence, in which activations take places too.</summary>
file static class Mlp
{
    public static List<Linear> Registered(Module network, IReadOnlyList<MlpLayer> sizes)
    {
        List<Linear> layers = [];
        foreach (var (number, inputs, outputs) in sizes)
        {
            layers.Add(Linear(inputs, outputs));
            network.register_module($"{number}", layers[^1]);
        }

        return layers;
    }

    public static Tensor Run(List<Linear> layers, Tensor rows, Func<Tensor, Tensor> activation) =>
        layers.Index().Aggregate(rows, (current, layer) => layer.Item.call(layer.Index == 0 ? current : activation(current)));
}
