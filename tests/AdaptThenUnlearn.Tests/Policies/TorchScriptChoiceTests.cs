using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;
using static AdaptThenUnlearn.Tests.Policies.PolicyTexts;

namespace AdaptThenUnlearn.Tests.Policies;

/// <summary>What a policy says of files that are TorchScript programs, and what a report says then.</summary>
public sealed class TorchScriptChoiceTests
{
    private const string Generator = "\"checkpoint\": \"g.safetensors\"";
    private const string Auditor = "\"auditor\": { ";

    [Fact]
    public void Read_ProgramsNamed_AreInThePolicy()
    {
        var result = Changed(
            (Generator, Generator + ", \"format\": \"torchscript\", \"latentSize\": 64, \"discriminator\": \"d.pt\""),
            (Auditor, Auditor + "\"format\": \"torchscript\", "));

        Assert.Empty(result.Errors);
        Assert.Equal((64, "torchscript"), (result.Policy!.Generator.LatentSize, result.Policy.Classifiers["auditor"].Format));
        Assert.Equal(["generator", "discriminator", "classifier auditor"], result.Policy.ProgramRoles());
        Assert.Contains("\"latentSize\":64", result.EffectiveJson, StringComparison.Ordinal);
    }

    [Fact]
    public void EffectiveJson_WithoutAnyOfThem_IsTheTextOfBefore()
    {
        Assert.DoesNotContain("\"latentSize\"", Read(Full).EffectiveJson, StringComparison.Ordinal);
        Assert.Empty(Read(Full).Policy!.ProgramRoles());

        Assert.Equal(FullDigest, CanonicalJson.Digest(Read(Full).Policy!));
    }

    [Fact]
    public void Read_LatentSizeOfAnotherFormat_IsAnError()
    {
        var error = Assert.Single(Changed((Generator, Generator + ", \"latentSize\": 64")).Errors);

        Assert.Equal((PolicyCodes.ImpossibleValue, "$.generator.latentSize"), (error.Code, error.Path));
        Assert.Contains("is only for the formats 'torchscript' and 'onnx'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_ProgramWithoutClasses_AsksForThem()
    {
        var error = Assert.Single(Changed((
            Auditor + "\"checkpoint\": \"b.safetensors\", \"classes\": [\"7\", \"8\", \"9\"]",
            Auditor + "\"checkpoint\": \"b.pt\", \"format\": \"torchscript\"")).Errors);

        Assert.Equal((PolicyCodes.Missing, "$.classifiers.auditor.classes"), (error.Code, error.Path));
        Assert.Contains("a program does not name its outputs", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0", true)]
    [InlineData("17", true)]
    [InlineData("logits", false)]
    [InlineData("-1", false)]
    [InlineData("1001", false)]
    public void Read_OutputOfAProgram_IsAPosition(string output, bool isValid)
    {
        var read = Changed((
            Auditor + "\"checkpoint\": \"b.safetensors\", \"classes\": [\"7\", \"8\", \"9\"]",
            Auditor + "\"checkpoint\": \"b.pt\", \"format\": \"torchscript\", \"output\": \"" + output + "\", "
                + "\"classes\": [\"7\", \"8\", \"9\"]"));

        Assert.Equal(isValid ? [] : ["$.classifiers.auditor.output"], read.Errors.Select(error => error.Path));
    }

    [Fact]
    public void Programs_ScriptedExtractor_IsOne() =>
        Assert.Equal(["extractor"], (Records.Policy with
        {
            Quality = Records.Policy.Quality! with { Extractor = "inception-v3-torchscript" }
        }).ProgramRoles());

    [Fact]
    public void Report_ProgramsWereRun_SaysWhich()
    {
        var policy =
            Records.Policy with { Generator = Records.Policy.Generator with { Format = "torchscript", Discriminator = "d.pt" } };

        Assert.Contains(
            "| Programs run | generator, discriminator (TorchScript, by libtorch's interpreter) |",
            new MarkdownReport().Render(Records.Run(policy: policy)),
            StringComparison.Ordinal);
        Assert.DoesNotContain("Programs run", new MarkdownReport().Render(Records.Run()), StringComparison.Ordinal);
    }
}
