using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Adaptation;

/// <summary>What a generator makes, never twice the same: nothing that could be learned by heart.</summary>
/// <param name="generator">Left as it is; stays the caller's.</param>
public sealed class GeneratorSamples(ImageGenerator generator) : IImageSource
{
    /// <inheritdoc/>
    /// <remarks>There is no end to them.</remarks>
    public long Count => long.MaxValue;

    /// <inheritdoc/>
    public Tensor Draw(int count, Generator random)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        return LatentDraw.Sample(generator, count, random, generator.parameters().First().device).Images(generator).MoveToOuterDisposeScope();
    }
}

/// <summary>What copies of a generator make whose weights are damaged by noise: another copy for every draw, from hardly damaged to beyond recognition.</summary>
/// <remarks>
/// How much noise weights bear differs between architectures, so the largest damage is found out: the least of a series at which the images
/// of the same latents have changed as much as two unrelated images differ, which is twice their variance, mean over pixels.
/// </remarks>
public sealed class DamagedSamples : IImageSource, IDisposable
{
    private const double FirstTried = 0.05;
    private const double LastTried = 3;
    private const double Ratio = 1.25;           // of two that are tried one after another
    private const int CopiesTried = 4;
    private const int ImagesTried = 32;
    private const double MinLevelRatio = 0.05;

    private readonly ImageGenerator _copy;
    private readonly ParameterVector _parameters;
    private readonly Tensor _sound;   // [P]

    /// <summary>Copies a generator and finds out how much damage makes its images unrecognisable.</summary>
    /// <param name="original">Left as it is.</param>
    /// <param name="random">Where the damage that is tried comes from.</param>
    public DamagedSamples(ImageGenerator original, RandomStreams random)
    {
        _copy = original.Copy();
        _copy.eval();
        _parameters = new ParameterVector(_copy);
        _sound = _parameters.Values.detach().clone().DetachFromDisposeScope();
        MaxLevel = FirstTried;
        while (MaxLevel < LastTried && !IsUnrecognisable(random))
            MaxLevel *= Ratio;
    }

    /// <summary>The largest damage, in units of each tensor's root mean square; the smallest is a twentieth of it.</summary>
    public double MaxLevel { get; private set; }

    /// <inheritdoc/>
    /// <remarks>There is no end to them.</remarks>
    public long Count => long.MaxValue;

    /// <inheritdoc/>
    public Tensor Draw(int count, Generator random)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        DamageTo(MaxLevel * Math.Pow(MinLevelRatio, rand([1], generator: random).item<float>()), random);   // log-uniform
        return LatentDraw.Sample(_copy, count, random, _sound.device).Images(_copy).MoveToOuterDisposeScope();
    }

    /// <summary>Adds normal noise to every parameter, in proportion to the size of its tensor's values.</summary>
    /// <param name="parameters">Changed in place.</param>
    /// <param name="level">Standard deviation, in units of each tensor's root mean square.</param>
    /// <param name="random">Where the noise comes from.</param>
    public static void Damage(ParameterVector parameters, double level, Generator random)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var noise = randn(parameters.Values.shape, generator: random).to(parameters.Values.device);
        foreach (var slice in parameters.Slices)
        {
            var values = slice.ViewOf(parameters.Values);
            values.add_(slice.ViewOf(noise) * values.square().mean().sqrt() * level);
        }
    }

    private void DamageTo(double level, Generator random)
    {
        using var _ = no_grad();
        _parameters.Values.copy_(_sound);
        Damage(_parameters, level, random);
    }

    private bool IsUnrecognisable(RandomStreams random)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var latents = random.At("images tried");
        var draw = LatentDraw.Sample(_copy, ImagesTried, latents, _sound.device);
        _parameters.Values.copy_(_sound);
        var images = draw.Images(_copy);
        var changed = Enumerable.Range(0, CopiesTried).Average(number =>
        {
            using var noise = random.At("damage tried", number);
            DamageTo(MaxLevel, noise);
            return (draw.Images(_copy) - images).square().mean().item<float>();
        });
        return changed >= 2 * images.var(0, unbiased: true).mean().item<float>();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _sound.Dispose();
        _parameters.Dispose();
        _copy.Dispose();
    }
}
