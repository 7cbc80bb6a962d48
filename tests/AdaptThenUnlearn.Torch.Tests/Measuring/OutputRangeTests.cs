using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Measuring;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Measuring;

/// <summary>
/// Logits and probabilities are distinguished by all that a classifier put out, and one image many times from many.
/// </summary>
public sealed class OutputRangeTests
{
    [Theory]
    [InlineData("logits", "softmax", null)]
    [InlineData("logits", "sigmoid", null)]
    [InlineData("logits", "probabilities", "they are not probabilities: say \"softmax\"")]
    [InlineData("logits", "independent-probabilities", "they are not probabilities")]
    [InlineData("log-softmax", "softmax", null)]
    [InlineData("softmax", "softmax", "say \"outputs\": \"probabilities\" (if they are logits all the same, subtract 2")]
    [InlineData("softmax", "sigmoid", "say \"outputs\": \"probabilities\"")]
    [InlineData("softmax", "probabilities", null)]
    [InlineData("sigmoid", "softmax", "say \"outputs\": \"independent-probabilities\"")]
    [InlineData("sigmoid", "sigmoid", "say \"outputs\": \"independent-probabilities\"")]
    [InlineData("sigmoid", "probabilities", "say \"independent-probabilities\"")]
    [InlineData("sigmoid", "independent-probabilities", null)]
    [InlineData("one sigmoid", "sigmoid", "say \"outputs\": \"independent-probabilities\"")]
    [InlineData("half softmax", "softmax", "say \"outputs\": \"probabilities\"")]
    [InlineData("one-hot", "softmax", "say \"outputs\": \"probabilities\"")]
    [InlineData("percent", "softmax", "divide them by 100 in the program")]
    [InlineData("only infinite", "softmax", null)]   // each image counts as showing everything
    public void WhyNot_WhatAProgramPutsOut_IsHeldAgainstThePolicy(string made, string stated, string? expected)
    {
        using var scope = NewDisposeScope();
        manual_seed(3);
        var logits = 4 * randn(300, made.StartsWith("one sig", StringComparison.Ordinal) ? 1 : 3);
        var outputs = made switch
        {
            "softmax" => logits.softmax(1),
            "half softmax" => logits.softmax(1).to(float16).to(float32),
            "percent" => 100 * logits.softmax(1),
            "sigmoid" or "one sigmoid" => logits.sigmoid(),
            "log-softmax" => logits.log_softmax(1),
            "one-hot" => nn.functional.one_hot(logits.argmax(1), 3).to(float32),
            "only infinite" => full([300, 3], double.PositiveInfinity),
            _ => logits,
        };

        var kind = stated switch
        {
            "softmax" => ClassifierOutputs.Softmax,
            "sigmoid" => ClassifierOutputs.Sigmoid,
            "probabilities" => ClassifierOutputs.Probabilities,
            _ => ClassifierOutputs.IndependentProbabilities,
        };
        var tally = outputs.split(100).Select(OutputRange.FromLogits).Aggregate((one, other) => one.Merge(other));
        var problem = tally.WhyNot(kind, knownToBeLogits: false);

        Assert.Equal(300, tally.Images);
        if (expected is null)
            Assert.Null(problem);
        else
            Assert.Contains(expected, problem, StringComparison.Ordinal);
    }

    // A few images within the range are nothing; an architecture that ends in logits is known whatever they are.
    [Fact]
    public void WhyNot_FewWithinTheRangeOrLogitsForSure_IsNothing()
    {
        using var scope = NewDisposeScope();
        var few = OutputRange.FromLogits(tensor(new[] { 0.2f, 0.8f }).view(1, 2))
            .Merge(OutputRange.FromLogits(tensor(new[] { -3f, 2f }).view(1, 2)));

        Assert.Null(few.WhyNot(ClassifierOutputs.Softmax, knownToBeLogits: false));
        Assert.Null(OutputRange.FromLogits(rand(300, 2)).WhyNot(ClassifierOutputs.Softmax, knownToBeLogits: true));
    }

    [Fact]
    public void Tally_Row_IsReadBackAndCountsWhatIsUnreadable()
    {
        using var scope = NewDisposeScope();
        var tally =
            OutputRange.FromLogits(tensor(new[] { 1f, 2f, float.NaN, 3f, float.PositiveInfinity, 4f, -5f, 6f }).view(4, 2));

        Assert.Equal((4, 2, 1.0, 3.0), (tally.Images, tally.Unreadable, tally.MinimumSum, tally.MaximumSum));
        Assert.Equal([-5, 2], tally.Minimum);
        Assert.Equal([1, 6], tally.Maximum);
        Assert.Equal(tally.ToRow(), OutputRange.FromRow(tally.ToRow().ToArray(), classes: 2).ToRow());
        Assert.False(tally.IsConstant);
        Assert.True(OutputRange.FromLogits(tensor(new[] { 0f, -9f, 0f, -9f }).view(2, 2)).IsConstant);
    }

    // softmax of an infinite logit is NaN; of minus infinity it is 0, and sigmoid of it too: a feature would be free of charge.
    [Theory]
    [InlineData(ClassifierOutputs.Softmax, float.PositiveInfinity, null)]
    [InlineData(ClassifierOutputs.Softmax, float.NegativeInfinity, null)]
    [InlineData(ClassifierOutputs.Softmax, float.NegativeInfinity, 0.5)]
    [InlineData(ClassifierOutputs.Sigmoid, float.NegativeInfinity, null)]
    [InlineData(ClassifierOutputs.Sigmoid, float.NegativeInfinity, 0.5)]
    [InlineData(ClassifierOutputs.Probabilities, float.NegativeInfinity, null)]
    [InlineData(ClassifierOutputs.IndependentProbabilities, float.NaN, 0.9)]
    public void Shows_AnyOutputThatIsNoFiniteNumber_CountsForEveryClass(ClassifierOutputs outputs, float value, double? threshold)
    {
        using var scope = NewDisposeScope();
        using var classifier = new StridedConvNet(Small.Shape, ["a", "b", "c"]) { Outputs = outputs };
        var logits = tensor(new[] { 0.1f, 0.2f, value, 0.7f, -0.2f, -0.1f }).view(2, 3);

        foreach (var name in classifier.Classes.Skip(1))
            Assert.Equal([true, false], new FeatureRule(classifier, name, threshold).Shows(logits).data<bool>().ToArray());
    }

    [Fact]
    public void Diversity_ManyImagesAndOneManyTimes_AreToldApart()
    {
        using var scope = NewDisposeScope();
        manual_seed(4);
        var one = randn(1, 1, 8, 8).expand(100, 1, 8, 8);
        var (different, same, nearly) =
            (Of(randn(100, 1, 8, 8), randn(100, 1, 8, 8)), Of(one, one), Of(one + Flicker(), one + Flicker()));

        Assert.Equal((200, 200), (different.Images, different.Distinct));
        Assert.Null(different.WhyOneImage ?? different.WhyAlike);
        Assert.Equal((200, 1, 0), (same.Images, same.Distinct, same.Deviation));
        Assert.NotNull(same.WhyOneImage);
        Assert.True(nearly.Distinct > 190, "pixels flicker");
        Assert.NotNull(nearly.WhyOneImage);

        static Tensor Flicker() => 0.004f * randn(100, 1, 8, 8);

        static ImageDiversity Of(params Tensor[] batches) =>
            batches.Select(batch => DiversityStatistics.FromImages(batch))
                .Aggregate((first, second) => first.Merge(second))
                .ToReading();
    }
}
