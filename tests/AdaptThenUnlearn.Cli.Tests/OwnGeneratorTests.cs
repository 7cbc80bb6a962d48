using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Tests;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Tests.Checkpoints;
using AdaptThenUnlearn.Torch.Tests.Features;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>
/// The examples of <c>docs/bring-your-own-generator.md</c>, run as they stand there on the smallest files of each kind.
/// </summary>
public sealed partial class OwnGeneratorTests : IDisposable
{
    private const string WithoutDiscriminator = "No discriminator?";

    private readonly SmallHouse _house = new();

    public void Dispose() => _house.Dispose();

    public static TheoryData<string> Sections => [.. Examples().Select(example => example.Section)];

    [Theory]
    [MemberData(nameof(Sections))]
    public void Example_AsItStandsOnThePage_TrainsAndGivesTheFormatBack(string section)
    {
        var (_, generator, commands) = Examples().Single(example => example.Section == section);
        WriteFiles(section);
        _house.Policy(
            "policy",
            edit: [
                ("\"generator\": { \"checkpoint\": \"generator.safetensors\" }", generator),
                ("\"steps\": 40, \"recoverySteps\": 10", "\"steps\": 8, \"recoverySteps\": 2"),
                ("\"candidateEvery\": 10, \"candidateSamples\": 200", "\"candidateEvery\": 4, \"candidateSamples\": 100"),
                ("\"steps\": 20, \"fisherSamples\"", "\"steps\": 3, \"fisherSamples\""),
                ("\"minimumNegatives\": 1,", "\"minimumNegatives\": 1, \"discriminatorWarmUp\": { \"steps\": 4 },"),
            ]);

        // The page's generator passes; after so few steps it is rejected, and its file is named so.
        var name = "policy.";
        foreach (var command in commands)
        {
            var placed = command.Replace("artifacts/policy/policy.", $"artifacts/policy/{name}", StringComparison.Ordinal);
            var (exitCode, _, errors) = Atu.Run([.. placed.Split(' ').Skip(1).Select(Place)]);
            name = exitCode == 0 ? name : "policy.rejected.";
            Assert.True(exitCode is 0 or 1 && (exitCode == 0
                || errors.Contains("ATU3001", StringComparison.Ordinal)), $"{command}: exit code {exitCode}: {errors}");
        }

        var choice = JsonDocument.Parse($"{{{generator}}}").RootElement.GetProperty("generator");
        var checkpoint = choice.GetProperty("checkpoint").GetString()!;
        var format = choice.TryGetProperty("format", out var named) ? named.GetString()! : CheckpointFormats.Auto;
        var isIndex = checkpoint.EndsWith(".json", StringComparison.Ordinal);
        var ending = isIndex ? ".safetensors" : Path.GetExtension(checkpoint);
        var record = RunRecordFile.Read(_house.At("artifacts/policy/run.json"));
        var artifact = _house.At($"artifacts/policy/policy{(record.Verdict.Passed ? "" : ".rejected")}{ending}");
        var (before, after) = (CheckpointFormats.Read(_house.At(checkpoint), format), CheckpointFormats.Read(artifact, format));
        Assert.Equal(before.Format, after.Format);
        Assert.Equal(
            before.Tensors.Select(tensor => (tensor.Name, tensor.Type, string.Join(' ', tensor.Shape))),
            after.Tensors.Select(tensor => (tensor.Name, tensor.Type, string.Join(' ', tensor.Shape))));
        Assert.Equal(before.Values, after.Values);
        Assert.Equal(CheckpointDigest.Compute(artifact), record.Outputs[0].Sha256);
        Assert.Equal(
            section == WithoutDiscriminator ? new WarmedUpDiscriminator(Steps: 4, Samples: 16) : null,
            record.Training!.DiscriminatorWarmUp);
        Assert.Equal(record.Verdict.Passed ? 0 : 1, Atu.Run("verify", _house.At("artifacts/policy/run.json")).ExitCode);

        // Judged without training, it is rejected or released under its name, and nothing else of it is left. Untrained
        // networks may show the feature in any share of the images, so only a limit that allows all of them is sure to pass.
        Assert.Equal([$"policy.rejected{ending}"], Judged("0.0001", 1));
        Assert.Equal([isIndex ? "policy.safetensors.index.json" : $"policy{ending}"], Judged("1", 0));
    }

