using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Tests.Runs;

/// <summary>A generator's file names the runs that trained it: their limits are kept, and their list cannot lose one.</summary>
public sealed class EarlierRunTests
{
    private static readonly string _auditor = new('d', 64);

    private static readonly InputFile[] _inputs =
    [
        new(InputRoles.Classifier("annotator"), "annotator.safetensors", new string('c', 64)),
        new(InputRoles.Classifier("auditor"), "auditor.safetensors", _auditor),
    ];

    private static readonly IReadOnlyList<EarlierRun> _runs =
        EarlierRun.Append([], Records.Policy, _inputs, Records.Before, Records.Today);

    [Fact]
    public void Append_FeatureWithAMaxRate_KeepsIt()
    {
        var run = Assert.Single(_runs);

        Assert.Equal("no-eights", run.Policy);
        Assert.Equal(CanonicalJson.Digest(Records.Policy), run.PolicySha256);
        Assert.Equal(Records.Before.GeneratorSha256, run.GeneratorSha256);
        Assert.Equal([new EarlierLimit("digit-8", "8", _auditor, 0.01)], run.Limits);
        Assert.Null(run.PreviousSha256);
    }

    // (1 − 0.95) of the 1,000 in 10,000 that were there before.
    [Fact]
    public void Append_FeatureWithMinUnlearnedAlone_KeepsTheRateThatItLeaves()
    {
        var runs = EarlierRun.Append(
            [], WithFeature(feature => feature with { MaxRate = null }), _inputs, Records.Before, Records.Today);

        Assert.Equal(0.005, Assert.Single(runs[0].Limits).MaxRate, 12);
    }

    // No sample of this policy's size proves less.
    [Fact]
    public void Append_NothingIsAllowedToBeLeft_KeepsWhatCanBeProved()
    {
        var policy = WithFeature(feature => feature with { MaxRate = null, MinUnlearned = 1 });
        var runs = EarlierRun.Append([], policy, _inputs, Records.Before, Records.Today);

        Assert.Equal(policy.Evaluation.SmallestProvableRate(), Assert.Single(runs[0].Limits).MaxRate, 12);
    }

    [Fact]
    public void Append_RulesThatOnlyWarn_LeaveNoLimit()
    {
        var policy = Records.Policy with
        {
            Rules =
            [
                new RuleEnforcement("digit-8/maxRate", RuleEnforcement.Warn),
                new RuleEnforcement("digit-8/minUnlearned", EffectiveFrom: "2027-01-01"),
            ],
        };

        Assert.Empty(Assert.Single(EarlierRun.Append([], policy, _inputs, Records.Before, Records.Today)).Limits);
    }

    // maxRate 0.001 only warns. What is enforced left 5 % of the 10 % before.
    [Fact]
    public void Append_OnlyMinUnlearnedIsEnforced_KeepsTheRateThatItLeaves()
    {
        var policy = WithFeature(feature => feature with { MaxRate = 0.001 }) with
        {
            Rules = [new RuleEnforcement("digit-8/maxRate", RuleEnforcement.Warn)],
        };
        var runs = EarlierRun.Append([], policy, _inputs, Records.Before, Records.Today);

        Assert.Equal(0.005, Assert.Single(runs[0].Limits).MaxRate, 12);
    }

    // A classifier in several files is another one when one of them is another.
    [Fact]
    public void FindUnkept_AnotherPartOfTheAuditor_IsAnotherAuditor()
    {
        var part = new InputFile(InputRoles.Part(InputRoles.Classifier("auditor"), 1), "a-1.safetensors", new string('1', 64));
        var runs = EarlierRun.Append([], Records.Policy, [.. _inputs, part], Records.Before, Records.Today);

        Assert.Empty(Find(part));
        Assert.Single(Find(part with { Sha256 = new string('2', 64) }));

        IEnumerable<string> Find(InputFile own) => EarlierRun.FindUnkept(
            runs, Records.Policy, name => AcceptedRun.DigestOf(name, Records.Policy, [.. _inputs, own]), Records.Today);
    }

