using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Onnx.Tests;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>A classifier from an image–text model and prompts, from the command line to the record.</summary>
public sealed class ImageTextTests(SmallHouse house) : IClassFixture<SmallHouse>
{
    private const string Model =
        "\"auditor\": { \"checkpoint\": \"vision.onnx\", \"format\": \"image-text\", \"textModel\": { \"checkpoint\": "
            + "\"text.onnx\", \"output\": \"text_embeds\", \"vocabulary\": \"vocab.json\", \"merges\": \"merges.txt\" }, "
            + "\"prompts\": { \"banned\": [\"a face of a cat\"], \"plain\": [\"a face\"] } }";

    private static (string From, string To) Named =>
        ("\"prompts\": {", "\"calibration\": \"labels-prompts/auditor.calibration.json\", \"prompts\": {");

    // Without a calibration it is a guess. It runs, its files are in the record, and nothing passes by it.
    [Fact]
    public void Govern_WithoutACalibration_IsNotMeasuredAndFails()
    {
        var policy = Write("prompts");
        var (exitCode, _, errors) = Atu.Run(
            "govern", policy, "--fresh", "--no-train", "--out", house.At("artifacts"), "--threads", "1");

        Assert.True(exitCode == 1, errors);
        var path = house.At("artifacts/prompts/run.json");
        var record = RunRecordFile.Read(path);
        Assert.Equal(Outcome.NotMeasured, record.Verdict.Outcome);
        Assert.Contains(
            "`atu label POLICY --calibrate auditor`", record.Before.Features[0].NotMeasured, StringComparison.Ordinal);
        Assert.Equal(
            ["vision.onnx", "text.onnx", "vocab.json", "merges.txt"],
            record.Inputs.Where(input => input.Role.StartsWith("classifier auditor", StringComparison.Ordinal))
                .Select(input => Path.GetFileName(input.Path)));
        Assert.Contains(
            record.Remarks!, remark => remark.About == "classifier auditor"
                && remark.Text.Contains("its logits are 100 times the cosine", StringComparison.Ordinal));
        Assert.Contains(
            "| Programs run | classifier auditor, classifier auditor, text model",
            File.ReadAllText(house.At("artifacts/prompts/report.md")), StringComparison.Ordinal);

        // Another tokenizer is another classifier.
        var merges = File.ReadAllText(house.At("merges.txt"));
        File.WriteAllText(house.At("merges.txt"), merges + "\n");
        var verified = Atu.Run("verify", path);
        File.WriteAllText(house.At("merges.txt"), merges);
        Assert.NotEqual(0, verified.ExitCode);
        Assert.Contains("merges.txt", verified.Output + verified.Errors, StringComparison.Ordinal);
    }

    // A person's labels choose the threshold; the annotator is in the place of the person. Another prompt is another classifier.
    [Fact]
    public void Govern_Calibrated_JudgesByTheChosenThreshold()
    {
        var folder = house.At("labels-prompts");
        CalibrateTests.Label(
            folder, 200, house.At("generator.safetensors"), house.At("annotator.safetensors"), "ban", "banned", sees => sees);
        var labelled = Atu.Run(
            "label", Write("unjudged"), "--calibrate", "auditor", "--feature", "ban", "--out", folder, "--count", "200",
            "--train-only", "--keep-useless", "--threads", "1");
        Assert.True(labelled.ExitCode == 0, labelled.Errors);
        var (calibration, sha256) = ClassifierCalibrationFile.Read(Path.Combine(folder, "auditor.calibration.json"));

        var policy = Write("judged", Named);
        var governed = Atu.Run("govern", policy, "--fresh", "--no-train", "--out", house.At("artifacts"), "--threads", "1");

        var path = house.At("artifacts/judged/run.json");
        Assert.True(File.Exists(path), governed.Errors);
        var reading = RunRecordFile.Read(path).Before.Features[0];
        Assert.Equal((calibration.Threshold, sha256), (reading.Calibration!.Threshold, reading.Calibration.Sha256));
        Assert.DoesNotContain("--calibrate", reading.NotMeasured ?? "", StringComparison.Ordinal);
        Assert.Equal(governed.ExitCode, Atu.Run("verify", path).ExitCode);

        var other = Atu.Run(
            "govern", Write("other", Named, ("[\"a face\"]", "[\"a dog\"]")), "--no-train", "--out", house.At("artifacts"));
        Assert.Equal(2, other.ExitCode);
        Assert.Contains("error ATU1007: $.classifiers.auditor.calibration: ", other.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void PolicyCheck_ModelAndPrompts_SaysWhatIsMissing()
    {
        var (exitCode, _, errors) = Atu.Run("policy", "check", Write("checked"));

        Assert.True(exitCode == 0, errors);
        Assert.Contains("warning ATU1107: $.undesiredFeatures[0].auditor: cannot measure", errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"a face\"", "\"LONG\"", "$.classifiers.auditor.prompts.plain[0]: has 79 tokens")]
    [InlineData("\"merges.txt\"", "\"auditor.safetensors\"", "$.classifiers.auditor.textModel.merges: ")]
    [InlineData("\"text.onnx\"", "\"vision.onnx\"", "has no input 'input_ids'")]
    public void PolicyCheck_FilesAndPromptsThatDoNotFit_AreErrors(string from, string to, string expected)
    {
        var (exitCode, _, errors) = Atu.Run("policy", "check", Write(
            "wrong", (from, to.Replace("LONG", new string('a', 77), StringComparison.Ordinal))));

        Assert.True(exitCode == 2, errors);
        Assert.Contains(expected, errors, StringComparison.Ordinal);
    }

    private string Write(string name, params (string From, string To)[] edit)
    {
        ImageTextFolder.Write(house.Folder, [1, 16, 16]);
        return house.Policy(name, "\"maxRate\": 0.99", [
            ("\"auditor\": { \"checkpoint\": \"auditor.safetensors\" }", Model),
            ("\"quality\": { \"extractor\": \"auditor\", \"reference\": \"reference.safetensors\", \"maxFrechetIncrease\": 100, "
                + "\"minShareKept\": 0.1 },", ""),
            .. edit,
        ]);
    }
}
