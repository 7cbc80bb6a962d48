using AdaptThenUnlearn.Diagnostics;

namespace AdaptThenUnlearn.Cli;

/// <summary>What ends a command and is told as it is.</summary>
/// <param name="diagnostic">What and where.</param>
/// <param name="exitCode">One of <see cref="ExitCodes"/>.</param>
/// <param name="cause">What it came of, if anything.</param>
public class DiagnosticException(BuildMessage diagnostic, int exitCode, Exception? cause = null) : Exception(diagnostic.Text, cause)
{
    /// <summary>What is told.</summary>
    public BuildMessage Diagnostic { get; } = diagnostic;

    /// <summary>With which the command ends.</summary>
    public int ExitCode { get; } = exitCode;
}
