using System.Text.Json;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Models.StyleGan2;
using AdaptThenUnlearn.Torch.Tests;
using SkiaSharp;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>
/// Features that are not a class of a softmax classifier, in the real commands: several labels, a threshold, folders of images.
/// </summary>
public sealed class FeatureTests(SmallHouse house) : IClassFixture<SmallHouse>
{
    private const string OneFeature =
        "{ \"name\": \"ban\", \"annotator\": \"annotator\", \"auditor\": \"auditor\", "
            + "\"class\": \"banned\", \"maxRate\": 0.001 }";
    private const string Reference = "\"reference\": \"reference.safetensors\"";

    [Fact]
    public void Govern_TwoLabelsOfOneClassifier_AreCountedEachAndTogether()
    {
        Classifiers();
        var policy = Labels("labels", "original-generator");

        var (exitCode, _, errors) = Atu.Run("govern", policy, "--out", house.At("out"), "--threads", "1");

        Assert.True(exitCode == 1, errors);   // forty steps do not reach 0.1 %
        var record = RunRecordFile.Read(house.At("out/labels/run.json"));
        Assert.True(record.Training!.Steps == 40 && record.Training.Negatives > 0 && record.Training.Positives > 0);
        foreach (var measured in new[] { record.Before, record.After! })
        {
            // By the auditor's own reading the feature's images are those of its label; a threshold moves them.
            var (hat, glasses, always) =
                (measured.Features[0].Looks[0].Hits, measured.Features[1].Looks[0].Hits, measured.Features[2].Looks[0].Hits);
            Assert.Equal(["glasses", "hat"], measured.Shares.Select(share => share.Class));
            Assert.Equal((glasses, hat), (measured.Shares[0].Hits, measured.Shares[1].Hits));
            Assert.True(measured.Shares.All(share => share.Undesired));
            Assert.True(always > hat, $"{always} images with a probability of 0.45, {hat} of 0.5");
        }

        Assert.InRange(record.Before.Features[0].Looks[0].Hits, 20, 200);
        Assert.Equal(["glasses", "hat"], record.Before.Quality!.Excluded.Order(StringComparer.Ordinal));
        // The record is valid, and its verdict is failed.
        Assert.Equal(1, Atu.Run("verify", house.At("out/labels/run.json")).ExitCode);
    }

    [Fact]
    public void Merge_LabelsMeasuredInParts_IsTheWhole()
    {
        Classifiers();
        var policy = Labels("parts", "original-generator");
        string[] parts = [house.At("first.part"), house.At("second.part")];
        foreach (var number in new[] { 1, 2 })
            Succeeds("measure", policy, "--shard", $"{number}/2", "--out", parts[number - 1]);

        Assert.Equal(Succeeds("measure", policy, "--json"), Succeeds(["merge", policy, .. parts, "--json"]));
    }

    [Fact]
    public void Reference_LabelledFolder_LeavesOutEveryCombinationWithTheLabel()
    {
        var folder = house.At("pictures");
        LabelledPictures.Write(folder, count: 120);
        var trained = Succeeds(
            "train-classifier", "--data", folder, "--out", house.At("trained.safetensors"),
            "--architecture", StridedConvNet.Name, "--epochs", "20");
        Assert.Contains("test accuracy", trained, StringComparison.Ordinal);
        var made = Summarised("all.safetensors");
        Assert.Contains("120 images in 4 combinations of labels", made, StringComparison.Ordinal);
        Assert.Contains(
            "120 images in 2 combinations of labels",
            Summarised("one.safetensors", "--label", "striped"),
            StringComparison.Ordinal);
        Assert.Contains(
            "80 images, without striped", Summarised("without.npz", "--without", "striped"), StringComparison.Ordinal);

        var measured = new[] { "all.safetensors", "one.safetensors", "without.npz" }.Select(Measured).ToList();

        // Every third of the 120 reference images is striped.
        Assert.All(measured, quality => Assert.Equal(80, quality.GetProperty("referenceSamples").GetInt64()));
        Assert.All(measured, quality => Assert.Equal(
            measured[0].GetProperty("frechetDistance").GetDouble(),
            quality.GetProperty("frechetDistance").GetDouble(),
            tolerance: 1e-6));
        var (exitCode, _, errors) = Atu.Run(
            "reference", "--data", folder, "--extractor", house.At("trained.safetensors"),
            "--out", house.At("x.safetensors"), "--label", "hat");
        Assert.Equal(2, exitCode);
        Assert.Contains("labels.csv has no label 'hat'; it has: bright, striped", errors, StringComparison.Ordinal);

        string Summarised(string target, params string[] more) =>
            Succeeds([
                "reference", "--data", folder, "--extractor", house.At("trained.safetensors"), "--out", house.At(target), .. more
            ]);

        JsonElement Measured(string reference)
        {
            var policy = house.Policy("striped", edit: [
                ("annotator.safetensors", "trained.safetensors"),
                ("auditor.safetensors", "trained.safetensors"),
                ("\"banned\"", "\"striped\""),
                (Reference, $"\"reference\": \"{reference}\"")]);
            using var read = JsonDocument.Parse(Succeeds("measure", policy, "--json"));
            return read.RootElement.GetProperty("quality").Clone();
        }
    }

