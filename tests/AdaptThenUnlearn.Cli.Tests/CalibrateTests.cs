using System.Globalization;
using System.Text.Json;
using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Labelling;
using AdaptThenUnlearn.Torch.Measuring;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>
/// <c>atu label --calibrate</c> end to end: the real process, a person's keys in a real browser, and a policy that uses
/// the result.
/// </summary>
public sealed class CalibrateTests(SmallHouse house) : IClassFixture<SmallHouse>
{
    private const string Auditor = "\"auditor.safetensors\"";
    private const string Plain = "\"maxRate\": 0.9";

    // The annotator is in the place of the person.
    [Fact]
    public void TrainOnly_LabelsByAnotherClassifier_GiveACalibrationThatAPolicyCanName()
    {
        var folder = house.At("labels-calibrate");
        Label(folder, 200);
        string[] arguments =
        [
            "label", house.Policy("calibrate", Plain), "--calibrate", "auditor", "--feature", "ban", "--out", folder,
            "--count", "200", "--train-only", "--keep-useless", "--threads", "1"
        ];

        var (exitCode, output, errors) = Atu.Run(arguments);

        Assert.True(exitCode == 0, errors);
        Assert.Matches(
            @"auditor\.calibration\.json: from the threshold 0\.\d+ on, it finds \d+ of \d+ images that show it .*; held-out",
            output);
        var (calibration, sha256) = ClassifierCalibrationFile.Read(Path.Combine(folder, "auditor.calibration.json"));
        Assert.Contains("\"calibration\": \"labels-calibrate/auditor.calibration.json\",", errors, StringComparison.Ordinal);
        Assert.Contains($"\"calibrationSha256\": \"{sha256}\"", errors, StringComparison.Ordinal);
        Assert.Equal(0, calibration.Learning.Missed);
        Assert.Equal(output, Atu.Run(arguments).Output);
        using (var json = JsonDocument.Parse(Succeeds([.. arguments, "--json"])))
        {
            Assert.Equal(
                ("auditor", "banned", calibration.Threshold, calibration.HeldOut.With),
                (Text(json, "classifier"), Text(json, "class"), json.RootElement.GetProperty("threshold").GetDouble(),
                    json.RootElement.GetProperty("heldOut").GetProperty("with").GetInt32()));
            Assert.Equal(sha256, Text(json, "calibrationSha256"));
        }

        // The run judges from the threshold on, and its record is held to the file.
        var policy = house.Policy("calibrated", Plain, (Auditor,
            $"{Auditor}, \"calibration\": \"labels-calibrate/auditor.calibration.json\", \"calibrationSha256\": \"{sha256}\""));
        var govern = Atu.Run("govern", policy, "--no-train", "--out", house.At("out"), "--threads", "1");
        Assert.True(govern.ExitCode is 0 or 1, govern.Errors);
        var path = house.At("out/calibrated/run.json");
        var reading = RunRecordFile.Read(path).Before.Features[0];
        Assert.Equal((calibration.Threshold, sha256), (reading.Calibration!.Threshold, reading.Calibration.Sha256));
        Assert.Equal(calibration.Counts(), reading.Detection);
        Assert.Contains(
            RunRecordFile.Read(path).Inputs, input => (input.Role, input.Sha256) == ("calibration auditor", sha256));
        Assert.Contains(
            string.Create(CultureInfo.InvariantCulture, $"from the threshold {calibration.Threshold} on"),
            File.ReadAllText(house.At("out/calibrated/report.md")), StringComparison.Ordinal);
        Assert.Equal(govern.ExitCode, Atu.Run("verify", path).ExitCode);

        // Another calibration is another run, and none at all is an error of the policy.
        File.Delete(Path.Combine(folder, "auditor.calibration.json"));
        var missing = Atu.Run("verify", path);
        Assert.NotEqual(0, missing.ExitCode);
        Assert.Contains("calibration auditor", missing.Output + missing.Errors, StringComparison.Ordinal);
        var refused = Atu.Run("govern", policy, "--no-train", "--out", house.At("out"), "--threads", "1");
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains("error ATU1007: $.classifiers.auditor.calibration: ", refused.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void PolicyCheck_CalibrationThatDoesNotFit_IsAnErrorAtItsLine()
    {
        var calibration = new ClassifierCalibration(
            1, "ban", "banned", 0.2, 0, new HeldOutError(12, 0, 40, 2), new HeldOutError(20, 12, 60, 3), new string('c', 64),
            new string('a', 64), new string('1', 64));
        ClassifierCalibrationFile.Write(house.At("other.json"), calibration);
        var identity = CheckpointDigest.Compute(house.At("auditor.safetensors"));
        ClassifierCalibrationFile.Write(house.At("weak.json"), calibration with { Classifier = identity });
        ClassifierCalibrationFile.Write(house.At("class.json"), calibration with { Classifier = identity, Class = "plain" });
        File.WriteAllText(house.At("damaged.json"), "{}");

        foreach (var (file, exitCode, expected) in new[]
        {
            ("other.json", 2, "error ATU1007: $.classifiers.auditor.calibration: 'other.json' is of another classifier"),
            ("class.json", 2, "error ATU1007: $.classifiers.auditor.calibration: 'class.json' is of the class 'plain'"),
            ("damaged.json", 2, "error ATU1007: $.classifiers.auditor.calibration: 'damaged.json' cannot be used: it cannot"),
            ("weak.json", 0, "warning ATU1105: $.undesiredFeatures[0].auditor: 'auditor' is weak: it missed 12 of 20 images"),
            ("none.json", 0, ""),
        })
        {
            var checkedPolicy = Atu.Run(
                "policy", "check", house.Policy("check", Plain, (Auditor, $"{Auditor}, \"calibration\": \"{file}\"")));

            Assert.True(exitCode == checkedPolicy.ExitCode, $"{file}: {checkedPolicy.Errors}");
            Assert.Contains(expected, checkedPolicy.Errors, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Lock_CalibrationWithoutPin_IsSaid()
    {
        ClassifierCalibrationFile.Write(house.At("lock.json"), new ClassifierCalibration(
            1, "ban", "banned", 0.2, 0, new HeldOutError(12, 0, 40, 2), new HeldOutError(20, 1, 60, 3),
            CheckpointDigest.Compute(house.At("auditor.safetensors")), new string('a', 64), new string('1', 64)));

        var locked = Atu.Run(
            "lock", house.Policy("locked", Plain, (Auditor, $"{Auditor}, \"calibration\": \"lock.json\"")));

        Assert.Contains(
            "warning ATU1133: $.classifiers.auditor.calibration: is not pinned by SHA-256", locked.Errors,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Calibrate_WhatCannotBeDone_SaysWhatToDo()
    {
        var policy = house.Policy("refused", Plain);
        foreach (var (code, expected, arguments) in new[]
        {
            (2, "has no classifier 'x'; it has: annotator, auditor",
                new[] { policy, "--calibrate", "x", "--out", house.At("none") }),
            (2, "judges no feature 'hat' in the policy; it judges: ban",
                [policy, "--calibrate", "auditor", "--feature", "hat", "--out", house.At("none")]),
            (2, "--calibrate needs the POLICY", ["--calibrate", "auditor", "--out", house.At("none")]),
            (2, "leave --features out", [policy, "--calibrate", "auditor", "--features", "x", "--out", house.At("none")]),
            (2, "leave --format out", [policy, "--calibrate", "auditor", "--format", "onnx", "--out", house.At("none")]),
            (2, "--may-miss must be 0 to 0.5",
                [policy, "--calibrate", "auditor", "--may-miss", "0.6", "--out", house.At("none")]),
            (2, "--may-miss is for --calibrate",
                [house.At("generator.safetensors"), "--feature", "hat", "--may-miss", "0.1", "--out", house.At("none")]),
            (2, "cannot be the name of a file", [policy, "--calibrate", "../x", "--out", house.At("none")]),
            (3, "0 learning images (even numbers) are labelled as showing 'ban'",
                [policy, "--calibrate", "auditor", "--out", house.At("none"), "--train-only"]),
        })
        {
            var (exitCode, _, errors) = Atu.Run(["label", .. arguments, "--threads", "1"]);

            Assert.True(code == exitCode, $"{string.Join(' ', arguments)}: {exitCode} {errors}");
            Assert.Contains(expected, errors, StringComparison.Ordinal);
            Assert.False(File.Exists(house.At("none/auditor.calibration.json")));
        }
    }

    // Who marks the very images that the classifier does not see needs a threshold below all scores.
    // A foreign file is not replaced.
    [Fact]
    public void TrainOnly_LabelsAgainstTheClassifier_AreRefused()
    {
        var folder = house.At("labels-against");
        Label(
            folder, 200, house.At("generator.safetensors"), house.At("auditor.safetensors"), "ban", "banned",
            sees => !sees);
        File.WriteAllText(Path.Combine(folder, "auditor.calibration.json"), "mine");
        string[] arguments =
        [
            "label", house.Policy("against", Plain), "--calibrate", "auditor", "--out", folder, "--count", "200",
            "--train-only", "--threads", "1"
        ];

        Assert.Contains("auditor.calibration.json", Atu.Run(arguments).Errors, StringComparison.Ordinal);
        File.Delete(Path.Combine(folder, "auditor.calibration.json"));
        var (exitCode, _, errors) = Atu.Run(arguments);

        Assert.Equal(3, exitCode);
        Assert.Contains("ATU2012: no ", errors, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(folder, "auditor.calibration.json")));
    }

    [Theory]
    [InlineData("light", 1200)]
    [InlineData("dark", 400)]
    public async Task Page_KeyboardAlone_ChoosesAThreshold(string colours, int width)
    {
        HeadlessChromium.Require();
        var folder = house.At($"labels-page-{colours}");
        using var atu = Atu.Start(
            "label", house.Policy($"page-{colours}", Plain), "--calibrate", "auditor", "--out", folder, "--count", "96",
            "--keep-useless", "--threads", "1");
        var address = await atu.FirstLine;
        await using var chromium = await HeadlessChromium.StartAsync();
        await chromium.AppearAsync(width, colours);
        await chromium.GoAsync(address);

        Assert.Contains("Choose", await chromium.TextAsync("#train"), StringComparison.Ordinal);
        Assert.Equal(("auditor", "banned"), (await chromium.TextAsync("#calibrated"), await chromium.TextAsync("#class")));
        Assert.False((await chromium.ValueAsync("[...document.querySelectorAll('.heads')].some(part => part.checkVisibility())"))
            .GetBoolean());
        await chromium.PressAsync("t");
        await chromium.UntilAsync("!document.getElementById('problem').hidden");
        Assert.Contains("to choose a threshold", await chromium.TextAsync("#problem"), StringComparison.Ordinal);
        Assert.Contains(
            "To choose the threshold: 10 more outside the test that show it and 10 more outside the test that do not.",
            await chromium.TextAsync("#advice"), StringComparison.Ordinal);

        // Every second image of three pages shows it, the rest does not.
        for (var number = 0; number < 18; number++)
            await chromium.PressAsync(number % 2 == 0 ? " " : "Enter", "ArrowRight", "ArrowRight");
        await chromium.UntilAsync("document.getElementById('page').textContent === 'Page 4'");
        await chromium.PressAsync("PageUp", "r", "PageUp", "r", "PageUp", "r");
        await chromium.UntilAsync("document.getElementById('train').classList.contains('strong')");
        await chromium.PressAsync("t");
        await chromium.UntilAsync("!document.getElementById('trained').hidden");

        var (calibration, sha256) = ClassifierCalibrationFile.Read(Path.Combine(folder, "auditor.calibration.json"));
        Assert.Equal(
            calibration.Threshold, double.Parse(await chromium.TextAsync("#threshold"), CultureInfo.InvariantCulture));
        Assert.Equal(
            $"{calibration.HeldOut.With - calibration.HeldOut.Missed} of {calibration.HeldOut.With}",
            await chromium.TextAsync("#found"));
        Assert.Contains(sha256, await chromium.TextAsync("#policy"), StringComparison.Ordinal);
        Assert.Contains("Chosen: the threshold", await chromium.TextAsync("#status"), StringComparison.Ordinal);
        Assert.False((await chromium.ValueAsync("document.documentElement.scrollWidth > document.documentElement.clientWidth"))
            .GetBoolean());
        Assert.DoesNotContain(chromium.Complaints, complaint => !complaint.Contains("409", StringComparison.Ordinal));

        await chromium.ValueAsync("document.getElementById('train').focus()");
        await chromium.PressAsync("Tab", "Enter");
        var (exitCode, output, errors) = atu.Finish();
        Assert.True(exitCode == 0, errors);
        Assert.Contains(
            string.Create(CultureInfo.InvariantCulture, $"from the threshold {calibration.Threshold} on, it finds"), output,
            StringComparison.Ordinal);
    }

    // The embedded digits: LeNet-5 in the place of the person chooses the threshold of the auditor's 8.
    [Fact]
    public void Govern_EmbeddedDigits_JudgesByTheCalibratedThreshold()
    {
        var (root, folder) = (Root(), house.At("digits"));
        var models = Path.Combine(root, "models", "mnist");
        Label(
            folder, 400, Path.Combine(models, "stylegan2.safetensors"), Path.Combine(models, "lenet5.safetensors"), "digit-8",
            "8", sees => sees);
        var policy = house.At("digits.json");
        var text = File.ReadAllText(Path.Combine(root, "policies", "mnist-no-digit-8.json"))
            .Replace("../models/mnist/", models + "/", StringComparison.Ordinal);
        File.WriteAllText(policy, text);
        Succeeds(
            "label", policy, "--calibrate", "digits-auditor", "--out", folder, "--count", "400", "--train-only", "--threads",
            "1");
        var (calibration, sha256) = ClassifierCalibrationFile.Read(Path.Combine(folder, "digits-auditor.calibration.json"));
        const string checkpoint = "auditor.safetensors\"";
        File.WriteAllText(policy, text.Replace(
            checkpoint, $"{checkpoint}, \"calibration\": \"digits/digits-auditor.calibration.json\"", StringComparison.Ordinal));

        var govern = Atu.Run(
            "govern", policy, "--no-train", "--set", "evaluation.samples=300", "--set", "evaluation.maxSamples=300", "--out",
            house.At("digits-out"), "--threads", "1");

        Assert.True(govern.ExitCode == 1, govern.Errors);   // some 11 % are eights
        var record = RunRecordFile.Read(house.At("digits-out/mnist-no-digit-8/run.json"));
        var reading = record.Before.Features[0];
        Assert.Equal((calibration.Counts(), sha256), (reading.Detection, reading.Calibration!.Sha256));
        Assert.InRange((double)reading.Looks[^1].Hits / reading.Looks[^1].Samples, 0.05, 0.25);
        Assert.DoesNotContain(
            record.Verdict.Warnings, warning => warning.Contains("another generator", StringComparison.Ordinal));
        Assert.Equal(1, Atu.Run("verify", house.At("digits-out/mnist-no-digit-8/run.json")).ExitCode);
    }

    private void Label(string folder, int count) => Label(
        folder, count, house.At("generator.safetensors"), house.At("annotator.safetensors"), "ban", "banned", sees => sees);

    /// <summary>Labels a generator's images as a classifier sees them, in the place of a person.</summary>
    internal static void Label(
        string folder, int count, string generator, string classifier, string feature, string className,
        Func<bool, bool> person)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var loaded = GeneratorCheckpoint.Load(generator, "auto", null, null, CPU);
        using var judge = ClassifierCheckpoint.Load(classifier, null, null, CPU);
        var rule = new FeatureRule(judge.Classifier, className, Threshold: null);
        List<bool> shows = [];
        foreach (var batch in EvaluationImages.EnumerateBatches(count))
        {
            var images = LabelledSamples.Images(seed: 1, CPU).Draw(loaded.Generator, batch);
            shows.AddRange(rule.Shows(judge.Classifier.Logits(judge.Classifier.Features(images))).data<bool>().ToArray());
        }

        LabelSheetFile.Write(LabellingSession.SheetIn(folder), new LabelSheet(
            LabelSheet.CurrentSchemaVersion, feature, loaded.Sha256, 1,
            new(shows.Index().ToDictionary(image => image.Index, image => person(image.Item)))));
    }

    private static string Root()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "AdaptThenUnlearn.sln")))
            folder = folder.Parent;
        return folder.FullName;
    }

    private static string Text(JsonDocument json, string name) => json.RootElement.GetProperty(name).GetString()!;

    private static string Succeeds(params string[] arguments)
    {
        var (exitCode, output, errors) = Atu.Run(arguments);
        Assert.True(exitCode == 0, errors);
        return output;
    }
}
