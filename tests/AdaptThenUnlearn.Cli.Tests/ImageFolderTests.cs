using System.Text;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Tests;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Images;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>A folder of rendered images as the generator, from <c>atu sample</c> to the verdict.</summary>
public sealed class ImageFolderTests : IClassFixture<ImageFolderTests.Renders>
{
    private readonly Renders _renders;

    public ImageFolderTests(Renders renders) => _renders = renders;

    [Fact]
    public void Govern_Folder_HasTheHitsOfACountByHandAndPassesOrFails()
    {
        var byHand = CountByHand(_renders.Images);
        Assert.InRange(byHand, 20, 100);   // of 400 images of ten digits

        var (passed, _, passedErrors) = Govern("lenient", "\"maxRate\": 0.4");
        var (failed, _, failedErrors) = Govern("strict", "\"maxRate\": 0.05");

        Assert.True(passed == 0, passedErrors);
        Assert.True(failed == 1, failedErrors);
        Assert.Contains("is a folder of images, and has no weights", failedErrors, StringComparison.Ordinal);
        foreach (var name in (string[])["lenient", "strict"])
        {
            var record = RunRecordFile.Read(Out(name, "run.json"));
            var look = Assert.Single(record.Before.Features[0].Looks);
            Assert.Equal((400, byHand), (look.Samples, look.Hits));
            Assert.Equal(0, record.Before.Repeats!.Repeated);
            Assert.Contains(
                record.Remarks!,
                remark => remark.IsWarning && remark.Text.Contains("fair sample", StringComparison.Ordinal));
            var report = File.ReadAllText(Out(name, "report.md"));
            Assert.Contains("fair sample", report, StringComparison.Ordinal);
            Assert.Contains(
                "0 of 400 are the same as another one, or nearly so; at most 1 % may be", report, StringComparison.Ordinal);

            // What is released is the list of the images, with the digest of the folder.
            var released = record.Outputs.Single(output => OutputRoles.IsGenerator(output.Role));
            Assert.Equal(name == "strict" ? "strict.rejected.images.txt" : "lenient.images.txt", released.Path);
            Assert.Equal(record.Before.GeneratorSha256, released.Sha256);
            Assert.Equal(Sha256Digest.FindAt(_renders.Images), released.Sha256);
            var lines = File.ReadAllText(Out(name, released.Path)).TrimEnd('\n').Split('\n');
            Assert.Equal(400, lines.Length);
            Assert.Equal($"000000.png\0{Sha256Digest.ComputeFile(Path.Combine(_renders.Images, "000000.png"))}", lines[0]);
        }

        Assert.Equal(0, Atu.Run("verify", Out("lenient", "run.json")).ExitCode);
        Assert.Equal(1, Atu.Run("verify", Out("strict", "run.json")).ExitCode);
    }

