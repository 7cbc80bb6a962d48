using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Publishing.Tests;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>How the terminal says what it says.</summary>
public sealed class TerminalTests
{
    [Theory]
    [InlineData(9, "0:09")]
    [InlineData(452, "7:32")]
    [InlineData(4052, "1:07:32")]
    [InlineData(90061, "25:01:01")]
    public void Duration_OfAnyLength_IsReadAsAClockIs(int seconds, string shown) =>
        Assert.Equal(shown, Terminal.Duration(TimeSpan.FromSeconds(seconds)));

    // A record, and its class names, may come from anyone; both streams are read by a build.
    [Fact]
    public void Results_ClassNamesWithCommandsInThem_AreText()
    {
        const string Name = "9\n::error::a\u001b[2J ##vso[task.complete result=Succeeded;] ##[warning]b";
        using var github = new FakeGitHub();
        using var desk = new Desk(github);
        var record = Desk.MakeRecord();
        ClassShare share = new("auditor", Name, Undesired: false, Hits: 1, Samples: 10000);
        RunRecordFile.Write(
            desk.At("run.json"), record with { Before = record.Before with { Shares = [.. record.Before.Shares, share] } });

        var (_, output, errors) = Atu.Run("verify", desk.At("run.json"));

        foreach (var text in new[] { output, errors })
        {
            Assert.Contains("error::a", text, StringComparison.Ordinal);
            Assert.DoesNotMatch(@"(?m)^\s*::|\u001b|##vso\[|##\[", text);
        }
    }
}
