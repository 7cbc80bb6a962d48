using Xunit.Sdk;

namespace AdaptThenUnlearn.Tests;

/// <summary>A test that lacks a program skips on some machine, and fails on one that has it.</summary>
public sealed class NeededProgramTests
{
    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("chromium")]
    public void Require_ProgramThatMayBeMissing_Skips(string? needed)
    {
        var skipped = Assert.IsType<SkipException>(EndOfATest(needed));

        Assert.Contains("no registry", skipped.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("node")]
    [InlineData("chromium node")]
    public void Require_ProgramThatMustBeThere_Fails(string needed)
    {
        var failed = Assert.IsType<FailException>(EndOfATest(needed));

        Assert.Contains("no registry; this test must not skip here", failed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Require_NothingMissing_GoesOn() => NeededProgram.Require(NeededProgram.Node, missing: null, needed: "node");

    // The names are written in another language there.
    [Fact]
    public void CiRun_ListsTheProgramsThatTestsKnow()
    {
        var script = File.ReadAllText(Path.Combine(Repository.Root, ".ci", "run"));

        Assert.Contains($"export {NeededProgram.Variable}=", script, StringComparison.Ordinal);
        Assert.All(
            new[] { NeededProgram.Chromium, NeededProgram.Node },
            program => Assert.Contains($"needed+=\" {program}\"", script, StringComparison.Ordinal));
    }

    // xunit's own recorder lets a skip through.
    private static Exception? EndOfATest(string? needed)
    {
        try
        {
            NeededProgram.Require(NeededProgram.Node, "no registry", needed);
            return null;
        }
        catch (Exception end) when (end is SkipException or FailException)
        {
            return end;
        }
    }
}
