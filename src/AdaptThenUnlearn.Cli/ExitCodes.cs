namespace AdaptThenUnlearn.Cli;

/// <summary>The exit codes of the process.</summary>
public static class ExitCodes
{
    /// <summary>Every code, and what it means to a caller.</summary>
    public static IReadOnlyList<(int Code, string Meaning)> Meanings { get; } =
    [
        (Passed, "passed, or passed with waivers (a warning for each)"),
        (GateFailed, "the gate failed"),
        (BadPolicy, "the policy or the arguments are wrong"),
        (NotFinished, "the run could not finish, or files that a record names are missing"),
        (NotPublished, "not published; only with --require-publish"),
        (Cancelled, "cancelled"),
    ];

    /// <summary>Passed, or waived.</summary>
    public const int Passed = 0;

    /// <summary>The gate failed: a limit is not met, or could not be measured.</summary>
    public const int GateFailed = 1;

    /// <summary>The policy or the arguments are wrong.</summary>
    public const int BadPolicy = 2;

    /// <summary>The run could not finish, or not every file of a record could be verified because some are missing.</summary>
    public const int NotFinished = 3;

    /// <summary>Not published although <c>--require-publish</c> was given; the gate's exit code takes precedence.</summary>
    public const int NotPublished = 4;

    /// <summary>Cancelled by Ctrl-C or a termination request.</summary>
    public const int Cancelled = 130;
}
