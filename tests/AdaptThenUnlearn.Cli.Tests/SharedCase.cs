using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using AdaptThenUnlearn.Tests;
using AdaptThenUnlearn.Torch.Images;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>
/// One of the small inputs of <c>shared/cases</c>: files with a property that real projects have, the command to run, and the
/// right outcome in words.
/// </summary>
/// <remarks>
/// Each folder's README holds one line, <c>`atu …` -> right outcome</c>; what these words ask for is checked here, one method a
/// kind of outcome.
/// </remarks>
internal sealed partial class SharedCase : IDisposable
{
    private const string Absent =
        "the cases (shared/cases/files beside a folder above the test program, or the folder named by ATU_CASES) are not on "
            + "this machine";

    private readonly string _root = Directory.CreateTempSubdirectory("atu-case-").FullName;
    private readonly string _folder;
    private readonly string _command;
    private readonly string _right;

    private SharedCase(string name)
    {
        Assert.SkipUnless(SharedCases.Folder is not null && name.Length > 0, Absent);

        // Beside the copied case lie its neighbours, which some cases use.
        _folder = Path.Combine(_root, name);
        foreach (var neighbour in Directory.EnumerateFileSystemEntries(SharedCases.Folder!)
            .Where(entry => Path.GetFileName(entry) != name))
            File.CreateSymbolicLink(Path.Combine(_root, Path.GetFileName(neighbour)), neighbour);
        Copy(Path.Combine(SharedCases.Folder!, name), _folder);
        var line = Line().Match(File.ReadAllText(Path.Combine(_folder, "README.md")));
        _command = line.Groups["command"].Value.Replace("REPOSITORY", Repository.Root, StringComparison.Ordinal);
        _right = line.Groups["right"].Value;
        if (File.Exists(Policy))
            File.WriteAllBytes(Policy, Encoded(File.ReadAllBytes(Policy)));
    }

    // What PyTorch makes of the latents; some cases say so and hold none.
    private string Expected => Path.Combine(_folder, "expected.npy");

    private bool HasItsImages => !_right.StartsWith("o.npy equals", StringComparison.Ordinal) || File.Exists(Expected);

    private string Policy => Path.Combine(_folder, "policy.json");

    /// <summary>
    /// Names of the cases that begin with one of these words; a single empty one where there are no cases, so that the skip is
    /// seen.
    /// </summary>
    public static TheoryData<string> Named(params string[] kinds) => SharedCases.Folder is null
        ? [""]
        : [.. Directory.EnumerateDirectories(SharedCases.Folder)
            .Select(folder => Path.GetFileName(folder))
            .Where(name => kinds.Contains(name.Split('-')[0]))
            .Order(StringComparer.Ordinal)];

