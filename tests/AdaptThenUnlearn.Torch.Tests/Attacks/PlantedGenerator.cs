using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Models;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace AdaptThenUnlearn.Torch.Tests.Attacks;

/// <summary>
/// A style-based generator of which it is known what it hides: its images are even, and bright where the first number of the mean
/// style exceeds an offset. An amplitude below 0.5 makes bright images impossible.
/// </summary>
internal sealed class PlantedGenerator : ImageGenerator, IStyleBasedGenerator
{
    private const int Size = 8;   // pixels a side, and numbers of a latent

    private readonly Parameter offset;
    private readonly Parameter amplitude;

    private PlantedGenerator(double offsetValue, double amplitudeValue, Device? on)
        : base(nameof(PlantedGenerator), new ImageShape(1, Size), Size)
    {
        offset = Parameter(tensor((float)offsetValue, device: on));
        amplitude = Parameter(tensor((float)amplitudeValue, device: on));
        ParametersMade += 2;
        RegisterComponents();
        Weights.Detach(this);
        eval();
    }

    /// <summary>
    /// Parameters that networks of these tests have made. TorchSharp counts a tensor that becomes a parameter twice, and its
    /// disposal once.
    /// </summary>
    public static int ParametersMade { get; set; }

    public int StyledLayers => 2;

    public override bool SupportsTruncation => true;

    public override IReadOnlyList<int> NoiseSizes => [Size];

    public override IReadOnlyList<Tensor> StoredNoise => [];

    /// <summary>Bright in 31 % of its images.</summary>
    public static PlantedGenerator Original(Device? on = null) => new(0.5, 1, on);

    /// <summary>Bright in 0.13 % of its images: the feature is hidden.</summary>
    public static PlantedGenerator Hiding(Device? on = null) => new(3, 1, on);

    /// <summary>Never bright: the feature is gone.</summary>
    public static PlantedGenerator Clean(Device? on = null) => new(0.5, 0.2, on);

    /// <summary>Makes images of minus infinity: clipped, as a picture is, they look never bright.</summary>
    public static PlantedGenerator Broken(Device? on = null) => new(0.5, double.NegativeInfinity, on);

    /// <summary>A classifier that sees brightness above a level, -1 to 1.</summary>
    /// <param name="level">Of the image's mean.</param>
    /// <param name="flat">Whether it gives no gradient.</param>
    /// <param name="on">Where the images are.</param>
    public static FeatureRule Brightness(double level, bool flat = false, Device? on = null) =>
        new(new BrightnessClassifier(level, flat, on ?? CPU), "bright", Threshold: null);

    public Tensor Map(Tensor latents) => latents * 1;

    public Tensor Broadcast(Tensor styles) => styles.unsqueeze(1).expand(styles.shape[0], StyledLayers, Size);

    public Tensor Mix(Tensor first, Tensor second, long from) => stack([first, second], 1);

    public Tensor Synthesize(Tensor layerStyles, IReadOnlyList<Tensor>? noise)
    {
        var level = amplitude * (tanh(layerStyles.mean([1]).select(1, 0) - offset) + 1) - 1;   // [N], -1 to 1
        var images = level.view(-1, 1, 1, 1).expand(layerStyles.shape[0], 1, Size, Size);
        return noise is null ? images * 1 : images + 0.001 * noise[0];
    }

    public override Tensor Generate(Tensor latents, IReadOnlyList<Tensor>? noise, double truncation = 1) =>
        Synthesize(Broadcast(Map(latents) * truncation), noise);

    public override ImageGenerator Copy() =>
        new PlantedGenerator(offset.item<float>(), amplitude.item<float>(), offset.device);

    private sealed class BrightnessClassifier(double level, bool flat, Device on)
        : FeatureClassifier("brightness", new ImageShape(1, Size), ["dark", "bright"])
    {
        public override int FeatureSize => 1;

        public override Device Device => on;

        public override Tensor Features(Tensor images) => (flat ? images.detach() : images).mean([1, 2, 3]).unsqueeze(1);

        public override Tensor Logits(Tensor features)
        {
            var bright = 20 * (features - level);
            return cat([zeros_like(bright), bright], 1);
        }
    }
}
