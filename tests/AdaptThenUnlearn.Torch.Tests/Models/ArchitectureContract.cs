using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Tests.Checkpoints;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Models;

/// <summary>What every generator architecture must do, as functions over any architecture and its smallest GAN.</summary>
internal static class ArchitectureContract
{
    /// <summary>Every check, by name; each is given an architecture and a GAN of it in eval mode.</summary>
    public static IReadOnlyDictionary<string, Action<IGeneratorArchitecture, GanPair>> Checks { get; } =
        new Dictionary<string, Action<IGeneratorArchitecture, GanPair>>
        {
            [nameof(RecognisesItsOwnWeightsAlone)] = RecognisesItsOwnWeightsAlone,
            [nameof(NetworksAreRebuiltFromTheirShapes)] = NetworksAreRebuiltFromTheirShapes,
            [nameof(CopiesShareNothing)] = CopiesShareNothing,
            [nameof(ImagesAreTheSameInTraining)] = ImagesAreTheSameInTraining,
            [nameof(StepsTrainBothAndLeaveNothingBehind)] = StepsTrainBothAndLeaveNothingBehind,
            [nameof(FisherInformationIsFinite)] = FisherInformationIsFinite,
            [nameof(MirroredDiscriminatorScoresTheImagesAndCanBeTrained)] = MirroredDiscriminatorScoresTheImagesAndCanBeTrained,
            [nameof(FeaturesAreRebuilt)] = FeaturesAreRebuilt,
            [nameof(FactoryMakesFreshNetworks)] = FactoryMakesFreshNetworks,
        };

    public static void RecognisesItsOwnWeightsAlone(IGeneratorArchitecture architecture, GanPair networks)
    {
        using var scope = NewDisposeScope();
        var own = Stored(architecture, networks.Generator);

        Assert.True(architecture.Recognises(own), "its own weights are not recognised");
        Assert.True(architecture.MarkerTensor is null || own.Has(architecture.MarkerTensor), "its weights lack the marker");
        foreach (var other in GeneratorArchitectures.All.Where(other => other.Name != architecture.Name))
        {
            using var others = ForeignFiles.Gan(other.Name);
            Assert.False(other.Recognises(own), $"{other.Name} recognises its weights");
            Assert.False(architecture.Recognises(Stored(other, others.Generator)), $"the weights of {other.Name} are recognised");
        }
    }

    public static void NetworksAreRebuiltFromTheirShapes(IGeneratorArchitecture architecture, GanPair networks)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var (latents, stored) = (Latents(networks), Stored(architecture, networks.Generator));
        using var generator = Loaded(architecture, architecture.BuildGenerator(stored), networks.Generator);
        using var discriminator = Loaded(
            architecture,
            architecture.BuildDiscriminator(Stored(architecture, networks.Discriminator), generator),
            networks.Discriminator);

