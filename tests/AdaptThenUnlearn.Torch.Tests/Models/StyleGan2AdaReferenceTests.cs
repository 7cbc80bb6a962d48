using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Models.StyleGan2;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Models;

/// <summary>The networks of stylegan2-ada-pytorch against values that its own code computed.</summary>
public sealed class StyleGan2AdaReferenceTests
{
    public static TheoryData<string, string> Files => new()
    {
        { "nvidia_r32_c1_uncond", "network-snapshot-000200.pkl" },
        { "nvidia_r64_c3_cond", "network-snapshot-000200.pkl" },
        { "nvidia_r64_c3_cond", "network-snapshot-000200-protocol3.pkl" },
    };

    [Theory]
    [MemberData(nameof(Files))]
    public void Generator_ReferenceLatents_GivesTheReferenceImages(string name, string file)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var reference = Interop.Case(name);
        using var loaded = GeneratorCheckpoint.Load(reference.PathOf(file), "auto", sha256: null, discriminatorPath: null, CPU);
        var generator = (StyleGan2Generator)loaded.Generator;
        var latents = Latents(reference, generator);
        var styles = generator.Map(latents);
        var noise = generator.StoredNoise;

        Assert.Equal(("nvidia", "stylegan2-ada", "G_ema"), (loaded.Format, loaded.Architecture, loaded.Section));
        reference.Agrees("w_psi1", styles);
        reference.Agrees("w_psi07", StyleGan2Generator.Truncate(styles, generator.MeanStyle(), 0.7));
        reference.Agrees("images_psi1", generator.Generate(latents, noise));
        reference.Agrees("images_psi07", generator.Generate(latents, noise, truncation: 0.7));
        reference.Agrees("images_nonoise", generator.Generate(latents, noise: null));
        reference.Agrees("images_cutoff", generator.Synthesize(
            generator.Mix(
                StyleGan2Generator.Truncate(styles, generator.MeanStyle(), 0.5),
                styles,
                (long)reference.Input("truncation_cutoff")), noise));
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void TrainedGenerator_ReferenceLatents_GivesTheReferenceImages(string name, string file)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var reference = Interop.Case(name);
        using var loaded = GeneratorCheckpoint
            .Load(reference.PathOf(file), "nvidia", sha256: null, discriminatorPath: null, CPU, network: "generator");

        reference.Agrees(
            "images_G_psi1",
            loaded.Generator.Generate(Latents(reference, (StyleGan2Generator)loaded.Generator), loaded.Generator.StoredNoise));
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Discriminator_ReferenceImages_GivesTheReferenceLogits(string name, string file)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var reference = Interop.Case(name);
        using var loaded = GeneratorCheckpoint.Load(reference.PathOf(file), "auto", sha256: null, discriminatorPath: null, CPU);
        var discriminator = (StyleGan2Discriminator)loaded.Discriminator!;
        var conditional = discriminator.Settings.Classes > 0;

        reference.Agrees(
            "logits_fake",
            conditional
                ? discriminator.Score(reference.Array("images_psi1"), reference.Array("c"))
                : discriminator.Score(reference.Array("images_psi1")));
        reference.Agrees(
            "logits_real",
            conditional
                ? discriminator.Score(reference.Array("real"), reference.Array("c_real"))
                : discriminator.Score(reference.Array("real")));
    }

    // A class's one-hot row is a latent whose largest number chooses it.
    private static Tensor Latents(Interop reference, StyleGan2Generator generator) =>
        generator.Settings.Classes > 0 ? cat([reference.Array("z"), reference.Array("c")], dim: 1) : reference.Array("z");
}
