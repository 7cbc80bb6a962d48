using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Governing;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Models.Sequence;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace AdaptThenUnlearn.Torch.Tests.Models;

/// <summary>
/// Generators whose layers their weights do not tell: each against the sequence of TorchSharp's own modules that it was saved
/// from.
/// </summary>
public sealed class StatedLayersTests : IDisposable
{
    private const int Latent = 5;

    private static readonly string[] _tutorial = [LayerText.DcganTutorial];

    private readonly string _folder = Directory.CreateTempSubdirectory("atu-layers-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // The sequence; how Python's print shows it, or shorter; and whether its names and shapes leave only the tutorial's reading.
    private static Dictionary<string, (Func<Sequential> Make, string[] Layers, bool IsAssumed)> Networks { get; } = new()
    {
        ["tutorial"] = (() => Numbered(
            Up(Latent, 6, 4),
            BatchNorm2d(6),
            ReLU(),
            Up(6, 4, 4, 2, 1),
            BatchNorm2d(4),
            ReLU(),
            Up(4, 1, 4, 2, 1),
            Tanh()), _tutorial, true),
        ["other eps"] = (
            () => Numbered(Up(Latent, 6, 4), BatchNorm2d(6, eps: 0.5), ReLU(), Up(6, 3, 4, 2, 1), Tanh()),
            [
                "(0): ConvTranspose2d(5, 6, kernel_size=(4, 4), stride=(1, 1), bias=False)",
                "BatchNorm2d(6, eps=0.5, momentum=0.1, affine=True, track_running_stats=True)",
                "ReLU(inplace=True)",
                "ConvTranspose2d(stride=2, padding=1)",
                "Tanh()"
            ], true),
        ["leaky"] = (
            () => Numbered(Up(Latent, 6, 4), BatchNorm2d(6), LeakyReLU(0.2), Up(6, 3, 4, 2, 1), Tanh()),
            [
                "ConvTranspose2d",
                "BatchNorm2d",
                "LeakyReLU(negative_slope=0.2, inplace=True)",
                "ConvTranspose2d(6, 3, 4, 2, 1)",
                "Tanh"
            ], true),
        ["sigmoid"] = (
            () => Numbered(Up(Latent, 6, 4), BatchNorm2d(6), ReLU(), Up(6, 1, 4, 2, 1), Sigmoid()),
            ["ConvTranspose2d", "BatchNorm2d", "ReLU", "ConvTranspose2d(stride=2, padding=1)", "Sigmoid"], true),
        ["no activation at the end"] = (
            () => Numbered(Up(Latent, 6, 4), BatchNorm2d(6), ReLU(), Up(6, 1, 4, 2, 1)),
            ["ConvTranspose2d", "BatchNorm2d", "ReLU", "ConvTranspose2d(stride=2, padding=1)"], true),
        ["kernel 3 of stride 2"] = (
            () => Numbered(
                Up(Latent, 6, 4), BatchNorm2d(6), ReLU(), Up(6, 4, 3, 2, 1), BatchNorm2d(4), ReLU(), Up(4, 4, 4, 2, 1),
                BatchNorm2d(4), ReLU(), Up(4, 1, 4, 2, 1), Tanh()),
            [
                "ConvTranspose2d", "BatchNorm2d", "ReLU", "ConvTranspose2d(stride=2, padding=1)", "BatchNorm2d", "ReLU",
                "ConvTranspose2d(stride=2, padding=1)", "BatchNorm2d", "ReLU", "ConvTranspose2d(stride=2, padding=1)",
                "Tanh"
            ], false),
        ["second layer of stride 1"] = (
            () => Numbered(
                Up(Latent, 6, 4), BatchNorm2d(6), ReLU(), Up(6, 4, 4), BatchNorm2d(4), ReLU(), Up(4, 4, 4, 2, 1),
                BatchNorm2d(4), ReLU(), Up(4, 1, 4, 2, 1), Tanh()),
            [
                "ConvTranspose2d", "BatchNorm2d", "ReLU", "ConvTranspose2d", "BatchNorm2d", "ReLU",
                "ConvTranspose2d(stride=2, padding=1)", "BatchNorm2d", "ReLU", "ConvTranspose2d(stride=2, padding=1)",
                "Tanh"
            ], false),
        ["ReLU before normalisation"] = (
            () => Numbered(
                Up(Latent, 6, 4), BatchNorm2d(6), ReLU(), Up(6, 4, 4, 2, 1), ReLU(), BatchNorm2d(4), Up(4, 1, 4, 2, 1), Tanh()),
            [
                "ConvTranspose2d", "BatchNorm2d", "ReLU", "ConvTranspose2d(stride=2, padding=1)", "ReLU", "BatchNorm2d",
                "ConvTranspose2d(stride=2, padding=1)", "Tanh"
            ], false),
        ["a layer without normalisation"] = (
            () => Numbered(Up(Latent, 6, 4), BatchNorm2d(6), ReLU(), Up(6, 4, 4, 2, 1), ReLU(), Up(4, 1, 4, 2, 1), Tanh()),
            [
                "ConvTranspose2d", "BatchNorm2d", "ReLU", "ConvTranspose2d(stride=2, padding=1)", "ReLU",
                "ConvTranspose2d(stride=2, padding=1)", "Tanh"
            ], false),
        ["learned slopes"] = (
            () => Numbered(Up(Latent, 6, 4), BatchNorm2d(6), PReLU(1, 0.4), Up(6, 1, 4, 2, 1), Tanh()),
            ["ConvTranspose2d", "BatchNorm2d", "PReLU(num_parameters=1)", "ConvTranspose2d(stride=2, padding=1)", "Tanh"], false),
        ["instance normalisation"] = (
            () => Numbered(Up(Latent, 6, 4), InstanceNorm2d(6), ReLU(), Up(6, 1, 4, 2, 1), Tanh()),
            [
                "ConvTranspose2d",
                "InstanceNorm2d(6, eps=1e-05, momentum=0.1, affine=False, track_running_stats=False)",
                "ReLU",
                "ConvTranspose2d(stride=2, padding=1)",
                "Tanh"
            ], false),
        ["enlarged, then convolved"] = (
            () => Numbered(
                Up(Latent, 6, 4), BatchNorm2d(6), ReLU(), Upsample(scale_factor: [2, 2]), Conv2d(6, 3, 3, padding: 1), Tanh()),
            [
                "ConvTranspose2d",
                "BatchNorm2d",
                "ReLU",
                "Upsample(scale_factor=2.0, mode='nearest')",
                "Conv2d(6, 3, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))",
                "Tanh"
            ], false),
        ["output padding"] = (
            () => Numbered(
                Up(Latent, 6, 4),
                BatchNorm2d(6),
                ReLU(),
                ConvTranspose2d(6, 1, 3, stride: 2, padding: 1, output_padding: 1, bias: false),
                Tanh()),
            [
                "ConvTranspose2d", "BatchNorm2d", "ReLU", "ConvTranspose2d(stride=2, padding=1, output_padding=(1, 1))", "Tanh"
            ], false),
        ["rows, then maps"] = (
            () => Numbered(Linear(Latent, 4 * 16), ReLU(), Unflatten(1, [4, 4, 4]), Up(4, 1, 4, 2, 1), Tanh()),
            [
                "Linear(in_features=5, out_features=64, bias=True)",
                "ReLU",
                "Unflatten(dim=1, unflattened_size=(4, 4, 4))",
                "ConvTranspose2d(stride=2, padding=1)",
                "Tanh"
            ], false),
        ["fully connected"] = (() => Numbered(Linear(Latent, 7), ReLU(), Linear(7, 256), Tanh()), [LayerText.MlpTutorial], true),
        ["fully connected and leaky"] = (() => Numbered(Linear(Latent, 7), LeakyReLU(0.2), Linear(7, 256), Tanh()), [
            "Linear", "LeakyReLU(0.2)", "Linear", "Tanh"
        ], true),
        ["fully connected and normalised"] = (() => Numbered(Linear(Latent, 7), BatchNorm1d(7), ReLU(), Linear(7, 256), Tanh()), [
            "Linear", "BatchNorm1d", "ReLU", "Linear", "Tanh"
        ], false),
        ["an odd number of outputs"] =
            (() => Numbered(Linear(Latent, 7), ReLU(), Linear(7, 100), Tanh()), ["Linear", "ReLU", "Linear", "Tanh"], false),
    };

    public static TheoryData<string> Names => [.. Networks.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void Load_StatedLayers_MakesTheSequencesOwnImages(string name)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var sequence = Trained(Networks[name].Make());
        var path = Saved(sequence);
        var latents = randn(3, Latent);
        var expected = Run(sequence, latents);

        using var loaded = Load(path, Networks[name].Layers);
        var images = loaded.Generator.Generate(latents, noise: null);
        using var copy = loaded.Generator.Copy();

        Assert.Null(loaded.Assumed);
        Assert.Equal(expected.shape, images.shape);
        Assert.InRange((copy.ToNetworkRange(images) - expected).abs().max().item<float>(), 0, name == "sigmoid" ? 1e-6 : 0);
        Assert.Equal(name == "sigmoid", loaded.Generator.ToNetworkRange(images).min().item<float>() >= 0);
        Assert.Equal(Small.Bytes(images), Small.Bytes(copy.Generate(latents, noise: null)));
        Assert.InRange(
            images.max().item<float>(),
            images.min().item<float>() + 1e-3,
            name == "no activation at the end"
                ? 100
                : 1);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void MirrorDiscriminator_StatedLayers_ScoresItsImages(string name)
    {
        using var scope = NewDisposeScope();
        using var sequence = Trained(Networks[name].Make());
        using var loaded = Load(Saved(sequence), Networks[name].Layers);

        using var mirrored = GeneratorArchitectures.Named(loaded.Architecture).MirrorDiscriminator(loaded.Generator);

        Assert.Equal([2, 1], mirrored.Score(loaded.Generator.Generate(randn(2, Latent), noise: null)).shape);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void SaveLike_StatedLayers_KeepsNamesAndLoadsAgain(string name)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var sequence = Trained(Networks[name].Make());
        var (path, saved) = (Saved(sequence), Path.Combine(_folder, "saved.safetensors"));
        using var loaded = Load(path, Networks[name].Layers);
        using var networks = new GanPair(
            loaded.Generator, GeneratorArchitectures.Named(loaded.Architecture).MirrorDiscriminator(loaded.Generator)).Copy();
        foreach (var parameter in networks.Generator.parameters())
            parameter.add_(0.25f);

        GeneratorCheckpoint.SaveInFormatOf(CheckpointFile.Open(path), loaded, saved, networks, new Dictionary<string, string>());

        using var again = Load(saved, Networks[name].Layers);
        Assert.Equal(
            CheckpointFormats.Read(path).Tensors.Select(tensor => tensor.Name),
            CheckpointFormats.Read(saved).Tensors.Select(tensor => tensor.Name));
        Assert.Equal(networks.Generator.parameters().Select(Small.Bytes), again.Generator.parameters().Select(Small.Bytes));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Load_NothingStated_SaysWhatItAssumesOrRefuses(string name)
    {
        using var scope = NewDisposeScope();
        using var sequence = Trained(Networks[name].Make());
        var path = Saved(sequence);

        if (Networks[name].IsAssumed)
        {
            using var loaded = Load(path, layers: null);
            Assert.Contains(loaded.Assumed!.Layers[0], LayerText.Layouts);
            Assert.Equal(loaded.Assumed.Sentence, Inspection.Inspect(path).Generator!.Assumed);
            Assert.Contains(Inspection.Inspect(path).Notes, note => note.Contains("Assumed", StringComparison.Ordinal));
            return;
        }

        var refused = Assert.Throws<CheckpointException>(() => Load(path, layers: null));
        Assert.Contains("its weights do not determine its layers", refused.Message, StringComparison.Ordinal);
        Assert.Contains("\"layers\": [\"", refused.Message, StringComparison.Ordinal);
        Assert.Contains("TorchScript", refused.Message, StringComparison.Ordinal);
        Assert.Null(Inspection.Inspect(path).Generator);
        Assert.Contains(Inspection.Inspect(path).Notes, note => note.Contains("cannot be rebuilt", StringComparison.Ordinal));
    }

    [Fact]
    public void Suggestion_OrdinaryVariants_IsTheRightStatement()
    {
        string[] guessed =
        [
            "kernel 3 of stride 2",
            "ReLU before normalisation",
            "a layer without normalisation",
            "learned slopes",
            "enlarged, then convolved",
            "fully connected and normalised"
        ];
        foreach (var name in guessed)
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            using var sequence = Trained(Networks[name].Make());
            var path = Saved(sequence);
            var stored = new StoredNetwork(
                CheckpointFormats.Read(path).Tensors.ToDictionary(tensor => tensor.Name, tensor => tensor.Shape),
                new Dictionary<string, string>());
            using var loaded = Load(path, SequenceInterpretation.SuggestLayers(StoredSequence.Parse(stored)!));
            var latents = randn(2, Latent);

            Assert.Equal(Small.Bytes(Run(sequence, latents)), Small.Bytes(loaded.Generator.Generate(latents, noise: null)));
        }
    }

    [Fact]
    public void Load_UnplacedTensors_AreNamed()
    {
        using var scope = NewDisposeScope();
        using var sequence = Trained(Networks["ReLU before normalisation"].Make());

        var refused = Assert.Throws<CheckpointException>(() => Load(Saved(sequence), layers: null));

        Assert.Contains("has no place for 'main.5.", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("layers[1], 'ReLU'", "ConvTranspose2d", "ReLU", "ReLU", "ConvTranspose2d(stride=2, padding=1)", "Tanh")]
    [InlineData(
        "the weights say 6", "ConvTranspose2d(5, 7)", "BatchNorm2d", "ReLU", "ConvTranspose2d(stride=2, padding=1)", "Tanh")]
    [InlineData(
        "the file has no 'main.2.weight'",
        "ConvTranspose2d", "BatchNorm2d", "PReLU", "ConvTranspose2d(stride=2, padding=1)", "Tanh")]
    [InlineData("names 3 layers, and the file has 'main.3.weight'", "ConvTranspose2d", "BatchNorm2d", "ReLU")]
    [InlineData("layer 3 cannot take", "ConvTranspose2d", "BatchNorm2d", "ReLU", "Conv2d(stride=2, padding=1)", "Tanh")]
    public void Load_StatementThatDoesNotFit_SaysWhere(string words, params string[] layers)
    {
        using var scope = NewDisposeScope();
        using var sequence = Trained(Networks["leaky"].Make());

        Assert.Contains(
            words, Assert.Throws<CheckpointException>(() => Load(Saved(sequence), layers)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_FourKernelsOfFour_IsDecidedByTheDiscriminatorAlone()
    {
        using var scope = NewDisposeScope();
        using var sequence = Trained(Networks["second layer of stride 1"].Make());
        using var halving = Trained(Numbered(
            Down(1, 4), LeakyReLU(0.2), Down(4, 4), LeakyReLU(0.2), Down(4, 4), LeakyReLU(0.2), Conv2d(4, 1, 4, bias: false)));
        var (generator, discriminator) = (Saved(sequence), Saved(halving, "d"));

        Assert.Contains(
            "1×32×32", Assert.Throws<CheckpointException>(() => Load(generator, layers: null)).Message, StringComparison.Ordinal);
        using var loaded = GeneratorCheckpoint.Load(generator, "auto", null, discriminator, CPU);

        Assert.Equal((new ImageShape(1, 32), LayerText.DcganTutorial), (loaded.Generator.Shape, loaded.Assumed!.Layers[0]));
    }

    [Fact]
    public void RequireStatedLayers_Assumed_RefusesWithTheStatementToAdd()
    {
        using var scope = NewDisposeScope();
        using var sequence = Trained(Networks["tutorial"].Make());
        using var assumed = Load(Saved(sequence), layers: null);
        using var stated = Load(Saved(sequence), _tutorial);

        var refused = Assert.Throws<PolicyMismatchException>(() => GeneratorRequirements.RequireStatedLayers(assumed));

        Assert.Equal((PolicyCodes.AssumedLayers, "$.generator.layers"), (refused.Code, refused.JsonPath));
        Assert.Contains("\"layers\": [\"dcgan-tutorial\"]", refused.Message, StringComparison.Ordinal);
        GeneratorRequirements.RequireStatedLayers(stated);
    }

    [Theory]
    [InlineData("flattened", "'main.5.weight' is of a fully connected layer")]
    [InlineData("group norm", "'main.3.bias', 'main.3.weight'")]
    [InlineData("spectral norm", "'main.0.weight_orig' is a weight under spectral")]
    public void Load_DiscriminatorOfAnotherKind_IsNamedWithItsFile(string kind, string words)
    {
        using var scope = NewDisposeScope();
        using var sequence = Trained(Networks["tutorial"].Make());
        using var critic = Trained(kind switch
        {
            "flattened" => Numbered(Down(1, 4), LeakyReLU(0.2), Down(4, 4), LeakyReLU(0.2), Flatten(), Linear(64, 1)),
            "group norm" =>
                Numbered(Down(1, 4), LeakyReLU(0.2), Down(4, 4), GroupNorm(2, 4), LeakyReLU(0.2), Conv2d(4, 1, 4, bias: false)),
            _ => Numbered(Down(1, 4), LeakyReLU(0.2), Down(4, 4), LeakyReLU(0.2), Conv2d(4, 1, 4, bias: false)),
        });
        var (generator, discriminator) = (Saved(sequence), Saved(critic, "netD", kind == "spectral norm" ? "_orig" : ""));

        var refused = Assert.Throws<CheckpointException>(
            () => GeneratorCheckpoint.Load(generator, "auto", null, discriminator, CPU, layers: _tutorial));

        Assert.Equal(discriminator, refused.Path);
        Assert.Contains(words, refused.Message, StringComparison.Ordinal);
        Assert.Contains("TorchScript", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("check that the file is complete", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_DiscriminatorBesideASigmoid_IsRefused()
    {
        using var scope = NewDisposeScope();
        using var sequence = Trained(Networks["sigmoid"].Make());
        using var critic = Trained(Numbered(Down(1, 4), LeakyReLU(0.2), Conv2d(4, 1, 4, bias: false)));

        var refused = Assert.Throws<CheckpointException>(() => GeneratorCheckpoint
            .Load(Saved(sequence), "auto", null, Saved(critic, "d"), CPU, layers: Networks["sigmoid"].Layers));

        Assert.Contains("ends in Sigmoid", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_LayersOfAStyleGan_AreRefused()
    {
        using var networks = Small.Gan();
        var path = Path.Combine(_folder, "g.safetensors");
        GeneratorCheckpoint.Save(path, networks, new Dictionary<string, string>());

        Assert.Contains(
            "leave 'layers' out",
            Assert.Throws<CheckpointException>(() => Load(path, _tutorial)).Message,
            StringComparison.Ordinal);
    }

    private static LoadedGenerator Load(string path, IReadOnlyList<string>? layers) =>
        GeneratorCheckpoint.Load(path, "auto", null, null, CPU, layers: layers);

    private static Sequential Numbered(params Module<Tensor, Tensor>[] layers) =>
        Sequential([.. layers.Select((layer, number) => ($"{number}", layer))]);

    private static ConvTranspose2d Up(int inputs, int outputs, int kernel, int stride = 1, int padding = 0) =>
        ConvTranspose2d(inputs, outputs, kernel, stride: stride, padding: padding, bias: false);

    private static Conv2d Down(int inputs, int outputs) => Conv2d(inputs, outputs, 4, stride: 2, padding: 1, bias: false);

    private static Tensor Run(Sequential sequence, Tensor latents)
    {
        var images = sequence.call(sequence[0] is Linear ? latents : latents.unsqueeze(-1).unsqueeze(-1));
        return images.dim() == 4 ? images : images.view(images.shape[0], 1, (long)Math.Sqrt(images.shape[1]), -1);
    }

    // With statistics and weights that differ from feature to feature, so that one left out shows.
    private static Sequential Trained(Sequential sequence)
    {
        using var _ = no_grad();
        manual_seed(7);
        foreach (var (name, tensor) in sequence.state_dict().Where(pair => pair.Value.dtype == float32))
            tensor.copy_(name.EndsWith("running_var", StringComparison.Ordinal)
                ? rand_like(tensor) + 0.5
                : randn_like(tensor) * 0.5);
        sequence.eval();
        return sequence;
    }

    private string Saved(Sequential sequence, string name = "g", string ending = "")
    {
        var path = Path.Combine(_folder, name + ".safetensors");
        SafetensorsFile.Write(
            path,
            sequence.state_dict()
                .Where(pair => pair.Value.dtype == float32)
                .Select(pair => KeyValuePair.Create($"main.{pair.Key}{ending}", pair.Value)));
        return path;
    }
}
