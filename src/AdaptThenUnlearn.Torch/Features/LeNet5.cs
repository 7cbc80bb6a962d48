using AdaptThenUnlearn.Torch.Models;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>LeNet-5 with ReLU and max pooling, for 32 × 32 images.</summary>
/// <remarks>
/// LeCun et al. 1998, "Gradient-based learning applied to document recognition", figure 2; layer names are the paper's.
/// </remarks>
public sealed class LeNet5 : FeatureClassifier
{
    /// <summary>In the catalogue and in checkpoints.</summary>
    public const string Name = "lenet-5";

    // Classifiers on its features are stored with this word: changing it makes them unreadable.
    private const string UnitRangeKey = "unit-range";

    private readonly Conv2d c1;
    private readonly Conv2d c3;
    private readonly Conv2d c5;
    private readonly Linear f6;
    private readonly Linear output;
    private readonly bool _unitRange;

    /// <summary>Builds it with fresh weights from torch's default random source.</summary>
    /// <param name="shape">The images it takes.</param>
    /// <param name="classes">Names of its outputs, in order.</param>
    /// <param name="unitRange">
    /// Whether it was trained on pixels in [0, 1]; images are then moved to that range before the first layer.
    /// </param>
    /// <exception cref="ArgumentException">Images are not 32 × 32.</exception>
    public LeNet5(ImageShape shape, IReadOnlyList<string> classes, bool unitRange = false) : base(Name, shape, classes)
    {
        if (shape.Resolution != 32)
            throw new ArgumentException($"{Name} takes 32×32 images, not {shape}");

        _unitRange = unitRange;
        c1 = Conv2d(shape.Channels, 6, 5);
        c3 = Conv2d(6, 16, 5);
        c5 = Conv2d(16, 120, 5);
        f6 = Linear(120, 84);
        output = Linear(84, classes.Count);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override IReadOnlyDictionary<string, string> FeatureAttributes =>
        _unitRange ? new Dictionary<string, string> { [UnitRangeKey] = "true" } : base.FeatureAttributes;

    /// <inheritdoc/>
    public override int FeatureSize => 84;

    /// <inheritdoc/>
    public override Tensor Features(Tensor images)
    {
        using var scope = NewDisposeScope();
        // [N, 6, 14, 14]
        var maps = functional.max_pool2d(functional.relu(c1.call(_unitRange ? (images + 1) / 2 : images)), 2);
        maps = functional.max_pool2d(functional.relu(c3.call(maps)), 2);         // [N,  16,  5,  5]
        maps = functional.relu(c5.call(maps));                                   // [N, 120,  1,  1]
        return functional.relu(f6.call(maps.flatten(1))).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor Logits(Tensor features) => output.call(features);

    /// <summary>Whether stored <see cref="FeatureAttributes"/> are of a network that was trained on pixels in [0, 1].</summary>
    internal static bool IsUnitRange(IReadOnlyDictionary<string, string> attributes) => attributes.ContainsKey(UnitRangeKey);
}
