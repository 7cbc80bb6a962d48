using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace AdaptThenUnlearn.Torch.Models.StyleGan2;

/// <summary>
/// Normalises z, and the embedding of the class where there is one, then maps them to w through a few slow layers.
/// </summary>
/// <remarks>
/// Children are numbered from 1 as in rosinality's code; class and mean as in NVIDIA's <c>MappingNetwork</c>, whose discriminator
/// has one without z.
/// </remarks>
internal sealed class MappingNetwork : Module<Tensor, Tensor>
{
    private readonly List<EqualizedLinear> _layers = [];
    private readonly EqualizedLinear? embed;
    private readonly int _latentSize;
    private readonly int _classes;

    /// <param name="latentSize">Length of z; 0 where there is only a class.</param>
    /// <param name="styleSize">Length of w.</param>
    /// <param name="layers">At least 1.</param>
    /// <param name="classes">0 where there are none.</param>
    /// <param name="storesMean">Whether the mean of w is stored.</param>
    public MappingNetwork(int latentSize, int styleSize, int layers, int classes, bool storesMean = false)
        : base(nameof(MappingNetwork))
    {
        (_latentSize, _classes) = (latentSize, classes);
        if (_classes > 0)
            embed = new EqualizedLinear(_classes, styleSize);

        var inputs = latentSize + (_classes > 0 ? styleSize : 0);
        for (var number = 1; number <= layers; number++, inputs = styleSize)
        {
            var layer = new EqualizedLinear(inputs, styleSize, learningRateMultiplier: 0.01, activate: true);
            _layers.Add(layer);
            register_module($"{number}", layer);
        }

        if (storesMean)
            register_buffer("mean", zeros(styleSize));
        RegisterComponents();
    }

    /// <summary>The stored mean of w, <c>[StyleSize]</c>, or null.</summary>
    public Tensor? StoredMean => get_buffer("mean");

    /// <summary>
    /// <c>[N, latent + classes]</c> to <c>[N, StyleSize]</c>; the largest of the last numbers chooses the class.
    /// </summary>
    public override Tensor forward(Tensor latents)
    {
        if (embed is null)
            return Map(Normalized(latents));

        // [N, classes]
        var classes = functional.one_hot(latents.narrow(1, _latentSize, _classes).argmax(1), _classes).to(latents.dtype);
        return OfClasses(latents.narrow(1, 0, _latentSize), classes);
    }

    /// <summary>The styles of given classes.</summary>
    /// <param name="latents"><c>[N, latent]</c>.</param>
    /// <param name="classes">One-hot <c>[N, classes]</c>.</param>
    public Tensor OfClasses(Tensor latents, Tensor classes)
    {
        var embedded = Normalized(embed!.call(classes));
        return Map(_latentSize == 0 ? embedded : cat([Normalized(latents), embedded], dim: 1));
    }

    private Tensor Map(Tensor rows) => _layers.Aggregate(rows, (current, layer) => layer.call(current));

    private static Tensor Normalized(Tensor rows) => rows * (rows.square().mean([1], keepdim: true) + 1e-8).rsqrt();
}
