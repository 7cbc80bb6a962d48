using System.Text.Json;
using System.Text.RegularExpressions;
using AdaptThenUnlearn.Onnx.Export;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Tests;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Models.StyleGan2;
using AdaptThenUnlearn.Torch.Tests.Checkpoints;
using AdaptThenUnlearn.Torch.Tests.Features;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>ONNX graphs as generator, classifiers and extractor, from the command line to the record.</summary>
public sealed partial class OnnxTests(OnnxHouse house) : IClassFixture<OnnxHouse>
{
    private const string SafetensorsGenerator = "\"generator\": { \"checkpoint\": \"generator.safetensors\" }";

    [Fact]
    public void Measure_SameStyleGan2AsSafetensorsAndAsGraph_GivesTheSameCounts()
    {
        var weights = Measure(house.Small.Policy("weights"));
        var graphs = Measure(house.Policy("graphs"));

        Assert.Equal(Counts(weights), Counts(graphs));
        var distances = new[] { weights, graphs }
            .Select(measured => measured.GetProperty("quality").GetProperty("frechetDistance").GetDouble()).ToList();
        Assert.InRange(distances[1] / distances[0], 0.999, 1.001);
        Assert.NotEqual(0, Counts(graphs)[0].Hits);
    }

    [Fact]
    public void Measure_GraphsAlone_GiveTheSameCountsAsTheirOriginals()
    {
        (string, string) anyReference = ("\"reference\": \"reference.safetensors\"", "\"reference\": \"original-generator\"");
        var weights = Measure(house.Small.Policy("weights-alone", edit: anyReference));
        var graphs = Measure(house.Policy(
            "graphs-alone", edit:
            [
                anyReference, ("\"auditor.safetensors\"",
                    "\"auditor.onnx\", \"format\": \"onnx\", \"classes\": [\"plain\", \"banned\"]"),
            ]));

        Assert.Equal(Counts(weights), Counts(graphs));
    }

    // A graph labels, but its features cannot be followed.
    [Theory]
    [InlineData("retention.featureWeight=1", "unlearning.retention.featureWeight")]
    [InlineData("retention.featureWeight=0", "unlearning.frechetLoss")]
    [InlineData("frechetLoss.annotatorWeight=0", "unlearning.guidance")]
    [InlineData("frechetLoss.annotatorWeight=0 guidance.weight=0", "unlearning.classBalance.guidance")]
    public void Govern_FeaturesOfAGraphWithoutStudents_AreRefusedBeforeAnythingIsTrained(string settings, string path)
    {
        var policy = house.Small.Policy(
            "followed", edit:
            ("\"annotator.safetensors\"",
                "\"annotator.onnx\", \"format\": \"onnx\", \"classes\": [\"plain\", \"banned\"]"));

        var (exitCode, _, errors) = Atu.Run(
            [
                "govern", policy, "--out", house.At("followed-out"), "--threads", "1", "--set", "unlearning.students.count=0",
                .. settings.Split(' ').SelectMany(setting => new[] { "--set", $"unlearning.{setting}" }),
            ]);

        Assert.Equal(2, exitCode);
        Assert.Contains($"{path}: gradients do not pass through", errors, StringComparison.Ordinal);
        Assert.DoesNotContain("adaptation", errors, StringComparison.Ordinal);
    }

