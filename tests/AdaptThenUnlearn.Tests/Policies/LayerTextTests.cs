using AdaptThenUnlearn.Policies;
using static AdaptThenUnlearn.Tests.Policies.PolicyTexts;

namespace AdaptThenUnlearn.Tests.Policies;

/// <summary>Layers as Python prints them, alone and as <c>generator.layers</c>.</summary>
public sealed class LayerTextTests
{
    private const string Generator = "\"checkpoint\": \"g.safetensors\"";

    [Theory]
    [InlineData(
        "ConvTranspose2d(64, 32, kernel_size=(4, 4), stride=(2, 2), padding=(1, 1), bias=False)", "ConvTranspose2d", "stride", 2)]
    [InlineData("  (3): ConvTranspose2d(64, 32, 4, 2, 1, 1)", "ConvTranspose2d", "output_padding", 1)]
    [InlineData("Conv2d(6, 3, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))", "Conv2d", "kernel_size", 3)]
    [InlineData("Linear(in_features=100, out_features=128, bias=True)", "Linear", "out_features", 128)]
    [InlineData("Upsample(scale_factor=2.0, mode='nearest')", "Upsample", "scale_factor", 2)]
    [InlineData("PReLU(num_parameters=1)", "PReLU", "num_parameters", 1)]
    public void Parse_AsPythonPrintsThem_KnowsTypeAndNumbers(string text, string type, string argument, int value)
    {
        var layer = LayerText.Parse(text);

        Assert.Equal((type, (int?)value), (layer.Type, layer.GetInt32(argument)));
    }

    [Fact]
    public void Parse_WhatIsLeftOut_HasPyTorchsDefault()
    {
        Assert.Equal(1e-5, LayerText.Parse("BatchNorm2d").GetDouble("eps", 1e-5));
        Assert.Equal(
            1e-3,
            LayerText.Parse("BatchNorm2d(512, eps=1e-03, momentum=0.1, affine=True, track_running_stats=True)")
                .GetDouble("eps", 1e-5));
        Assert.Null(LayerText.Parse("ReLU()").GetInt32("stride"));
        Assert.Equal((128, 7), LayerText.Parse("Unflatten(dim=1, unflattened_size=(128, 7, 7))").GetUnflattenedSize());
    }

    [Theory]
    [InlineData("Conv2d(bias=True)", true)]
    [InlineData("Conv2d(bias=true)", true)]
    [InlineData("Conv2d(bias=False)", false)]
    [InlineData("Conv2d(bias=false)", false)]
    public void GetBoolean_AsPythonOrJsonWriteIt_IsTheValue(string text, bool expected) =>
        Assert.Equal(expected, LayerText.Parse(text).GetBoolean("bias", !expected));

    [Theory]
    [InlineData("Conv2d(stride=65535)", 65535)]
    [InlineData("Conv2d(padding=0)", 0)]
    [InlineData("Conv2d(padding=( 2 , 2 ))", 2)]
    [InlineData("Conv2d(padding=(2,))", 2)]
    public void GetInt32_AtTheEdge_IsTheValue(string text, int expected)
    {
        var layer = LayerText.Parse(text);

        Assert.Equal(expected, layer.GetInt32("stride") ?? layer.GetInt32("padding"));
    }

