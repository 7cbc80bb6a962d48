using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Features;

/// <summary>Extractors with their own files: what they are given, and what is reported of unsuitable files.</summary>
public sealed class ExtractorTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-extractors-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void TorchScript_Images_ComeInEightBits()
    {
        using var scope = NewDisposeScope();
        var path = ScriptedProgram.Write(At("mean.pt"), """
              def forward(self: __torch__.Program, img: Tensor) -> Tensor:
                return torch.add(torch.mean(torch.to(img, 6), [2, 3]), 0.25)
            """);
        using var loaded = FeatureExtractors.Load(WeightsExtractor.TorchScript, path, CheckpointDigest.Compute(path), CPU);

        // -1, beyond 1, and a level between two that rounds down: (-0.5 + 1) · 127.5 = 63.75 → 64; grey is repeated.
        var grey = stack([full([1, 4, 4], -1f), full([1, 4, 4], 3f), full([1, 4, 4], -0.5f)]);
        var features = loaded.Extractor.Features(grey);

        Assert.Equal(("TorchScript Fréchet distance", 3), (loaded.Metric, loaded.Extractor.FeatureSize));
        Assert.Equal([0.25f, 0.25f, 0.25f, 255.25f, 255.25f, 255.25f, 64.25f, 64.25f, 64.25f], features.data<float>().ToArray());
    }

    [Fact]
    public void TorchScript_MoreImagesThanAChunk_KeepTheirOrder()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        using var loaded = FeatureExtractors.Load(
            WeightsExtractor.TorchScript, ScriptedProgram.Write(At("sixteen.pt"), ScriptedProgram.Sixteen), sha256: null, CPU);
        var images = rand(37, 3, 8, 8) * 2 - 1;

        var all = loaded.Extractor.Features(images);

        Assert.Equal([37, 16], all.shape);
        Assert.True(allclose(all[30], loaded.Extractor.Features(images.narrow(0, 30, 1))[0]));
        Assert.Equal([0, 16], loaded.Extractor.Features(images.narrow(0, 0, 0)).shape);
        Assert.Null(loaded.Extractor.ExplainMismatch(images));
        Assert.Contains("1 or 3 channels", loaded.Extractor.ExplainMismatch(zeros(1, 4, 8, 8)), StringComparison.Ordinal);
    }

    [Fact]
    public void InceptionTorchScript_Published_IsAskedForFeatures()
    {
        using var scope = NewDisposeScope();
        using var loaded = FeatureExtractors.Load(
            WeightsExtractor.InceptionV3TorchScript,
            ScriptedProgram.Write(At("nvidia.pt"), ScriptedProgram.LikeInception),
            sha256: null,
            CPU);

        Assert.Equal([2, 2048], loaded.Extractor.Features(zeros(2, 3, 16, 16)).shape);
        Assert.Equal("FID (unpublished weights)", loaded.Metric);
    }

    [Fact]
    public void Metric_PublishedFile_IsFid()
    {
        Assert.Equal("FID", WeightsExtractor.InceptionV3.MetricName("6726825D" + new string('0', 56)));
        Assert.Equal(
            "FID", WeightsExtractor.InceptionV3TorchScript.MetricName(WeightsExtractor.InceptionV3TorchScript.PublishedSha256!));
        Assert.Equal(
            "FID (unpublished weights)",
            WeightsExtractor.InceptionV3.MetricName(WeightsExtractor.InceptionV3TorchScript.PublishedSha256!));
    }

    [Fact]
    public void Load_NoFile_SaysWhichAndThatNothingIsDownloaded() =>
        Refused(
            WeightsExtractor.InceptionV3,
            At("none.pth"),
            "nothing is downloaded",
            "pt_inception-2015-12-05-6726825d.pth",
            "begins with 6726825d",
            "mseitzer/pytorch-fid");

    [Fact]
    public void Load_OtherDigestThanPinned_IsRefusedBeforeAnythingRuns()
    {
        var path = ScriptedProgram.Write(At("raises.pt"), """
              def forward(self: __torch__.Program, img: Tensor) -> Tensor:
                ops.prim.RaiseException("it ran")
                return img
            """);

        var failed = Assert.Throws<CheckpointException>(
            () => FeatureExtractors.Load(WeightsExtractor.TorchScript, path, new string('0', 64), CPU));
        Assert.Contains("is pinned", failed.Message, StringComparison.Ordinal);
        Refused(WeightsExtractor.TorchScript, path, "cannot be run on [1, 3, 64, 64]: it ran");
    }

    [Fact]
    public void Load_ProgramWhereWeightsAreMeant_IsNotRun() =>
        Refused(
            WeightsExtractor.InceptionV3,
            ScriptedProgram.Write(At("program.pt"), ScriptedProgram.LikeInception),
            "is a TorchScript program",
            "'inception-v3-torchscript'");

    [Fact]
    public void Load_WeightsWhereAProgramIsMeant_SaysSo()
    {
        using (var some = zeros(3))
            SafetensorsFile.Write(At("weights.safetensors"), new Dictionary<string, Tensor> { ["a"] = some });

        Refused(
            WeightsExtractor.InceptionV3TorchScript,
            At("weights.safetensors"),
            "is not a TorchScript program",
            "inception-2015-12-05.pt");
        Refused(WeightsExtractor.TorchScript, At("weights.safetensors"), "is not a TorchScript program", "[N, 3, H, W]");
        Refused(WeightsExtractor.InceptionV3, At("weights.safetensors"), "has no tensor 'Conv2d_1a_3x3.conv.weight'");
    }

    [Theory]
    [InlineData("return img", "does not make one row of features for each image: it made Byte [1, 3, 64, 64]")]
    [InlineData("return torch.mean(torch.to(img, 6))", "it made Float32 []")]
    public void Load_ProgramThatMakesNoFeatures_SaysWhatItMade(string body, string expected) => Refused(
        WeightsExtractor.TorchScript,
        ScriptedProgram.Write(At("other.pt"), $"  def forward(self: __torch__.Program, img: Tensor) -> Tensor:\n    {body}"),
        expected, "[N, 3, H, W]");

    // A program of 12×12 pictures: the mean of each channel, as a classifier with the same preprocessing gets them.
    [Fact]
    public void TorchScript_Preprocessing_PreparesPicturesOfEightBits()
    {
        using var scope = NewDisposeScope();
        var path = ScriptedProgram.Write(At("prepared.pt"), """
              def forward(self: __torch__.Program, img: Tensor) -> Tensor:
                rows = torch.view(img, [-1, 3, 144])
                return torch.mean(rows, [2])
            """);
        var steps = new ImagePreprocessing("rgb", 12, Range: "0..1", Mean: [0.25, 0.5, 0.75], Std: [0.5]);
        using var loaded = FeatureExtractors.Load(
            WeightsExtractor.TorchScript, path, sha256: null, CPU, new ImageShape(1, 8), use: new ExtractorUse(steps));

        // -0.5 is level 64 of a picture, and not 63.75.
        var features = loaded.Extractor.Features(full([2, 1, 8, 8], -0.5f));

        Assert.Equal(3, loaded.Extractor.FeatureSize);
        Assert.Equal(
            new[] { 0.25, 0.5, 0.75 }.Select(mean => (64 / 255.0 - mean) / 0.5),
            features[1].data<float>().Select(value => (double)value),
            (expected, actual) => Math.Abs(expected - actual) < 1e-5);
        Assert.NotEqual(loaded.Sha256, loaded.Sha256AsUsed);
        Assert.Contains("is for square ones", loaded.Extractor.ExplainMismatch((12, 10)), StringComparison.Ordinal);
    }

    [Fact]
    public void TorchScript_FirstToken_HasTheFeatures()
    {
        using var scope = NewDisposeScope();
        var path = ScriptedProgram.Write(At("tokens.pt"), """
              def forward(self: __torch__.Program, img: Tensor) -> Tensor:
                return torch.flatten(torch.to(img, 6), 2)
            """);
        using var loaded = FeatureExtractors.Load(
            WeightsExtractor.TorchScript, path, sha256: null, CPU, new ImageShape(3, 4), use: new ExtractorUse(Tokens: "first"));
        var images = rand(3, 3, 4, 4) * 2 - 1;

        Assert.True(allclose(((images[2, 0] + 1) * 127.5).round().flatten(), loaded.Extractor.Features(images)[2]));
        Refused(WeightsExtractor.TorchScript, path, "a row for each token", "\"tokens\": \"first\"");
    }

    [Fact]
    public void Load_UseThatTheKindDoesNotHave_IsRefused()
    {
        var path = ScriptedProgram.Write(At("inception.pt"), ScriptedProgram.LikeInception);
        var use = new ExtractorUse(ImagePreprocessing.Published["clip"]);

        Assert.Contains(
            "'preprocessing' is only for the extractors 'torchscript' and 'onnx'",
            Assert.Throws<ArgumentException>(
                () => FeatureExtractors.Load(WeightsExtractor.InceptionV3TorchScript, path, null, CPU, use: use)).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "'crop' is 48, and the images are only 16 pixels wide",
            Assert.Throws<ArgumentException>(() => FeatureExtractors.Load(
                WeightsExtractor.TorchScript, path, null, CPU, new ImageShape(3, 16),
                use: new ExtractorUse(new ImagePreprocessing(Crop: 48)))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Load_ProgramOfANewerForm_IsOneClearError() =>
        Refused(
            WeightsExtractor.TorchScript,
            ScriptedProgram.Write(At("newer.pt"), ScriptedProgram.Sixteen, version: 9999),
            "cannot be loaded",
            "9999");

    [Fact]
    public void Load_InceptionOfAnotherWidth_IsRefused() => Refused(
        WeightsExtractor.InceptionV3TorchScript,
        ScriptedProgram.Write(
            At("narrow.pt"), ScriptedProgram.LikeInception.Replace("size = 2048", "size = 192", StringComparison.Ordinal)),
        "makes 192 features");

    private static void Refused(WeightsExtractor kind, string path, params string[] words)
    {
        var failed = Assert.Throws<CheckpointException>(() => FeatureExtractors.Load(kind, path, sha256: null, CPU));
        Assert.All(words, word => Assert.Contains(word, failed.Message, StringComparison.Ordinal));
        Assert.DoesNotContain('\n', failed.Message);
    }

    private string At(string name) => Path.Combine(_folder, name);
}