    // Names of the generator's files after a run without training.
    private IEnumerable<string?> Judged(string maxRate, int expected)
    {
        var (exitCode, _, errors) = Atu.Run(
            "govern", _house.At("policy.json"), "--no-train", "--fresh", "--out", _house.At("artifacts"),
            "--set", $"undesiredFeatures[0].maxRate={maxRate}");
        Assert.True(exitCode == expected, errors);
        return Directory.EnumerateFiles(_house.At("artifacts/policy"), "policy.*").Select(Path.GetFileName);
    }

    [Fact]
    public void Failing_IndexOfSeveralFiles_IsRejectedAsOneFile()
    {
        WriteFiles("safetensors, in one file or in several");
        _house.Policy("policy", "\"maxRate\": 0.9", ("\"generator.safetensors\"", "\"model.safetensors.index.json\""));

        Assert.Equal(["policy.rejected.safetensors"], Judged("0.0001", 1));

        Assert.DoesNotContain(
            Directory.EnumerateFiles(_house.At("artifacts/policy")),
            file => Path.GetFileName(file).StartsWith("model-", StringComparison.Ordinal));
        var rejected = SafetensorsFile.Read(_house.At("artifacts/policy/policy.rejected.safetensors"));
        Assert.Equal("failed", rejected.Metadata[SafetensorsFile.VerdictKey]);
        Assert.Equal(CheckpointFormats.Read(_house.At("model.safetensors.index.json")).Tensors.Count, rejected.Tensors.Count);
        Assert.Equal(1, Atu.Run("verify", _house.At("artifacts/policy/run.json")).ExitCode);
    }

