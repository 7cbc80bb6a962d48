using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Models.Dcgan;
using AdaptThenUnlearn.Torch.Models.Mlp;
using AdaptThenUnlearn.Torch.Models.Sequence;
using AdaptThenUnlearn.Torch.Models.StyleGan2;
using AdaptThenUnlearn.Torch.Models.StyleGan3;
using static AdaptThenUnlearn.Torch.Tests.Checkpoints.PickleText;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Checkpoints;

/// <summary>The smallest GAN of every architecture, and files of it as other projects write them.</summary>
internal static class ForeignFiles
{
    private static readonly StyleGan2Settings _conditional = Small.Settings with
    {
        StyleSize = 6,
        Classes = 3,
        Clamp = 256,
        StoresMeanStyle = true,
        PlainWeights = true,
    };

    /// <summary>Makes the smallest GAN of an architecture, 1×16×16.</summary>
    public static GanPair Gan(string architecture)
    {
        manual_seed(3);
        return architecture switch
        {
            "stylegan2" => Small.Gan(),
            "stylegan2-ada" => new GanPair(
                new StyleGan2Generator(_conditional),
                new StyleGan2Discriminator(_conditional with
                {
                    LatentSize = 6,
                    MappingLayers = 2,
                    PlainWeights = false,
                    StoresMeanStyle = false
                })),
            "stylegan3" => new GanPair(
                new StyleGan3Generator(
                    new StyleGan3Schedule { Layers = 4, Margin = 2, ChannelBase = 64, ChannelMaximum = 6 }
                        .For(Small.Shape, latentSize: 8, styleSize: 6)),
                new StyleGan2Discriminator(Small.Settings with { Clamp = 256 })),
            "dcgan" => new GanPair(
                DcganGenerator([(8, 12, 1, 0), (12, 6, 2, 1), (6, 1, 2, 1)]),
                new DcganDiscriminator(Small.Shape, [
                    Layer(0, 1, 4, 2, 1, false), Layer(2, 4, 6, 2, 1, true), Layer(5, 6, 1, 1, 0, false)
                ])),
            "mlp-gan" => new GanPair(
                new SequentialGenerator("", [new LinearLayer(
                    0, 8, 16, Bias: true), new ReluLayer(1, 0), new LinearLayer(2, 16, 256, Bias: true), new TanhLayer(3)]),
                new MlpDiscriminator(Small.Shape, [new MlpLayer(0, 256, 16), new MlpLayer(2, 16, 1)])),
            _ => throw new ArgumentException($"say here what the smallest {architecture} is"),
        };

        static DcganLayer Layer(int number, int inputs, int outputs, int stride, int padding, bool normalised) =>
            new(number, inputs, outputs, 4, stride, padding, Bias: false, normalised);
    }

    /// <summary>A DCGAN of kernels of 4, with batch normalisation and ReLU after each layer but the last.</summary>
    /// <param name="layers">Inputs, outputs, stride and padding.</param>
    public static SequentialGenerator DcganGenerator(IReadOnlyList<(int Inputs, int Outputs, int Stride, int Padding)> layers) =>
        new(
            "main",
            [
                .. layers.SkipLast(1).SelectMany((layer, index) => new SequenceLayer[]
                {
                    Convolution(3 * index, layer),
                    new BatchNormLayer(3 * index + 1, layer.Outputs, 1e-5, Rows: false, Affine: true),
                    new ReluLayer(3 * index + 2, 0)
                }),
                Convolution(3 * (layers.Count - 1), layers[^1]), new TanhLayer(3 * layers.Count - 2),
            ]);

    private static ConvolutionLayer Convolution(int number, (int Inputs, int Outputs, int Stride, int Padding) layer) =>
        new(
            number,
            layer.Inputs,
            layer.Outputs,
            Kernel: 4,
            layer.Stride,
            layer.Padding,
            OutputPadding: 0,
            Bias: false,
            Transposed: true);

    /// <summary>
    /// The unconditional form of NVIDIA's that makes the same images as a given StyleGAN2, with a discriminator that gives the
    /// same scores.
    /// </summary>
    public static GanPair InNvidiasForm(GanPair networks)
    {
        using var _ = no_grad();
        var generator = new StyleGan2Generator(
            ((StyleGan2Generator)networks.Generator).Settings with { Clamp = 256, StoresMeanStyle = true, PlainWeights = true });
        var source = networks.Generator.state_dict();
        foreach (var (name, tensor) in generator.state_dict())
            if (source.TryGetValue(name, out var own))
                tensor.copy_(own);
        return new GanPair(generator, networks.Discriminator.Copy());
    }

    /// <summary>A flat state dict, as <c>torch.save(network.state_dict(), path)</c> writes it.</summary>
    public static void WriteStateDict(string path, string architecture, nn.Module network, bool old)
    {
        var storages = new List<(string Key, float[] Values)>();
        Write(path, Pickle(Named(architecture, network, (_, tensor) => Stored(tensor, storages, old))), storages, old);
    }