    // Trained on one folder, tested on another: with a threshold the verdict counts its errors in, as without one.
    [Theory]
    [InlineData("held-out", "held out when it was trained")]
    [InlineData("reference", "real test images of the reference")]
    public void Govern_ThresholdOfALabel_IsCorrectedByTheCountsOfThatThreshold(string source, string words)
    {
        var (learned, tested) = (house.At("learned"), house.At("tested"));
        LabelledPictures.Write(learned, count: 120);
        LabelledPictures.Write(tested, count: 90, seed: 8);
        Succeeds(
            "train-classifier", "--data", learned, "--out", house.At("learned.safetensors"),
            "--architecture", StridedConvNet.Name, "--epochs", "30", "--overwrite");
        if (source == "reference")
            WithoutHeldOut(house.At("learned.safetensors"));
        using (var printed = JsonDocument.Parse(Succeeds(
            "reference", "--data", learned, "--test", tested, "--extractor", house.At("learned.safetensors"),
            "--out", house.At("tested.safetensors"), "--json", "--overwrite")))
            Assert.Equal(44, printed.RootElement.GetProperty("tested").GetProperty("bright").GetProperty("with").GetInt32());
        var folder = house.At($"corrected-{source}");

        var (exitCode, _, errors) = Atu.Run(
            "govern",
            house.Policy("thresholds", "\"maxRate\": 0.9, \"threshold\": 0.9", [
                ("annotator.safetensors", "learned.safetensors"), ("auditor.safetensors", "learned.safetensors"),
                ("\"banned\"", "\"bright\""), (Reference, "\"reference\": \"tested.safetensors\""),
            ]),
            "--out", folder, "--threads", "1");

        Assert.True(exitCode is 0 or 1, errors);
        var record = RunRecordFile.Read(Path.Combine(folder, "thresholds/run.json"));
        var finding = record.Verdict.Findings.First(each => each.Rule == RuleName.MaxRate("ban"));
        Assert.True(finding.AuditorErrors is ErrorCorrection.Corrected, finding.Explanation);
        Assert.Contains(
            "corrected for the auditor's errors on known images: it missed ", finding.Explanation, StringComparison.Ordinal);
        Assert.Contains(words, finding.Explanation, StringComparison.Ordinal);
        Assert.NotNull(record.Before.Features[0].NoiseFloor);

        // By hand: of the images that the counts are of, those whose probability reaches the threshold.
        Assert.Equal(Expected(0.9), record.Before.Features[0].Detection! with { LabelsSha256 = null });
        Assert.NotEqual(Expected(0.5), Expected(0.9));

        DetectionCounts Expected(double threshold)
        {
            using var scope = NewDisposeScope();
            using var classifier =
                ClassifierCheckpoint.Load(house.At("learned.safetensors"), sha256: null, classes: null, CPU).Classifier;
            var images = LabelledFolder.Read(source == "reference" ? tested : learned);
            var rows = Enumerable.Range(0, images.Files.Count).Where(row => source == "reference" || row % 10 == 9).ToList();
            var pixels = ImageFolder.ReadBytes([.. rows.Select(row => images.Files[row])]);
            var seen = classifier.ProbabilitiesOf(FeaturePass.Run(classifier, pixels).Logits)
                .select(1, classifier.IndexOf("bright")).ge(threshold).data<bool>().ToArray();
            var shown = rows.Select(row => images.LabelFlags[row][0]).Zip(seen).ToList();
            return new DetectionCounts(
                words, shown.Count(each => each.First), shown.Count(each => each is (true, false)),
                shown.Count(each => !each.First), shown.Count(each => each is (false, true)));
        }
    }

