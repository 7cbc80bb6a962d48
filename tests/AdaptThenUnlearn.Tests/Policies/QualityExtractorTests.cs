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