    // The order of PyTorch 2.10's constructors, as far as they are known here.
    [Theory]
    [InlineData(
        "ConvTranspose2d(1, 2, 3, 4, 5, 6, 1, True, 1)",
        "in_channels out_channels kernel_size stride padding output_padding groups bias dilation")]
    [InlineData("Conv2d(1, 2, 3, 4, 5, 1, 1, True)", "in_channels out_channels kernel_size stride padding dilation groups bias")]
    [InlineData("Linear(1, 2, True)", "in_features out_features bias")]
    [InlineData("BatchNorm2d(1, 1e-5, 0.1, True, True)", "num_features eps momentum affine track_running_stats")]
    [InlineData("BatchNorm1d(1, 1e-5, 0.1, True, True)", "num_features eps momentum affine track_running_stats")]
    [InlineData("InstanceNorm2d(1, 1e-5, 0.1, True, False)", "num_features eps momentum affine track_running_stats")]
    [InlineData("ReLU(True)", "inplace")]
    [InlineData("LeakyReLU(0.2, True)", "negative_slope inplace")]
    [InlineData("PReLU(1)", "num_parameters")]
    [InlineData("Upsample(2, nearest)", "scale_factor mode")]
    [InlineData("UpsamplingNearest2d(2, nearest)", "scale_factor mode")]
    [InlineData("Unflatten(1, (1, 2, 2))", "dim unflattened_size")]
    [InlineData("Dropout(0.5, False)", "p inplace")]
    [InlineData("Dropout2d(0.5, False)", "p inplace")]
    [InlineData("Tanh()", "")]
    [InlineData("Sigmoid()", "")]
    [InlineData("Identity()", "")]
    public void Parse_ArgumentsWithoutNames_HavePyTorchsNames(string text, string names) =>
        Assert.Equal(names, string.Join(' ', LayerText.Parse(text).Arguments.Keys));

    [Theory]
    [InlineData("ConvTranspose2d(groups=2)", "'groups' is 2, but only 1")]
    [InlineData("ConvTranspose2d(dilation=2)", "'dilation' is 2, but only 1")]
    [InlineData("Conv2d(groups=2)", "'groups' is 2, but only 1")]
    [InlineData("Conv2d(dilation=2)", "'dilation' is 2, but only 1")]
    [InlineData("BatchNorm1d(track_running_stats=False)", "'track_running_stats' is False, but only True")]
    [InlineData("InstanceNorm2d(track_running_stats=True)", "'track_running_stats' is True, but only False")]
    [InlineData("UpsamplingNearest2d(scale_factor=2, mode=bilinear)", "'mode' is bilinear, but only nearest")]
    public void Problem_ValueThatIsNotComputed_NamesTheOneThatIs(string text, string words) =>
        Assert.Contains(words, LayerText.FindProblem(text), StringComparison.Ordinal);