    /// <summary>Runs a case's command on a copy and checks what its README says.</summary>
    public static void Check(string name)
    {
        using var shared = new SharedCase(name);
        shared.Check();
    }

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_root, recursive: true);

    private void Check()
    {
        var (exitCode, output, errors) = Run();
        var run = $"{_command}\n-> {_right}\nexit code {exitCode}\n{output}\n{errors}";
        var refused = exitCode is not 0 && !(exitCode is 1 && errors.Contains("ATU3001", StringComparison.Ordinal));
        Assert.DoesNotContain("ATU2999", errors, StringComparison.Ordinal);
        Assert.DoesNotContain("\n   at ", errors, StringComparison.Ordinal);
        if (refused && !(_right.StartsWith("loaded as it is", StringComparison.Ordinal) && WasMeasured(errors)))
        {
            Assert.True(MayBeRefused(), run);
            Assert.Matches("error ATU[12][0-9]{3}: ", errors);
            foreach (var word in Words())
                Assert.Contains(word, errors, StringComparison.OrdinalIgnoreCase);
            return;
        }

        Assert.False(_right.StartsWith("refused", StringComparison.Ordinal), run);
        Assert.True(IsRight(output, errors), run);
    }

    // What was loaded and looked at, and could not be judged.
    private static bool WasMeasured(string errors) => Regex.IsMatch(errors, "error ATU1106: .*not measured");

    private bool MayBeRefused() =>
        !HasItsImages
            || _right.Contains("refus", StringComparison.Ordinal)
            || _right.Contains("every mistake", StringComparison.Ordinal)
            || _right.Contains("or the message", StringComparison.Ordinal);

    // Words that a refusal must hold, where the right outcome names them.
    private IEnumerable<string> Words()
    {
        foreach (var word in new[]
        {
            "StyleGAN3", "TorchScript", "gzip", "0.1.10", "netD.pth", "sigmoid", "HDF5", "Git LFS", "ONNX", "web page"
        })
            if (_right.StartsWith("refused", StringComparison.Ordinal)
                && Regex.IsMatch(_right, $"{word}|\\({word.Split(' ')[^1]}\\)", RegexOptions.IgnoreCase))
                yield return word;
        if (_right.Contains("every mistake", StringComparison.Ordinal)
            || _right.Contains("names netD.pth", StringComparison.Ordinal))
            yield return _right.Contains("netD", StringComparison.Ordinal) ? "netD.pth" : "policy.json";
    }

    private bool IsRight(string output, string errors) => _right switch
    {
        _ when _right.Contains("o.npy equals", StringComparison.Ordinal) => Equal(errors),
        _ when _right.Contains("the images of ros-control", StringComparison.Ordinal) =>
            File.Exists(Path.Combine(_folder, "o.npy")),
        _ when _right.Contains("frechetDistance", StringComparison.Ordinal)
            || _right.Contains("n = [40, 40]", StringComparison.Ordinal) => IsSame(output, errors),
        _ when _right.Contains("1.13444", StringComparison.Ordinal) => output.Contains("1.1344", StringComparison.Ordinal),
        _ when _right.StartsWith("bright: 61", StringComparison.Ordinal) =>
            output.Contains("61 of 400 images", StringComparison.Ordinal),
        _ when _right.StartsWith("failed", StringComparison.Ordinal) =>
            output.Contains("failed bright/maxRate", StringComparison.Ordinal)
                && output.Contains("14 of 400", StringComparison.Ordinal),
        _ when _right.StartsWith("valid", StringComparison.Ordinal) => true,
        _ when _right.StartsWith("trained on 30", StringComparison.Ordinal) =>
            File.Exists(Path.Combine(_folder, "c.safetensors")),
        _ when _right.StartsWith("loaded as it is", StringComparison.Ordinal) => true,
        _ when _right.StartsWith("an artifact", StringComparison.Ordinal) => IsLikeTheInput(),
        _ when _right.StartsWith("2 classes", StringComparison.Ordinal) =>
            Regex.IsMatch(output + errors, @"\bcat\b.*\bdog\b", RegexOptions.Singleline)
                && (output + errors).Contains("60", StringComparison.Ordinal),
        _ when _right.StartsWith("the classes are named", StringComparison.Ordinal) =>
            Regex.IsMatch(output + errors, @"\btrain\b.*\bval\b", RegexOptions.Singleline),
        _ when _right.StartsWith("the four MNIST", StringComparison.Ordinal) => true,
        _ => throw new InvalidOperationException($"no check is known for: {_right}"),
    };

    // Other images only with a word: a warning that says what was assumed.
    private bool Equal(string errors)
    {
        using var scope = NewDisposeScope();
        Assert.SkipUnless(HasItsImages, "the case holds no expected images");
        var tolerance = Tolerance().Match(_right) is { Success: true } match
            ? double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)
            : 1e-4;
        var (actual, wanted) = (NumpyFile.Read(Path.Combine(_folder, "o.npy")), NumpyFile.Read(Expected));
        var equal = actual.shape.SequenceEqual(wanted.shape)
            && (actual.to(float64) - wanted.to(float64)).abs().max().item<double>() < tolerance;
        return equal || (_right.Contains("without a word", StringComparison.Ordinal)
            && Regex.IsMatch(errors, "warning ATU[0-9]{4}: .*assumed"));
    }

    private bool IsSame(string output, string errors)
    {
        using var result = JsonDocument.Parse(output);
        var counts = result.RootElement.GetProperty("n").EnumerateArray().Select(count => count.GetInt32()).ToList();
        if (_right.Contains("n = [40, 40]", StringComparison.Ordinal) && !counts.SequenceEqual([40, 40]))
            return _right.Contains("warning", StringComparison.Ordinal)
                && errors.Contains("warning ATU", StringComparison.Ordinal);
        return result.RootElement.GetProperty("frechetDistance").GetDouble() < 1e-9;
    }

    private bool IsLikeTheInput()
    {
        var artifact = Directory.GetFiles(Path.Combine(_folder, "out"), "*.pt", SearchOption.AllDirectories).Single();
        var before = Torch.Checkpoints.CheckpointFormats.Read(Path.Combine(_folder, "ckpt.pt"));
        var after = Torch.Checkpoints.CheckpointFormats.Read(artifact);
        return before.Tensors.Select(tensor => (tensor.Name, tensor.Type, string.Join(' ', tensor.Shape)))
            .SequenceEqual(after.Tensors.Select(tensor => (tensor.Name, tensor.Type, string.Join(' ', tensor.Shape))));
    }

    private (int ExitCode, string Output, string Errors) Run()
    {
        // The counts of these cases were taken of images as the network makes them.
        var counted = _right.StartsWith("bright: ", StringComparison.Ordinal) ? " --set evaluation.range=raw" : "";
        var arguments = (_command + counted).Split(' ').Skip(1).ToArray();
        using var atu = Atu.StartIn(_folder, arguments);
        return atu.Finish();
    }

    // In the policy's own encoding, which may be the case's property.
    private static byte[] Encoded(byte[] policy)
    {
        var encoding = policy is [0xFF, 0xFE, ..] ? System.Text.Encoding.Unicode : System.Text.Encoding.Latin1;
        return encoding.GetBytes(encoding.GetString(policy).Replace("REPOSITORY", Repository.Root, StringComparison.Ordinal));
    }

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var entry in new DirectoryInfo(from).EnumerateFileSystemInfos())
        {
            if ((entry.LinkTarget ?? PlainLink(entry)) is { } target)
                File.CreateSymbolicLink(Path.Combine(to, entry.Name), target);
            else if (entry is DirectoryInfo)
                Copy(entry.FullName, Path.Combine(to, entry.Name));
            else
            {
                File.Copy(entry.FullName, Path.Combine(to, entry.Name));
                File.SetAttributes(Path.Combine(to, entry.Name), FileAttributes.Normal);
            }
        }
    }

    // A link that was laid down as a small text file, as version control does where links are not supported.
    private static string? PlainLink(FileSystemInfo entry) =>
        entry is FileInfo { Length: < 100 } file
            && File.ReadAllText(file.FullName) is var text
            && text.StartsWith("../", StringComparison.Ordinal)
            && File.Exists(Path.Combine(file.DirectoryName!, text)) ? text : null;

    [GeneratedRegex("`(?<command>atu [^`]*)` -> (?<right>.*)")]
    private static partial Regex Line();

    [GeneratedRegex("max difference < ([0-9.e-]+)")]
    private static partial Regex Tolerance();
}
