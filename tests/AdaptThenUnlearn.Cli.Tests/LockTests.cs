using System.Text.Json.Nodes;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Locking;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>
/// Locks: what lies beside a policy holds it to its text and decides the seed, and nobody gets around it by
/// editing or deleting a file.
/// </summary>
public sealed class LockTests(SmallHouse house) : IClassFixture<SmallHouse>
{
    private const string Lax = "\"maxRate\": 0.9";

    [Fact]
    public void Lock_PolicyThatChanges_IsReplacedOnlyOnDemand()
    {
        var policy = house.Policy("changing", Lax);
        Assert.Equal(0, Atu.Run("lock", policy).ExitCode);
        var first = File.ReadAllText(PolicyLock.PathFor(policy));
        var locked = PolicyLockText.Parse(first, out _)!;

        // The lock has the digest of the policy in effect, which comments do not change.
        File.AppendAllText(policy, "// a comment\n");
        var (again, _, notes) = Atu.Run("lock", policy);
        Assert.Equal(0, again);
        Assert.Contains("is locked already", notes, StringComparison.Ordinal);
        Assert.Equal(Effective(policy), locked.PolicySha256);
        Assert.Equal(first, File.ReadAllText(PolicyLock.PathFor(policy)));

        house.Policy("changing", "\"maxRate\": 0.95");
        var (refused, _, errors) = Atu.Run("lock", policy);
        Assert.Equal(2, refused);
        Assert.Contains("is a lock of another text of the policy", errors, StringComparison.Ordinal);
        Assert.Equal(first, File.ReadAllText(PolicyLock.PathFor(policy)));
        Assert.Equal(0, Atu.Run("lock", policy, "--replace").ExitCode);
        Assert.Equal(
            Effective(policy), PolicyLockText.Parse(File.ReadAllText(PolicyLock.PathFor(policy)), out _)!.PolicySha256);
    }

    [Fact]
    public void Lock_FileThatIsNoLock_IsNotReplaced()
    {
        var policy = house.Policy("beside", Lax);
        File.WriteAllText(PolicyLock.PathFor(policy), "{ \"mine\": 1 }");

        var (exitCode, _, errors) = Atu.Run("lock", policy, "--replace");

        Assert.Equal(2, exitCode);
        Assert.Contains("is not a lock; nothing was written", errors, StringComparison.Ordinal);
        Assert.Equal("{ \"mine\": 1 }", File.ReadAllText(PolicyLock.PathFor(policy)));
        Assert.Equal(0, Atu.Run("lock", policy, "--replace", "--overwrite").ExitCode);
        Assert.NotNull(PolicyLockText.Parse(File.ReadAllText(PolicyLock.PathFor(policy)), out _));
    }

    [Fact]
    public void Govern_UnderALock_JudgesOnTheSeedThatFollowsAndVerifies()
    {
        var policy = Locked("ruled", Lax);

        var (exitCode, _, errors) = Govern(policy, "ruled-out");

        Assert.True(exitCode == 0, errors);
        var path = house.At("ruled-out/ruled/run.json");
        var record = RunRecordFile.Read(path);
        var generator = Sha256Digest.FindAt(house.At("generator.safetensors"))!;
        var expected = LockedSeed.Derive(Effective(policy), generator);
        Assert.Equal((expected, expected), (record.Lock!.Seed, record.Before.Seed));
        Assert.NotEqual(record.Policy.Evaluation.Seed, record.Before.Seed);
        Assert.Contains("Locked", File.ReadAllText(house.At("ruled-out/ruled/report.md")), StringComparison.Ordinal);
        var (verified, _, notes) = Atu.Run("verify", path, "--locked");
        Assert.True(verified == 0, notes);
        Assert.Contains("the policy was locked on", notes, StringComparison.Ordinal);

        // Nothing has changed, so the record is good for another run; without its lock it is not.
        Assert.Contains("nothing has changed", Govern(policy, "ruled-out").Errors, StringComparison.Ordinal);
        File.Delete(PolicyLock.PathFor(policy));
        Assert.Equal(3, Atu.Run("verify", path).ExitCode);
        Assert.DoesNotContain("nothing has changed", Govern(policy, "ruled-out").Errors, StringComparison.Ordinal);
        Assert.Null(RunRecordFile.Read(path).Lock);
        Assert.Equal(0, Atu.Run("verify", path).ExitCode);
        Assert.Equal(1, Atu.Run("verify", path, "--locked").ExitCode);
    }

