using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Randomness;

/// <summary>Random numbers without state: each purpose and step has its own source, derived from one seed.</summary>
/// <remarks>
/// A run that is resumed at step n therefore draws the same numbers as an uninterrupted one, and no state of a source is saved.
/// Numbers are always drawn on the CPU, so that a seed gives the same numbers on every device.
/// </remarks>
/// <param name="Seed">The policy's seed.</param>
/// <param name="Scope">Separates stages that share a seed, e.g. <c>unlearning</c>.</param>
public sealed record RandomStreams(long Seed, string Scope)
{
    /// <summary>Creates the source for one purpose at one step; the caller disposes it.</summary>
    /// <param name="purpose">Separates sources of one step, e.g. <c>latents</c>.</param>
    /// <param name="step">The number of the step, or of anything else that is counted.</param>
    public Generator At(string purpose, long step = 0) => new(SeedAt(purpose, step), CPU);

    /// <summary>Derives the seed of a source; 63 bits.</summary>
    /// <inheritdoc cref="At"/>
    public ulong SeedAt(string purpose, long step = 0)
    {
        var text = string.Create(CultureInfo.InvariantCulture, $"{Seed}/{Scope}/{purpose}/{step}");
        var digest = SHA256.HashData(Encoding.UTF8.GetBytes(text));
        return BinaryPrimitives.ReadUInt64LittleEndian(digest) >> 1;
    }

    /// <summary>
    /// Seeds torch's default random source and runs <paramref name="build"/>, for constructors that draw from it.
    /// </summary>
    /// <param name="purpose">As for <see cref="At"/>.</param>
    /// <param name="build">Builds the network.</param>
    public T Seeded<T>(string purpose, Func<T> build)
    {
        manual_seed((long)SeedAt(purpose));
        return build();
    }
}
