using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Locking;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Tests.Policies;

namespace AdaptThenUnlearn.Tests.Locking;

/// <summary>The text of lock files, and the seed that follows from a lock.</summary>
public sealed class PolicyLockTextTests
{
    private static readonly string _digest = new('a', 64);
    private static readonly PolicyLock _lock =
        new(1, "no-eights", _digest, new DateTimeOffset(2026, 2, 1, 12, 0, 0, TimeSpan.Zero), "atu 0.1.0");

    [Fact]
    public void Parse_WhatWasWritten_IsTheSame()
    {
        var stamped = _lock with { TimestampToken = Convert.ToBase64String([1, 2, 3]) };

        Assert.Equal(_lock, PolicyLockText.Parse(PolicyLockText.Write(_lock), out _));
        Assert.Equal(stamped, PolicyLockText.Parse(PolicyLockText.Write(stamped), out _));
        Assert.Equal([1, 2, 3], stamped.DecodeToken());
    }

    [Theory]
    [InlineData("\"schemaVersion\": 1", "\"schemaVersion\": 2", "version 2")]
    [InlineData("aaaa", "AAAA", "64 lower-case hexadecimal digits")]
    [InlineData("\"tool\": \"atu 0.1.0\"", "\"tool\": \"atu 0.1.0\", \"timestampToken\": \"*\"", "not Base64")]
    [InlineData("\"tool\": \"atu 0.1.0\"", "\"tool\": \"atu 0.1.0\", \"seed\": 7", "seed")]
    [InlineData("\"policy\": \"no-eights\",", "", "policy")]
    [InlineData("}", "", "")]
    public void Parse_TextThatIsNoLock_SaysWhy(string from, string to, string message)
    {
        var text = PolicyLockText.Write(_lock);
        Assert.Contains(from, text, StringComparison.Ordinal);

        Assert.Null(PolicyLockText.Parse(text.Replace(from, to, StringComparison.Ordinal), out var problem));

        Assert.Contains(message, problem, StringComparison.Ordinal);
    }

    // By another tool: printf '%s%s' aaa… bbb… | sha256sum | cut -c1-13, read as a hexadecimal number.
    [Fact]
    public void Derive_TwoDigests_IsTheBeginningOfTheirSha256()
    {
        Assert.Equal(0xfa0dafbf43f1f, LockedSeed.Derive(_digest, new string('b', 64)));
        Assert.NotEqual(LockedSeed.Derive(_digest, new string('b', 64)), LockedSeed.Derive(new string('b', 64), _digest));
    }

    [Fact]
    public void ApplyTo_WithoutALock_LeavesThePolicy()
    {
        Assert.Same(Records.Policy, LockedSeed.ApplyTo(Records.Policy, null, _digest));
        Assert.Equal(
            Records.Policy.Evaluation with { Seed = 0xfa0dafbf43f1f },
            LockedSeed.ApplyTo(Records.Policy, _digest, new string('b', 64)).Evaluation);
    }

    [Fact]
    public void Examples_WithALock_HaveItsDigest()
    {
        var locks = Directory.GetFiles(PolicyTexts.ExampleFolder(), "*" + PolicyLock.FileEnding);

        Assert.NotEmpty(locks);
        Assert.All(locks, file =>
        {
            var policy = file.Replace(PolicyLock.FileEnding, ".json", StringComparison.Ordinal);
            var read = PolicyReader.Read(File.ReadAllText(policy), policy, PolicyTexts.Vocabulary, []);
            Assert.Equal(
                Sha256Digest.Compute(read.EffectiveJson), PolicyLockText.Parse(File.ReadAllText(file), out _)!.PolicySha256);
        });
    }

    [Theory]
    [InlineData("policies/a.json", "policies/a.lock.json")]
    [InlineData("a.jsonc", "a.jsonc.lock.json")]
    [InlineData("a.b.json", "a.b.lock.json")]
    public void PathFor_Policy_LiesBesideIt(string policy, string expected) =>
        Assert.Equal(expected, PolicyLock.PathFor(policy));
}