    // Before and after have the same latents, and those are not known before training is over.
    [Fact]
    public void Govern_TrainsUnderALock_MeasuresBothOnTheSeedOfTheArtifact()
    {
        var policy = Locked("trained", "\"maxRate\": 0.001");

        Assert.Equal(1, Govern(policy, "trained-out", train: true).ExitCode);

        var record = RunRecordFile.Read(house.At("trained-out/trained/run.json"));
        var seed = LockedSeed.Derive(Effective(policy), record.After!.GeneratorSha256);
        Assert.Equal((seed, seed, seed), (record.Lock!.Seed, record.Before.Seed, record.After.Seed));
        Assert.NotEqual(seed, LockedSeed.Derive(Effective(policy), record.Before.GeneratorSha256));
        Assert.Contains("measuring before again", record.Times.Stages.Select(stage => stage.Stage));
        Assert.Contains(
            "the record is valid: Failed", Atu.Run("verify", house.At("trained-out/trained/run.json")).Output,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Govern_PolicyAndLockThatDoNotFit_IsRefusedAndLeavesNoVerdict()
    {
        var policy = Locked("held", Lax);
        var path = PolicyLock.PathFor(policy);
        var text = File.ReadAllText(path);
        Assert.Equal(0, Govern(policy, "held-out").ExitCode);   // an earlier pass, which must not stay

        Refuses("ATU1130", "Leave out --set, which changes the policy", "--set", "evaluation.seed=21");
        Assert.False(File.Exists(house.At("held-out/held/run.json")));
        house.Policy("held", "\"maxRate\": 0.95");
        Refuses("ATU1130", "the policy differs from its lock");
        house.Policy("held", Lax);
        File.WriteAllText(path, PolicyLockText.Write(PolicyLockText.Parse(text, out _)! with
        {
            Time = DateTimeOffset.UtcNow.AddHours(1),
        }));
        Refuses("ATU1132", "by this machine's clock it is");
        File.WriteAllText(path, "{}");
        Refuses("ATU1132", "is not a policy's lock");
        File.Delete(path);
        Refuses("ATU1131", "the policy must be locked, and there is no", "--locked");

        void Refuses(string code, string message, params string[] options)
        {
            var (exitCode, _, errors) = Govern(policy, "held-out", options: options);
            Assert.Equal(2, exitCode);
            Assert.Contains($"error {code}: ", errors, StringComparison.Ordinal);
            Assert.Contains(message, errors, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Govern_VariableRequiresALock_IsRefusedWithoutOne()
    {
        var policy = house.Policy("free", Lax);

        using var required = Atu.StartWith(new Dictionary<string, string> { ["ATU_LOCKED"] = "true" }, "measure", policy);
        using var mistyped = Atu.StartWith(new Dictionary<string, string> { ["ATU_LOCKED"] = "yes" }, "measure", policy);

        var (exitCode, _, errors) = required.Finish();
        Assert.Equal(2, exitCode);
        Assert.Contains("error ATU1131: ", errors, StringComparison.Ordinal);
        using var published = Atu.StartWith(
            new Dictionary<string, string> { ["ATU_LOCKED"] = "true" }, "publish", "none.json", "--policy", policy);
        Assert.Contains("error ATU1131: ", published.Finish().Errors, StringComparison.Ordinal);
        var (bad, _, why) = mistyped.Finish();
        Assert.Equal(2, bad);
        Assert.Contains("ATU_LOCKED is 'yes'; it must be true or false", why, StringComparison.Ordinal);
    }

    [Fact]
    public void Govern_MeasuredInPartsUnderALock_IsTheRecordOfOneProcess()
    {
        var policy = Locked("divided", Lax);
        Assert.Equal(0, Govern(policy, "one").ExitCode);
        string[] parts = [house.At("divided.1.safetensors"), house.At("divided.2.safetensors")];
        foreach (var (number, part) in parts.Index())
            Measure(policy, number + 1, part);

        Assert.Equal(0, Govern(policy, "in-two", options: ["--measured", .. parts]).ExitCode);

        Assert.Equal(
            MeasuredPartsTests.WithoutCircumstances(RunRecordFile.Read(house.At("one/divided/run.json"))),
            MeasuredPartsTests.WithoutCircumstances(RunRecordFile.Read(house.At("in-two/divided/run.json"))));

        // A part that was measured on the policy's own seed is of another measurement.
        var lockFile = PolicyLock.PathFor(policy);
        File.Move(lockFile, lockFile + ".away");
        Measure(policy, 2, parts[1]);
        File.Move(lockFile + ".away", lockFile);
        var (exitCode, _, errors) = Govern(policy, "mixed", options: ["--measured", .. parts]);
        Assert.Equal(2, exitCode);
        Assert.Contains("was measured with another policy", errors, StringComparison.Ordinal);
    }

    // Who edits the record has the lock's file against him, and the seed.
    [Fact]
    public void Verify_LockInTheRecordWasEdited_IsNotValid()
    {
        var policy = Locked("attacked", Lax);
        Assert.Equal(0, Govern(policy, "attacked-out").ExitCode);
        var path = house.At("attacked-out/attacked/run.json");
        var honest = File.ReadAllText(path);

        Refuses("is not the one that the lock and the generator", record => record["lock"]!["seed"] = 20);
        Refuses("is of another time than the record says", record => record["lock"]!["time"] = "2020-01-01T00:00:00+00:00");
        Refuses("the run's lock is of another policy", record => record["lock"]!["policySha256"] = new string('0', 64));
        Refuses("does not say that it was measured under it", record => record.AsObject().Remove("lock"));

        void Refuses(string message, Action<JsonNode> edit)
        {
            var record = JsonNode.Parse(honest)!;
            edit(record);
            File.WriteAllText(path, record.ToJsonString());
            var (exitCode, _, errors) = Atu.Run("verify", path);
            Assert.Equal(1, exitCode);
            Assert.Contains(message, errors, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void PolicyCheck_PatternWithALock_SkipsTheLockAndFindsTheDifference()
    {
        var folder = Directory.CreateDirectory(house.At("together")).FullName;
        var policy = Path.Combine(folder, "p.json");
        File.Copy(house.Policy("p", Lax), policy);
        foreach (var file in Directory.EnumerateFiles(house.Folder, "*.safetensors"))
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)), overwrite: true);
        Assert.Equal(0, Atu.Run("lock", policy).ExitCode);

        var (exitCode, _, errors) = Atu.Run("policy", "check", $"{folder}/*.json");
        File.WriteAllText(policy, File.ReadAllText(policy).Replace("0.9", "0.95", StringComparison.Ordinal));
        var (changed, _, why) = Atu.Run("policy", "check", $"{folder}/*.json");

        Assert.True(exitCode == 0, errors);
        Assert.Contains("p.lock.json: a lock, not a policy; it is skipped", errors, StringComparison.Ordinal);
        Assert.Equal(2, changed);
        Assert.Contains("error ATU1130: ", why, StringComparison.Ordinal);
    }

    private string Locked(string name, string limits)
    {
        var policy = house.Policy(name, limits);
        var (exitCode, _, errors) = Atu.Run("lock", policy, "--replace");
        Assert.True(exitCode == 0, errors);
        return policy;
    }

    private (int ExitCode, string Output, string Errors) Govern(
        string policy, string output, bool train = false, params string[] options) => Atu.Run(
        [
            "govern", policy, "--threads", "1", "--out", house.At(output), .. train ? Array.Empty<string>() : ["--no-train"],
            .. options,
        ]);

    private static void Measure(string policy, int part, string file)
    {
        string[] shard = ["--shard", FormattableString.Invariant($"{part}/2"), "--out", file, "--overwrite"];
        Assert.Equal(0, Atu.Run(["measure", policy, .. shard, "--threads", "1"]).ExitCode);
    }

    private static string Effective(string policy) =>
        Sha256Digest.Compute(PolicyReader.Read(File.ReadAllText(policy), policy, Vocabulary.Known, []).EffectiveJson);
}
