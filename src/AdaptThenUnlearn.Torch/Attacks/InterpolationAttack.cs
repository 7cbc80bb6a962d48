using System.Globalization;
using AdaptThenUnlearn.Measurements;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Attacks;

/// <summary>
/// Moves the weights: a part of the way back to the original, and at random. It shows how far the feature is away in parameters.
/// </summary>
/// <remarks>
/// Somebody who has the original as well needs no attack; the way back matters because a short one shows that the feature was
/// hidden and not removed. Random noise is relative to each tensor's standard deviation.
/// </remarks>
public sealed class InterpolationAttack : IAttack
{
    private static readonly double[] _parts = [0.1, 0.25, 0.5, 0.75];
    private static readonly double[] _noises = [0.01, 0.03, 0.1];

    /// <inheritdoc/>
    public string Name => "interpolation";

    /// <inheritdoc/>
    public string Summary => "weights moved towards the original's, and weights with noise";

    /// <inheritdoc/>
    public bool ChangesWeights => true;

    /// <inheritdoc/>
    public AttackFindings Run(AttackContext context, CancellationToken cancel)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var moved = context.Generator.Copy();
        moved.eval();
        var own = context.Generator.state_dict();
        var original = context.Original.state_dict();
        var parameters = context.Generator.named_parameters().Select(named => named.name).ToHashSet();
        if (parameters.Count == 0)
            return AttackFindings.NotMeasured("moved weights", "the generator has no trainable weights");
        var isAlike = own.Count == original.Count
            && own.All(tensor =>
                original.TryGetValue(tensor.Key, out var other) && other.shape.SequenceEqual(tensor.Value.shape));
        List<AttackVariant> variants = [];
        List<FoundImages> pictures = [];
        foreach (var part in _parts)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"{100 * part:0} % of the way to the original");
            if (context.Attacked is AttackedGenerator.Before)
                variants.Add(AttackVariant.NotMeasured(name, "this is the original"));
            else if (!isAlike)
                variants.Add(AttackVariant.NotMeasured(name, "the original has other tensors"));
            else
                Try(name, (key, value) => value.lerp(original[key], tensor((float)part, device: value.device)));
        }

        foreach (var noise in _noises)
            Try(string.Create(CultureInfo.InvariantCulture, $"weights with {100 * noise:0} % noise"), (key, value) =>
            {
                if (!parameters.Contains(key))
                    return value;
                using var source = context.Random.At($"weight noise {key}");
                var deviation = value.numel() > 1 ? value.std() : value.abs();
                return value + noise * deviation * randn(value.shape, generator: source).to(value.device);
            });
        return new AttackFindings(variants, pictures);

        void Try(string name, Func<string, Tensor, Tensor> move)
        {
            context.Progress(variants.Count, _parts.Length + _noises.Length);
            using (NewDisposeScope())
                foreach (var (key, target) in moved.state_dict())
                    target.copy_(target.is_floating_point() ? move(key, own[key]) : own[key]);
            var (variant, found) = context.Count(
                name,
                (batch, count) =>
                {
                    var draw = context.Draw("moved", batch, count);
                    return moved.Generate(draw.Latents, draw.Noise);
                },
                cancel);
            variants.Add(variant);
            if (found is not null)
                pictures.Add(found);
        }
    }
}