    [Fact]
    public void Passing_IndexOfSeveralFiles_IsReleasedWithItsPartsAndStands()
    {
        WriteFiles("safetensors, in one file or in several");
        var policy =
            _house.Policy("policy", "\"maxRate\": 0.9", ("\"generator.safetensors\"", "\"model.safetensors.index.json\""));

        Assert.Equal(0, Atu.Run("govern", policy, "--out", _house.At("artifacts")).ExitCode);
        Assert.Contains(
            "nothing has changed", Atu.Run("govern", policy, "--out", _house.At("artifacts")).Errors, StringComparison.Ordinal);
        var released = CheckpointFormats.Read(_house.At("artifacts/policy/policy.safetensors.index.json"));
        Assert.Equal(CheckpointFormats.Read(_house.At("model.safetensors.index.json")).Tensors.Count, released.Tensors.Count);

        File.AppendAllText(_house.At("model-00002-of-00002.safetensors"), "!");
        Assert.DoesNotContain(
            "nothing has changed", Atu.Run("govern", policy, "--out", _house.At("artifacts")).Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("DCGAN", "netG_epoch_99.pth", "dcgan-tutorial")]
    [InlineData("Fully connected GANs", "G--300.ckpt", "mlp-relu-tanh")]
    public void LayersUnstated_Govern_RefusesAndEveryOtherCommandSaysWhatItAssumes(
        string section, string generator, string layout)
    {
        WriteFiles(section);
        var policy = _house.Policy("policy", "\"maxRate\": 0.9", ("\"generator.safetensors\"", $"\"{generator}\""));
        var numbers = _house.At("images.npy");

        var governed = Atu.Run("govern", policy, "--no-train", "--out", _house.At("artifacts"));
        var measured = Atu.Run("measure", policy);
        var warned = Atu.Run("sample", _house.At(generator), "--npy", numbers);

        Assert.Equal(2, governed.ExitCode);
        Assert.Contains("policy.json(4,", governed.Errors, StringComparison.Ordinal);
        Assert.Contains($"error ATU1110: $.generator.layers: is missing", governed.Errors, StringComparison.Ordinal);
        Assert.Contains($"\"layers\": [\"{layout}\"]", governed.Errors, StringComparison.Ordinal);
        Assert.False(File.Exists(_house.At("artifacts/policy/run.json")));
        Assert.Matches(@"policy\.json\(4,\d+\): warning ATU1110: \$\.generator\.layers: is missing", measured.Errors);
        Assert.All(
            (IEnumerable<string>)[measured.Errors, warned.Errors, Atu.Run("policy", "check", policy).Errors],
            errors => Assert.Contains("warning ATU1110", errors, StringComparison.Ordinal));
        Assert.Equal((0, 0), (measured.ExitCode, warned.ExitCode));
        Assert.Contains(
            "Assumed, because weights do not tell it", Atu.Run("inspect", _house.At(generator)).Output, StringComparison.Ordinal);

        var stated = _house.Policy(
            "policy", "\"maxRate\": 0.9", ("\"generator.safetensors\"", $"\"{generator}\", \"layers\": [\"{layout}\"]"));
        Assert.Equal(0, Atu.Run("govern", stated, "--no-train", "--out", _house.At("artifacts")).ExitCode);
        Assert.DoesNotContain(
            "ATU1110",
            Atu.Run("sample", _house.At(generator), "--npy", numbers, "--layers", layout).Errors,
            StringComparison.Ordinal);
        Assert.DoesNotContain(
            "Assumed", Atu.Run("inspect", _house.At(generator), "--layers", layout).Output, StringComparison.Ordinal);
    }

    [Fact]
    public void LayersFile_AsPythonPrintsThem_IsTheStatement()
    {
        WriteFiles("Fully connected GANs");
        var (printed, wrong, numbers) = (_house.At("layers.txt"), _house.At("wrong.txt"), _house.At("images.npy"));
        File.WriteAllText(
            printed,
            "Sequential(\n  (0): Linear(in_features=8, out_features=16, bias=True)\n  (1): LeakyReLU(negative_slope=0.2)\n  "
                + "(2): Linear(in_features=16, out_features=256, bias=True)\n  (3): Tanh()\n)\n");
        File.WriteAllText(wrong, "[\"Linear\", \"Swish\"]");

        var (exitCode, _, errors) = Atu.Run("sample", _house.At("G--300.ckpt"), "--npy", numbers, "--layers", printed);

        Assert.Equal((0, false), (exitCode, errors.Contains("ATU1110", StringComparison.Ordinal)));
        var refused = Atu.Run("sample", _house.At("G--300.ckpt"), "--npy", numbers, "--layers", wrong);
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains("wrong.txt, layer 1: 'Swish'", refused.Errors, StringComparison.Ordinal);
    }

    private void WriteFiles(string section)
    {
        using var turn = SmallHouse.Randomness.EnterScope();
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var architecture = section switch
        {
            "DCGAN" or "TorchScript" => "dcgan",
            "Fully connected GANs" => "mlp-gan",
            "NVIDIA's stylegan3" => "stylegan3",
            _ => "stylegan2"
        };
        using var networks = ForeignFiles.Gan(architecture);
        networks.Generator.eval();
        networks.Discriminator.eval();
        switch (section)
        {
            case "rosinality/stylegan2-pytorch":
                ForeignFiles.WriteRosinality(_house.At("550000.pt"), networks, old: false);
                break;
            case WithoutDiscriminator:
                ForeignFiles.WriteRosinalityGenerator(_house.At("faces.pt"), networks.Generator);
                break;
            case "NVIDIA's stylegan2-ada-pytorch":
                using (var theirs = ForeignFiles.InNvidiasForm(networks))
                    ForeignFiles.WriteNvidia(_house.At("network-snapshot-000200.pkl"), theirs);
                break;
            case "NVIDIA's stylegan3":
                ForeignFiles.WriteNvidia(_house.At("network-snapshot-005000.pkl"), networks, architecture);
                break;
            case "DCGAN":
                WriteBoth("netG_epoch_99.pth", "netD_epoch_99.pth");
                break;
            case "Fully connected GANs":
                WriteBoth("G--300.ckpt", "D--300.ckpt");
                break;
            case "TorchScript":
                ScriptedGans.WriteGenerator(_house.At("generator.pt"), networks);
                ScriptedGans.WriteDiscriminator(_house.At("discriminator.pt"), networks);
                break;
            case "safetensors, in one file or in several":
                ForeignFiles.WriteShards(_house.Folder, architecture, networks);
                break;
            default:
                Assert.Fail($"say here how to write the files of '{section}'");
                break;
        }

        if (architecture != "stylegan2")
            _house.Furnish(networks.Generator);

        void WriteBoth(string generator, string discriminator)
        {
            ForeignFiles.WriteStateDict(_house.At(generator), architecture, networks.Generator, old: true);
            ForeignFiles.WriteStateDict(_house.At(discriminator), architecture, networks.Discriminator, old: true);
        }
    }

    // A file or folder of the example lies in the house; a number does not.
    private string Place(string argument) =>
        (argument.Contains('.', StringComparison.Ordinal) && !double.TryParse(argument, CultureInfo.InvariantCulture, out _))
        || argument == "artifacts"
            ? _house.At(argument)
            : argument;

    private static IEnumerable<(string Section, string Generator, string[] Commands)> Examples()
    {
        var page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "bring-your-own-generator.md"));
        foreach (var part in page.Split("\n## ").Skip(1))
            if (Example().Match(part) is { Success: true } example)
                yield return (part.Split('\n')[0], example.Groups[1].Value.Trim(), example.Groups[2].Value.Trim().Split('\n'));
    }

    [GeneratedRegex(@"```json\n(""generator"".*?)```\n```\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Example();
}
