using AdaptThenUnlearn.Policies;
using static AdaptThenUnlearn.Tests.Policies.PolicyTexts;

namespace AdaptThenUnlearn.Tests.Policies;

/// <summary>What a policy says of the preprocessing of a classifier's images.</summary>
public sealed class PreprocessingChoiceTests
{
    private const string Auditor = "\"auditor\": { ";

    [Fact]
    public void Read_EveryStep_IsInThePolicy()
    {
        var result = With("""
            "channels": "rgb", "resize": 256, "filter": "bicubic", "antialias": false, "crop": 224, "range": "0..1",
            "normalization": "imagenet", "layout": "nhwc"
            """);

        Assert.Empty(result.Errors);
        Assert.Equal(
            new ImagePreprocessing(
                "rgb", 256, "bicubic", false, Crop: 224, Range: "0..1", Normalization: "imagenet", Layout: "nhwc"),
            result.Policy!.Classifiers["auditor"].Preprocessing);
    }

    [Fact]
    public void Read_OwnMeanAndDeviation_AreInThePolicy()
    {
        var result = With(""" "channels": "rgb", "mean": [0.5, 0.4, 0.3], "std": [0.2] """);

        Assert.Empty(result.Errors);
        Assert.Equal([0.5, 0.4, 0.3], result.Policy!.Classifiers["auditor"].Preprocessing!.Mean!);
    }