    // Its students learn what it says, and have gradients. They also sort the images from which the run learns.
    [Fact]
    public void Govern_StudentsOfAGraph_AreFollowedInItsPlace()
    {
        var policy = house.Small.Policy(
            "taught", edit:
            ("\"annotator.safetensors\"",
                "\"annotator.onnx\", \"format\": \"onnx\", \"classes\": [\"plain\", \"banned\"]"));

        var (exitCode, _, errors) = Atu.Run(
            "govern", policy, "--out", house.At("taught-out"), "--threads", "1",
            "--set", "unlearning.guidance.weight=1",
            "--set", "unlearning.frechetLoss.window=2000",
            "--set", "unlearning.students={\"count\":2,\"samples\":2000,\"epochs\":8}");

        Assert.True(exitCode is 0 or 1, errors);
        Assert.Contains("students of the annotators 16/16", errors, StringComparison.Ordinal);
        var record = RunRecordFile.Read(house.At("taught-out/taught/run.json"));
        Assert.Equal(2, record.Training!.Students!.Count);
        Assert.InRange(record.Training.Students.SmallestAgreement, 0.5, 1);   // a quarter is banned
        Assert.Contains(record.Times.Stages, stage => stage.Stage == "students of the annotators");
        Assert.Contains(
            "| Students of the annotators | 2, each agrees with its annotator on at least ",
            File.ReadAllText(house.At("taught-out/taught/report.md")), StringComparison.Ordinal);
    }

    // The digit generator and both classifiers that come with the tool, each as `atu export` writes it.
    [Fact]
    public void Measure_EmbeddedModelsAsGraphs_GivesTheSameCounts()
    {
        string[] names = ["stylegan2", "lenet5", "auditor"];
        var classes = "\"classes\": [" + string.Join(", ", Enumerable.Range(0, 10).Select(digit => $"\"{digit}\"")) + "]";
        var weights = names.ToDictionary(
            name => name,
            name => JsonSerializer.Serialize(Path.Combine(Repository.Root, "models", "mnist", name + ".safetensors")));
        var written = weights.ToDictionary(
            pair => pair.Key, pair => pair.Key == "stylegan2"
                ? $"{{ \"checkpoint\": {pair.Value} }}"
                : $"{{ \"checkpoint\": {pair.Value}, {classes} }}");
        var exported = weights.ToDictionary(pair => pair.Key, pair =>
        {
            var (exitCode, output, errors) = Atu.Run(
                "export", JsonSerializer.Deserialize<string>(pair.Value)!, "--onnx", house.At("embedded-" + pair.Key + ".onnx"));
            Assert.True(exitCode == 0, errors);
            return output.Trim().Split('\n')[^1];
        });

        var counts = Counts(Measure(Write("digits", written)));

        Assert.Equal(counts, Counts(Measure(Write("digits-as-graphs", exported))));
        Assert.All(counts, count => Assert.InRange(count.Hits, 20, 120));   // about a tenth of 600

        string Write(string name, Dictionary<string, string> files)
        {
            File.WriteAllText(house.At(name + ".json"), $$"""
                {
                  "schemaVersion": 1,
                  "name": "{{name}}",
                  "generator": {{files["stylegan2"]}},
                  "classifiers": { "lenet5": {{files["lenet5"]}}, "auditor": {{files["auditor"]}} },
                  "undesiredFeatures": [
                    { "name": "by-auditor", "annotator": "lenet5", "auditor": "auditor", "class": "8", "maxRate": 0.01 },
                    { "name": "by-lenet5", "annotator": "auditor", "auditor": "lenet5", "class": "8", "maxRate": 0.01 }
                  ],
                  "evaluation": { "samples": 600, "maxSamples": 600 }
                }
                """);
            return house.At(name + ".json");
        }
    }

