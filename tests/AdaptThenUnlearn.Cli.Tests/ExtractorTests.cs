using System.Text.Json;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Tests;
using AdaptThenUnlearn.Torch.Tests.Features;
using SkiaSharp;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>Extractors that come as a file of weights, through every command that takes one.</summary>
public sealed class ExtractorTests(SmallHouse house) : IClassFixture<SmallHouse>
{
    private const string OfClassifier = "\"extractor\": \"auditor\", \"reference\": \"reference.safetensors\"";

    [Fact]
    public void Measure_ScriptedExtractor_ComparesWithEveryKindOfReference()
    {
        var script = Script();
        var folder = Images("real", perClass: 30);
        Succeeds(
            "reference", "--data", folder, "--extractor", "torchscript", "--weights", script,
            "--out", house.At("by-class.safetensors"));
        Succeeds(
            "reference", "--data", folder, "--extractor", "torchscript", "--weights", script,
            "--out", house.At("together.npz"), "--without", "banned");

        var byClass = Measured("by-class.safetensors");
        var together = Measured("together.npz");
        var images = Measured("real");
        var own = Measured("original-generator");

        Assert.Equal(
            (30, 30), (byClass.GetProperty("referenceSamples").GetInt64(), together.GetProperty("referenceSamples").GetInt64()));
        Assert.Equal(
            byClass.GetProperty("frechetDistance").GetDouble(),
            together.GetProperty("frechetDistance").GetDouble(),
            tolerance: 1e-9);
        // An .npz file has no single features.
        Assert.Equal(JsonValueKind.Null, together.GetProperty("kernelDistance").ValueKind);
        Assert.NotEqual(JsonValueKind.Null, byClass.GetProperty("kernelDistance").ValueKind);
        Assert.InRange(images.GetProperty("referenceSamples").GetInt64(), 1, 60);   // without those that the auditor calls banned
        Assert.True(own.GetProperty("frechetDistance").GetDouble() < byClass.GetProperty("frechetDistance").GetDouble());

        JsonElement Measured(string reference)
        {
            using var read = JsonDocument.Parse(Succeeds("measure", ScriptedPolicy("scripted", reference), "--json"));
            Assert.Equal(
                ["auditor"],
                read.RootElement.GetProperty("shares")
                    .EnumerateArray()
                    .Select(share => share.GetProperty("classifier").GetString())
                    .Distinct());
            var quality = read.RootElement.GetProperty("quality").Clone();
            Assert.Equal("TorchScript Fréchet distance", quality.GetProperty("metric").GetString());
            Assert.Equal(200, quality.GetProperty("samples").GetInt64());
            Assert.Equal(["banned"], quality.GetProperty("excluded").EnumerateArray().Select(name => name.GetString()));
            return quality;
        }
    }

    [Fact]
    public void Govern_ScriptedExtractor_RecordsItsFileAndCallsTheMetricByItsName()
    {
        Script();
        var (exitCode, _, errors) = Atu.Run(
            "govern", ScriptedPolicy("governed", "original-generator"), "--no-train", "--out", house.At("out"), "--threads", "1");

        Assert.True(exitCode == 1, errors);   // the generator violates the policy, and nothing is trained
        using var record = JsonDocument.Parse(File.ReadAllText(house.At("out/governed/run.json")));
        Assert.Contains(
            "extractor",
            record.RootElement.GetProperty("inputs").EnumerateArray().Select(input => input.GetProperty("role").GetString()));
        Assert.Contains(
            "TorchScript Fréchet distance", File.ReadAllText(house.At("out/governed/report.md")), StringComparison.Ordinal);
    }

