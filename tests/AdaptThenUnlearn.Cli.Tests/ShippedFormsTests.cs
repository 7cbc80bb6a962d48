using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Models.StyleGan2;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>What ships is what is gated: exports of a generator beside it, from the command line to the record.</summary>
public sealed class ShippedFormsTests(ShippedHouse house) : IClassFixture<ShippedHouse>
{
    private const string Limits =
        "\"maxParityDifference\": 0.05, \"maxPixelDifference\": 8, \"maxFrechetDifference\": 0.000001";
    private const string Lenient = "\"maxRate\": 0.99";

    [Fact]
    public void Govern_FaithfulExports_Pass()
    {
        var policy = house.Policy(
            "faithful", Lenient, house.Graph("exported.onnx", "onnx", Limits),
            $$"""{ "checkpoint": "half.safetensors", "name": "half", {{Limits}} }""");

        var (exitCode, _, errors) = Govern(policy);

        Assert.True(exitCode == 0, errors);
        var record = house.Record("faithful");
        Assert.Null(record.Training);
        var readings = record.Before.Shipped!;
        Assert.Equal(["onnx", "half"], readings.Select(reading => reading.Form));
        Assert.All(readings, reading =>
        {
            var artifact = record.Before.Features[0].Looks[0];
            var (own, answer) = (reading.Measured!.Features[0].Looks[0], reading.Answers[0]);
            Assert.Equal(artifact.Hits, own.Hits - answer.FormOnly + answer.ArtifactOnly);
            Assert.InRange(answer.Differing, 0, 4);
            Assert.InRange(artifact.Hits, 1, artifact.Samples - 1);
            Assert.InRange(reading.PixelDifference!.Value, 0, 8);
            Assert.InRange(reading.FrechetDistance!.Value, 0, 1e-6);
            Assert.Contains(record.Inputs, input => input.Role == InputRoles.ShippedForm(reading.Form)
                && input.Sha256 == reading.Sha256);
        });
        Assert.Equal(10, record.Verdict.Findings.Count(finding => finding.Rule.Form is not null));
        Assert.Equal(0, Verify("faithful").ExitCode);
        var report = File.ReadAllText(house.At("artifacts/faithful/report.md"));
        Assert.Contains("## What ships", report, StringComparison.Ordinal);
        Assert.Contains("shipped form onnx", report, StringComparison.Ordinal);
    }

    // The same damage as weights and as a graph: all but three levels of each weight are lost.
    [Fact]
    public void Govern_DamagedExports_FailAtTheRulesThatTheyMiss()
    {
        var policy = house.Policy(
            "damaged", Lenient, house.Graph("damaged.onnx", "int2", Limits),
            $$"""{ "checkpoint": "damaged.safetensors", "name": "weights", {{Limits}} }""");

        var (exitCode, _, errors) = Govern(policy);

        Assert.True(exitCode == 1, errors);
        var record = house.Record("damaged");
        Assert.Equal(FindingState.Passed, State(record, RuleName.MaxRate("ban")));
        foreach (var form in new[] { "int2", "weights" })
        {
            Assert.Equal(FindingState.Failed, State(record, RuleName.MaxParityDifference("ban", form)));
            Assert.Equal(FindingState.Failed, State(record, RuleName.MaxPixelDifference(form)));
            Assert.Equal(FindingState.Failed, State(record, RuleName.MaxFrechetDifference(form)));
        }

        Assert.Equal(
            record.Before.Shipped![0].Answers[0].Differing, record.Before.Shipped![1].Answers[0].Differing, tolerance: 2);
        Assert.Contains("ban/maxParityDifference/int2", errors, StringComparison.Ordinal);
        Assert.Equal(1, Verify("damaged").ExitCode);

        // The counts decide, also when somebody edits them.
        var path = house.At("artifacts/damaged/run.json");
        var (text, answer) = (File.ReadAllText(path), record.Before.Shipped![0].Answers[0]);
        File.WriteAllText(path, text.Replace(
            FormattableString.Invariant($"\"artifactOnly\": {answer.ArtifactOnly},"), "\"artifactOnly\": 0,",
            StringComparison.Ordinal));
        var edited = Verify("damaged");
        Assert.NotEqual(0, edited.ExitCode);
        Assert.Contains("the recorded verdict is not what the recorded readings give", edited.Errors + edited.Output,
            StringComparison.Ordinal);
    }

