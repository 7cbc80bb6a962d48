using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Adaptation;

/// <summary>
/// A generator's images as a source of training images. Every draw has new latents, so that no image can be memorised.
/// </summary>
/// <param name="generator">It is not changed; stays the caller's.</param>
public sealed class GeneratorSamples(ImageGenerator generator) : IImageSource
{
    /// <inheritdoc/>
    /// <remarks>The source never ends.</remarks>
    public long Count => long.MaxValue;

    /// <inheritdoc/>
    public Tensor Draw(int count, Generator random)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        return LatentDraw.Sample(generator, count, random, generator.parameters().First().device)
            .Images(generator)
            .MoveToOuterDisposeScope();
    }
}

/// <summary>
/// Images of copies of a generator whose weights are damaged by noise. Every draw has a new copy, from hardly damaged to
/// unrecognisable.
/// </summary>
/// <remarks>
/// Architectures differ in how much noise their weights tolerate, so the largest damage is searched for. It is the smallest of a
/// series at which images of the same latents differ as much as two unrelated images do: by twice their variance, as the mean
/// over pixels.
/// </remarks>
public sealed class DamagedSamples : IImageSource, IDisposable
{
    private const double FirstTried = 0.05;      // of the series of damages, in units of each tensor's root mean square
    private const double LastTried = 3;
    private const double Ratio = 1.25;           // of a damage to the one before it
    private const int CopiesTried = 4;           // for each damage
    private const int ImagesTried = 32;          // of each copy
    private const double MinLevelRatio = 0.05;   // of the smallest damage to the largest

    private readonly ImageGenerator _copy;
    private readonly ParameterVector _parameters;
    private readonly Tensor _sound;   // [P]

    /// <summary>Copies a generator, and searches for the damage that makes its images unrecognisable.</summary>
    /// <param name="original">It is not changed; stays the caller's.</param>
    /// <param name="random">Random source of the damages that are tried.</param>
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
    /// <remarks>The source never ends.</remarks>
    public long Count => long.MaxValue;

    /// <inheritdoc/>
    public Tensor Draw(int count, Generator random)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        DamageTo(MaxLevel * Math.Pow(MinLevelRatio, rand([1], generator: random).item<float>()), random);   // log-uniform
        return LatentDraw.Sample(_copy, count, random, _sound.device).Images(_copy).MoveToOuterDisposeScope();
    }

    /// <summary>Adds normal noise to every parameter, in proportion to the root mean square of its tensor.</summary>
    /// <param name="parameters">Changed in place.</param>
    /// <param name="level">Standard deviation of the noise, in units of each tensor's root mean square.</param>
    /// <param name="random">Random source of the noise.</param>
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

        // Make images of the undamaged copy.
        using var latents = random.At("images tried");
        var draw = LatentDraw.Sample(_copy, ImagesTried, latents, _sound.device);
        _parameters.Values.copy_(_sound);
        var images = draw.Images(_copy);   // [n, C, H, W]

        // Compare them with images of the same latents by damaged copies.
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
