using AdaptThenUnlearn.Onnx.Export;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Tests.Features;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Checkpoints;

/// <summary>A temporary folder with small files of any format of the catalogue.</summary>
internal sealed class SampleFolder : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-formats-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>Writes some bytes.</summary>
    public string Write(string name, byte[] content)
    {
        File.WriteAllBytes(At(name), content);
        return At(name);
    }

    /// <summary>Writes a small file of a format; its tensors belong to the caller's scope.</summary>
    public FormatSample Write(string format)
    {
        var path = At(format);
        using var networks = ForeignFiles.Gan(format switch
        {
            "rosinality" => "stylegan2",
            "nvidia" => "stylegan2-ada",
            _ => "dcgan"
        });
        switch (format)
        {
            case "safetensors":
                SafetensorsFile.Write(path, Under("g_ema/", "dcgan", networks.Generator));
                return new FormatSample(path, Under("g_ema/", "dcgan", networks.Generator));
            case "torchscript":
                ScriptedGans.WriteGenerator(path, networks);
                return new FormatSample(
                    path,
                    networks.Generator.state_dict().ToDictionary(named => named.Key, named => named.Value.detach().clone()));
            case "onnx":
                var (graph, tensors) = (new GraphBuilder(), Under("", "dcgan", networks.Generator));
                foreach (var (name, tensor) in tensors)
                    graph.Store(name, tensor);
                File.WriteAllBytes(path, graph.ToFile("test"));
                return new FormatSample(path, tensors);
            case "pytorch":
                ForeignFiles.WriteStateDict(path, "dcgan", networks.Generator, old: false);
                return new FormatSample(path, Under("", "dcgan", networks.Generator));
            case "rosinality":
                ForeignFiles.WriteRosinality(path, networks, old: false);
                return new FormatSample(path, Join(
                    Under("g/", "stylegan2", networks.Generator),
                    Under("d/", "stylegan2", networks.Discriminator),
                    Under("g_ema/", "stylegan2", networks.Generator),
                    new() { ["g_optim/state/0/exp_avg"] = ones(3) }));
            case "nvidia":
                ForeignFiles.WriteNvidia(path, networks);
                return new FormatSample(path, Join(
                    Under("G/", "stylegan2-ada", networks.Generator),
                    Under("D/", "stylegan2-ada", networks.Discriminator),
                    Under("G_ema/", "stylegan2-ada", networks.Generator)));
            default:
                throw new ArgumentException($"say here how a small file of the format '{format}' is written");
        }
    }

    private static Dictionary<string, Tensor> Under(string prefix, string architecture, nn.Module network) =>
        ForeignFiles.Located(GeneratorArchitectures.Named(architecture), network)
            .ToDictionary(located => prefix + located.Name, located => located.Tensor.clone());

    private static Dictionary<string, Tensor> Join(params Dictionary<string, Tensor>[] parts) =>
        parts.SelectMany(part => part).ToDictionary();

    private string At(string name) => Path.Combine(_folder, name);
}
