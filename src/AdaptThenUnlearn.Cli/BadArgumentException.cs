using AdaptThenUnlearn.Diagnostics;

namespace AdaptThenUnlearn.Cli;

/// <summary>An argument, or the policy it names, is wrong.</summary>
/// <param name="diagnostic">What is wrong, and where.</param>
public sealed class BadArgumentException(BuildMessage diagnostic) : DiagnosticException(diagnostic, ExitCodes.BadPolicy)
{
    /// <summary>Describes the wrong argument.</summary>
    /// <param name="problem">Which argument is wrong, and why.</param>
    public BadArgumentException(string problem) : this(new BuildMessage(Severity.Error, RunCodes.BadArgument, problem))
    {
    }
}