    [Theory]
    [InlineData(""" "filter": "bilinear" """, "filter", "does nothing without 'resize'")]
    [InlineData(""" "antialias": true """, "antialias", "does nothing without 'resize'")]
    [InlineData(""" "rounded": true """, "rounded", "does nothing without 'resize'")]
    [InlineData(""" "resize": 64, "filter": "nearest", "antialias": true """, "antialias", "is not for 'nearest'")]
    [InlineData(""" "resize": 64, "crop": 65 """, "crop", "is 65, and images are only 64 pixels wide by then")]
    [InlineData(""" "resize": 0 """, "resize", "must be at least 1 and at most 4096, but is 0")]
    [InlineData(""" "resize": 64, "filter": "bilinaer" """, "filter", "'bilinear'")]
    [InlineData(""" "range": "0-1" """, "range", "is not a range of pixels")]
    [InlineData(""" "channels": "bgr" """, "channels", "is not a number of channels")]
    [InlineData(""" "layout": "hwc" """, "layout", "'nhwc'")]
    [InlineData(""" "normalization": "clip" """, "normalization", "is not a normalization; use imagenet")]
    [InlineData(""" "normalization": "imagenet" """, "normalization", "say \"channels\": \"rgb\" and \"range\": \"0..1\" too")]
    [InlineData(""" "mean": [0.5] """, "std", "is missing: 'mean' is given")]
    [InlineData(""" "std": [0.5] """, "mean", "is missing: 'std' is given")]
    [InlineData(""" "mean": [0.5], "std": [0] """, "std[0]", "must be above 0, but is 0")]
    [InlineData(""" "channels": "rgb", "mean": [0.5, 0.5], "std": [0.5] """, "mean", "has 2 numbers; 'rgb' images need 1 or 3")]
    [InlineData(""" "channels": "grey", "mean": [0.5], "std": [0.5, 0.5, 0.5] """, "std", "has 3 numbers; 'grey' images need 1")]
    [InlineData(
        """ "channels": "rgb", "range": "0..1", "normalization": "imagenet", "mean": [0.5], "std": [0.5] """,
        "normalization",
        "give only one of both")]
    public void Read_ImpossibleStep_IsAnErrorAtItsPlace(string steps, string property, string expected)
    {
        var error = Assert.Single(With(steps).Errors);

        Assert.Equal($"$.classifiers.auditor.preprocessing.{property}", error.Path);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    // The sources are named beside ImagePreprocessing.Published.
    [Theory]
    [InlineData("clip", "\"crop\":224,\"filter\":\"bicubic\",\"mean\":[0.48145466,0.4578275,0.40821073],\"range\":\"0..1\","
        + "\"resize\":224,\"rounded\":true,\"std\":[0.26862954,0.26130258,0.27577711]")]
    [InlineData("dinov2", "\"crop\":224,\"filter\":\"bicubic\",\"normalization\":\"imagenet\",\"range\":\"0..1\",\"resize\":256,"
        + "\"rounded\":true")]
    [InlineData("fd-dinov2", "\"filter\":\"bicubic\",\"normalization\":\"imagenet\",\"range\":\"0..1\",\"resize\":224,"
        + "\"rounded\":true")]
    public void Read_PublishedWord_IsWrittenInFull(string word, string expected)
    {
        var result = Changed((Auditor, Auditor + $"\"format\": \"torchscript\", \"preprocessing\": \"{word}\", "));

        Assert.Empty(result.Errors);
        Assert.Contains($"\"preprocessing\":{{\"channels\":\"rgb\",{expected}}}", result.EffectiveJson, StringComparison.Ordinal);
        Assert.Equal($"\"{word}\"", result.Policy!.Classifiers["auditor"].Preprocessing!.Describe());
        var vocabulary = Vocabulary with { CheckpointFormats = [.. Vocabulary.CheckpointFormats, "torchscript"] };
        Assert.Empty(PolicyReader.Read(result.EffectiveJson, "effective", vocabulary, []).Errors);
    }

    [Theory]
    [InlineData("\"dinov3\"", PolicyCodes.UnknownName,
        "'dinov3' is not a known word; use clip, dinov2 or fd-dinov2 (did you mean 'dinov2'?), or an object")]
    [InlineData("[]", PolicyCodes.WrongType, "must be an object, or one of the words clip, dinov2, fd-dinov2, but is a list")]
    public void Read_UnknownWord_IsAnErrorAtItsPlace(string written, string code, string expected)
    {
        var error = Assert.Single(Changed((Auditor, Auditor + $"\"format\": \"onnx\", \"preprocessing\": {written}, ")).Errors);

        Assert.Equal((code, "$.classifiers.auditor.preprocessing"), (error.Code, error.Path));
        Assert.Equal(expected, error.Message);
    }

    [Theory]
    [InlineData("{ \"resize\": 64, \"crop\": 32 }", null)]
    [InlineData("\"clip\"", null)]
    [InlineData("{ \"resize\": 64,\n \"crop\": 65 }", "p.json(2,10): $.crop: is 65")]
    [InlineData("{ \"size\": 64 }", "p.json(1,3): $.size: unknown property")]
    [InlineData("{ \"mean\": [0.5, 0.5], \"std\": [1], \"channels\": \"rgb\" }", "p.json(1,11): $.mean: has 2 numbers")]
    [InlineData("\"clop\"", "p.json(1,1): $: 'clop' is not a known word")]
    [InlineData("", "p.json(1,1)")]
    public void ReadAlone_Text_IsTheStepsOrTheError(string text, string? expected)
    {
        var (steps, errors) = ImagePreprocessing.Read(text, "p.json");

        Assert.Equal(expected is null, steps is not null);
        if (expected is not null)
            Assert.Contains(expected, FormattableString.Invariant(
                $"{errors[0].File}({errors[0].Line},{errors[0].Column}): {errors[0].Path}: {errors[0].Message}"),
                StringComparison.Ordinal);
    }

    [Fact]
    public void Read_OfAnotherFormat_IsAnError()
    {
        var error = Assert.Single(Changed((Auditor, Auditor + "\"preprocessing\": { \"resize\": 64 }, ")).Errors);

        Assert.Equal("$.classifiers.auditor.preprocessing", error.Path);
        Assert.Contains(
            "is only for the formats 'torchscript', 'onnx' and 'image-text'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_ArchitectureWithPreprocessing_IsInThePolicy()
    {
        var result = Changed((
            Auditor, Auditor + "\"architecture\": \"resnet18\", \"preprocessing\": { \"channels\": \"rgb\" }, "));

        Assert.Empty(result.Errors);
        Assert.Equal("resnet18", result.Policy!.Classifiers["auditor"].Architecture);
        Assert.Empty(result.Policy.ProgramRoles());
    }

    [Theory]
    [InlineData("\"architecture\": \"resnet19\", ", "architecture", "'resnet19' is not a classifier architecture")]
    [InlineData("\"architecture\": \"resnet18\", \"format\": \"torchscript\", ", "architecture", "brings its own layers")]
    public void Read_ArchitectureThatCannotBe_IsAnError(string said, string property, string expected)
    {
        var error = Assert.Single(Changed((Auditor, Auditor + said)).Errors);

        Assert.Equal($"$.classifiers.auditor.{property}", error.Path);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_ArchitectureWithoutClasses_AsksForThem()
    {
        var error = Assert.Single(Changed((
            Auditor + "\"checkpoint\": \"b.safetensors\", \"classes\": [\"7\", \"8\", \"9\"]",
            Auditor + "\"checkpoint\": \"b.safetensors\", \"architecture\": \"resnet18\"")).Errors);

        Assert.Equal((PolicyCodes.Missing, "$.classifiers.auditor.classes"), (error.Code, error.Path));
    }

    private static PolicyResult With(string steps) =>
        Changed((Auditor, Auditor + "\"format\": \"torchscript\", \"preprocessing\": { " + steps + " }, "));
}
