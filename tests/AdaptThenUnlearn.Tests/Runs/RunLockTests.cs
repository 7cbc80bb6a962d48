using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Locking;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Tests.Runs;

/// <summary>A record that was made under a lock is held to its policy, to its time, and to the seed that follows.</summary>
public sealed class RunLockTests
{
    private static readonly RunRecord _locked = Locked(Records.Run());

    [Fact]
    public void VerifyReadings_UnderALock_IsValid()
    {
        var verification = Verify(_locked);

        Assert.Empty(verification.Problems);
        Assert.Equal(Outcome.Passed, verification.Outcome);
        Assert.False(verification.IsReworded);
    }

    [Fact]
    public void VerifyReadings_ReadingsOfThePolicysOwnSeed_AreNotMeasured()
    {
        var chosen = _locked with { Before = Records.Before, After = Records.After };

        Assert.Contains("the recorded verdict is not what the recorded readings give", Verify(chosen).Problems);
        Assert.False(Verify(chosen).Passed);
    }

    [Fact]
    public void VerifyReadings_SeedOfTheOriginalGenerator_IsNotTheSeedOfTheArtifact()
    {
        var seed = LockedSeed.Derive(_locked.Lock!.PolicySha256, Records.Before.GeneratorSha256);

        Assert.Contains(
            Verify(_locked with { Lock = _locked.Lock with { Seed = seed } }).Problems,
            problem => problem.Contains("is not the one that the lock and the generator bbbb", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, true)]
    public void VerifyReadings_LockOfALaterTime_IsAProblem(int seconds, bool isProblem)
    {
        var time = _locked.Times.Started.AddSeconds(seconds);
        var (late, stampedLate) = (_locked.Lock! with { Time = time }, _locked.Lock with { Stamped = time });

        Assert.Equal(isProblem, IsSaid("the lock is of ", late));
        Assert.Equal(isProblem, IsSaid("the time stamp of the lock is of ", stampedLate));

        static bool IsSaid(string words, RunLock made) => Verify(_locked with { Lock = made }).Problems
            .Any(problem => problem.StartsWith(words, StringComparison.Ordinal));
    }

    [Fact]
    public void VerifyReadings_LockOfAnotherPolicy_IsAProblem()
    {
        var foreign = new string('f', 64);
        var seed = LockedSeed.Derive(foreign, Records.After.GeneratorSha256);
        var other = WithSeed(_locked, seed) with { Lock = _locked.Lock! with { PolicySha256 = foreign, Seed = seed } };

        Assert.Equal([$"the run's lock is of another policy ({foreign})"], Verify(other).Problems);
    }

    [Fact]
    public void VerifyReadings_LockIsAnInputOrIsRecordedAlone_IsAProblem()
    {
        Assert.Contains(
            "the run's lock is not one recorded input", Verify(_locked with { Inputs = Records.Run().Inputs }).Problems);
        Assert.Contains(
            "the record names a lock among its inputs, and does not say that it was measured under it",
            Verify(Records.Run() with { Inputs = _locked.Inputs }).Problems);
    }

    [Fact]
    public void VerifyReadings_DigestsThatAreNone_NeverThrows() =>
        Assert.NotEmpty(Verify(_locked with { Lock = new RunLock("x\0é", default, -1) }).Problems);

    [Fact]
    public void Parse_RecordWithALock_IsTheSame()
    {
        var text = RunRecordFile.ToJson(_locked);

        Assert.Equal(_locked.Lock, RunRecordFile.Parse(text, "run.json").Lock);
        Assert.DoesNotContain("\"lock\"", RunRecordFile.ToJson(Records.Run()), StringComparison.Ordinal);
    }

    private static Verification Verify(RunRecord record) =>
        Verification.VerifyReadings(record, Records.Vocabulary, Records.Today);

    private static RunRecord Locked(RunRecord run)
    {
        var digest = CanonicalJson.Digest(run.Policy);
        var seed = LockedSeed.Derive(digest, run.After!.GeneratorSha256);
        return WithSeed(run, seed) with
        {
            Inputs = [.. run.Inputs, new InputFile(InputRoles.Lock, "../policy.lock.json", new string('9', 64))],
            Lock = new RunLock(digest, run.Times.Started.AddDays(-1), seed),
        };
    }

    private static RunRecord WithSeed(RunRecord run, long seed)
    {
        var (before, after) = (run.Before with { Seed = seed }, run.After! with { Seed = seed });
        var policy = run.Policy with { Evaluation = run.Policy.Evaluation with { Seed = seed } };
        return run with { Before = before, After = after, Verdict = Gate.Judge(policy, before, after, Records.Today) };
    }
}
