namespace AdaptThenUnlearn.Tasks;

/// <summary>
/// The line by which <c>atu govern</c> reports one policy's outcome to a build tool: marker, outcome and policy name.
/// </summary>
/// <remarks>
/// The build tool chooses a marker that cannot be guessed and passes it in <see cref="Variable"/>. Other output of <c>atu</c>,
/// such as paths and names in policies, therefore cannot look like such a line. <c>docs/diagnostics.md</c> describes the
/// contract; this file is compiled into <c>atu</c> and into the MSBuild task.
/// </remarks>
internal sealed class VerdictLine
{
    /// <summary>Environment variable with the marker. Without it, <c>atu</c> writes no such lines.</summary>
    public const string Variable = "ATU_VERDICT_MARKER";

    /// <summary>Every rule that applies is met.</summary>
    public const string Passed = "passed";

    /// <summary>Every rule that is not met is waived.</summary>
    public const string Waived = "waived";

    /// <summary>Every rule that is not met only warns.</summary>
    public const string Warned = "warned";

    /// <summary>Every rule only warns, so nothing could fail.</summary>
    public const string NotEnforced = "not-enforced";

    /// <summary>A rule is not met.</summary>
    public const string Failed = "failed";

    /// <summary>No rule is known to be broken, and at least one was not measured, which counts as failed.</summary>
    public const string NotMeasured = "not-measured";

    /// <summary>The gate failed and was let through.</summary>
    public const string Advisory = "advisory";

    /// <summary>The run could not finish, so there is no verdict.</summary>
    public const string Error = "error";

    /// <summary>The file is a JSON schema and not a policy; the name is the file's, percent-encoded.</summary>
    public const string Skipped = "skipped";

    private static readonly string[] _outcomes =
        [Passed, Waived, Warned, NotEnforced, Failed, NotMeasured, Advisory, Error, Skipped];

    private VerdictLine(string outcome, string policy) => (Outcome, Policy) = (outcome, policy);

    /// <summary>How the policy ended, one of the words above.</summary>
    public string Outcome { get; }

    /// <summary>Name of the policy, or of the skipped file.</summary>
    public string Policy { get; }

    /// <summary>Whether the gate judged the policy.</summary>
    public bool IsVerdict => Outcome is not (Error or Skipped);

    /// <summary>Writes a line.</summary>
    /// <param name="marker">The build tool's marker.</param>
    /// <param name="outcome">How the policy ended.</param>
    /// <param name="policy">Name of the policy, which has no spaces.</param>
    public static string Write(string marker, string outcome, string policy) => $"{marker} {outcome} {policy}";

    /// <summary>Reads a line.</summary>
    /// <param name="line">A line of the output.</param>
    /// <param name="marker">The build tool's marker; not empty.</param>
    /// <returns>Null where it is another line.</returns>
    public static VerdictLine? Read(string line, string marker)
    {
        var words = line.Split(' ');
        return words.Length == 3 && words[0] == marker && _outcomes.Contains(words[1]) && words[2].Length > 0
            ? new VerdictLine(words[1], words[2])
            : null;
    }
}
