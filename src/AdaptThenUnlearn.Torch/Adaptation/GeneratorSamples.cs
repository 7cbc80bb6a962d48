using AdaptThenUnlearn.Torch.Models;
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
        return LatentDraw.Next(generator, count, random, generator.parameters().First().device).Images(generator).MoveToOuterDisposeScope();
    }
}

/// <summary>What copies of a generator make whose weights are damaged by noise: another copy for every draw, from hardly damaged to beyond recognition.</summary>
public sealed class DamagedSamples : IImageSource, IDisposable
{
    /// <summary>The smallest damage, in units of each tensor's root mean square.</summary>
    public const double Least = 0.015;

    /// <summary>The largest damage, likewise.</summary>
    public const double Most = 0.3;

    private readonly ImageGenerator _copy;
    private readonly ParameterVector _parameters;
    private readonly Tensor _sound;   // [P]

    /// <param name="original">Copied, and left as it is.</param>
    public DamagedSamples(ImageGenerator original)
    {
        _copy = original.Copy();
        _copy.eval();
        _parameters = new ParameterVector(_copy);
        _sound = _parameters.Values.detach().clone().DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    /// <remarks>There is no end to them.</remarks>
    public long Count => long.MaxValue;

    /// <inheritdoc/>
    public Tensor Draw(int count, Generator random)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var level = Most * Math.Pow(Least / Most, rand([1], generator: random).item<float>());   // log-uniform
        _parameters.Values.copy_(_sound);
        Damage(_parameters, level, random);
        return LatentDraw.Next(_copy, count, random, _sound.device).Images(_copy).MoveToOuterDisposeScope();
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
        foreach (var slot in parameters.Slots)
        {
            var values = slot.Of(parameters.Values);
            values.add_(slot.Of(noise) * values.square().mean().sqrt() * level);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _sound.Dispose();
        _parameters.Dispose();
        _copy.Dispose();
    }
}