    // A TorchScript program takes no noise maps, so the noise of all three has no strength.
    [Fact]
    public void Measure_EmbeddedStyleGan2InThreeForms_GivesTheSameCounts()
    {
        var models = Path.Combine(Repository.Root, "models", "mnist");
        using (no_grad())
        using (var loaded = GeneratorCheckpoint.Load(
            Path.Combine(models, "stylegan2.safetensors"), "auto", null, null, CPU, generatorAlone: true))
        {
            foreach (var (name, strength) in loaded.Generator.state_dict())
                if (name.EndsWith(".noise.weight", StringComparison.Ordinal))
                    strength.zero_();
            SafetensorsFile.Write(house.At("noiseless.safetensors"), loaded.Generator.state_dict());
            ScriptedStyleGan2.Write(house.At("noiseless.pt"), (StyleGan2Generator)loaded.Generator);
        }

        var (exitCode, output, errors) =
            Atu.Run("export", house.At("noiseless.safetensors"), "--onnx", house.At("noiseless.onnx"));
        Assert.True(exitCode == 0, errors);
        var counts = Counts(Measure(Write("as-weights", """{ "checkpoint": "noiseless.safetensors" }""")));

        Assert.Equal(counts, Counts(Measure(Write("as-graph", output.Trim().Split('\n')[^1]))));
        Assert.Equal(counts, Counts(Measure(Write(
            "as-program", """{ "checkpoint": "noiseless.pt", "format": "torchscript", "latentSize": 64 }"""))));
        Assert.All(counts, count => Assert.InRange(count.Hits, 20, 120));   // about a tenth of 600

        string Write(string name, string generator)
        {
            var (annotator, auditor) = (
                JsonSerializer.Serialize(Path.Combine(models, "lenet5.safetensors")),
                JsonSerializer.Serialize(Path.Combine(models, "auditor.safetensors")));
            File.WriteAllText(house.At(name + ".json"), $$"""
                {
                  "schemaVersion": 1,
                  "name": "{{name}}",
                  "generator": {{generator}},
                  "classifiers": { "lenet5": { "checkpoint": {{annotator}} }, "auditor": { "checkpoint": {{auditor}} } },
                  "undesiredFeatures": [
                    { "name": "digit-8", "annotator": "lenet5", "auditor": "auditor", "class": "8", "maxRate": 0.01 }
                  ],
                  "evaluation": { "samples": 600, "maxSamples": 600 }
                }
                """);
            return house.At(name + ".json");
        }
    }

    [Theory]
    [InlineData("0.0001", 1, "graphs.rejected.onnx")]
    [InlineData("0.99", 0, "graphs.onnx")]
    public void Govern_AGraph_IsJudgedAndNotTrained(string maxRate, int expected, string file)
    {
        var policy = house.Policy("graphs", $"\"maxRate\": {maxRate}");
        var (exitCode, _, errors) = Atu.Run("govern", policy, "--fresh", "--out", house.At("artifacts"), "--threads", "1");

        Assert.True(exitCode == expected, errors);
        var record = RunRecordFile.Read(house.At("artifacts/graphs/run.json"));
        Assert.Null(record.Training);
        Assert.StartsWith("ONNX Runtime 1.31.1 on the CPU", record.Environment.GraphRuntime, StringComparison.Ordinal);
        var remarks = record.Remarks!.Where(remark => remark.About == "generator").ToList();
        Assert.Contains(
            remarks, remark => remark.Text.Contains("has no weights that can be trained", StringComparison.Ordinal)
                && remark.IsWarning == (expected == 1));
        Assert.Contains(remarks, remark => remark.Text.Contains("'latent' float32 [N, 8]: latent", StringComparison.Ordinal));
        Assert.Equal(
            File.ReadAllBytes(house.At("generator.onnx")), File.ReadAllBytes(house.At($"artifacts/graphs/{file}")));
        Assert.Equal(expected, Atu.Run("verify", house.At("artifacts/graphs/run.json")).ExitCode);
        var report = File.ReadAllText(house.At("artifacts/graphs/report.md"));
        Assert.Contains("ONNX, by ONNX Runtime 1.31.1 on the CPU", report, StringComparison.Ordinal);
    }

    [Fact]
    public void Sample_AGraph_GivesTheImagesOfTheOriginal()
    {
        using var scope = NewDisposeScope();
        var (one, other) = (house.At("one.npy"), house.At("other.npy"));
        string[] inputs = [.. house.Inputs.SelectMany(name => new[]
        {
            "--input", name == "latent" || name == "truncation" ? $"{name}={name}" : $"{name}=noise",
        })];

        var made = Atu.Run([
            "sample", house.At("generator.onnx"), "--format", "onnx", "--range", "-1..1", "--npy", one, "--count", "9",
                "--truncation", "0.7",
            "--threads", "1", .. inputs,
        ]);
        Atu.Run("sample", house.At("generator.safetensors"), "--npy", other, "--count", "9", "--truncation", "0.7", "--threads",
            "1");

        Assert.True(made.ExitCode == 0, made.Errors);
        var difference = (NumpyFile.Read(one) - NumpyFile.Read(other)).abs().max().item<float>();
        Assert.InRange(difference, 0, 1e-4);
    }