    [Fact]
    public void Measure_StatisticsOfAnotherWidth_AreRefusedAtTheirPlace()
    {
        Script();
        Moments("narrow.npz", 3, count: 100);

        var (exitCode, _, errors) = Atu.Run("measure", ScriptedPolicy("narrow", "narrow.npz"));

        Assert.Equal(2, exitCode);
        Assert.Contains(
            "ATU1007: $.quality.reference: the statistics are of 3 features, the extractor makes 16",
            errors,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Distance_InceptionOfAHandfulOfImages_SaysHowManyAreNeeded()
    {
        var weights = InceptionFormula.Weights(Interop.Case("inception_hash"), house.At("inception.safetensors"));
        Moments("inception.npz", 2048, count: 5000);

        var (exitCode, output, errors) = Atu.Run(
            "distance", Images("handful", perClass: 1), house.At("inception.npz"), "--extractor", "inception-v3",
            "--weights", weights, "--threads", "1");

        Assert.True(exitCode == 3, errors);
        Assert.Contains("FID (unpublished weights)     not measured", output, StringComparison.Ordinal);
        Assert.Contains(
            "2 feature vectors do not determine a covariance of dimension 2048; more than 2048 are needed",
            errors,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Distance_FolderOfPictures_SaysWhatWasReadAndPassedOver()
    {
        var folder = Images("counted", perClass: 15);
        Directory.CreateDirectory(Path.Combine(folder, ".ipynb_checkpoints"));
        File.Copy(Path.Combine(folder, "plain", "0.png"), Path.Combine(folder, ".ipynb_checkpoints", "0-checkpoint.png"));
        string[] command = ["distance", folder, folder, "--extractor", "torchscript", "--weights", Script()];

        using var read = JsonDocument.Parse(Succeeds([.. command, "--json"]));
        var set = read.RootElement.GetProperty("sets")[0];
        Assert.Equal((30, 30), (set.GetProperty("count").GetInt32(), read.RootElement.GetProperty("n")[0].GetInt32()));
        var passed = Assert.Single(set.GetProperty("passedOver").EnumerateArray());
        Assert.Equal(
            ("hidden or system entries", 1, ".ipynb_checkpoints"),
            (passed.GetProperty("why").GetString(),
                passed.GetProperty("count").GetInt32(),
                passed.GetProperty("first")[0].GetString()));

        var text = Succeeds(command);
        Assert.Contains($"A                             30 images, {folder}", text, StringComparison.Ordinal);
        Assert.Contains("passed over: 1 hidden or system entries (.ipynb_checkpoints)", text, StringComparison.Ordinal);

        File.Copy(Path.Combine(folder, "plain", "0.png"), Path.Combine(folder, "plain", "1.webp.tif"));
        var (exitCode, _, errors) = Atu.Run(command);
        Assert.Equal(3, exitCode);
        Assert.Contains("ATU2001: " + folder + ": holds 1 pictures of kinds that are not read", errors, StringComparison.Ordinal);
    }

    // With a NaN feature no metric is measured, in text and as JSON, and nothing is printed as NaN.
    [Fact]
    public void Distance_FeaturesThatAreNoNumbers_IsNotMeasuredAndSaysWhy()
    {
        using var scope = NewDisposeScope();
        var features = randn(50, 4);
        NumpyFile.Write(house.At("whole.npy"), features);
        features[3, 1] = float.NaN;
        NumpyFile.Write(house.At("broken.npy"), features);

        foreach (var more in new string[][] { [], ["--json"] })
        {
            var (exitCode, output, errors) =
                Atu.Run(["distance", house.At("broken.npy"), house.At("whole.npy"), "--threads", "1", .. more]);
            Assert.Equal(3, exitCode);
            Assert.Contains(
                "ATU2010: the Fréchet distance was not measured: the features hold numbers that are not finite",
                errors,
                StringComparison.Ordinal);
            Assert.Contains("the features hold numbers that are not finite", output, StringComparison.Ordinal);
            Assert.DoesNotContain("NaN", output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Distance_ArrayInAnotherRange_IsRefusedWithTheMend()
    {
        using var scope = NewDisposeScope();
        NumpyFile.Write(house.At("levels.npy"), rand(20, 1, 16, 16) * 255);

        var (exitCode, _, errors) = Atu.Run(
            "distance", house.At("levels.npy"), house.At("levels.npy"), "--extractor", "torchscript",
            "--weights", Script(), "--threads", "1");

        Assert.Equal(3, exitCode);
        Assert.Contains(
            "as in 0 to 255, and images of numbers are -1 to 1; save them as uint8", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Distance_TwoStatisticsFiles_NeedNoExtractor()
    {
        Moments("one.npz", 4, count: 100);
        Moments("other.npz", 4, count: null, scale: 4);

        var output = Succeeds("distance", house.At("one.npz"), house.At("other.npz"), "--json");

        using var read = JsonDocument.Parse(output);
        Assert.Equal(4, read.RootElement.GetProperty("frechetDistance").GetDouble(), tolerance: 1e-12);   // 4 · (2 - 1)², by hand
        Assert.Equal("Fréchet distance", read.RootElement.GetProperty("metric").GetString());
        Assert.Equal(["100", "null"], read.RootElement.GetProperty("n").EnumerateArray().Select(count => count.GetRawText()));
    }

    [Theory]
    [InlineData(
        2,
        "needs --weights, and nothing is downloaded: name a copy of pt_inception-2015-12-05-6726825d.pth",
        "--extractor",
        "inception-v3")]
    [InlineData(
        3,
        "nothing is downloaded; 'inception-v3' wants pt_inception-2015-12-05-6726825d.pth",
        "--extractor",
        "inception-v3",
        "--weights",
        "nowhere.pth")]
    [InlineData(2, "--weights is for --extractor inception-v3", "--extractor", "auditor.safetensors", "--weights", "nowhere.pth")]
    public void Distance_WrongWeights_SaysWhatIsWanted(int exitCode, string expected, params string[] options)
    {
        var result = Atu.Run(["distance", house.At("nothing"), house.At("nothing"), .. options]);

        Assert.Equal(exitCode, result.ExitCode);
        Assert.Contains(expected, result.Errors, StringComparison.Ordinal);
    }

    // Statistics of the same file, prepared in another way, are of other features.
    [Theory]
    [InlineData("prepared.safetensors")]
    [InlineData("prepared.npz")]
    public void Reference_PreparedInAnotherWay_IsNotCompared(string reference)
    {
        var (script, folder) = (Script(), Images("prepared", perClass: 30));
        string[] extractor = ["--extractor", "torchscript", "--weights", script];
        Succeeds([
            "reference", "--data", folder, .. extractor, "--preprocessing", "fd-dinov2", "--out", house.At(reference),
        ]);

        var same = Succeeds(
            "distance", folder, house.At(reference), "--extractor", "torchscript", "--weights", script, "--preprocessing",
            "fd-dinov2", "--json");
        var (other, _, errors) = Atu.Run(["distance", folder, house.At(reference), .. extractor]);
        var (measured, _, refused) = Atu.Run("measure", ScriptedPolicy("unprepared", reference));

        using var read = JsonDocument.Parse(same);
        Assert.Equal(
            224, read.RootElement.GetProperty("settings").GetProperty("preprocessing").GetProperty("resize").GetInt32());
        Assert.Equal(0, read.RootElement.GetProperty("frechetDistance").GetDouble(), 1e-6);
        Assert.Equal(2, other);
        Assert.Contains("were made by different extractors, or by one that was used in different ways", errors,
            StringComparison.Ordinal);
        Assert.Equal(2, measured);
        Assert.Contains("ATU1007: $.quality.reference: the statistics were made with another extractor", refused,
            StringComparison.Ordinal);
        Succeeds("measure", ScriptedPolicy("as-prepared", reference, ", \"preprocessing\": \"fd-dinov2\""));
    }

    [Fact]
    public void Govern_PreparedExtractor_IsRecordedInFull()
    {
        Script();
        var policy = ScriptedPolicy("in-full", "original-generator", ", \"preprocessing\": \"clip\"");
        var (_, _, errors) = Atu.Run("govern", policy, "--no-train", "--out", house.At("out"), "--threads", "1");

        var record = RunRecordFile.Read(house.At("out/in-full/run.json"));
        Assert.Equal(ImagePreprocessing.Published["clip"].Mean, record.Policy.Quality!.Preprocessing!.Mean!);
        Assert.Contains(
            record.Before.Quality!.Values, value => value.Metric.Name == "fdInfinity" && value.Value is not null);
        Assert.Contains(
            "used as the policy says: preprocessing \"clip\"", File.ReadAllText(house.At("out/in-full/report.md")),
            StringComparison.Ordinal);
        Assert.True(Atu.Run("verify", house.At("out/in-full/run.json")).ExitCode == 1, errors);   // it violates the policy
    }

    [Theory]
    [InlineData("torchscript", "--preprocessing", "clop", "there is no such file, and 'clop' is not a known word; use clip")]
    [InlineData("torchscript", "--preprocessing", "steps.json", "steps.json(2,11): $.mean: has 2 numbers; 'rgb' images need 1")]
    [InlineData("inception-v3", "--preprocessing", "clip", "--preprocessing is only for the extractors 'torchscript' and 'onnx'")]
    [InlineData("torchscript", "--output", "features", "--output is only for the extractor 'onnx'")]
    [InlineData("torchscript", "--tokens", "last", "'last' is not a choice for --tokens; use first")]
    [InlineData("auditor.safetensors", "--tokens", "first", "--tokens is for the extractors 'torchscript' and 'onnx'")]
    public void Distance_ImpossibleUse_IsOneSentence(string extractor, string option, string value, string expected)
    {
        File.WriteAllText(house.At("steps.json"), """
            { "channels": "rgb",
              "mean": [0.5, 0.5], "std": [1] }
            """);
        var file = value.EndsWith(".json", StringComparison.Ordinal) ? house.At(value) : value;
        string[] weights = extractor.Contains('.', StringComparison.Ordinal) ? [] : ["--weights", Script()];
        var named = weights.Length == 0 ? house.At(extractor) : extractor;

        var result = Atu.Run([
            "distance", house.At("nothing"), house.At("nothing"), "--extractor", named, .. weights, option, file,
        ]);

        Assert.Equal(2, result.ExitCode);
        Assert.Contains(expected, result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Reference_WhatCannotBeSummarised_SaysWhy()
    {
        var (script, folder) = (Script(), Images("few", perClass: 5));

        Refuses(3, "10 images do not determine a covariance of 16 features; more than 16 are needed", folder, "x.npz");
        Refuses(2, "there is no such class in", folder, "x.npz", "--without", "8");
        Refuses(2, "has no sub-folders, and so no classes", Path.Combine(folder, "plain"), "x.safetensors");
        Assert.False(File.Exists(house.At("x.npz")));

        void Refuses(int exitCode, string expected, string data, string target, params string[] more)
        {
            var result = Atu.Run([
                "reference", "--data", data, "--extractor", "torchscript", "--weights", script, "--out", house.At(target), .. more
            ]);
            Assert.Equal(exitCode, result.ExitCode);
            Assert.Contains(expected, result.Errors, StringComparison.Ordinal);
        }
    }

    private static string Succeeds(params string[] arguments)
    {
        var (exitCode, output, errors) = Atu.Run([.. arguments, "--threads", "1"]);
        Assert.True(exitCode == 0, errors);
        return output;
    }

    private string ScriptedPolicy(string name, string reference, string use = "") =>
        house.Policy(name, edit: (
            OfClassifier,
            $"\"extractor\": \"torchscript\", \"extractorWeights\": \"sixteen.pt\", \"reference\": \"{reference}\"{use}"));

    private string Script()
    {
        if (!File.Exists(house.At("sixteen.pt")))
            ScriptedProgram.Write(house.At("sixteen.pt"), ScriptedProgram.Sixteen);
        return house.At("sixteen.pt");
    }

    // Grey noise, 16 × 16, in a folder for each of the house's classes.
    private string Images(string name, int perClass)
    {
        var random = new Random(7);
        foreach (var folder in new[] { "plain", "banned" })
        {
            Directory.CreateDirectory(house.At($"{name}/{folder}"));
            for (var number = 0; number < perClass; number++)
            {
                using var picture = new SKBitmap(16, 16);
                for (var pixel = 0; pixel < 256; pixel++)
                {
                    var level = (byte)random.Next(folder == "plain" ? 128 : 256);
                    picture.SetPixel(pixel % 16, pixel / 16, new SKColor(level, level, level));
                }

                using var file = File.Create(house.At($"{name}/{folder}/{number}.png"));
                picture.Encode(file, SKEncodedImageFormat.Png, quality: 100);
            }
        }

        return house.At(name);
    }

    private void Moments(string name, int size, long? count, double scale = 1)
    {
        using var moments = new FeatureMoments(zeros(size, float64), eye(size, dtype: float64) * scale, count);
        moments.Write(house.At(name));
    }
}
