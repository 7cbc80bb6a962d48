namespace AdaptThenUnlearn.Tests;

/// <summary>
/// Programs that not every machine has. Tests that need one skip without it, except where the variable
/// <see cref="Variable"/> lists it: there it is installed, so that a test which cannot use it has failed.
/// </summary>
internal static class NeededProgram
{
    /// <summary>Names the programs that must not be missing, separated by spaces; <c>.ci/run</c> sets it.</summary>
    public const string Variable = "ATU_TESTS_NEED";

    /// <summary>A browser without a window.</summary>
    public const string Chromium = "chromium";

    /// <summary>Node with npm, and npm's registry.</summary>
    public const string Node = "node";

    /// <summary>Ends a test that lacks a program: it skips, or fails where the program must be there.</summary>
    /// <param name="program">One of the constants.</param>
    /// <param name="missing">What is missing; null where nothing is.</param>
    public static void Require(string program, string? missing) =>
        Require(program, missing, Environment.GetEnvironmentVariable(Variable));

    /// <inheritdoc cref="Require(string, string?)"/>
    /// <param name="needed">What the variable holds; null where it is not set.</param>
    internal static void Require(string program, string? missing, string? needed)
    {
        if (missing is null)
            return;
        if ((needed ?? "").Split(' ').Contains(program))
            Assert.Fail($"{missing}; this test must not skip here, because {Variable} lists '{program}'");
        Assert.Skip(missing);
    }
}
