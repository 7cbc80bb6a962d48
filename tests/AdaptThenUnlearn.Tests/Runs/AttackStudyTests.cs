using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Tests.Runs;

/// <summary>Limits on attacks in a study: what was not made has not been withstood.</summary>
public sealed class AttackStudyTests
{
    private static readonly AttackStudy _study = new(
        AttackStudy.CurrentSchemaVersion, "atu 0", "no-eights", Seed: 20, Confidence: 0.95, Samples: 100, Starts: 10, Steps: 5,
        TrainingSteps: 50, Negatives: 10,
        Generators: [],
        [
            new("after", "images", 1, new AttackReading("truncation", "ban", new string('b', 64), [new("z", 0, 59)])),
            new("before", "images", 1, new AttackReading("mixing", "ban", new string('a', 64), [new("z", 0, 59)])),
        ]);

    // 1 − 0.05^(1/59) = 0.0495
    [Theory]
    [InlineData(0.05, true)]
    [InlineData(0.049, false)]
    public void FindViolation_AttackThatWasMade_IsJudgedByItsUpperBound(double limit, bool isMet) =>
        Assert.Equal(isMet, _study.FindViolation("truncation", "ban", "after", limit) is null);

    [Theory]
    [InlineData("mixing", "ban", "after")]
    [InlineData("truncation", "another", "after")]
    [InlineData("truncation", "ban", "retrained")]
    public void FindViolation_AttackThatWasNotMade_FailsWhateverTheLimit(string attack, string feature, string generator) =>
        Assert.Equal("not measured: the attack was not made", _study.FindViolation(attack, feature, generator, 1));
}