    [Fact]
    public void Reference_TestForArrays_IsRefused()
    {
        var (exitCode, _, errors) = Atu.Run(
            "reference", "--data", house.Folder, "--test", house.Folder, "--extractor", house.At("auditor.safetensors"),
            "--out", house.At("tested.npz"));

        Assert.Equal(2, exitCode);
        Assert.Contains("--test is for a .safetensors file; an .npz file keeps no counts", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void TrainClassifier_ClassFolders_NamesTheClassesAndWhatIsPassedOver()
    {
        foreach (var name in new[] { "train/cat", "train/dog", "val/cat", "__MACOSX" })
            LabelledPictures.Write(house.At($"folders/{name}"), count: 20);

        var (exitCode, output, errors) = Atu.Run(
            "train-classifier", "--data", house.At("folders/train"), "--out", house.At("cat-or-dog.safetensors"),
            "--architecture", StridedConvNet.Name, "--epochs", "1", "--threads", "1");

        Assert.True(exitCode == 0, errors);
        Assert.Contains("test accuracy", output, StringComparison.Ordinal);
        Assert.Contains(
            "40 images; passed over: 2 files that are not pictures (cat/labels.csv, dog/labels.csv); classes: cat (20), dog (20)",
            errors,
            StringComparison.Ordinal);

        var parts = Atu.Run(
            "reference", "--data", house.At("folders"), "--extractor", house.At("cat-or-dog.safetensors"),
            "--out", house.At("parts.safetensors"), "--threads", "1");
        Assert.Contains("60 images in 2 classes: train (40), val (20)", parts.Output, StringComparison.Ordinal);
        Assert.Contains("passed over: 1 hidden or system entries (__MACOSX)", parts.Output, StringComparison.Ordinal);
        Assert.Contains(
            "warning ATU2102: " + house.At("folders") + ": the classes train, val look like the parts of a data set",
            parts.Errors,
            StringComparison.Ordinal);

        var flat = Atu.Run(
            "train-classifier", "--data", house.At("folders/val/cat/.."), "--out", house.At("x.safetensors"), "--threads", "1");
        Assert.Equal(3, flat.ExitCode);
        Assert.Contains("ATU2010", flat.Errors, StringComparison.Ordinal);
        Assert.Contains("has only one class, cat", flat.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Pretrain_FolderOfImages_MakesAGeneratorOfTheirSize()
    {
        var folder = house.At("to-learn");
        LabelledPictures.Write(folder, count: 12);

        Succeeds(
            "pretrain", "--data", folder, "--out", house.At("young.safetensors"), "--channels", "8", "6", "4",
            "--steps", "3", "--decay", "1");

        Assert.Contains("1×16×16", Atu.Run("inspect", house.At("young.safetensors")).Output, StringComparison.Ordinal);
        var (exitCode, _, errors) =
            Atu.Run("pretrain", "--data", folder, "--out", house.At("unfit.safetensors"), "--steps", "3", "--decay", "1");
        Assert.Equal(2, exitCode);
        Assert.Contains(
            "no StyleGAN2 can be trained on these images: channels must name 3 numbers (4×4 up to 16×16), but names 4",
            errors,
            StringComparison.Ordinal);
        Assert.False(File.Exists(house.At("unfit.safetensors")));
    }

    [Fact]
    public void Pretrain_FromACheckpoint_GoesOnWithItsWeights()
    {
        var (folder, first, second) = (house.At("to-go-on"), house.At("first.safetensors"), house.At("second.safetensors"));
        LabelledPictures.Write(folder, count: 12);
        Succeeds("pretrain", "--data", folder, "--out", first, "--channels", "8", "6", "4", "--steps", "3", "--decay", "1");

        // The second file has the first one's list of earlier runs. One step changes the weights little.
        using (var loaded = GeneratorCheckpoint.Load(first, "auto", sha256: null, discriminatorPath: null, CPU))
        using (var copies = new GanPair(loaded.Generator, loaded.Discriminator!).Copy())
            GeneratorCheckpoint.Save(
                first, copies, new Dictionary<string, string> { [SafetensorsFile.EarlierRunsKey] = "the runs" });
        Succeeds("pretrain", "--data", folder, "--out", second, "--from", first, "--steps", "1", "--decay", "1");

        Assert.Equal("the runs", SafetensorsFile.Read(second).Metadata[SafetensorsFile.EarlierRunsKey]);
        var (before, after) = (Weights(first), Weights(second));
        Assert.NotEqual(before, after);
        Assert.All(before.Zip(after), pair => Assert.Equal(pair.First, pair.Second, 0.01f));

        float[] Weights(string path)
        {
            using var loaded = GeneratorCheckpoint.Load(path, "auto", sha256: null, discriminatorPath: null, CPU);
            return [.. loaded.Generator.parameters().SelectMany(parameter => parameter.data<float>().ToArray())];
        }
    }

    [Theory]
    [InlineData("generator.safetensors", 2, "--channels is for networks from scratch", "--channels", "8", "6", "4")]
    [InlineData("no-discriminator.safetensors", 3, "cannot be trained on: it holds no discriminator")]
    [InlineData("larger.safetensors", 3, "cannot be trained on: it makes images of 1×32×32, and those to train on are 1×16×16")]
    public void Pretrain_FromWhatCannotBeTrained_SaysWhy(string start, int code, string expected, params string[] more)
    {
        var (folder, target) = (house.At("to-go-on-not"), house.At("not-made.safetensors"));
        LabelledPictures.Write(folder, count: 12);
        var large = new StyleGan2Settings(32, 1, LatentSize: 8, MappingLayers: 2, [4, 4, 4, 4]);
        using (var networks = new GanPair(large.CreateGenerator(), large.CreateDiscriminator()))
            GeneratorCheckpoint.Save(house.At("larger.safetensors"), networks, new Dictionary<string, string>());

        var (exitCode, _, errors) = Atu.Run(
            ["pretrain", "--data", folder, "--out", target, "--steps", "3", "--decay", "1", "--from", house.At(start), .. more]);

        Assert.Equal(code, exitCode);
        Assert.Contains(expected, errors, StringComparison.Ordinal);
        Assert.False(File.Exists(target));
    }

    [Theory]
    [InlineData("--steps", "0", "--steps is 0; it must be at least 1")]
    [InlineData("--decay", "9", "--decay is 9; it must be from 0 to --steps, which is 3")]
    [InlineData("--r1", "-1", "--r1 is -1; it must be 0, for no penalty, or a positive number")]
    [InlineData("--path-length", "NaN", "--path-length is NaN; it must be 0, for no penalty, or a positive number")]
    [InlineData("--style-mixing", "1.5", "--style-mixing is 1.5; it must be from 0 to 1")]
    public void Pretrain_ImpossibleNumber_IsRefusedBeforeAnythingIsRead(string option, string value, string expected)
    {
        List<string> arguments = ["pretrain", "--data", house.At("missing"), "--out", house.At("none.safetensors")];
        foreach (var (name, usual) in new[] { ("--steps", "3"), ("--decay", "1") }.Where(usual => usual.Item1 != option))
            arguments.AddRange([name, usual]);

        var (exitCode, _, errors) = Atu.Run([.. arguments, option, value]);

        Assert.Equal(2, exitCode);
        Assert.Contains(expected, errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Pretrain_ResumedWithOtherImagesOrSteps_SaysWhatDiffers()
    {
        var (folder, other, target) = (house.At("first"), house.At("second"), house.At("resumed.safetensors"));
        LabelledPictures.Write(folder, count: 12);
        LabelledPictures.Write(other, count: 13);
        string[] Arguments(string data, string steps) =>
            ["pretrain", "--data", data, "--out", target, "--channels", "8", "6", "4", "--steps", steps, "--decay", "1"];
        Succeeds([.. Arguments(folder, "3")]);

        var (exitCode, _, errors) = Atu.Run([.. Arguments(other, "3"), "--resume"]);
        Assert.Equal(3, exitCode);
        Assert.Contains("was left by a run with", errors, StringComparison.Ordinal);
        (exitCode, _, errors) = Atu.Run([.. Arguments(folder, "5"), "--resume"]);
        Assert.Equal(3, exitCode);
        Assert.Contains(
            "the saved state has 3 of 3 steps, with a learning rate that falls over the last 1; it cannot be continued to 5 "
                + "steps",
            errors,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Govern_ImageFolders_AreLearntFromAndAreInputsOfTheRun()
    {
        Pictures("shown", count: 9, size: 16);
        Pictures("clean", count: 11, size: 16);
        File.WriteAllText(house.At("shown/notes.txt"), "where they come from");
        var policy = house.Policy(
            "given",
            "\"negatives\": \"shown\", \"auditorThreshold\": 1e-30, \"maxRate\": 0.001",
            ("\"steps\": 40", "\"positives\": \"clean\", \"steps\": 40"));

        var (exitCode, _, errors) = Atu.Run("govern", policy, "--out", house.At("out"), "--threads", "1");

        Assert.True(exitCode == 1, errors);
        var record = RunRecordFile.Read(house.At("out/given/run.json"));
        Assert.Equal((9, 11), (record.Training!.Negatives, record.Training.Positives));
        Assert.Equal(Sha256Digest.FindAt(house.At("shown")), record.Inputs.Single(input => input.Role == "negatives ban").Sha256);
        Assert.Equal(Sha256Digest.FindAt(house.At("clean")), record.Inputs.Single(input => input.Role == "positives").Sha256);
        Assert.Equal(
            [("negatives ban", "9 images; passed over: 1 files that are not pictures (notes.txt)"), ("positives", "11 images")],
            record.Remarks!.Where(remark => remark.About is "negatives ban" or "positives")
                .Select(remark => (remark.About, remark.Text)));
        Assert.Contains(
            "11 clean and 9 undesired images; the clean ones given, the undesired ones given",
            File.ReadAllText(house.At("out/given/report.md")),
            StringComparison.Ordinal);

        File.Delete(house.At("shown/8.png"));
        Assert.Contains("negatives ban", Atu.Run("verify", house.At("out/given/run.json")).Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Govern_FolderOfOtherSize_IsRefusedBeforeAnythingIsMeasured()
    {
        Pictures("large", count: 2, size: 16);
        Pictures("large/more", count: 1, size: 20);
        var policy = house.Policy("large", "\"negatives\": \"large\", \"maxRate\": 0.001");
        var column = File.ReadAllLines(policy)[9].IndexOf("\"large\"", StringComparison.Ordinal) + 1;

        var (exitCode, _, errors) = Atu.Run("govern", policy, "--out", house.At("out"), "--threads", "1");

        Assert.Equal(2, exitCode);
        Assert.Contains(
            $"{policy}(10,{column}): error ATU1007: $.undesiredFeatures[0].negatives: {house.At("large/more/0.png")} is 20×20 "
                + "pixels, the generator makes 16×16; bring the folder's images to that size",
            errors, StringComparison.Ordinal);
        Assert.DoesNotContain("measuring", errors, StringComparison.Ordinal);

        var missing = Atu.Run(
            "govern",
            house.Policy("nowhere", edit: ("\"steps\": 40", "\"positives\": \"nowhere/\", \"steps\": 40")),
            "--out",
            house.At("out"),
            "--threads",
            "1");
        Assert.Equal(3, missing.ExitCode);
        Assert.Contains(
            $"ATU2001: $.unlearning.positives: {house.At("nowhere")}/: there is no such folder; name one that holds",
            missing.Errors,
            StringComparison.Ordinal);
    }

    // Three features of one classifier: two labels as they are, and one of them by a threshold.
    private string Labels(string name, string reference) => house.Policy(name, edit: [
        ("annotator.safetensors", "label-annotator.safetensors"),
        ("auditor.safetensors", "label-auditor.safetensors"),
        (Reference, $"\"reference\": \"{reference}\""),
        (OneFeature, $"{Feature("no-hat", "hat")}, {Feature("no-glasses", "glasses")}, "
            + $"{Feature("hardly-a-hat", "hat", ", \"threshold\": 0.5, \"auditorThreshold\": 0.45")}")]);

    private static string Feature(string name, string label, string more = "") =>
        $$"""{ "name": "{{name}}", "annotator": "annotator", "auditor": "auditor","""
            + $$""" "class": "{{label}}", "maxRate": 0.001{{more}} }""";

    private static void WithoutHeldOut(string path)
    {
        using var scope = NewDisposeScope();
        using var loaded = ClassifierCheckpoint.Load(path, sha256: null, classes: null, CPU);
        ClassifierCheckpoint.Save(path, loaded.Classifier);
    }

    private void Classifiers()
    {
        using var turn = SmallHouse.Randomness.EnterScope();
        foreach (var (file, seed) in new[] { ("label-annotator.safetensors", 5), ("label-auditor.safetensors", 6) })
            using (var classifier = Small.LabelClassifier(seed))
                ClassifierCheckpoint.Save(house.At(file), classifier);
    }

    private void Pictures(string name, int count, int size)
    {
        Directory.CreateDirectory(house.At(name));
        for (var number = 0; number < count; number++)
        {
            using var picture = new SKBitmap(size, size);
            picture.Erase(new SKColor((byte)(20 * number), 90, 90));
            using var file = File.Create(house.At($"{name}/{number}.png"));
            picture.Encode(file, SKEncodedImageFormat.Png, quality: 100);
        }
    }

    private static string Succeeds(params string[] arguments)
    {
        var (exitCode, output, errors) = Atu.Run([.. arguments, "--threads", "1"]);
        Assert.True(exitCode == 0, errors);
        return output;
    }
}
