using System.Text;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using static AdaptThenUnlearn.Torch.Tests.Checkpoints.PickleText;

namespace AdaptThenUnlearn.Torch.Tests.Checkpoints;

/// <summary>Small honest checkpoints of every format, and what becomes of them when something in them is changed.</summary>
internal sealed class CheckpointMutants(string folder, int seed)
{
    /// <summary>Name of the kind that NVIDIA's stylegan3 writes.</summary>
    public const string StyleGan3 = "bare pickle of nested modules";

    private const string Part = "part.safetensors";

    private readonly string _path = Path.Combine(folder, $"mutant-{seed}");

    /// <summary>One honest file of each kind, by name.</summary>
    public static IReadOnlyDictionary<string, byte[]> Originals { get; } = new Dictionary<string, byte[]>
    {
        ["safetensors"] = Safetensors(
            """{"__metadata__":{"a":"b"},"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}"""
                + ""","h":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]}}""",
            32),
        ["index"] = Encoding.UTF8.GetBytes($$"""{"metadata":{"total_size":32},"weight_map":{"w":"{{Part}}","h":"{{Part}}"} }"""),
        ["zip"] = Zip(Pickle(StateDict(old: false)), ("0", Raw([1, 2, 3, 4, 5, 6])), ("1", Raw([7, 8]))),
        ["old stream"] = Old(Pickle(StateDict(old: true)), ("0", 6, Raw([1, 2, 3, 4, 5, 6])), ("1", 2, Raw([7, 8]))),
        ["safetensors beside other types"] = Safetensors(
            """{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"""
                + ""","f":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[8,12]}"""
                + ""","c":{"dtype":"C64","shape":[1],"data_offsets":[12,20]}}""",
            20),
        ["zip with much beside"] = Zip(Pickle(Beside(old: false)), ("0", Raw([1, 2, 3, 4, 5, 6]))),
        ["old stream of Python 2"] = Old(
            Pickle(Pairs(("a.weight", OldTensor(Storage("0", 6, old: true), 0, [2, 3], [3, 1])))),
            ("0", 6, Raw([1, 2, 3, 4, 5, 6]))),
        ["bare pickle of protocol 2"] = Pickle(
            Dictionary(("G_ema", Object("Generator", "import os", ("_parameters", Dictionary(("w", Encoded([1, 2, 3], 3)))))))),
        [StyleGan3] = Pickle(Dictionary(
            ("G_ema", Object(
                "Generator",
                "",
                ("_parameters", Dictionary()),
                ("_modules", Dictionary(
                    ("synthesis", Object(
                        "SynthesisNetwork",
                        "",
                        ("output_scale", Real(0.25)),
                        ("_modules", Dictionary(
                            ("input", Object(
                                "SynthesisInput",
                                "",
                                ("_buffers", Dictionary(("freqs", Carried([1, 2, 3, 4], 2, 2)))),
                                ("size", NumPyArray([26, 26])),
                                ("bandwidth", NumPyNumber(2)))),
                            ("L0_26_2", Object(
                                "SynthesisLayer",
                                "",
                                ("_buffers", Dictionary(("up_filter", Carried([0.5f, 0.5f], 2)), ("down_filter", None))),
                                ("padding", List(Integer(9), Integer(8), Integer(9), Integer(8))),
                                ("conv_clamp", None))))))))))))),
        ["bare pickle"] = Pickle(Dictionary(
            ("G_ema", Object(
                "Generator",
                "import os",
                ("_parameters", Dictionary(("w", Carried([1, 2, 3], 3)))),
                ("_buffers", Dictionary(("b", Carried([4], 1)))),
                ("z_dim", Integer(4)))),
            ("training_set_kwargs", Dictionary(("path", Text("x")), ("xflip", [0x88]))))),
    };

    /// <summary>Puts into a folder what the original index refers to.</summary>
    public static void Prepare(string folder) => File.WriteAllBytes(Path.Combine(folder, Part), Originals["safetensors"]);

    /// <summary>
    /// Reads changed files as a user would: the description and every tensor, or nothing but the error that says what is wrong.
    /// </summary>
    /// <param name="original">An honest file.</param>
    /// <param name="count">How many changed ones.</param>
    /// <returns>How many were refused.</returns>
    public int CountRefused(byte[] original, int count) => Mutants.CountRefused(original, count, seed, mutant =>
    {
        File.WriteAllBytes(_path, mutant);
        return Refuses(_path);
    });

    /// <summary>Whether a file is refused; any other exception than the documented one goes through.</summary>
    public static bool Refuses(string path)
    {
        try
        {
            foreach (var tensor in CheckpointFormats.Read(path).Tensors)
                tensor.Load().Dispose();
            return false;
        }
        catch (CheckpointException)
        {
            return true;
        }
    }

    public static byte[] Safetensors(string header, int dataBytes) =>
        [.. Int64(header.Length), .. Encoding.UTF8.GetBytes(header), .. new byte[dataBytes]];

    private static byte[] StateDict(bool old) => Dictionary(
        ("g_ema", Dictionary(
            ("a.weight", Tensor(Storage("0", 6, old), 0, [2, 3], [3, 1])),
            ("a.bias", Tensor(Storage("1", 2, old), 0, [2], [1])))),
        ("args", Dictionary(("latent", Integer(512)), ("lr", Real(0.002)), ("layers", List(Integer(1), Integer(2))))));

    // What projects keep beside their weights, none of which is read.
    private static byte[] Beside(bool old) => Dictionary(
        ("generator", Dictionary(("module.a.weight", Tensor(Storage("0", 6, old), 0, [2, 3], [3, 1])))),
        ("best", NumPyNumber(0.5)),
        ("losses", NumPyArray([1, 2])),
        ("device", Call(Global("torch", "device"), Text("cuda"))),
        ("dtype", Global("torch", "float32")),
        ("when", Call(Global("datetime", "datetime"), Call(Global("_codecs", "encode"), Text("\u0007\u00e8"), Text("latin1")))),
        ("counts", Keyed(
            Call(Global("collections", "defaultdict"), Global("__builtin__", "int")),
            (Tuple(Integer(4), Integer(4)), Integer(1)),
            (None, Integer(2)),
            (Real(0.5), Integer(3)))));
}
