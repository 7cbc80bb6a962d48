using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Tests;
using AdaptThenUnlearn.Torch.Tests.Features;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>
/// Classifiers with other outputs than the policy says, or that cannot recognise a feature, in the real commands: the right count
/// or an error.
/// </summary>
public sealed class ClassifierOutputTests(SmallHouse house) : IClassFixture<SmallHouse>
{
    // Brightness above its mean in the smallest generator's images, as two logits.
    private const string Bright = "b = torch.mul(torch.add(torch.mean(x, [1, 2, 3]), 0.02), 60.)";
    private const string Logits = Bright + "\n    y = torch.stack([torch.zeros_like(b), b], 1)";

    [Theory]
    [InlineData("return y", "softmax", true)]
    [InlineData("return torch.log_softmax(y, 1)", "softmax", true)]
    [InlineData("return torch.to(y, 5)", "softmax", true)]
    [InlineData("return torch.softmax(y, 1)", "probabilities", true)]
    [InlineData("return torch.softmax(y, 1)", "softmax", false)]
    [InlineData("return y", "probabilities", false)]
    public void Measure_ProgramOfTwoClasses_CountsTheSameOrIsRefused(string ending, string outputs, bool counts)
    {
        var right = Measure($"{Logits}\n    return y", "softmax", "\"plain\", \"banned\"");
        var (exitCode, output, errors) = Measure($"{Logits}\n    {ending}", outputs, "\"plain\", \"banned\"");

        Assert.True(right.ExitCode == 0, right.Errors);
        if (counts)
        {
            Assert.True(exitCode == 0, errors);
            Assert.Equal(right.Output, output);
            return;
        }

        Assert.Equal(2, exitCode);
        Assert.Empty(output);
        Assert.Contains(
            "error ATU1007: $.classifiers.auditor.outputs: over 400 images its outputs lie between",
            errors,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("return torch.unsqueeze(b, 1)", "sigmoid", true)]
    [InlineData("return b", "sigmoid", true)]   // squeezed
    [InlineData("return torch.unsqueeze(torch.sigmoid(b), 1)", "independent-probabilities", true)]
    [InlineData("return torch.unsqueeze(torch.sigmoid(b), 1)", "sigmoid", false)]
    public void Measure_ProgramOfOneClass_CountsTheSameOrIsRefused(string ending, string outputs, bool counts)
    {
        var right = Measure($"{Logits}\n    return y", "softmax", "\"plain\", \"banned\"");
        var (exitCode, output, errors) = Measure($"{Bright}\n    {ending}", outputs, "\"banned\"");

        Assert.Equal(counts ? 0 : 2, exitCode);
        if (counts)
            Assert.Equal(right.Output, output);
        else
            Assert.Contains("say \"outputs\": \"independent-probabilities\"", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Govern_ProbabilitiesWithAThreshold_CountAsTheLogitsDo()
    {
        var logits = Hits("logits", $"{Logits}\n    return y", "softmax");
        var probabilities = Hits("stated", $"{Logits}\n    return torch.softmax(y, 1)", "probabilities");

        Assert.InRange(logits, 1, 399);
        Assert.Equal(logits, probabilities);

        long Hits(string name, string body, string outputs)
        {
            var policy = Policy(
                name,
                body,
                outputs,
                "\"plain\", \"banned\"",
                ("\"class\": \"banned\"", "\"class\": \"banned\", \"threshold\": 0.8"));
            var (_, _, errors) = Atu.Run("govern", policy, "--no-train", "--out", house.At("out"), "--threads", "1");
            Assert.True(File.Exists(house.At($"out/{name}/run.json")), errors);
            return AdaptThenUnlearn.Runs.RunRecordFile.Read(house.At($"out/{name}/run.json")).Before.Features[0].Looks[0].Hits;
        }
    }

    // It takes 0 to 255 and is given -1 to 1: none of the images is bright to it.
    [Fact]
    public void Program_ThatNeverSeesTheFeature_IsNotMeasuredByMeasureAndGovern()
    {
        var policy = Policy(
            "range",
            "b = torch.sub(torch.mean(x, [1, 2, 3]), 60.)\n    return torch.stack([torch.zeros_like(b), b], 1)",
            "softmax",
            "\"plain\", \"banned\"");

        var measured = Atu.Run("measure", policy, "--threads", "1");
        var governed = Atu.Run("govern", policy, "--out", house.At("out"), "--threads", "1");

        Assert.Equal(2, measured.ExitCode);
        Assert.Contains(
            "error ATU1106: $.undesiredFeatures[0]: not measured: the auditor 'auditor' saw 'banned' in none of 400 images",
            measured.Errors,
            StringComparison.Ordinal);
        Assert.DoesNotContain("0 of 400", measured.Output, StringComparison.Ordinal);
        Assert.Equal(1, governed.ExitCode);
        Assert.Contains("not measured ban/maxRate", governed.Errors, StringComparison.Ordinal);
        Assert.Contains("0 to 255", governed.Errors, StringComparison.Ordinal);
        // Nothing is trained for a limit that cannot be measured.
        Assert.DoesNotContain("collecting feedback", governed.Errors, StringComparison.Ordinal);
        Assert.Equal(1, Atu.Run("verify", house.At("out/range/run.json")).ExitCode);
    }

    // Hugging Face's programs return tuples.
    [Theory]
    [InlineData("return (b, y)", "Tuple[Tensor, Tensor]", 1)]
    [InlineData("return (y, b, b)", "Tuple[Tensor, Tensor, Tensor]", 0)]
    [InlineData("return [b, b, y]", "List[Tensor]", 2)]
    public void Measure_ProgramOfSeveralOutputs_CountsTheOneThatIsNamed(string ending, string returns, int position)
    {
        var right = Measure($"{Logits}\n    return y", "softmax", "\"plain\", \"banned\"");
        var named = Measured($"{Logits}\n    {ending}", returns, position);
        var beyond = Measured($"{Logits}\n    {ending}", returns, position: 3);
        var whole = Measured($"{Logits}\n    return y", "Tensor", position: 0);

        Assert.True(named.ExitCode == 0, named.Errors);
        Assert.Equal(right.Output, named.Output);
        Assert.Equal(3, beyond.ExitCode);
        Assert.Contains("names position 3, counted from 0", beyond.Errors, StringComparison.Ordinal);
        Assert.Equal(3, whole.ExitCode);
        Assert.Contains("returns a tensor, and \"output\" of the policy's classifier", whole.Errors, StringComparison.Ordinal);

        (int ExitCode, string Output, string Errors) Measured(string body, string kind, int position) => Atu.Run(
            "measure",
            Policy(
                "several", body, "softmax", "\"plain\", \"banned\"",
                ("\"outputs\": \"softmax\"", $"\"outputs\": \"softmax\", \"output\": \"{position}\""), kind),
            "--threads", "1");
    }

    [Theory]
    [InlineData("return {\"logits\": y}", "Dict[str, Tensor]", "returns no tensor, but a dictionary, a tuple, a list")]
    [InlineData("return (y, y)", "Tuple[Tensor, Tensor]", "returns no tensor, but a dictionary, a tuple, a list")]
    [InlineData("return [y]", "List[Tensor]", "returns no tensor, but a dictionary, a tuple, a list")]
    [InlineData("return torch.linear(torch.view(x, [1, 256]), torch.ones([2, 256]))", "Tensor", "takes one image at a time")]
    public void Measure_ProgramThatDoesNotDoItsDuty_IsToldHowToMendIt(string ending, string returns, string expected)
    {
        var (exitCode, _, errors) = Measure($"{Logits}\n    {ending}", "softmax", "\"plain\", \"banned\"", returns);

        Assert.Equal(3, exitCode);
        Assert.Contains(expected, errors, StringComparison.Ordinal);
        Assert.DoesNotContain("Index was out of range", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Measure_ExtractorForOneSizeAlone_IsTriedAtTheImagesOwn()
    {
        ScriptedProgram.Write(
            house.At("fixed.pt"),
            "  def forward(self: __torch__.Program, img: Tensor) -> Tensor:\n    x = torch.to(torch.view(img, [-1, 3, 16, "
                + "16]), 6)\n    return torch.flatten(torch.adaptive_avg_pool2d(torch.slice(x, 1, 0, 1), [2, 2]), 1)");
        var policy = house.Policy(
            "fixed", edit: (
                "\"extractor\": \"auditor\", \"reference\": \"reference.safetensors\"",
                "\"extractor\": \"torchscript\", \"extractorWeights\": \"fixed.pt\", \"reference\": \"original-generator\""));

        var (exitCode, output, errors) = Atu.Run("measure", policy, "--threads", "1");

        Assert.True(exitCode == 0, errors);
        Assert.Contains("TorchScript Fréchet distance", output, StringComparison.Ordinal);
    }

    // The check reports what the files show: a copy, a single class under softmax, and what a classifier missed when it was
    // trained.
    [Fact]
    public void PolicyCheck_FilesOfTheClassifiers_AreHeldAgainstIt()
    {
        File.Copy(house.At("annotator.safetensors"), house.At("another-name.safetensors"), overwrite: true);
        Assert.Contains(
            "warning ATU1101: $.undesiredFeatures[0].auditor: is a copy of the annotator's checkpoint",
            Check("copied", "another-name.safetensors").Errors,
            StringComparison.Ordinal);

        using (var one = Weights(["banned"]))
            ClassifierCheckpoint.Save(house.At("one.safetensors"), one);
        var refused = Check("one", "one.safetensors");
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains(
            "error ATU1004: $.classifiers.auditor.outputs: one class alone", refused.Errors, StringComparison.Ordinal);

        foreach (var (name, counts, expected) in new[]
        {
            ("blind", new HeldOutError(11, 11, 43, 1), "it found none of 11 images that show the class"),
            ("weak", new HeldOutError(14, 7, 186, 8), "no better than always answering no"),
        })
        {
            using var classifier = Weights(["plain", "banned"]);
            ClassifierCheckpoint.Save(
                house.At(name + ".safetensors"),
                classifier,
                new HeldOutCounts(new Dictionary<string, HeldOutError> { ["banned"] = counts }, new string('0', 64)));
            var (exitCode, _, errors) = Check(name, name + ".safetensors");
            Assert.Equal(0, exitCode);
            Assert.Contains("warning ATU1105: $.undesiredFeatures[0].auditor: 'auditor'", errors, StringComparison.Ordinal);
            Assert.Contains(expected, errors, StringComparison.Ordinal);
            Assert.Contains(
                $"finds {counts.With - counts.Missed} of {counts.With} images that show it",
                Atu.Run("inspect", house.At(name + ".safetensors")).Output,
                StringComparison.Ordinal);
        }

        // Found without a threshold, and missed with one: the scores say so.
        using (var scored = Weights(["plain", "banned"]))
            ClassifierCheckpoint.Save(
                house.At("scored.safetensors"),
                scored,
                new HeldOutCounts(
                    new Dictionary<string, HeldOutError> { ["plain"] = new(20, 0, 10, 0), ["banned"] = new(10, 0, 20, 0) },
                    new string('0', 64))
                {
                    Scores = new Dictionary<string, DetectionScores>
                    {
                        ["plain"] = new(Enumerable.Repeat(0.8f, 20), Enumerable.Repeat(0.2f, 10)),
                        ["banned"] = new(Enumerable.Repeat(0.8f, 10), Enumerable.Repeat(0.2f, 20)),
                    },
                });
        Assert.DoesNotContain("ATU1105", Check("scored", "scored.safetensors").Errors, StringComparison.Ordinal);
        Assert.Contains(
            "it found none of 10 images that show the class",
            Check("scored-high", "scored.safetensors", ", \"threshold\": 0.9").Errors,
            StringComparison.Ordinal);

        (int ExitCode, string Output, string Errors) Check(string name, string auditor, string threshold = "") => Atu.Run(
            "policy",
            "check",
            house.Policy(name, "\"maxRate\": 0.001" + threshold, ("\"auditor.safetensors\"", $"\"{auditor}\"")));
    }

    // Labels that have nothing to do with the images give a classifier that finds nothing, and it is not handed out.
    [Fact]
    public void Label_LabelsByChance_AreNoClassifier()
    {
        var folder = house.At("chance");
        LabelSheetFile.Write(Path.Combine(folder, "labels.json"), new LabelSheet(
            LabelSheet.CurrentSchemaVersion,
            "odd",
            CheckpointDigest.Compute(house.At("generator.safetensors")),
            Seed: 1,
            new(Enumerable.Range(0, 60).ToDictionary(image => image, image => image % 6 == 0))));
        string[] arguments =
        [
            "label", house.At("generator.safetensors"), "--feature", "odd", "--out", folder, "--count", "60",
            "--train-only", "--threads", "1"
        ];

        var refused = Atu.Run(arguments);
        var kept = Atu.Run([.. arguments, "--keep-useless"]);

        Assert.Equal(3, refused.ExitCode);
        Assert.Contains("ATU2012: no classifier was written: it ", refused.Errors, StringComparison.Ordinal);
        Assert.True(kept.ExitCode == 0, kept.Errors);
        Assert.Contains("of 10 images that show it", kept.Output, StringComparison.Ordinal);
        Assert.Contains(
            "metadata heldOut", Atu.Run("inspect", Path.Combine(folder, "odd.safetensors")).Output, StringComparison.Ordinal);
    }

    private (int ExitCode, string Output, string Errors) Measure(
        string body, string outputs, string classes, string returns = "Tensor") =>
        Atu.Run("measure", Policy("measured", body, outputs, classes, returns: returns), "--threads", "1");

    private string Policy(
        string name,
        string body,
        string outputs,
        string classes,
        (string From, string To)? edit = null,
        string returns = "Tensor")
    {
        ScriptedProgram.Write(
            house.At(name + ".pt"), $"  def forward(self: __torch__.Program, x: Tensor) -> {returns}:\n    {body}");
        (string, string)[] edits =
        [
            (
                "\"auditor.safetensors\"",
                $"\"{name}.pt\", \"format\": \"torchscript\", \"outputs\": \"{outputs}\", \"classes\": [{classes}]"),
            (
                "\"quality\": { \"extractor\": \"auditor\", \"reference\": \"reference.safetensors\", \"maxFrechetIncrease\": "
                    + "100, \"minShareKept\": 0.1 },",
                ""),
        ];
        return house.Policy(name, edit: edit is { } more ? [.. edits, more] : edits);
    }

    private static FeatureClassifier Weights(IReadOnlyList<string> classes) =>
        ClassifierArchitectures.Build(StridedConvNet.Name, Small.Shape, classes);
}
