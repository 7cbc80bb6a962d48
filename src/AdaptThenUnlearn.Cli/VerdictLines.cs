using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Publishing.Hosts;
using AdaptThenUnlearn.Tasks;

namespace AdaptThenUnlearn.Cli;

/// <summary>
/// Writes one line for each policy to stdout, for a build tool that asked for it in the environment (<see cref="VerdictLine"/>).
/// </summary>
/// <param name="environment">Environment of the process.</param>
internal sealed class VerdictLines(EnvironmentSnapshot environment)
{
    private readonly string? _marker = environment[VerdictLine.Variable];

    /// <summary>Writes the line of a policy that was judged.</summary>
    /// <param name="policy">Name of the policy.</param>
    /// <param name="outcome">Outcome of the gate.</param>
    public void Write(string policy, Outcome outcome) => WriteLine(policy, outcome switch
    {
        Outcome.Passed => VerdictLine.Passed,
        Outcome.PassedWithWaivers => VerdictLine.Waived,
        Outcome.PassedWithWarnings => VerdictLine.Warned,
        Outcome.NotEnforced => VerdictLine.NotEnforced,
        Outcome.NotMeasured => VerdictLine.NotMeasured,
        Outcome.Advisory => VerdictLine.Advisory,
        _ => VerdictLine.Failed,
    });

    /// <summary>Writes the line of a file that is not a policy.</summary>
    /// <param name="file">The file.</param>
    public void WriteSkipped(string file) => WriteLine(Uri.EscapeDataString(Path.GetFileName(file)), VerdictLine.Skipped);

    /// <summary>Writes the line of a policy whose run cannot finish.</summary>
    /// <param name="policy">Name of the policy.</param>
    public void WriteError(string policy) => WriteLine(policy, VerdictLine.Error);

    private void WriteLine(string policy, string outcome)
    {
        if (_marker is not null)
            Terminal.WriteLineForCaller(VerdictLine.Write(_marker, outcome, policy));
    }
}
