using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Models.StyleGan2;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Models;

/// <summary>What any generator must do, on the smallest one there is.</summary>
public sealed class GeneratorTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-models-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(16, 1)]
    [InlineData(16, 3)]
    [InlineData(32, 1)]
    [InlineData(128, 3)]
    public void Generate_AnySize_HasTheShapeItSays(int resolution, int channels)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var settings = Small.Settings with
        {
            Resolution = resolution,
            ImageChannels = channels,
            Channels = [.. Enumerable.Repeat(4, int.Log2(resolution) - 1)]
        };
        using var generator = new StyleGan2Generator(settings);
        using var discriminator = new StyleGan2Discriminator(settings);

        var images = generator.Generate(randn(4, settings.LatentSize), noise: null);

        Assert.Equal([4, channels, resolution, resolution], images.shape);
        Assert.Equal([4, 1], discriminator.Score(images).shape);
    }

    [Theory]
    [InlineData(24, 1)]
    [InlineData(8, 1)]
    [InlineData(16, 2)]
    public void New_ImpossibleSize_IsRefused(int resolution, int channels)
    {
        var settings = Small.Settings with { Resolution = resolution, ImageChannels = channels };

        Assert.Throws<ArgumentException>(() => new StyleGan2Generator(settings));
    }

    [Fact]
    public void Copy_ChangedAfterwards_LeavesTheOriginalAlone()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var networks = Small.Gan();
        var latents = randn(2, networks.Generator.LatentSize);
        var before = Small.Bytes(networks.Generator.Generate(latents, noise: null));

        using var copy = networks.Copy();
        Assert.Equal(before, Small.Bytes(copy.Generator.Generate(latents, noise: null)));
        foreach (var parameter in copy.Generator.parameters())
            parameter.add_(1);

        Assert.Equal(before, Small.Bytes(networks.Generator.Generate(latents, noise: null)));
    }

    [Fact]
    public void Copy_WithinAScope_OutlivesIt()
    {
        using var networks = Small.Gan();
        GanPair copy;
        using (NewDisposeScope())
            copy = networks.Copy();

        using (copy)
            Assert.Equal(networks.Generator.state_dict().Count, copy.Generator.state_dict().Count);
    }

    [Fact]
    public void Load_WhatWasSaved_MakesTheSameImagesFromTheSameBytes()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var networks = Small.Gan();
        var latents = randn(2, networks.Generator.LatentSize);
        var (one, two) = (Path.Combine(_folder, "one.safetensors"), Path.Combine(_folder, "two.safetensors"));
        GeneratorCheckpoint.Save(one, networks, new Dictionary<string, string> { ["a"] = "b" });
        GeneratorCheckpoint.Save(two, networks, new Dictionary<string, string> { ["a"] = "b" });

        using var loaded = GeneratorCheckpoint.Load(one, "auto", null, null, CPU);

        Assert.Equal(File.ReadAllBytes(one), File.ReadAllBytes(two));
        Assert.Equal(
            Small.Bytes(networks.Generator.Generate(latents, null)), Small.Bytes(loaded.Generator.Generate(latents, null)));
        Assert.NotNull(loaded.Discriminator);
        Assert.Equal("stylegan2", loaded.Architecture);
    }

    [Fact]
    public void Truncation_TowardsZero_MovesTowardsTheMeanImage()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var networks = Small.Gan();
        var latents = randn(16, networks.Generator.LatentSize);

        double Spread(double truncation) => networks.Generator.Generate(latents, null, truncation).std(0).mean().item<float>();

        Assert.True(Spread(0.3) < Spread(0.7) && Spread(0.7) < Spread(1));
    }

    [Theory]
    [InlineData("missing tensor", "convs.0.activate.bias")]
    [InlineData("other shape", "has shape")]
    [InlineData("no generator", "no generator of a known architecture")]
    public void Load_WrongContent_NamesWhatIsWrong(string what, string expected)
    {
        using var networks = Small.Gan();
        var tensors = networks.Generator.state_dict().ToDictionary(pair => pair.Key, pair => pair.Value);
        if (what == "missing tensor")
            tensors.Remove("convs.0.activate.bias");
        if (what == "other shape")
            tensors["conv1.activate.bias"] = zeros(3);
        if (what == "no generator")
            tensors = new() { ["weight"] = zeros(3, 3) };
        var path = Path.Combine(_folder, "wrong.safetensors");
        SafetensorsFile.Write(path, tensors);

        var failed = Assert.Throws<CheckpointException>(() => GeneratorCheckpoint.Load(path, "auto", null, null, CPU));

        Assert.Contains(expected, failed.Message, StringComparison.Ordinal);
        Assert.Contains(path, failed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_MissingOrPinnedOtherwise_SaysSo()
    {
        var missing = Path.Combine(_folder, "none.safetensors");
        Assert.Contains(
            missing,
            Assert.Throws<CheckpointException>(() => GeneratorCheckpoint.Load(missing, "auto", null, null, CPU)).Message,
            StringComparison.Ordinal);

        using var networks = Small.Gan();
        var path = Path.Combine(_folder, "pinned.safetensors");
        GeneratorCheckpoint.Save(path, networks, new Dictionary<string, string>());
        Assert.Contains("SHA-256", Assert.Throws<CheckpointException>(() => GeneratorCheckpoint
            .Load(path, "auto", new string('0', 64), null, CPU)).Message, StringComparison.OrdinalIgnoreCase);
    }
}
