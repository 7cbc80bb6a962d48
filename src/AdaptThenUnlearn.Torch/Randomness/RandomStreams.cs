using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Randomness;

/// <summary>Randomness without state: every purpose and every step has a source of its own, derived from one seed.</summary>
/// <remarks>
/// So a run that is resumed at step n draws what an uninterrupted one would have drawn, and nothing random needs to be
/// saved. Numbers are always drawn on the CPU, so that a seed means the same on every device.
/// </remarks>
/// <param name="Seed">From the policy.</param>
/// <param name="Scope">Keeps stages apart that share a seed, e.g. <c>unlearning</c>.</param>
public sealed record RandomStreams(long Seed, string Scope)
{
    /// <summary>The source for one purpose at one step; the caller disposes it.</summary>
    /// <param name="purpose">E.g. <c>latents</c>.</param>
    /// <param name="step">Any number that counts.</param>
    public Generator At(string purpose, long step = 0) => new(SeedAt(purpose, step), CPU);

    /// <summary>The derived seed itself, 63 bits.</summary>
    public ulong SeedAt(string purpose, long step = 0)
    {
        var text = string.Create(CultureInfo.InvariantCulture, $"{Seed}/{Scope}/{purpose}/{step}");
        var digest = SHA256.HashData(Encoding.UTF8.GetBytes(text));
        return BinaryPrimitives.ReadUInt64LittleEndian(digest) >> 1;
    }

    /// <summary>Runs <paramref name="build"/> with torch's default source seeded, for constructors that draw from it.</summary>
    public T Seeded<T>(string purpose, Func<T> build)
    {
        manual_seed((long)SeedAt(purpose));
        return build();
    }
}
