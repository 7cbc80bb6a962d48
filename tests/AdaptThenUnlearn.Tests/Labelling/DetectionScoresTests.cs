using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Measurements;

namespace AdaptThenUnlearn.Tests.Labelling;

/// <summary>Errors counted at any threshold, from scores that are known.</summary>
public sealed class DetectionScoresTests
{
    private static readonly DetectionScores _scores = new([0.9f, 0.1f, 0.5f, 0.5f], [0.2f, 0, 0.9f]);

    [Theory]
    [InlineData(1e-9, 0, 2)]
    [InlineData(0.1, 0, 2)]      // on a score: it is reached
    [InlineData(0.15, 1, 2)]     // between two scores
    [InlineData(0.2, 1, 2)]
    [InlineData(0.3, 1, 1)]
    [InlineData(0.5, 1, 1)]
    [InlineData(0.500001, 3, 1)]
    [InlineData(0.9, 3, 1)]      // 0.9 rounds to a single-precision number that is smaller, which is the score
    [InlineData(0.90001, 4, 0)]
    [InlineData(1, 4, 0)]
    public void Count_Threshold_IsWhatReachesIt(double threshold, long missed, long falseAlarms) => Assert.Equal(
        new DetectionCounts("here", 4, missed, 3, falseAlarms), _scores.Count(threshold, "here"));

    [Fact]
    public void Create_ScoresThatAreNotProbabilities_CountAsTheirNearestOne()
    {
        var scores = new DetectionScores([float.NaN, 1.0000001f, 0.3f], [float.NaN, -0.1f]);

        Assert.Equal([0.3f, 1, 1], scores.With);
        Assert.Equal([0, 1], scores.Without);
        Assert.Equal(new DetectionCounts("", 3, 1, 2, 1), scores.Count(1, ""));
    }

    [Fact]
    public void HeldOutCounts_Threshold_IsKnownWhereScoresAreKept()
    {
        var errors = new Dictionary<string, HeldOutError> { ["hat"] = new(4, 1, 3, 1), ["scarf"] = new(2, 0, 5, 0) };
        var counts = new HeldOutCounts(errors, new string('a', 64))
        {
            Scores = new Dictionary<string, DetectionScores> { ["hat"] = _scores },
        };

        Assert.Equal(
            new DetectionCounts("held out when it was trained", 4, 3, 3, 1, new string('a', 64)), counts.ForClass("hat", 0.9));
        Assert.Equal(1, counts.ForClass("hat")!.Missed);
        Assert.Null(counts.ForClass("scarf", 0.9));
        Assert.Equal(new HeldOutCounts(errors, new string('a', 64)).ToText(), counts.ToText());   // scores are kept elsewhere
    }
}
