using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Models.StyleGan2;
using AdaptThenUnlearn.Torch.Training;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Models;

/// <summary>
/// StyleGAN2 against images, logits, penalties and gradients that rosinality's implementation gave for the same weights.
/// </summary>
public sealed class StyleGan2ReferenceTests
{
    [Theory]
    [InlineData("rosinality_s32")]
    [InlineData("rosinality_s64")]
    public void Generate_SameLatentsAndNoise_SameImages(string name)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var reference = Interop.Case(name);
        using var loaded = Load(reference, "ema");
        var generator = (StyleGan2Generator)loaded.Generator;
        var noise = Noise(reference, generator);
        var (first, second) = (generator.Map(reference.Array("z1")), generator.Map(reference.Array("z2")));
        var mean = generator.Map(reference.Array("z_mean")).mean([0], keepdim: true);
        var from = (long)reference.Input("inject_index");
        var truncation = reference.Input("truncation");

        reference.Agrees("mean_latent", mean);
        reference.Agrees("w_plain", first);
        reference.Agrees("images_plain", generator.Synthesize(generator.Broadcast(first), noise));
        reference.Agrees("images_mix", generator.Synthesize(generator.Mix(first, second, from), noise));
        reference.Agrees("images_buffer_noise", generator.Synthesize(generator.Broadcast(first), generator.StoredNoise));
        reference.Agrees(
            "images_trunc",
            generator.Synthesize(generator.Broadcast(StyleGan2Generator.Truncate(first, mean, truncation)), noise));
        reference.Agrees("images_mix_trunc", generator.Synthesize(
            generator.Mix(
                StyleGan2Generator.Truncate(first, mean, truncation),
                StyleGan2Generator.Truncate(second, mean, truncation),
                from), noise));
    }

    [Theory]
    [InlineData("rosinality_s32")]
    [InlineData("rosinality_s64")]
    public void Score_SameImages_SameLogits(string name)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var reference = Interop.Case(name);
        using var loaded = Load(reference, "ema");

        foreach (var (logits, images) in new[]
        {
            ("logits_plain", "images_plain"),
            ("logits_mix", "images_mix"),
            ("logits_real", "real")
        })
            reference.Agrees(logits, loaded.Discriminator!.Score(reference.Array(images)));
    }

    [Theory]
    [InlineData("rosinality_s32")]
    [InlineData("rosinality_s64")]
    public void Losses_SameBatch_SameValuesAndGradients(string name)
    {
        using var scope = NewDisposeScope();
        var reference = Interop.Case(name);
        using var loaded = Load(reference, "generator");
        var (generator, discriminator) = ((StyleGan2Generator)loaded.Generator, loaded.Discriminator!);
        var noise = Noise(reference, generator);
        var (first, second) = (reference.Array("z1"), reference.Array("z2"));
        Tensor Fakes() => generator.Synthesize(generator.Broadcast(generator.Map(first)), noise);

        var discriminatorLoss =
            Losses.Discriminator(discriminator.Score(reference.Array("real")), discriminator.Score(Fakes().detach()));
        reference.Agrees("d_logistic_loss", discriminatorLoss.item<float>());
        GradientsAgree(reference, "dloss", discriminator, discriminatorLoss);

        var penalty = Losses.R1(discriminator, reference.Array("real"));
        reference.Agrees("r1_penalty", penalty.item<float>());
        GradientsAgree(reference, "r1", discriminator, penalty);

        var generatorLoss = Losses.Generator(discriminator.Score(Fakes()));
        reference.Agrees("g_nonsaturating_loss", generatorLoss.item<float>());
        GradientsAgree(reference, "gloss", generator, generatorLoss);

        foreach (var (number, meanBefore) in new[] { (0, 0.0), (1, reference.Input("mean_path_length_in")) })
        {
            var styles = generator.Mix(generator.Map(first), generator.Map(second), (long)reference.Input("inject_index"));
            var path = Losses.PathLengthPenalty(
                generator.Synthesize(styles, noise),
                styles,
                reference.Array("path_noise"),
                meanBefore,
                reference.Input("path_decay"));
            reference.Agrees($"path{number}_lengths", path.Lengths);
            reference.Agrees($"path{number}_penalty", path.Penalty.item<float>());
            reference.Agrees($"path{number}_mean_path_length_out", path.MeanLength);
            if (number == 1)
                GradientsAgree(reference, "path1", generator, path.Penalty);
        }
    }

    [Theory]
    [InlineData("rosinality_s32")]
    [InlineData("rosinality_s64")]
    public void StateDict_Names_AreTheCheckpoints(string name)
    {
        var reference = Interop.Case(name);
        using var loaded = Load(reference, "ema");
        var file = CheckpointFormats.Read(reference.PathOf("010000.pt"));

        // The low-pass filters' kernels are constants: stored by the original, and by us.
        Assert.Equal(
            new NetworkPlace("g_ema/").In(file).Tensors.Select(tensor => tensor.Name).Order(),
            loaded.Generator.state_dict().Keys.Order());
        Assert.Equal(
            new NetworkPlace("d/").In(file).Tensors.Select(tensor => tensor.Name).Order(),
            loaded.Discriminator!.state_dict().Keys.Order());
    }

    private static LoadedGenerator Load(Interop reference, string network) =>
        GeneratorCheckpoint.Load(
            reference.PathOf("010000.pt"), "auto", reference["checkpoint"].GetProperty("sha256").GetString(), null, CPU, network);

    private static IReadOnlyList<Tensor> Noise(Interop reference, StyleGan2Generator generator) =>
        [.. generator.NoiseSizes.Select((_, layer) => reference.Array($"noise_{layer}"))];

    private static void GradientsAgree(Interop reference, string loss, nn.Module network, Tensor value)
    {
        var parameters = network.named_parameters().ToDictionary(named => named.name.Replace('.', '_'), named => named.parameter);
        foreach (var parameter in parameters.Values)
            parameter.grad = null;
        value.backward();

        var names = reference.Arrays($"grad_{loss}__").ToList();
        Assert.NotEmpty(names);
        foreach (var name in names)
            reference.Agrees(name, ((Parameter)parameters[name[$"grad_{loss}__".Length..]]).grad!);
    }
}