    [Theory]
    [InlineData("is an ONNX graph, and to use it is to run it", "sample")]
    [InlineData("has 7 inputs", "sample", "--format", "onnx")]
    [InlineData("has no input 'w'", "sample", "--format", "onnx", "--input", "w=latent")]
    [InlineData("is not of the form NAME=latent", "sample", "--format", "onnx", "--input", "latent=z")]
    [InlineData("must say of exactly one input", "sample", "--format", "onnx", "--input", "latent=noise")]
    [InlineData("are for --format onnx", "sample", "--range", "0..1")]
    public void Sample_WrongWords_AreOneLine(string expected, string command, params string[] more)
    {
        var (exitCode, _, errors) = Atu.Run([command, house.At("generator.onnx"), "--npy", house.At("x.npy"), .. more]);

        Assert.NotEqual(0, exitCode);
        Assert.Contains(expected, errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Inspect_AGraph_SaysWhatThePolicyNeeds()
    {
        var (exitCode, output, _) = Atu.Run("inspect", house.At("generator.onnx"));

        Assert.Equal(0, exitCode);
        Assert.Contains("value input latent float32 [N, 8]", Spaces().Replace(output, " "), StringComparison.Ordinal);
        Assert.Contains("\"noise_0\": { \"is\": \"noise\" }", output, StringComparison.Ordinal);
        Assert.Contains("\"truncation\": { \"is\": \"truncation\" }", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Export_GeneratorAndClassifier_SayWhatThePolicyNeeds()
    {
        var generator = Atu.Run("export", house.At("generator.safetensors"), "--onnx", house.At("again.onnx"));
        var classifier = Atu.Run("export", house.At("auditor.safetensors"), "--onnx", house.At("again-auditor.onnx"), "--json");

        Assert.Equal((0, 0), (generator.ExitCode, classifier.ExitCode));
        Assert.Contains("\"latent\":{\"is\":\"latent\"}", generator.Output, StringComparison.Ordinal);
        Assert.Contains("\"output\":{\"range\":\"-1..1\"}", generator.Output, StringComparison.Ordinal);
        Assert.Equal(File.ReadAllBytes(house.At("generator.onnx")), File.ReadAllBytes(house.At("again.onnx")));
        using var json = JsonDocument.Parse(classifier.Output);
        var policy = json.RootElement.GetProperty("policy");
        Assert.Equal("onnx", policy.GetProperty("format").GetString());
        Assert.Equal(["plain", "banned"], policy.GetProperty("classes").EnumerateArray().Select(name => name.GetString()));
        Assert.Equal(0, Atu.Run("export", house.At("auditor.safetensors"), "--onnx", house.At("again-auditor.onnx")).ExitCode);
        Assert.Equal(2, Atu.Run("export", house.At("auditor.safetensors"), "--onnx", house.At("reference.safetensors")).ExitCode);
    }

    [Fact]
    public void Measure_GraphAsExtractor_IsNamed()
    {
        using (var colours = ClassifierArchitectures.Build(StridedConvNet.Name, new Torch.Models.ImageShape(3, 16), ["a", "b",
            "c"]))
        {
            colours.eval();
            GraphExport.Write(house.At("extractor.onnx"), colours);
        }

        var measured = Measure(house.Policy(
            "extracted", "\"maxRate\": 0.9",
            ("\"extractor\": \"auditor\", \"reference\": \"reference.safetensors\", \"maxFrechetIncrease\": 100",
                "\"extractor\": \"onnx\", \"extractorWeights\": \"extractor.onnx\", \"reference\": \"original-generator\", "
                    + "\"maxFrechetDistance\": 100")));

        Assert.Equal("ONNX Fréchet distance", measured.GetProperty("quality").GetProperty("metric").GetString());
    }

    [Fact]
    public void Example_OnThePage_RunsAsItStandsThere()
    {
        using var other = new SmallHouse();
        using (SmallHouse.Randomness.EnterScope())
        using (var networks = ForeignFiles.Gan("dcgan"))
        {
            networks.Generator.eval();
            GraphExport.Write(other.At("generator.onnx"), networks.Generator);
            other.Furnish(networks.Generator);
        }

        var page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "bring-your-own-generator.md"));
        var section = page.Split("\n## ").Single(part => part.StartsWith("An ONNX graph\n", StringComparison.Ordinal));
        var example = Example().Match(section);
        other.Policy("policy", "\"maxRate\": 0.9", (SafetensorsGenerator, example.Groups[1].Value.Trim()));

        foreach (var command in example.Groups[2].Value.Trim().Split('\n'))
        {
            var (exitCode, _, errors) = Atu.Run([.. command.Split(' ').Skip(1).Select(
                word => word is "artifacts" || Path.HasExtension(word) && !word.Contains("..", StringComparison.Ordinal)
                    ? other.At(word) : word)]);
            Assert.True(exitCode == 0, $"{command}: {errors}");
        }

        Assert.True(File.Exists(other.At("artifacts/policy/policy.onnx")));
    }

    private static List<(long Samples, long Hits)> Counts(JsonElement measured) =>
    [
        .. measured.GetProperty("features").EnumerateArray().SelectMany(feature => feature.GetProperty("looks").EnumerateArray())
            .Select(look => (look.GetProperty("samples").GetInt64(), look.GetProperty("hits").GetInt64())),
    ];

    private static JsonElement Measure(string policy)
    {
        var (exitCode, output, errors) = Atu.Run("measure", policy, "--json", "--threads", "1");
        Assert.True(exitCode == 0, errors);
        return JsonDocument.Parse(output).RootElement;
    }

    [GeneratedRegex(@"```json\n(""generator"".*?)```\n\n```\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Example();

    [GeneratedRegex(" +")]
    private static partial Regex Spaces();
}

/// <summary>The smallest house, with its generator and its classifiers as graphs too.</summary>
public sealed class OnnxHouse : IDisposable
{
    public OnnxHouse()
    {
        using var scope = NewDisposeScope();
        using (var loaded = GeneratorCheckpoint.Load(At("generator.safetensors"), "auto", null, null, CPU, generatorAlone: true))
            Inputs = [.. GraphExport.Write(At("generator.onnx"), loaded.Generator).Inputs!.Keys];
        foreach (var name in new[] { "annotator", "auditor" })
        {
            using var loaded = ClassifierCheckpoint.Load(At($"{name}.safetensors"), sha256: null, classes: null, CPU);
            GraphExport.Write(At($"{name}.onnx"), loaded.Classifier);
        }
    }

    public SmallHouse Small { get; } = new();

    public IReadOnlyList<string> Inputs { get; }

    public string At(string name) => Small.At(name);

    /// <summary>Writes a policy whose generator and annotator are graphs.</summary>
    public string Policy(string name, string limits = "\"maxRate\": 0.001", params (string From,
        string To)[] edit) => Small.Policy(
        name, limits,
        [
            ("\"generator\": { \"checkpoint\": \"generator.safetensors\" }",
                "\"generator\": { \"checkpoint\": \"generator.onnx\", \"format\": \"onnx\", "
                    + "\"output\": { \"range\": \"-1..1\" }, \"inputs\": { "
                    + string.Join(", ", Inputs.Select(input => $"\"{input}\": {{ \"is\": \"{Kind(input)}\" }}")) + " } }"),
            ("\"annotator.safetensors\"", "\"annotator.onnx\", \"format\": \"onnx\", \"classes\": [\"plain\", \"banned\"]"),
            .. edit,
        ]);

    public void Dispose() => Small.Dispose();

    private static string Kind(string input) => input is "latent" or "truncation" ? input : "noise";
}