    /// <summary>A training checkpoint, as rosinality's <c>train.py</c> writes it.</summary>
    public static void WriteRosinality(string path, GanPair networks, bool old)
    {
        var storages = new List<(string Key, float[] Values)>();
        byte[] Section(nn.Module network) => Named("stylegan2", network, (_, tensor) => Stored(tensor, storages, old));
        var root = Dictionary(
            ("g", Section(networks.Generator)), ("d", Section(networks.Discriminator)), ("g_ema", Section(networks.Generator)),
            ("g_optim", Dictionary(
                ("state", Dictionary(("0", Dictionary(("exp_avg", Stored(ones(3), storages, old)), ("step", Integer(7)))))))),
            ("args", Dictionary(("latent", Integer(8)), ("size", Integer(16)))), ("ada_aug_p", Real(0.25)));
        Write(path, Pickle(root), storages, old);
    }

    /// <summary>What rosinality's projects give away: the averaged generator alone, with the mean style beside it.</summary>
    public static void WriteRosinalityGenerator(string path, ImageGenerator generator)
    {
        var storages = new List<(string Key, float[] Values)>();
        Write(path, Pickle(Dictionary(
            ("g_ema", Named("stylegan2", generator, (_, tensor) => Stored(tensor, storages, old: false))),
            ("latent_avg", Stored(zeros(8), storages, old: false)))), storages, old: false);
    }

    /// <summary>
    /// A network snapshot, as the training loop of stylegan2-ada-pytorch or stylegan3 pickles it; the modules' attributes lie
    /// flat in one object.
    /// </summary>
    public static void WriteNvidia(string path, GanPair networks, string architecture = "stylegan2-ada")
    {
        byte[] Network(string className, nn.Module network, params (string, byte[])[] attributes) => Object(
            className, "# source",
            [("_parameters", Named(
                architecture, network, (_, tensor) => Carried(tensor.data<float>().ToArray(), tensor.shape))), .. attributes]);
        byte[] Generator() => Network(
            "Generator",
            networks.Generator,
            ("synthesis.b4.conv1.conv_clamp", Integer(256)),
            ("mapping.fc0.activation", Text("lrelu")));
        File.WriteAllBytes(path, Pickle(Dictionary(
            ("training_set_kwargs", Dictionary(("path", Text("images.zip")))),
            ("G", Generator()),
            ("D", Network("Discriminator", networks.Discriminator)),
            ("G_ema", Generator()),
            ("augment_pipe", None))));
    }

    /// <summary>A state dict under the names that a project of this architecture uses, in several safetensors files.</summary>
    /// <returns>The index.</returns>
    public static string WriteShards(string folder, string architecture, GanPair networks)
    {
        var all = Flat("g_ema", architecture, networks.Generator)
            .Concat(Flat("d", architecture, networks.Discriminator))
            .ToDictionary();
        var map = new Dictionary<string, string>();
        foreach (var (number, half) in all.Chunk((all.Count + 1) / 2).Index())
        {
            var file = $"model-{number + 1:D5}-of-00002.safetensors";
            SafetensorsFile.Write(Path.Combine(folder, file), half);
            foreach (var (name, _) in half)
                map[name] = file;
        }

        var index = Path.Combine(folder, "model.safetensors.index.json");
        File.WriteAllText(index, System.Text.Json.JsonSerializer.Serialize(new { metadata = new { }, weight_map = map }));
        return index;
    }

    /// <summary>State dicts under names of a project's own, each within the sections that a slash ends.</summary>
    /// <param name="path">The file.</param>
    /// <param name="architecture">Of the networks.</param>
    /// <param name="networks">By the prefix of their tensors' names.</param>
    /// <param name="safetensors">Whether it is safetensors, and not a zip of torch.save.</param>
    public static void WriteUnder(
        string path, string architecture, IReadOnlyDictionary<string, nn.Module> networks, bool safetensors)
    {
        var named = networks.SelectMany(network => Located(architecture, network.Value)
            .Select(located => KeyValuePair.Create(network.Key + located.Name, located.Tensor))).ToList();
        if (safetensors)
        {
            SafetensorsFile.Write(path, named);
            return;
        }

        var storages = new List<(string Key, float[] Values)>();
        Write(
            path,
            Pickle(Nested(
            [
                .. named.Select(pair => (pair.Key, Stored(pair.Value, storages, old: false))),
                .. networks.SelectMany(
                    network => AttributesOf(network.Value).Select(said => (network.Key + said.Key, Text(said.Value)))),
            ])),
            storages,
            old: false);
    }

    private static byte[] Nested(IReadOnlyList<(string Name, byte[] Value)> items) => Dictionary([.. items
        .GroupBy(item => item.Name.Contains(TensorFile.SectionSeparator) ? item.Name.Split(TensorFile.SectionSeparator)[0] : null)
        .SelectMany(
            section => section.Key is { } key
                ? [(key, Nested([.. section.Select(item => (item.Name[(key.Length + 1)..], item.Value))]))]
                : section.AsEnumerable())]);

