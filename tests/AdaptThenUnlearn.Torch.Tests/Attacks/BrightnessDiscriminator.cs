using AdaptThenUnlearn.Torch.Models;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace AdaptThenUnlearn.Torch.Tests.Attacks;

/// <summary>Scores images by their mean, linearly; it learns whether real images are bright.</summary>
internal sealed class BrightnessDiscriminator : ImageDiscriminator
{
    private readonly Parameter slope;

    public BrightnessDiscriminator(Device? on = null) : base(nameof(BrightnessDiscriminator), new ImageShape(1, 8))
    {
        slope = Parameter(zeros(1, device: on));
        PlantedGenerator.ParametersMade++;
        RegisterComponents();
        Weights.Detach(this);
        eval();
    }

    public override int FeatureSize => 1;

    public override Tensor Features(Tensor images) => images.mean([1, 2, 3]).unsqueeze(1);

    public override Tensor Score(Tensor images) => Features(images) * slope;

    public override ImageDiscriminator Copy() => Weights.CopiedTo(new BrightnessDiscriminator(slope.device), this);
}
