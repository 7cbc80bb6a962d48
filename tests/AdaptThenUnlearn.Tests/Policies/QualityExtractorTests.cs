using AdaptThenUnlearn.Policies;
using static AdaptThenUnlearn.Tests.Policies.PolicyTexts;

namespace AdaptThenUnlearn.Tests.Policies;

/// <summary>What a policy says of extractors that come as a file of weights.</summary>
public sealed class QualityExtractorTests
{
    private const string OfClassifier = "\"extractor\": \"auditor\"";
    private const string OfInception = "\"extractor\": \"inception-v3\", \"extractorWeights\": \"w.pth\"";

    [Fact]
    public void Read_InceptionWithoutWeights_SaysWhichFileAndThatNothingIsDownloaded()
    {
        var error = Assert.Single(ReadChanged(Enough, OfClassifier, "\"extractor\": \"inception-v3\"").Errors);

        Assert.Equal((PolicyCodes.Missing, "$.quality.extractorWeights", 16), (error.Code, error.Path, error.Line));
        Assert.Contains("nothing is downloaded", error.Message, StringComparison.Ordinal);
        Assert.Contains(
            "pt_inception-2015-12-05-6726825d.pth (its SHA-256 begins with 6726825d), from "
                + "https://github.com/mseitzer/pytorch-fid",
            error.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Read_NvidiasInceptionWithoutWeights_SaysItsDigest() => Assert.Contains(
        "inception-2015-12-05.pt (SHA-256 f58cb9b6ec323ed63459aa4fb441fe750cfe39fafad6da5cb504a16f19e958f4)",
        Assert.Single(ReadChanged(Enough, OfClassifier, "\"extractor\": \"inception-v3-torchscript\"").Errors).Message,
        StringComparison.Ordinal);

    [Fact]
    public void Read_InceptionWithWeights_IsAPolicyWhoseAuditorCounts()
    {
        var result = ReadChanged(Enough, OfClassifier, OfInception);

        Assert.Empty(result.Errors);
        var policy = result.Policy!;
        Assert.Equal("w.pth", policy.Quality!.ExtractorWeights);
        Assert.Equal("auditor", policy.Quality.CountingClassifier(policy));
        Assert.Contains("quality/minShareKept/7", policy.RuleNames().Select(name => name.ToString()));
        Assert.DoesNotContain("quality/minShareKept/8", policy.RuleNames().Select(name => name.ToString()));
    }

    [Fact]
    public void Read_ClassifierWithWeights_IsAnError()
    {
        var errors = ReadChanged(
            Enough,
            OfClassifier,
            OfClassifier + ", \"extractorWeights\": \"w.pth\", \"extractorSha256\": \"" + new string('0', 64) + "\"").Errors;

        Assert.Equal(["$.quality.extractorWeights", "$.quality.extractorSha256"], errors.Select(error => error.Path));
        Assert.All(
            errors, error => Assert.Contains("the extractor 'auditor' is a classifier", error.Message, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("onnx", "\"preprocessing\": \"fd-dinov2\", \"output\": \"last_hidden_state\", \"tokens\": \"first\"", null, null)]
    [InlineData("torchscript", "\"preprocessing\": { \"resize\": 224 }, \"tokens\": \"first\"", null, null)]
    [InlineData("torchscript", "\"output\": \"features\"", "output", "is only for the extractor 'onnx'")]
    [InlineData("inception-v3", "\"preprocessing\": \"clip\"", "preprocessing", "'inception-v3' prepares images as it")]
    [InlineData("inception-v3-torchscript", "\"tokens\": \"first\"", "tokens", "is only for the extractors 'torchscript'")]
    [InlineData("onnx", "\"tokens\": \"last\"", "tokens", "'last' is not a choice of a token; use first")]
    [InlineData("onnx", "\"output\": \" \"", "output", "must not be empty")]
    [InlineData("onnx", "\"preprocessing\": { \"channels\": \"rgb\", \"mean\": [0.5, 0.5], \"std\": [1] }", "preprocessing.mean",
        "has 2 numbers; 'rgb' images need 1 or 3")]
    public void Read_UseOfAnExtractor_IsInThePolicyOrAnErrorAtItsPlace(string extractor, string use, string? at, string? expected)
    {
        var result = ReadChanged(
            Enough, OfClassifier, $"\"extractor\": \"{extractor}\", \"extractorWeights\": \"w\", {use}");

        Assert.Equal(at is null ? [] : [$"$.quality.{at}"], result.Errors.Select(error => error.Path));
        if (expected is not null)
            Assert.Contains(expected, result.Errors[0].Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_UseOfAClassifier_IsAnError() => Assert.Contains(
        "the extractor 'auditor' is a classifier of this policy",
        Assert.Single(ReadChanged(Enough, OfClassifier, OfClassifier + ", \"preprocessing\": \"clip\"").Errors).Message,
        StringComparison.Ordinal);

    // The same file that is used in another way makes other features.
    [Fact]
    public void DigestAsUsed_EveryWordOnTheUse_ChangesIt()
    {
        ExtractorUse[] uses =
        [
            new(), new(ImagePreprocessing.Published["clip"]), new(ImagePreprocessing.Published["fd-dinov2"]), new(Output: "a"),
            new(Output: "a", Tokens: "first"), new(new ImagePreprocessing(Resize: 224)),
        ];

        Assert.Distinct(uses.Select(use => use.DigestAsUsed("00")));
        Assert.Equal("00", uses[0].DigestAsUsed("00"));
        Assert.Equal(
            "preprocessing \"clip\", output 'a', tokens 'first'",
            new ExtractorUse(ImagePreprocessing.Published["clip"], "a", "first").Describe());
        Assert.Null(uses[0].Describe());
    }

    [Fact]
    public void ExtractorAsUsed_PoliciesThatPrepareInOtherWays_AreOtherExtractors()
    {
        var reading = Records.Run().Before.Quality! with { Extractor = "onnx" };
        var policy = Prepared("\"clip\"");

        Assert.Equal(policy.ExtractorAsUsed(reading), Prepared("\"clip\"").ExtractorAsUsed(reading));
        Assert.NotEqual(policy.ExtractorAsUsed(reading), Prepared("\"dinov2\"").ExtractorAsUsed(reading));
        Assert.NotEqual(policy.ExtractorAsUsed(reading), Prepared("null").ExtractorAsUsed(reading));
        Assert.Equal(reading.ExtractorSha256, Prepared("null").ExtractorAsUsed(reading));
        Assert.All(
            MeasurementSettings.Differences(policy, Prepared("\"dinov2\"")),
            path => Assert.StartsWith("$.quality.preprocessing.", path, StringComparison.Ordinal));
        Assert.NotEmpty(MeasurementSettings.Differences(policy, Prepared("\"dinov2\"")));

        static UnlearningPolicy Prepared(string preprocessing) => ReadChanged(
            Enough,
            OfClassifier,
            $"\"extractor\": \"onnx\", \"extractorWeights\": \"w\", \"preprocessing\": {preprocessing}").Policy!;
    }

    [Fact]
    public void Read_UnknownExtractor_ListsClassifiersAndTheOthers()
    {
        var error = Assert.Single(ReadChanged(Enough, OfClassifier, "\"extractor\": \"inception-v4\"").Errors);

        Assert.Contains(
            "digits, auditor, inception-v3, inception-v3-torchscript, torchscript or onnx (did you mean 'inception-v3'?)",
            error.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Read_ClassifierCalledLikeAnExtractor_IsAnError() => Assert.Equal(
        "$.classifiers.inception-v3",
        Assert.Single(ReadChanged(
            Enough,
            "\"digits\": { \"checkpoint\"",
            "\"inception-v3\": { \"checkpoint\": \"c\" }, \"digits\": { \"checkpoint\"").Errors).Path);

    [Theory]
    [InlineData(4097, "ATU1102")]    // too few for any distance
    [InlineData(4098, "ATU1120")]    // too few for a narrow bound of it: 20 × 2,048 are compared where there are twice as many
    [InlineData(81919, "ATU1120")]
    [InlineData(81920, null)]
    public void Read_InceptionWithFewSamples_IsWarnedOf(int samples, string? warned)
    {
        var result = ReadChanged(Full.Replace(
            "\"samples\": 1000, \"maxSamples\": 4000",
            $"\"samples\": {samples}, \"maxSamples\": 90000",
            StringComparison.Ordinal), OfClassifier, OfInception);

        Assert.Empty(result.Errors);
        Assert.Equal(
            warned is null ? [] : [$"{warned} $.evaluation.samples"],
            result.Warnings.Select(warning => $"{warning.Code} {warning.Path}"));
    }

    [Fact]
    public void Read_IncreaseOverTheOriginalItself_IsWarnedOf()
    {
        var itself = Read(Full, "quality.reference=original-generator");

        Assert.Equal(
            ["ATU1121 $.quality.maxFrechetIncrease"], itself.Warnings.Select(warning => $"{warning.Code} {warning.Path}"));
        Assert.Empty(Read(Full, "quality.reference=original-generator", "quality.maxFrechetIncrease=null").Warnings);
    }

    [Fact]
    public void EffectiveJson_WithoutWeights_IsTheTextOfBefore()
    {
        Assert.DoesNotContain("extractorWeights", Read(Full).EffectiveJson, StringComparison.Ordinal);
        Assert.Contains(
            "\"extractorWeights\":\"w.pth\"",
            ReadChanged(Enough, OfClassifier, OfInception).EffectiveJson,
            StringComparison.Ordinal);
    }

    private static string Enough { get; } = Full.Replace(
        "\"samples\": 1000, \"maxSamples\": 4000", "\"samples\": 5000, \"maxSamples\": 9000", StringComparison.Ordinal);
}
