using AdaptThenUnlearn.Cli.Tests;
using AdaptThenUnlearn.Tests;
using AdaptThenUnlearn.Torch.Attacks;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Unlearning;
using AdaptThenUnlearn.Torch.Unlearning.Repulsion;
using TorchSharp;

namespace AdaptThenUnlearn.Solution.Tests;

/// <summary>The page for C# users: its code is the code that tests run.</summary>
public sealed class LibraryPageTests(LocalFeed feed, SmallHouse house) : IClassFixture<SmallHouse>
{
    private const string Program = "samples/library/Program.cs";

    [Fact]
    public void LibrarySample_RunThatAtuMade_PrintsEachRuleWritesTheReportAndSeesAChangedFile()
    {
        var sample = new Consumer(feed, SampleTests.CopyOfSamples(feed).At("samples/library"));
        var policy = house.Policy("from-csharp", "\"maxRate\": 0.9");
        var (governed, how) = sample.Dotnet(
            "tool", "run", "atu", "--", "govern", policy, "--no-train", "--threads", "1", "--out", house.At("runs"));
        Assert.True(governed == 0, how);
        var record = house.At("runs/from-csharp/run.json");

        var (exitCode, output) = sample.Dotnet("run", "--", policy, record);
        Assert.True(exitCode == 0, output);
        Assert.Matches(@"passed ban/maxRate: \d+(\.\d+)? %, judged \d+(\.\d+)? %, must be ≤ 90 %", output);
        Assert.Contains("from-csharp: Passed", output, StringComparison.Ordinal);
        Assert.Contains("ban/maxRate", File.ReadAllText(house.At("runs/from-csharp/report.html")), StringComparison.Ordinal);

        File.AppendAllText(house.At("runs/from-csharp/from-csharp.safetensors"), " ");
        var (changed, saidThen) = sample.Dotnet("run", "--no-build", "--", policy, record);
        Assert.Equal(1, changed);
        Assert.Contains("from-csharp.safetensors has changed", saidThen, StringComparison.Ordinal);
        Assert.DoesNotContain("from-csharp: Passed", saidThen, StringComparison.Ordinal);
    }

    // A policy that atu accepts must not be refused by a program that was written after the page.
    [Fact]
    public void LibrarySample_Names_AreThoseOfTheCatalogues()
    {
        var program = File.ReadAllText(Path.Combine(Repository.Root, Program));

        var names = UnlearningMethods.All.Select(method => method.Name)
            .Concat(RepulsionLosses.All.Select(loss => loss.Name))
            .Concat(CheckpointFormats.All.Select(format => format.Name))
            .Concat(KnownAttacks.All.Select(attack => attack.Name));
        Assert.All(
            names,
            name => Assert.True(
                program.Contains($"\"{name}\"", StringComparison.Ordinal), $"{Program} and docs/library.md must list '{name}'"));
    }

    [Fact]
    public void TorchExample_SmallGenerator_WritesAPicture()
    {
        var picture = house.At("images.png");

        WriteImages(house.At("generator.safetensors"), picture, seed: 1);

        Assert.True(ImageGrid.IsWrittenByAtu(picture));
    }

    [Theory]
    [InlineData(Program)]
    [InlineData("tests/Solution.Tests/LibraryPageTests.cs")]
    [InlineData("tests/AdaptThenUnlearn.Publishing.Tests/LibraryPageTests.cs")]
    public void Page_Code_IsTheCodeThatTheTestsRun(string file)
    {
        var page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "library.md")).ReplaceLineEndings("\n");

        Assert.Contains($"```csharp\n{Example(file)}```\n", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Sample_Version_IsThePackages() =>
        Assert.Contains(
            $"Include=\"AdaptThenUnlearn\" Version=\"{LocalFeed.Version}\"",
            File.ReadAllText(Path.Combine(Repository.Root, "samples", "library", "VerifyRun.csproj")),
            StringComparison.Ordinal);

    // Begin docs/library.md
    private static void WriteImages(string checkpointPath, string picturePath, ulong seed)
    {
        // Load libtorch and choose a device; the exception says what is missing.
        var device = TorchBackend.Choose("auto");

        // Open the checkpoint. Its format is recognised by content, and nothing in it is executed.
        using var loaded = GeneratorCheckpoint.Load(
            checkpointPath, CheckpointFormats.Auto, sha256: null, discriminatorPath: null, device, generatorAlone: true);

        // Make 64 images. Random numbers are drawn on the CPU, so a seed means the same on every device.
        using var scope = torch.NewDisposeScope();
        using var noGradients = torch.no_grad();
        using var random = new torch.Generator(seed, torch.CPU);
        var draw = LatentDraw.Sample(loaded.Generator, images: 64, random, device);
        var images = draw.Images(loaded.Generator);   // [64, channels, resolution, resolution], nominally [-1, 1]

        // Draw them as one picture, 8 in a row, twice as large.
        var picture = ImageGrid.Png([new GridPanel(loaded.Description, images, Flagged: [])], columns: 8, scale: 2);
        File.WriteAllBytes(picturePath, picture);
    }

    // End docs/library.md

    // The whole file of the sample; of a test, the lines between two comments, without their indentation.
    private static string Example(string file)
    {
        var text = File.ReadAllText(Path.Combine(Repository.Root, file)).ReplaceLineEndings("\n");
        if (file == Program)
            return text;

        var lines = text.Split('\n')
            .SkipWhile(line => line.Trim() != "// Begin docs/library.md").Skip(1)
            .TakeWhile(line => line.Trim() != "// End docs/library.md");
        return string.Join('\n', lines.Select(line => line.StartsWith("    ", StringComparison.Ordinal) ? line[4..] : line))
            .TrimEnd('\n') + "\n";
    }
}
