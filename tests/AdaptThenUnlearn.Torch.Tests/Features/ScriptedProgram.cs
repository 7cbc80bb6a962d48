using System.Globalization;
using System.IO.Compression;
using System.Text;
using AdaptThenUnlearn.Torch.Tests.Checkpoints;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Features;

/// <summary>
/// Writes TorchScript programs: the archive that <c>torch.jit.save</c> makes, from the source of one method and the weights that
/// it uses.
/// </summary>
internal static class ScriptedProgram
{
    /// <summary>
    /// Sixteen features of an image: means and mean squares over quarters and halves of it, by channel; all but its pixels' order
    /// within them.
    /// </summary>
    public const string Sixteen = """
          def forward(self: __torch__.Program, img: Tensor) -> Tensor:
            x = torch.div(torch.to(img, 6), 255.)
            means = torch.flatten(torch.adaptive_avg_pool2d(x, [2, 2]), 1)
            squares = torch.flatten(torch.adaptive_avg_pool2d(torch.mul(x, x), [2, 1]), 1)
            return torch.slice(torch.cat([means, squares], 1), 1, 0, 16)
        """;

    /// <summary>As NVIDIA's Inception: class scores, or 2048 features where they are asked for.</summary>
    public const string LikeInception = """
          def forward(self: __torch__.Program, img: Tensor, return_features: bool=False, use_fp16: bool=False, no_output_bias: bool=False) -> Tensor:
            x = torch.mean(torch.to(img, 6), [2, 3])
            size = 1008
            if return_features:
              size = 2048
            else:
              size = 1008
            return torch.slice(torch.repeat(x, [1, 683]), 1, 0, size)
        """;

    /// <summary>Writes one without weights.</summary>
    /// <param name="path">The file.</param>
    /// <param name="method">Its <c>forward</c>, indented by two spaces; its class is <c>Program</c>.</param>
    /// <param name="version">Of the archive's form.</param>
    /// <returns><paramref name="path"/>.</returns>
    public static string Write(string path, string method, int version = 3) => Write(path, method, [], version);

    /// <summary>
    /// Writes one with a tree of modules, each of which has its weights and nothing else: the method reaches them by
    /// <see cref="Weight"/>.
    /// </summary>
    /// <param name="path">The file; one that is there is replaced.</param>
    /// <param name="method">Its <c>forward</c>, indented by two spaces; its class is <c>Program</c>.</param>
    /// <param name="weights">By their names, such as <c>main.0.weight</c>.</param>
    /// <param name="version">Of the archive's form.</param>
    /// <param name="shared">Names that lie where another one does.</param>
    /// <returns><paramref name="path"/>.</returns>
    public static string Write(
        string path,
        string method,
        IReadOnlyList<ScriptedWeight> weights,
        int version = 3,
        IReadOnlyDictionary<string, string>? shared = null)
    {
        var keys = weights.Select(weight => weight.Name)
            .Except(shared?.Keys ?? [])
            .Index()
            .ToDictionary(named => named.Item, named => named.Index);
        var classes = new StringBuilder();
        var root = Module("", "Program", method);
        File.Delete(path);
        using var archive = ZipFile.Open(path, ZipArchiveMode.Create);
        Add("data.pkl", PickleText.Pickle(root));
        Add("constants.pkl", [0x80, 2, (byte)')', (byte)'.']);
        Add("code/__torch__.py", Encoding.ASCII.GetBytes(classes.ToString().ReplaceLineEndings("\n")));
        foreach (var weight in weights.Where(weight => keys.ContainsKey(weight.Name)))
            Add($"data/{keys[weight.Name]}", Small.Bytes(weight.Values));
        Add("version", Encoding.ASCII.GetBytes(FormattableString.Invariant($"{version}\n")));
        return path;

        byte[] Module(string at, string name, string? source)
        {
            var own = weights.Where(
                weight => weight.Name.StartsWith(at, StringComparison.Ordinal)
                    && !weight.Name[at.Length..].Contains('.')).ToList();
            var children = weights.Where(
                weight => weight.Name.StartsWith(at, StringComparison.Ordinal)
                    && weight.Name[at.Length..].Contains('.'))
                .Select(weight => weight.Name[at.Length..].Split('.')[0])
                    .Distinct()
                    .ToDictionary(child => child, child => $"{name}_{child}");
            var held = children.Select(child => (child.Key, Module($"{at}{child.Key}.", child.Value, source: null))).ToList();
            classes.Append(
                CultureInfo.InvariantCulture,
                $"class {name}(Module):\n  __parameters__ = [{Quoted(own.Where(weight => weight.IsParameter))}]\n  "
                    + $"__buffers__ = [{Quoted(own.Where(weight => !weight.IsParameter))}]\n");
            foreach (var weight in own)
                classes.Append(CultureInfo.InvariantCulture, $"  {weight.Name[at.Length..]} : Tensor\n");
            classes.Append("  training : bool\n");
            foreach (var (child, its) in children)
                classes.Append(CultureInfo.InvariantCulture, $"  __annotations__[\"{child}\"] = __torch__.{its}\n");
            classes.Append(source is null ? "" : source + "\n");
            return
            [
                .. PickleText.Global("__torch__", name), (byte)')', 0x81,
                .. PickleText.Dictionary([
                    .. own.Select(weight => (weight.Name[at.Length..], Stored(weight))), ("training", [0x89]), .. held
                ]), (byte)'b',
            ];

            string Quoted(IEnumerable<ScriptedWeight> some) =>
                string.Concat(some.Select(weight => $"\"{weight.Name[at.Length..]}\", "));
        }

        byte[] Stored(ScriptedWeight weight) => PickleText.Tensor(
            PickleText.Storage(
                $"{keys[shared?.GetValueOrDefault(weight.Name) ?? weight.Name]}",
                weight.Values.NumberOfElements,
                old: false,
                weight.Values.dtype switch
                {
                    ScalarType.Int64 => "LongStorage",
                    ScalarType.Float16 => "HalfStorage",
                    _ => "FloatStorage",
                }), 0, weight.Values.shape, weight.Values.contiguous().stride());

        void Add(string name, byte[] content)
        {
            // Only code is compressed, as torch does it.
            using var entry = archive.CreateEntry(
                "program/" + name,
                name.StartsWith("code/", StringComparison.Ordinal)
                    ? CompressionLevel.Optimal
                    : CompressionLevel.NoCompression).Open();
            entry.Write(content);
        }
    }

    /// <summary>How a method reaches a weight.</summary>
    public static string Weight(string name) =>
        name.Split('.').Aggregate("self", (within, part) => $"getattr({within}, \"{part}\")");

    /// <summary>All weights of a network.</summary>
    public static IReadOnlyList<ScriptedWeight> Weights(nn.Module network)
    {
        var parameters = network.named_parameters().Select(named => named.name).ToHashSet();
        return [
            .. network.state_dict().Select(named => new ScriptedWeight(named.Key, named.Value, parameters.Contains(named.Key)))
        ];
    }
}

/// <summary>A tensor of a program.</summary>
/// <param name="Name">With the names of the modules it lies in.</param>
/// <param name="Values">float32, float16 or int64.</param>
/// <param name="IsParameter">Or a buffer.</param>
internal sealed record ScriptedWeight(string Name, Tensor Values, bool IsParameter);
