using System.IO.Compression;
using System.Text;
using System.Text.RegularExpressions;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Torch.Checkpoints.Pickle;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>Looks into TorchScript archives without running anything: tells them from files of tensors, finds their weights, and which operators they name.</summary>
internal static partial class ScriptArchive
{
    private const int MaximumSourceBytes = 32 << 20;

    // What libtorch registers by itself; what else a program names comes from a library that is not here.
    private static readonly HashSet<string> _libtorch =
    [
        "aten", "prim", "prims", "rngprims", "quantized", "_quantized", "quantized_decomposed", "prepacked", "mkldnn", "mkldnn_prepacked", "mkl", "onednn",
        "sparse", "static_runtime", "inductor", "profiler", "c10d", "_caffe2", "cuda", "metal", "metal_prepacked", "vulkan", "vulkan_prepacked", "xnnpack",
    ];

    /// <summary>Whether the file is an archive that <c>torch.jit.save</c> writes: one that holds source text, unlike one of <c>torch.save</c>.</summary>
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
            return false;   // no zip archive at all, or one that is damaged
        }
    }

    /// <summary>Describes its tensors, by the names that the program's own modules give them.</summary>
    /// <param name="file">The file.</param>
    /// <param name="inspectOnly">True lists what its pickle would be refused for, instead of refusing it.</param>
    /// <exception cref="CheckpointException">It is damaged, or no TorchScript program.</exception>
    public static TensorFile Read(CheckpointFile file, bool inspectOnly = false)
    {
        using var bytes = CheckpointBytes.Open(file);
        if (!PyTorchFormat.IsZip(file.Start))
            throw NoProgram(file.Path);

        var session = new PickleSession(inspectOnly, ofProgram: true);
        return PickleState.Flatten(file, bytes.Length, PyTorchZip.Read(bytes, session), anyRoot: inspectOnly).ToFile(TorchScriptFormat.FormatName, session);
    }

    /// <summary>Refuses a program that names operators of other libraries: libtorch ends the process when it meets one.</summary>
    /// <param name="file">A TorchScript archive.</param>
    /// <exception cref="CheckpointException">It names one, or its source cannot be unpacked.</exception>
    public static void RequireOwnOperators(CheckpointFile file)
    {
        var path = file.Path;
        try
        {
            using var archive = new ZipArchive(file.OpenStream(), ZipArchiveMode.Read);
            var left = MaximumSourceBytes;
            foreach (var entry in archive.Entries.Where(entry => entry.FullName.EndsWith(".py", StringComparison.Ordinal)))
                if (Operators().Matches(Unpacked(entry, ref left)).FirstOrDefault(named => !_libtorch.Contains(named.Groups[1].Value)) is { } foreign)
                    throw new CheckpointException(
                        path, $"uses the operator '{CheckpointException.Sanitize($"{foreign.Groups[1].Value}::{foreign.Groups[2].Value}")}', which is not one of libtorch's own",
                        "export the module without operators of other libraries", CheckpointException.Sanitize(entry.FullName));
        }
        catch (Exception failed) when (failed is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(path, $"its source cannot be unpacked: {CheckpointException.Sanitize(failed.Message)}", "it is damaged; save or fetch it again", cause: failed);
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

    // As libtorch prints a call; a module that is called "ops" looks different.
    [GeneratedRegex(@"(?<![\w.])ops\.(\w+)\.(\w+)\(")]
    private static partial Regex Operators();

    /// <summary>What is said of a program where nobody asked for one.</summary>
    public static CheckpointException NotNamed(string path) => new(
        path, "is a TorchScript program, and to use it is to run it",
        $"if you trust it, name the format ('{TorchScriptFormat.FormatName}'), and libtorch's interpreter runs it; otherwise save its weights with torch.save(module.state_dict(), …)");

    /// <summary>What is said of another file where a program is meant.</summary>
    public static CheckpointException NoProgram(string path) => new(
        path, "is not a TorchScript program", $"'{TorchScriptFormat.FormatName}' is for files of torch.jit.save; for others leave the format at '{CheckpointFormats.Auto}'");
}
