namespace AdaptThenUnlearn.Tests;

/// <summary>Whether the tests run for Stryker.NET, thousands of times: the slowest ones are then left out.</summary>
/// <remarks>Leaving tests out can only lower the share of mutants that are noticed.</remarks>
public static class MutationRun
{
    /// <summary>Why such a test is skipped.</summary>
    public const string TooSlow = "too slow to be repeated for every mutant";

    /// <summary>Whether the variable <c>AtuMutation</c> is <c>true</c>.</summary>
    public static bool IsOn => Environment.GetEnvironmentVariable("AtuMutation") == "true";
}
