using AdaptThenUnlearn.Diagnostics;

namespace AdaptThenUnlearn.Cli;

/// <summary>An argument, or the policy it names, is wrong.</summary>
/// <param name="diagnostic">What and where.</param>
public sealed class BadArgumentException(BuildMessage diagnostic) : DiagnosticException(diagnostic, ExitCodes.BadPolicy)
{
    /// <summary>Says which argument is wrong.</summary>
    public BadArgumentException(string problem) : this(new BuildMessage(Severity.Error, RunCodes.BadArgument, problem))
    {
    }
}