    [Theory]
    [InlineData("ReLUU", "did you mean 'ReLU'?")]
    [InlineData("relu then tanh", "as Python prints it")]
    [InlineData("Conv2d(stride=(2, 1))", "same in both directions")]
    [InlineData("Conv2d(strid=2)", "'strid' is not known")]
    [InlineData("Conv2d(3, 4, 3, 1, 1, 1, 2)", "'groups' is 2")]
    [InlineData("Conv2d(stride=2, stride=3)", "given twice")]
    [InlineData("Conv2d(stride=0)", "at least 1")]
    [InlineData("Conv2d(stride=1.5)", "whole number")]
    [InlineData("Upsample(scale_factor=2.0, mode='bilinear')", "'mode' is bilinear")]
    [InlineData("Upsample(mode=nearest)", "needs 'scale_factor'")]
    [InlineData("BatchNorm2d(eps=0)", "must be positive")]
    [InlineData("BatchNorm2d(8, track_running_stats=False)", "'track_running_stats' is False")]
    [InlineData("LeakyReLU(negative_slope=steep)", "must be a number")]
    [InlineData("ReLU(==)", "cannot be read")]
    [InlineData("SelfAttention(64)", "SelfAttention")]
    [InlineData("relu then tanh", "such as ConvTranspose2d(stride=2, padding=1), BatchNorm2d or ReLU")]
    [InlineData("Attn", "'Attn' is not a layer; use ConvTranspose2d, Conv2d, Linear,")]
    [InlineData("Tanh(1)", "'Tanh(1)': it has too many arguments; Tanh takes none")]
    [InlineData("Linear(1, 2, True, 4)", "it has too many arguments; Linear takes in_features, out_features, bias")]
    [InlineData("Dropout(q=1)", "'q' is not known here; Dropout takes p, inplace")]
    [InlineData("Dropout(==)", "its arguments cannot be read; Dropout takes p, inplace")]
    [InlineData("Conv2d(stride=65536)", "'stride' must be a whole number of at most 65535, but is 65536")]
    [InlineData("Conv2d(stride=-1)", "'stride' must be a whole number of at most 65535, but is -1")]
    [InlineData("Conv2d(stride=wide)", "'stride' must be a whole number of at most 65535, but is wide")]
    [InlineData("Conv2d(stride=())", "'stride' must be a whole number of at most 65535, but is ()")]
    [InlineData("Conv2d(padding=x)", "'padding' must be a whole number")]
    [InlineData("Conv2d(kernel_size=0)", "strides, kernels and factors are at least 1")]
    [InlineData("Upsample(scale_factor=0)", "strides, kernels and factors are at least 1")]
    [InlineData("Conv2d(bias=maybe)", "'bias' must be True or False, but is maybe")]
    [InlineData("ReLU(inplace=maybe)", "'inplace' must be True or False, but is maybe")]
    [InlineData("BatchNorm2d(affine=maybe)", "'affine' must be True or False, but is maybe")]
    [InlineData("BatchNorm2d(momentum=much)", "'momentum' must be a number, but is much")]
    [InlineData("Dropout(p=half)", "'p' must be a number, but is half")]
    [InlineData("Dropout(p=inf)", "'p' must be a number, but is inf")]
    [InlineData("Unflatten(1, (128, 7, 8))", "maps, height and width, the last two equal")]
    [InlineData("Unflatten(dim=1)", "Unflatten needs 'unflattened_size'")]
    [InlineData("Unflatten(dim=2, unflattened_size=(1, 2, 2))", "'dim' is 2, but only 1 is known here")]
    public void Problem_WhatCannotBeComputed_IsSaid(string text, string words) =>
        Assert.Contains(words, LayerText.FindProblem(text), StringComparison.Ordinal);

    [Fact]
    public void Read_Layers_AreInThePolicyAndInItsDigest()
    {
        var result = With("[\"Linear\", \"ReLU\", \"Linear(7, 784)\", \"Tanh\"]");

        Assert.Empty(result.Errors);
        Assert.Equal(["Linear", "ReLU", "Linear(7, 784)", "Tanh"], result.Policy!.Generator.Layers!);
        Assert.NotEqual(CanonicalJson.Digest(Read(Smallest).Policy!), CanonicalJson.Digest(result.Policy));
        Assert.Equal(["dcgan-tutorial"], With("[\"dcgan-tutorial\"]").Policy!.Generator.Layers!);
    }

    [Theory]
    [InlineData("[\"Linear\", \"Softmaxx\"]", "$.generator.layers[1]", "Softmaxx")]
    [InlineData("[\"Linear\", \"dcgan-tutorial\"]", "$.generator.layers", "alone")]
    [InlineData("[]", "$.generator.layers", "at least one")]
    [InlineData("[\"Linear\"], \"format\": \"torchscript\"", "$.generator.layers", "brings its own layers")]
    public void Read_LayersThatAreNone_AreAnErrorAtTheirPlace(string layers, string path, string words)
    {
        var error = Assert.Single(With(layers).Errors);

        Assert.Equal((PolicyCodes.ImpossibleValue, path), (error.Code, error.Path));
        Assert.Contains(words, error.Message, StringComparison.Ordinal);
    }

    private static PolicyResult With(string layers)
    {
        Assert.Contains(Generator, Smallest, StringComparison.Ordinal);
        return PolicyReader.Read(
            Smallest.Replace(Generator, $"{Generator}, \"layers\": {layers}", StringComparison.Ordinal),
            "policy.json",
            Vocabulary with { CheckpointFormats = ["safetensors", "torchscript"] },
            []);
    }
}