    private static IEnumerable<KeyValuePair<string, Tensor>> Flat(string section, string architecture, nn.Module network) =>
        Located(architecture, network).Select(located => KeyValuePair.Create($"{section}/{located.Name}", located.Tensor));

    private static byte[] Named(string architecture, nn.Module network, Func<string, Tensor, byte[]> pickled) => Dictionary(
    [
        .. Located(architecture, network).Select(located => (located.Name, pickled(located.Name, located.Tensor))),
        .. AttributesOf(network).Select(attribute => (attribute.Key, Text(attribute.Value))),
    ]);

    /// <summary>
    /// What a network's file says of it beside its tensors, as NVIDIA's StyleGAN3 keeps it; empty for other networks.
    /// </summary>
    public static IReadOnlyDictionary<string, string> AttributesOf(nn.Module network)
    {
        Dictionary<string, string> attributes = [];
        if (network is not StyleGan3Generator { Settings: var settings })
            return attributes;

        Say("input", ("sampling_rate", settings.Input.SamplingRate), ("bandwidth", settings.Input.Bandwidth));
        foreach (var (index, layer) in settings.Layers.Index())
        {
            var (before, behind) = layer.Padding;
            Say(
                FormattableString.Invariant($"L{index}_{layer.OutSize}_{layer.Outputs}"),
                ("is_torgb", layer.IsImage), ("in_channels", layer.Inputs), ("out_channels", layer.Outputs),
                ("in_sampling_rate", layer.InRate), ("out_sampling_rate", layer.OutRate), ("tmp_sampling_rate", layer.WorkRate),
                ("in_cutoff", layer.In.Cutoff), ("out_cutoff", layer.Out.Cutoff),
                ("in_half_width", layer.In.HalfWidth), ("out_half_width", layer.Out.HalfWidth),
                ("conv_kernel", layer.Kernel), ("conv_clamp", layer.Clamp ?? (object)"None"),
                ("up_factor", layer.UpFactor), ("up_taps", layer.UpTaps),
                ("down_factor", layer.DownFactor), ("down_taps", layer.DownTaps), ("down_radial", layer.Radial),
                ("padding", $"[{before}, {behind}, {before}, {behind}]"));
        }

        Say(
            "",
            ("num_layers", settings.Layers.Count - 1), ("num_ws", settings.StyledLayers),
            ("img_resolution", settings.Images.Resolution), ("img_channels", settings.Images.Channels),
            ("output_scale", settings.OutputScale));
        return attributes;

        void Say(string module, params (string Name, object Value)[] values)
        {
            foreach (var (name, value) in values)
                attributes[$"synthesis.{(module.Length == 0 ? "" : module + ".")}{name}"] =
                    Convert.ToString(value, System.Globalization.CultureInfo.InvariantCulture)!;
        }
    }

    /// <summary>The tensors of a network under the names, and in the shapes, that a file of its architecture has.</summary>
    public static IEnumerable<(string Name, Tensor Tensor)> Located(IGeneratorArchitecture family, nn.Module network)
    {
        using var _ = no_grad();
        // PyTorch counts batches in int64, which the loaders do without.
        foreach (var (name, tensor) in network.state_dict().Where(pair => pair.Value.dtype == float32))
        {
            var (stored, factor) = family.Locate(network, name);
            yield return (stored, (tensor.detach() / factor)
                .contiguous()
                .view(family.Name == "stylegan2-ada" ? ShapeThere(stored, tensor.shape) : tensor.shape));
        }
    }

    private static IEnumerable<(string Name, Tensor Tensor)> Located(string architecture, nn.Module network) =>
        Located(GeneratorArchitectures.Named(architecture), network);

    // NVIDIA's code keeps some tensors without the leading dimensions of size 1.
    private static long[] ShapeThere(string stored, long[] own) => stored switch
    {
        _ when stored.EndsWith("b4.const", StringComparison.Ordinal) || own.Length == 5 => own[1..],
        _ when stored.EndsWith("noise_const", StringComparison.Ordinal) => own[2..],
        _ when stored.EndsWith("noise_strength", StringComparison.Ordinal) => [],
        _ when stored.EndsWith("torgb.bias", StringComparison.Ordinal) => [own[1]],
        _ => own,
    };

    private static byte[] Stored(Tensor tensor, List<(string Key, float[] Values)> storages, bool old)
    {
        var key = $"{storages.Count}";
        storages.Add((key, tensor.data<float>().ToArray()));
        return PickleText.Tensor(Storage(key, tensor.NumberOfElements, old), 0, tensor.shape, tensor.stride());
    }

    private static void Write(string path, byte[] pickle, List<(string Key, float[] Values)> storages, bool old) =>
        File.WriteAllBytes(
            path,
            old
                ? Old(pickle, [.. storages.Select(storage => (storage.Key, storage.Values.Length, Raw(storage.Values)))])
                : Zip(pickle, [.. storages.Select(storage => (storage.Key, Raw(storage.Values)))]));
}
