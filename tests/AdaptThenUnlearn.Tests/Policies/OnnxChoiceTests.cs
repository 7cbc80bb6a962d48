using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;
using static AdaptThenUnlearn.Tests.Policies.PolicyTexts;

namespace AdaptThenUnlearn.Tests.Policies;

/// <summary>What a policy says of files that are ONNX graphs, and what a report says then.</summary>
public sealed class OnnxChoiceTests
{
    private const string Generator = "\"checkpoint\": \"g.safetensors\"";
    private const string Graph = "\"checkpoint\": \"g.onnx\", \"format\": \"onnx\"";
    private const string Auditor = "\"auditor\": { ";

    [Fact]
    public void Read_GraphsNamed_AreInThePolicy()
    {
        var result = Changed(
            (Generator, Graph + ", \"inputs\": { \"z\": { \"is\": \"latent\" }, \"c\": { \"is\": \"label\", \"class\": 3 } }, "
                + "\"output\": { \"range\": \"0..1\", \"layout\": \"nhwc\" }"),
            (Auditor, Auditor + "\"format\": \"onnx\", \"output\": \"logits\", \"preprocessing\": { \"resize\": 224 }, "));

        Assert.Empty(result.Errors);
        Assert.Equal(["generator", "classifier auditor"], result.Policy!.ProgramRoles());
        Assert.True(result.Policy.RunsGraphs());
        Assert.Equal(new GraphInput(GraphInput.Label, 3), result.Policy.Generator.Inputs!["c"]);
        Assert.Contains("\"output\":{\"layout\":\"nhwc\",\"range\":\"0..1\"}", result.EffectiveJson, StringComparison.Ordinal);
    }

    [Fact]
    public void Digest_WithoutAnyOfThem_IsThatOfBefore()
    {
        Assert.False(Read(Full).Policy!.RunsGraphs());
        Assert.Equal(FullDigest, CanonicalJson.Digest(Read(Full).Policy!));
    }

    [Theory]
    [InlineData("\"checkpoint\": \"g.pt\", \"output\": { \"range\": \"0..1\" }", "output", "is only for the format 'onnx'")]
    [InlineData("\"checkpoint\": \"g.pt\", \"inputs\": { \"z\": { \"is\": \"latent\" } }", "inputs",
        "is only for the format 'onnx'")]
    [InlineData(Graph + ", \"inputs\": { \"z\": { \"is\": \"noise\" } }", "inputs", "exactly one input that it is the 'latent'")]
    [InlineData(Graph + ", \"discriminator\": \"d.onnx\"", "discriminator", "measured and judged, and not trained")]
    [InlineData(Graph + ", \"layers\": [\"Tanh()\"]", "layers", "is not for the format 'onnx'")]
    [InlineData(Graph + ", \"inputs\": { \"z\": { \"is\": \"latent\", \"class\": 1 } }", "inputs.z.class", "is only for 'label'")]
    [InlineData(
        Graph + ", \"inputs\": { \"z\": { \"is\": \"latent\" }, \"k\": { \"is\": \"constant\" } }", "inputs.k.value",
            "is missing")]
    [InlineData(Graph + ", \"inputs\": { \"z\": { \"is\": \"latents\" } }", "inputs.z.is", "did you mean 'latent'")]
    [InlineData(Graph + ", \"output\": { \"range\": \"0..2\" }", "output.range", "0..255")]
    public void Read_WordsThatDoNotFit_AreErrorsAtTheirPlace(string generator, string place, string expected) => Assert.Contains(
        Changed((Generator, generator)).Errors,
        error => error.Path == $"$.generator.{place}" && error.Message.Contains(expected, StringComparison.Ordinal));

    [Fact]
    public void Read_OutputOfAClassifierOfAnotherFormat_IsAnError() => Assert.Equal(
        "$.classifiers.auditor.output", Assert.Single(Changed((Auditor, Auditor + "\"output\": \"logits\", ")).Errors).Path);

    [Fact]
    public void Digest_OfAClassifierAsItIsUsed_KnowsItsOutput()
    {
        var choice = new ClassifierChoice("c.onnx", ["a"], null);

        Assert.NotEqual(CanonicalJson.DigestAsUsed(choice, "0"), CanonicalJson.DigestAsUsed(choice with { Output = "logits" },
            "0"));
    }

    [Fact]
    public void Report_GraphsWereRun_SaysByWhat()
    {
        var run = Records.Run(
            policy: Records.Policy with { Generator = Records.Policy.Generator with { Format = GeneratorChoice.Onnx } });

        Assert.Contains(
            "| Programs run | generator (TorchScript, by libtorch's interpreter; ONNX, by ONNX Runtime 9.9 on the CPU) |",
            new MarkdownReport().Render(
                run with { Environment = run.Environment with { GraphRuntime = "ONNX Runtime 9.9 on the CPU" } }),
            StringComparison.Ordinal);
    }
}