    // What ships must meet the feature's own limit, whatever is allowed of parity.
    [Fact]
    public void Govern_ExportThatShowsMore_FailsAtTheFeaturesOwnLimit()
    {
        var policy = house.Policy("rate", "\"maxRate\": 0.6", """{ "checkpoint": "frequent.safetensors" }""");

        var (exitCode, _, errors) = Govern(policy);

        Assert.True(exitCode == 1, errors);
        var record = house.Record("rate");
        Assert.Equal(FindingState.Passed, State(record, RuleName.MaxRate("ban")));
        Assert.Equal(FindingState.Failed, State(record, RuleName.MaxShippedRate("ban", "frequent.safetensors")));
    }

    [Fact]
    public void Govern_ExportThatMakesNoNumbers_IsNotMeasuredAndFails()
    {
        var policy = house.Policy("broken", Lenient, """{ "checkpoint": "broken.safetensors", "name": "broken" }""");

        var (exitCode, _, errors) = Govern(policy);

        Assert.True(exitCode == 1, errors);
        var record = house.Record("broken");
        Assert.Equal(FindingState.NotMeasured, State(record, RuleName.MaxShippedRate("ban", "broken")));
        Assert.Contains("not all finite", record.Before.Shipped![0].NotMeasured, StringComparison.Ordinal);
        Assert.Equal(1, Verify("broken").ExitCode);
    }

    // What was exported before is no export of what is trained now.
    [Fact]
    public void Govern_ThatTrains_SaysThatTheFilesAreOfAnotherGenerator()
    {
        var policy = house.Policy("trained", "\"maxRate\": 0.001", house.Graph("exported.onnx", "onnx", Limits));

        var (exitCode, _, errors) = Govern(policy);

        Assert.True(exitCode == 1, errors);
        var record = house.Record("trained");
        Assert.NotNull(record.Training);
        Assert.Null(record.Before.Shipped);
        Assert.Equal(record.After!.GeneratorSha256, record.After.Shipped![0].GeneratorSha256);
        var failed = record.Verdict.Findings.Single(finding => finding.Rule == RuleName.MaxShippedRate("ban", "onnx"));
        Assert.Equal(FindingState.Failed, failed.State);
        Assert.Contains("`atu govern --no-train`", failed.Explanation, StringComparison.Ordinal);
        Assert.Contains("are no exports of it", errors, StringComparison.Ordinal);
        Assert.Equal(1, Verify("trained").ExitCode);
    }

    [Theory]
    [InlineData("""{ "checkpoint": "exported.onnx" }""", "is an ONNX graph, and to use it is to run it")]
    [InlineData("""{ "checkpoint": "wide.safetensors" }""", "takes latents of 12 numbers, and the generator takes 8 numbers")]
    [InlineData("""{ "checkpoint": "large.safetensors" }""", "makes 1×32×32 images, and the generator makes 1×16×16")]
    [InlineData("""{ "checkpoint": "absent.onnx", "format": "onnx" }""", "absent.onnx")]
    [InlineData(
        """{ "checkpoint": "half.safetensors", "sha256": "0000000000000000000000000000000000000000000000000000000000000000" }""",
        "half.safetensors")]
    public void Govern_FileThatCannotBeCompared_IsRefusedBeforeAnythingIsMeasured(string form, string expected)
    {
        var (exitCode, _, errors) = Govern(house.Policy("refused", Lenient, form));

        Assert.True(exitCode is 2 or 3, $"{exitCode}: {errors}");
        Assert.Contains(expected, errors, StringComparison.Ordinal);
        Assert.False(File.Exists(house.At("artifacts/refused/run.json")));
    }

    // A graph whose noise is a constant cannot be given the noise of the artifact.
    [Fact]
    public void Govern_GraphWithOtherNoise_IsRefused()
    {
        var form = house.Graph("exported.onnx", "onnx", Limits)
            .Replace(
                "\"noise_0\":{\"is\":\"noise\"}", "\"noise_0\":{\"is\":\"constant\",\"value\":[0]}", StringComparison.Ordinal);
        Assert.Contains("constant", form, StringComparison.Ordinal);

        var (exitCode, _, errors) = Govern(house.Policy("noise", Lenient, form));

        Assert.Equal(2, exitCode);
        Assert.Contains("cannot be given the same noise", errors, StringComparison.Ordinal);
        Assert.Contains("shippedAs[0].checkpoint", errors, StringComparison.Ordinal);
    }

