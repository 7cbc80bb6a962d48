using System.IO.Compression;
using System.Text;

namespace AdaptThenUnlearn.Torch.Tests.Features;

/// <summary>Writes TorchScript programs without weights: the archive that <c>torch.jit.save</c> makes, from the source of one method.</summary>
internal static class ScriptedProgram
{
    /// <summary>Sixteen features of an image: means and mean squares over quarters and halves of it, by channel; all but its pixels' order within them.</summary>
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

    /// <summary>Writes one.</summary>
    /// <param name="path">The file.</param>
    /// <param name="method">Its <c>forward</c>, indented by two spaces; its class is <c>Program</c>.</param>
    /// <param name="version">Of the archive's form.</param>
    /// <returns><paramref name="path"/>.</returns>
    public static string Write(string path, string method, int version = 3)
    {
        using var archive = ZipFile.Open(path, ZipArchiveMode.Create);
        Add("data.pkl", Encoding.Latin1.GetBytes("\u0080\u0002c__torch__\nProgram\n)\u0081}X\u0008\0\0\0training\u0089sb."));   // a pickle of Program() with training=False
        Add("constants.pkl", [0x80, 2, (byte)')', (byte)'.']);
        Add("code/__torch__.py", Encoding.ASCII.GetBytes(
            $"class Program(Module):\n  __parameters__ = []\n  __buffers__ = []\n  training : bool\n{method.ReplaceLineEndings("\n")}\n"));
        Add("version", Encoding.ASCII.GetBytes(FormattableString.Invariant($"{version}\n")));
        return path;

        void Add(string name, byte[] content)
        {
            using var entry = archive.CreateEntry("program/" + name, name.StartsWith("code/", StringComparison.Ordinal) ? CompressionLevel.Optimal : CompressionLevel.NoCompression).Open();   // as torch does
            entry.Write(content);
        }
    }
}