    [Fact]
    public void Read_WhatWasWritten_IsTheSame()
    {
        var two = EarlierRun.Append(_runs, Records.Policy with { Name = "again" }, _inputs, Records.After, Records.Today);
        var read = EarlierRun.Read(EarlierRun.Write(two));

        Assert.Equal(["no-eights", "again"], read.Select(run => run.Policy));
        Assert.Equal(EarlierRun.Write(two), EarlierRun.Write(read));
        Assert.NotNull(read[1].PreviousSha256);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("[null]")]
    [InlineData("{}")]
    [InlineData("[{}]")]
    [InlineData("[{\"policy\":\"p\"}]")]
    public void Read_NoList_IsAFlaw(string text) => Assert.Throws<FormatException>(() => EarlierRun.Read(text));

    // Each byte of a list of three is changed, and each run left out, but for the last: nothing follows it.
    [Fact]
    public void Read_ChangedOrShortened_IsAFlaw()
    {
        var three = EarlierRun.Append(
            EarlierRun.Append(_runs, Records.Policy with { Name = "second" }, _inputs, Records.After, Records.Today),
            Records.Policy with { Name = "third" }, _inputs, Records.After, Records.Today);

        Assert.Throws<FormatException>(() => EarlierRun.Read(EarlierRun.Write([three[1], three[2]])));
        Assert.Throws<FormatException>(() => EarlierRun.Read(EarlierRun.Write([three[0], three[2]])));
        Assert.Throws<FormatException>(() => EarlierRun.Read(EarlierRun.Write([three[1], three[0], three[2]])));

        var text = EarlierRun.Write(three);
        var last = text.IndexOf("\"third\"", StringComparison.Ordinal) - "{\"policy\":".Length;
        for (var at = 0; at < last; at++)
        {
            var changed = text[..at] + (char)(text[at] ^ 1) + text[(at + 1)..];
            Assert.Throws<FormatException>(() => EarlierRun.Read(changed));
        }
    }

    [Fact]
    public void FindUnkept_SamePolicy_IsKept() => Assert.Empty(Unkept(Records.Policy));

    [Fact]
    public void FindUnkept_StricterAndUnderAnotherName_IsKept() =>
        Assert.Empty(Unkept(WithFeature(feature => feature with { Name = "eights", MaxRate = 0.005 })));

    [Fact]
    public void FindUnkept_Laxer_IsNamedWithItsLimit()
    {
        AssertUnkept("'maxRate' of 'digit-8' must be 0.01 or less", WithFeature(feature => feature with { MaxRate = 0.02 }));
        AssertUnkept("'maxRate' of 'digit-8' must be 0.01 or less", WithFeature(feature => feature with { MaxRate = null }));
        AssertUnkept("has no feature with that class", WithFeature(feature => feature with { Class = "3" }));
        AssertUnkept("has no feature with that class", WithFeature(feature => feature with { Auditor = "annotator" }));
        AssertUnkept("has no feature with that class", WithFeature(feature => feature with { Threshold = 0.9 }));
        AssertUnkept(
            "only warns", Records.Policy with { Rules = [new RuleEnforcement("digit-8/maxRate", RuleEnforcement.Warn)] });
        AssertUnkept(
            "only warns",
            Records.Policy with { Rules = [new RuleEnforcement("digit-8/maxRate", EffectiveFrom: "2027-01-01")] });
    }

    [Fact]
    public void FindUnkept_LaxerEvaluation_IsNamed()
    {
        AssertUnkept("'evaluation.range'", With(evaluation => evaluation with { Range = EvaluationOptions.Raw }));
        AssertUnkept("'evaluation.truncation'", With(evaluation => evaluation with { Truncation = 0.7 }));
        AssertUnkept("'evaluation.confidence'", With(evaluation => evaluation with { Confidence = 0.9 }));
        AssertUnkept(
            "'evaluation.auditorErrors'",
            With(evaluation => evaluation with { AuditorErrors = EvaluationOptions.IgnoreErrors }));
        Assert.Empty(Unkept(With(evaluation => evaluation with { AuditorErrors = EvaluationOptions.CorrectErrors })));

        static UnlearningPolicy With(Func<EvaluationOptions, EvaluationOptions> change) =>
            Records.Policy with { Evaluation = change(Records.Policy.Evaluation) };
    }