    private (int ExitCode, string Output, string Errors) Govern(string policy) =>
        Atu.Run("govern", policy, "--fresh", "--out", house.At("artifacts"), "--threads", "1");

    private (int ExitCode, string Output, string Errors) Verify(string name) =>
        Atu.Run("verify", house.At($"artifacts/{name}/run.json"));

    private static FindingState State(RunRecord record, RuleName rule) =>
        record.Verdict.Findings.Single(finding => finding.Rule == rule).State;
}

/// <summary>A small house with exports of its generator: faithful ones, damaged ones, and some of other generators.</summary>
public sealed class ShippedHouse : IDisposable
{
    private readonly Dictionary<string, string> _graphs = [];

    public ShippedHouse()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        Export("generator.safetensors", "exported.onnx");
        Change("half.safetensors", weights => weights.to(float16));
        Change("damaged.safetensors", weights =>
        {
            var step = weights.abs().max().clamp_min(1e-12);
            return (weights / step).round() * step;
        });
        Change("broken.safetensors", weights => weights * 1e30);   // their sums are no numbers
        Export("damaged.safetensors", "damaged.onnx");
        SaveOther("wide.safetensors", new StyleGan2Settings(16, 1, LatentSize: 12, MappingLayers: 2, [8, 6, 4]));
        SaveOther("large.safetensors", Torch.Tests.Small.Settings with { Resolution = 32, Channels = [8, 6, 4, 4] });
        SaveFrequent("frequent.safetensors");
    }

    public SmallHouse Small { get; } = new();

    public string At(string name) => Small.At(name);

    /// <summary>What <c>atu export</c> says that a policy needs for a graph, with a name and limits.</summary>
    public string Graph(string file, string name, string limits) => $"{_graphs[file][..^1]}, \"name\": \"{name}\", {limits} }}";

    /// <summary>Writes a policy whose generator ships as some files. It has limits of quality, so each file needs one of parity.
    /// </summary>
    public string Policy(string name, string limits, params string[] forms) => Small.Policy(
        name, limits,
        ("{ \"checkpoint\": \"generator.safetensors\" }",
            $"{{ \"checkpoint\": \"generator.safetensors\", \"shippedAs\": [{string.Join(", ", forms.Select(WithParity))}] }}"));

    private static string WithParity(string form) => form.Contains("maxParityDifference", StringComparison.Ordinal)
        ? form
        : form.TrimEnd()[..^1] + ", \"maxParityDifference\": 0.99 }";

    public RunRecord Record(string name) => RunRecordFile.Read(At($"artifacts/{name}/run.json"));

    public void Dispose() => Small.Dispose();

    private void Export(string from, string to)
    {
        var (exitCode, output, errors) = Atu.Run("export", At(from), "--onnx", At(to));
        Assert.True(exitCode == 0, errors);
        _graphs[to] = output.Split('\n', StringSplitOptions.RemoveEmptyEntries)[1];
    }

    private void SaveOther(string name, StyleGan2Settings settings)
    {
        using var generator = new StyleGan2Generator(settings);
        SafetensorsFile.Write(At(name), generator.state_dict());
    }

    // The first of other generators whose images the auditor mostly takes for banned ones.
    private void SaveFrequent(string name)
    {
        using var turn = SmallHouse.Randomness.EnterScope();
        using var auditor = ClassifierCheckpoint.Load(At("auditor.safetensors"), sha256: null, classes: null, CPU);
        for (var seed = 10; seed < 100; seed++)
        {
            using var networks = Torch.Tests.Small.Gan(seed);
            networks.Generator.eval();
            var images = ImageQuantizer.Quantize(networks.Generator.Generate(randn(200, 8), noise: null));
            var (_, logits) = FeaturePass.Run(auditor.Classifier, images);
            if (logits.argmax(1).to(float32).mean().item<float>() < 0.7)
                continue;
            SafetensorsFile.Write(At(name), networks.Generator.state_dict());
            return;
        }

        Assert.Fail("no generator shows the feature often enough");
    }

    private void Change(string name, Func<Tensor, Tensor> change)
    {
        using var loaded = GeneratorCheckpoint.Load(At("generator.safetensors"), "auto", null, null, CPU, generatorAlone: true);
        SafetensorsFile.Write(
            At(name),
            loaded.Generator.state_dict().ToDictionary(named => named.Key, named => change(named.Value)));
    }
}
