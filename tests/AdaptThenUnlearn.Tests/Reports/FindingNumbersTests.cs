using System.Globalization;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;

namespace AdaptThenUnlearn.Tests.Reports;

/// <summary>Three digits are enough, except where they would hide on which side of the limit a number lies.</summary>
public sealed class FindingNumbersTests
{
    [Theory]
    [InlineData(0.97723, 0.95, "97.7 %")]
    [InlineData(1.32009, 0.5, "132 %")]
    [InlineData(0.00326, 0.01, "0.326 %")]
    [InlineData(0.1, 0.01, "10 %")]
    [InlineData(0, 0.01, "0 %")]
    [InlineData(12.3456, 0.5, "1235 %")]
    [InlineData(-0.0432199, 0.5, "-4.32 %")]
    [InlineData(0.00001234, 0.01, "0.00123 %")]
    [InlineData(0.010004, 0.01, "1.0004 %")]
    [InlineData(0.0099996, 0.01, "0.99996 %")]
    [InlineData(0.01, 0.01, "1 %")]
    [InlineData(0.12345, 0.12345, "12.345 %")]
    [InlineData(0.99996, 0.5, "99.996 %")]
    [InlineData(1.00004, 0.5, "100.004 %")]
    [InlineData(1, 0.5, "100 %")]
    public void Write_Share_HasThreeDigitsUnlessTheyMislead(double value, double limit, string expected) =>
        Assert.Equal(expected, FindingNumbers.Write(RuleName.MaxRate("digit-8"), value, limit));

    [Theory]
    [InlineData(0.41523, 40, "0.415")]
    [InlineData(36.75, 40, "36.8")]
    [InlineData(40.004, 40, "40.004")]
    [InlineData(12345.6, 40, "12346")]
    [InlineData(0.9999, 40, "1")]
    public void Write_Distance_IsPlain(double value, double limit, string expected) =>
        Assert.Equal(expected, FindingNumbers.Write(RuleName.MaxFrechetDistance, value, limit));

    [Theory]
    [InlineData(0.01, "1 %")]
    [InlineData(0.0100004, "1.00004 %")]
    [InlineData(1e-5, "0.001 %")]
    [InlineData(1e-20, "1E-18 %")]
    public void WriteLimit_AnyLimit_KeepsItsDigits(double limit, string expected) =>
        Assert.Equal(expected, FindingNumbers.WriteLimit(RuleName.MaxRate("digit-8"), limit));

    // Whoever compares the numbers of a row comes to the gate's verdict.
    [Fact]
    public void Write_ManyNumbersNearALimit_StayOnTheirSide()
    {
        var random = new Random(3);
        for (var round = 0; round < 20_000; round++)
        {
            var limit = Math.Round(random.NextDouble(), random.Next(1, 8)) + 0.001;
            var value = limit * (1 + (random.NextDouble() - 0.5) * Math.Pow(10, -random.Next(1, 14)));

            var written = Read(FindingNumbers.Write(RuleName.MaxRate("f"), value, limit));

            Assert.Equal(
                value.CompareTo(limit), written.CompareTo(Read(FindingNumbers.WriteLimit(RuleName.MaxRate("f"), limit))));
        }

        static decimal Read(string text) => decimal.Parse(text[..^2], CultureInfo.InvariantCulture);
    }

    [Fact]
    public void Create_OfAFinding_SaysWhatTheNumbersAre()
    {
        var finding = new Finding(
            RuleName.MinUnlearned("digit-8"), FindingState.Passed, 0.97723, 0.9612, "≥", 0.95, "counted", null);

        Assert.Equal(
            new FindingNumbers("share unlearned", "97.7 %", "96.1 %", "≥ 95 %"), FindingNumbers.Create(finding));
        Assert.Equal("–", FindingNumbers.Create(finding with { Observed = null, Judged = null }).Judged);
    }
}