    // A lower threshold calls more images hits.
    [Fact]
    public void FindUnkept_AnotherThreshold_IsKeptWhereItIsLower()
    {
        var runs = EarlierRun.Append(
            [], WithFeature(feature => feature with { Threshold = 0.5 }), _inputs, Records.Before, Records.Today);

        Assert.Empty(Find(0.4));
        Assert.Empty(Find(0.5));
        Assert.Single(Find(0.6));
        Assert.Single(Find(null));

        IEnumerable<string> Find(double? threshold) => EarlierRun.FindUnkept(
            runs, WithFeature(feature => feature with { Threshold = threshold }), DigestOf, Records.Today);
    }

    [Fact]
    public void FindUnkept_TheAuditorIsNotKnown_IsNotKept() =>
        Assert.NotEmpty(EarlierRun.FindUnkept(_runs, Records.Policy, _ => null, Records.Today));

    [Fact]
    public void FindUnkept_PolicyDropsThem_IsEmpty() =>
        Assert.Empty(Unkept(WithFeature(feature => feature with { MaxRate = 1 }) with
        {
            Generator = Records.Policy.Generator with { DropEarlierRules = true },
        }));

    [Fact]
    public void VerifyReadings_RecordOfEarlierRuns_IsHeldToTheirLimits()
    {
        var run = WithWholeDigest(Records.Run());
        var kept = EarlierRun.Append([], run.Policy, run.Inputs, run.Before, Records.Today);
        var stricter = kept[0] with { Limits = [kept[0].Limits[0] with { MaxRate = 0.001 }] };

        Assert.Empty(Verify(run with { EarlierRuns = kept }).Problems);
        Assert.Equal(
            ["the earlier run 'no-eights' limited 'digit-8', and 'maxRate' of 'digit-8' must be 0.001 or less"],
            Verify(run with { EarlierRuns = [stricter] }).Problems);
        Assert.Contains(
            Verify(run with { EarlierRuns = [kept[0], kept[0]] }).Problems,
            problem => problem.Contains("run 2 does not follow the one before it", StringComparison.Ordinal));
        Assert.NotEmpty(Verify(run with { EarlierRuns = [] }).Problems);

        // The auditor is the extractor too.
        static RunRecord WithWholeDigest(RunRecord record) => record with
        {
            Inputs =
            [
                .. record.Inputs.Select(
                    input => input.Role == InputRoles.Classifier("auditor") ? input with { Sha256 = _auditor } : input),
            ],
            Before = WithExtractor(record.Before),
            After = WithExtractor(record.After!),
        };

        static Measurement WithExtractor(Measurement measured) =>
            measured with { Quality = measured.Quality! with { ExtractorSha256 = _auditor } };

        static Verification Verify(RunRecord record) => Verification.VerifyReadings(record, Records.Vocabulary, Records.Today);
    }

    private static void AssertUnkept(string words, UnlearningPolicy policy) =>
        Assert.Contains(words, Assert.Single(Unkept(policy)), StringComparison.Ordinal);

    private static IEnumerable<string> Unkept(UnlearningPolicy policy) =>
        EarlierRun.FindUnkept(_runs, policy, DigestOf, Records.Today);

    private static string? DigestOf(string classifier) =>
        _inputs.Single(input => input.Role == InputRoles.Classifier(classifier)).Sha256;

    private static UnlearningPolicy WithFeature(Func<UndesiredFeature, UndesiredFeature> change) =>
        Records.Policy with { UndesiredFeatures = [change(Records.Policy.UndesiredFeatures[0])] };
}
