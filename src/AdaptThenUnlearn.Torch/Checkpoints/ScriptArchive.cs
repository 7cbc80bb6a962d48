using System.IO.Compression;
using System.Text;
using System.Text.RegularExpressions;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Torch.Checkpoints.Pickle;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>
/// Reads TorchScript archives without running them: recognises them, finds their weights, and lists the operators that they name.
/// </summary>
internal static partial class ScriptArchive
{
    private const int MaximumSourceBytes = 32 << 20;

    // Namespaces of the operators that libtorch registers. Others come from libraries that are not loaded here.
    private static readonly HashSet<string> _libtorch =
    [
        "aten", "prim", "prims", "rngprims", "quantized", "_quantized", "quantized_decomposed", "prepacked", "mkldnn",
        "mkldnn_prepacked", "mkl", "onednn", "sparse", "static_runtime", "inductor", "profiler", "c10d", "_caffe2", "cuda",
        "metal", "metal_prepacked", "vulkan", "vulkan_prepacked", "xnnpack",
    ];

    /// <summary>
    /// Whether the file is an archive of <c>torch.jit.save</c>, which holds source text, unlike one of <c>torch.save</c>.
    /// </summary>
    /// <exception cref="CheckpointException">The file is missing, a folder or unreadable.</exception>
    public static bool IsProgram(CheckpointFile file)
    {
        using var bytes = CheckpointBytes.Open(file);
        try
        {
            return StoredZip.Read(bytes).IsProgram;
        }
        catch (CheckpointException other) when (other.InnerException is not ChangedFileException)
        {
            return false;   // not a zip archive, or a damaged one
        }
    }

    /// <summary>Describes the tensors of a program, by the names that its modules give them.</summary>
    /// <param name="file">The file.</param>
    /// <param name="inspectOnly">Whether to list the globals for which the file would be refused, instead of refusing it.</param>
    /// <exception cref="CheckpointException">The file is damaged, or is not a TorchScript program.</exception>
    public static TensorFile Read(CheckpointFile file, bool inspectOnly = false)
    {
        using var bytes = CheckpointBytes.Open(file);
        if (!PyTorchFormat.IsZip(file.Start))
            throw NoProgram(file.Path);

        var session = new PickleSession(inspectOnly, ofProgram: true);
        return PickleState.Flatten(file, bytes.Length, PyTorchZip.Read(bytes, session), anyRoot: inspectOnly)
            .ToFile(TorchScriptFormat.FormatName, session);
    }

    /// <summary>
    /// Refuses a program that names operators of other libraries, because libtorch ends the process when it meets one.
    /// </summary>
    /// <param name="file">A TorchScript archive.</param>
    /// <exception cref="CheckpointException">The program names such an operator, or its source cannot be unpacked.</exception>
    public static void RequireOwnOperators(CheckpointFile file)
    {
        var path = file.Path;
        try
        {
            using var archive = new ZipArchive(file.OpenStream(), ZipArchiveMode.Read);
            var left = MaximumSourceBytes;
            foreach (var entry in archive.Entries.Where(entry => entry.FullName.EndsWith(".py", StringComparison.Ordinal)))
                if (Operators()
                    .Matches(Unpacked(entry, ref left))
                    .FirstOrDefault(named => !_libtorch.Contains(named.Groups[1].Value)) is { } foreign)
                    throw new CheckpointException(
                        path,
                        $"uses the operator "
                            + $"'{CheckpointException.Sanitize($"{foreign.Groups[1].Value}::{foreign.Groups[2].Value}")}', "
                            + "which is not one of libtorch's own",
                        "export the module without operators of other libraries", CheckpointException.Sanitize(entry.FullName));
        }
        catch (Exception failed) when (failed is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(
                path,
                $"its source cannot be unpacked: {CheckpointException.Sanitize(failed.Message)}",
                "it is damaged; save or fetch it again",
                cause: failed);
        }
    }

    private static string Unpacked(ZipArchiveEntry entry, ref int left)
    {
        using var packed = entry.Open();
        using var source = new MemoryStream();
        var piece = new byte[1 << 16];
        for (int count; (count = packed.Read(piece)) > 0;)
        {
            if ((left -= count) < 0)
                throw new InvalidDataException(FormattableString.Invariant($"it is longer than {MaximumSourceBytes} bytes"));

            source.Write(piece, 0, count);
        }

        return Encoding.UTF8.GetString(source.GetBuffer(), 0, (int)source.Length);
    }

    // A call of an operator, as libtorch prints it. Calls into a module of the name "ops" look different.
    [GeneratedRegex(@"(?<![\w.])ops\.(\w+)\.(\w+)\(")]
    private static partial Regex Operators();

    /// <summary>The exception for a program where the format does not say that one is expected.</summary>
    public static CheckpointException NotNamed(string path) => new(
        path, "is a TorchScript program, and to use it is to run it",
        $"if you trust it, name the format ('{TorchScriptFormat.FormatName}'), and libtorch's interpreter runs it; otherwise "
            + "save its weights with torch.save(module.state_dict(), …)");

    /// <summary>The exception for another file where a program is expected.</summary>
    public static CheckpointException NoProgram(string path) => new(
        path,
        "is not a TorchScript program",
        $"'{TorchScriptFormat.FormatName}' is for files of torch.jit.save; for others leave the format at "
            + $"'{CheckpointFormats.Auto}'");
}