    [Fact]
    public void Verify_FolderThatHasChanged_IsNotBelieved()
    {
        var images = _renders.Copy("changing", count: 100);
        var policy = _renders.Policy("changed", "\"maxRate\": 0.4", samples: 100, images: "changing");
        Assert.Equal(0, Atu.Run("govern", policy, "--out", _renders.At("artifacts")).ExitCode);
        Assert.Equal(0, Atu.Run("verify", Out("changed", "run.json")).ExitCode);

        File.Delete(Path.Combine(images, "000007.png"));

        var (exitCode, output, errors) = Atu.Run("verify", Out("changed", "run.json"));
        Assert.Equal(1, exitCode);
        Assert.Contains("has changed", output + errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Govern_RepeatedImages_AreNotMeasured()
    {
        var images = _renders.Copy("repeated", count: 97);
        foreach (var number in (string[])["000001", "000002", "000003"])
            File.Copy(Path.Combine(images, number + ".png"), Path.Combine(images, number + " again.png"));
        var policy = _renders.Policy("repeats", "\"maxRate\": 0.4", samples: 100, images: "repeated");

        var (exitCode, _, errors) = Atu.Run("govern", policy, "--out", _renders.At("artifacts"));

        Assert.True(exitCode == 1, errors);
        var finding = RunRecordFile.Read(Out("repeats", "run.json")).Verdict.Findings.Single();
        Assert.Equal(FindingState.NotMeasured, finding.State);
        Assert.StartsWith("3 of 100 images are the same as another one", finding.Explanation, StringComparison.Ordinal);
        Assert.Equal(0, Atu.Run(
            "govern", policy, "--set", "generator.maxDuplicates=0.03", "--out", _renders.At("allowed")).ExitCode);
    }

    [Fact]
    public void Govern_FewerImagesThanSamples_IsRefusedBeforeAnythingIsMeasured()
    {
        var policy = _renders.Policy("too-few", "\"maxRate\": 0.4", samples: 401);

        var (exitCode, _, errors) = Atu.Run("govern", policy, "--out", _renders.At("artifacts"));

        Assert.Equal(2, exitCode);
        Assert.Contains(
            "$.evaluation.samples: is 401, and the folder of generator.images holds 400 images: set it to 400",
            errors,
            StringComparison.Ordinal);
        Assert.DoesNotContain("measuring", errors, StringComparison.Ordinal);
        Assert.Contains(
            "holds 400 images: set it to 400", Atu.Run("policy", "check", policy).Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Measure_InParts_GivesTheSameNumbers()
    {
        var policy = _renders.Policy("parts", "\"maxRate\": 0.4");
        foreach (var part in (string[])["1/2", "2/2"])
            Assert.Equal(
                0,
                Atu.Run("measure", policy, "--shard", part, "--out", _renders.At($"part-{part[0]}.safetensors")).ExitCode);

        var whole = Atu.Run("measure", policy, "--json");
        var merged = Atu.Run(
            "merge", policy, _renders.At("part-1.safetensors"), _renders.At("part-2.safetensors"), "--json");

        Assert.Equal(0, whole.ExitCode);
        Assert.Equal(0, merged.ExitCode);
        Assert.Contains("\"repeats\"", whole.Output, StringComparison.Ordinal);
        Assert.Equal(whole.Output, merged.Output);
    }

    [Fact]
    public void Inspect_Folder_DescribesIt()
    {
        var (exitCode, output, _) = Atu.Run("inspect", _renders.Images);

        Assert.Equal(0, exitCode);
        Assert.Contains("32×32", output, StringComparison.Ordinal);
        Assert.Contains("grey: every image has three equal channels", output, StringComparison.Ordinal);
        Assert.Contains("0 have the same pixels", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("sample")]
    [InlineData("attack")]
    [InlineData("compare")]
    public void OtherCommands_Folder_AreRefusedClearly(string command)
    {
        var policy = _renders.Policy("refused-" + command, "\"maxRate\": 0.4");
        var (exitCode, _, errors) = command switch
        {
            "sample" => Atu.Run("sample", _renders.Images, "--out", _renders.At("grid.png")),
            "attack" => Atu.Run("attack", policy, "--after", Renders.Generator, "--out", _renders.At("attacked")),
            _ => Atu.Run("compare", policy, "--out", _renders.At("compared"), "--seeds", "1"),
        };

        Assert.True(exitCode == 2, errors);
        Assert.Contains(
            command == "sample" ? "is a folder, and no checkpoint" : "and has no weights", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Sample_FolderThatIsNotEmpty_IsLeftAlone()
    {
        var (exitCode, _, errors) = Atu.Run("sample", Renders.Generator, "--images", _renders.Images, "--count", "2");

        Assert.Equal(2, exitCode);
        Assert.Contains("is not an empty folder; nothing was written", errors, StringComparison.Ordinal);
        Assert.Equal(400, Directory.GetFiles(_renders.Images).Length);
    }

    private static long CountByHand(string folder)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var auditor = ClassifierCheckpoint.Load(Renders.Auditor, null, null, CPU).Classifier;
        var images = ImageFolder.Read(folder, channels: 1);
        return auditor.Logits(auditor.Features(images)).argmax(1).eq(8).sum().item<long>();
    }

    private (int ExitCode, string Output, string Errors) Govern(string name, string limits) =>
        Atu.Run("govern", _renders.Policy(name, limits), "--out", _renders.At("artifacts"));

    private string Out(string policy, string file) => _renders.At(Path.Combine("artifacts", policy, file));

    /// <summary>400 images of the digit generator, rendered once.</summary>
    public sealed class Renders : IDisposable
    {
        private readonly string _folder = Directory.CreateTempSubdirectory("atu-renders-").FullName;

        public Renders()
        {
            var (exitCode, _, errors) = Atu.Run("sample", Generator, "--images", Images, "--count", "400", "--seed", "7");
            Assert.True(exitCode == 0, errors);
        }

        public static string Generator => Model("stylegan2");

        public static string Auditor => Model("auditor");

        public string Images => At("renders");

        public string At(string name) => Path.Combine(_folder, name);

        public string Copy(string name, int count)
        {
            Directory.CreateDirectory(At(name));
            foreach (var file in Directory.GetFiles(Images).Order(StringComparer.Ordinal).Take(count))
                File.Copy(file, Path.Combine(At(name), Path.GetFileName(file)));
            return At(name);
        }

        public string Policy(string name, string limits, int samples = 400, string images = "renders/")
        {
            File.WriteAllText(At(name + ".json"), $$"""
                {
                  "schemaVersion": 1,
                  "name": "{{name}}",
                  "generator": { "images": "{{images}}", "channels": "grey" },
                  "classifiers": {
                    "digits": { "checkpoint": "{{Model("lenet5").Replace('\\', '/')}}" },
                    "auditor": { "checkpoint": "{{Auditor.Replace('\\', '/')}}" }
                  },
                  "undesiredFeatures": [
                    { "name": "digit-8", "annotator": "digits", "auditor": "auditor", "class": "8", {{limits}} }
                  ],
                  "evaluation": { "samples": {{samples}} }
                }
                """, Encoding.UTF8);
            return At(name + ".json");
        }

        public void Dispose() => Directory.Delete(_folder, recursive: true);

        private static string Model(string name) => Path.Combine(Repository.Root, "models", "mnist", name + ".safetensors");
    }
}