        Assert.NotEmpty(architecture.Describe(stored));
        Assert.Equal(networks.Generator.Shape, architecture.Images(stored));
        Assert.Equal((networks.Generator.Shape, networks.Generator.LatentSize), (generator.Shape, generator.LatentSize));
        Assert.Equal(networks.Generator.Shape, discriminator.Shape);
        var images = networks.Generator.Generate(latents, networks.Generator.StoredNoise);
        Assert.Equal(Small.Bytes(images), Small.Bytes(generator.Generate(latents, generator.StoredNoise)));
        Assert.Equal(Small.Bytes(networks.Discriminator.Score(images)), Small.Bytes(discriminator.Score(images)));
    }

    public static void CopiesShareNothing(IGeneratorArchitecture architecture, GanPair networks)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var before = Bytes(networks);
        using var copy = networks.Copy();
        Assert.Equal(before, Bytes(copy));

        foreach (var tensor in copy.Generator.state_dict().Values.Concat(copy.Discriminator.state_dict().Values))
            tensor.add_(1);

        Assert.Equal(before, Bytes(networks));
    }

    // What is trained is what is measured: batch normalisation, for one, must not change to the statistics of a batch.
    public static void ImagesAreTheSameInTraining(IGeneratorArchitecture architecture, GanPair networks)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var latents = Latents(networks);
        var (measured, state) = (Small.Bytes(networks.Generator.Generate(latents, noise: null)), Bytes(networks));

        networks.Generator.train();

        Assert.Equal(measured, Small.Bytes(networks.Generator.Generate(latents, noise: null)));
        Assert.Equal(state, Bytes(networks));
    }

    public static void StepsTrainBothAndLeaveNothingBehind(IGeneratorArchitecture architecture, GanPair networks)
    {
        using var images = Small.Images();
        using var trainer = new AdversarialTrainer(
            networks.Generator, networks.Discriminator, Small.Options.TrainingSettings(0.01), new RandomStreams(1, "contract"));
        var before = (Small.Bytes(trainer.Generator.Values), Small.Bytes(trainer.Discriminator.Values));
        List<long> live = [];
        for (var step = 1; step <= 5; step++)
        {
            trainer.Step(step, images);
            live.Add(Small.LiveTensors());
        }

        Assert.NotEqual(before.Item1, Small.Bytes(trainer.Generator.Values));
        Assert.NotEqual(before.Item2, Small.Bytes(trainer.Discriminator.Values));
        Assert.All(live[2..], count => Assert.Equal(live[1], count));
    }

    public static void FisherInformationIsFinite(IGeneratorArchitecture architecture, GanPair networks)
    {
        using var scope = NewDisposeScope();
        using var parameters = new ParameterVector(networks.Generator);

        var fisher = FisherInformation.Estimate(
            networks.Generator, networks.Discriminator, parameters, 4, new RandomStreams(1, "contract"), styleMixing: 0);

        Assert.True(fisher.isfinite().all().item<bool>() && fisher.min().item<float>() >= 0 && fisher.max().item<float>() > 0);
    }

    public static void MirroredDiscriminatorScoresTheImagesAndCanBeTrained(IGeneratorArchitecture architecture, GanPair networks)
    {
        using var scope = NewDisposeScope();
        using var mirrored = architecture.MirrorDiscriminator(networks.Generator);
        using var parameters = new ParameterVector(mirrored);
        var buffers = mirrored.named_buffers().Select(buffer => Small.Bytes(buffer.buffer)).ToList();
        mirrored.train();
        var images = networks.Generator.Generate(Latents(networks), noise: null).detach().requires_grad_();
        Assert.Equal(networks.Generator.Shape, mirrored.Shape);

        var scores = mirrored.Score(images);
        (scores.mean() + Losses.R1(mirrored, images)).backward();

        Assert.Equal([4, 1], scores.shape);
        Assert.Equal([4, mirrored.FeatureSize], mirrored.Features(images).shape);
        Assert.True(images.grad!.abs().max().item<float>() > 0);
        Assert.All(
            parameters.Slices.Where(slice => slice.Name.EndsWith("weight", StringComparison.Ordinal)),
            slice => Assert.True(slice.ViewOf(parameters.Gradients).abs().max().item<float>() > 0, slice.Name));
        // what a resumed run would lack
        Assert.Equal(buffers, mirrored.named_buffers().Select(buffer => Small.Bytes(buffer.buffer)));
        using var copy = mirrored.Copy();
        Assert.Equal(Small.Bytes(scores), Small.Bytes(copy.Score(images)));
    }

    public static void FeaturesAreRebuilt(IGeneratorArchitecture architecture, GanPair networks)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var images = networks.Generator.Generate(Latents(networks), noise: null);
        using var mirrored = architecture.MirrorDiscriminator(networks.Generator);
        foreach (var discriminator in (ImageDiscriminator[])[networks.Discriminator, mirrored])
        {
            discriminator.eval();
            using var copy = discriminator.CopyForFeatures();
            copy.eval();
            var shapes = copy.state_dict().ToDictionary(named => named.Key, named => (IReadOnlyList<long>)named.Value.shape);
            using var built = Weights.CopiedTo(
                architecture.BuildFeatureNetwork(new StoredNetwork(shapes, copy.FeatureAttributes), copy.Shape), copy);
            built.eval();

            Assert.Equal((architecture.FeatureKind, discriminator.FeatureSize), (discriminator.FeatureKind, built.FeatureSize));
            Assert.Equal(Small.Bytes(discriminator.Features(images)), Small.Bytes(built.Features(images)));
        }
    }

    public static void FactoryMakesFreshNetworks(IGeneratorArchitecture architecture, GanPair networks)
    {
        if (architecture.GetFactory(networks.Generator, networks.Discriminator) is not { } factory)
            return;   // is not trained from scratch, which is allowed

        manual_seed(99);
        using var fresh = new GanPair(factory.CreateGenerator(), factory.CreateDiscriminator());
        Assert.Equal(
            (networks.Generator.Shape, networks.Generator.LatentSize), (fresh.Generator.Shape, fresh.Generator.LatentSize));
        Assert.Equal(Shapes(networks), Shapes(fresh));
        Assert.NotEqual(Bytes(networks), Bytes(fresh));
        using var alone = architecture.GetFactory(networks.Generator, discriminator: null)!.CreateDiscriminator();
        Assert.Equal(networks.Generator.Shape, alone.Shape);

        static IEnumerable<string> Shapes(GanPair pair) => pair.Generator.state_dict().Concat(pair.Discriminator.state_dict())
            .Select(named => $"{named.Key} [{string.Join(", ", named.Value.shape)}]");
    }

    private static Tensor Latents(GanPair networks)
    {
        manual_seed(4);
        return randn(4, networks.Generator.LatentSize);
    }

    private static byte[] Bytes(GanPair networks) =>
        [.. networks.Generator.state_dict().Values.Concat(networks.Discriminator.state_dict().Values).SelectMany(Small.Bytes)];

    private static StoredNetwork Stored(IGeneratorArchitecture architecture, nn.Module network) => new(
        ForeignFiles.Located(
            architecture,
            network).ToDictionary(located => located.Name, located => (IReadOnlyList<long>)located.Tensor.shape),
        ForeignFiles.AttributesOf(network));

    // Gives a rebuilt network the weights of the original by way of the names that they have in a file.
    private static T Loaded<T>(IGeneratorArchitecture architecture, T built, T original) where T : nn.Module
    {
        using var _ = no_grad();
        var file = ForeignFiles.Located(architecture, original).ToDictionary(located => located.Name, located => located.Tensor);
        foreach (var (name, own) in built.state_dict().Where(named => named.Value.dtype == float32))
        {
            var (stored, factor) = architecture.Locate(built, name);
            own.copy_(file[stored].view(own.shape) * factor);
        }

        built.eval();
        return built;
    }
}
