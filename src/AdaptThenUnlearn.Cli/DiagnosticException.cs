using AdaptThenUnlearn.Diagnostics;

namespace AdaptThenUnlearn.Cli;

/// <summary>Ends a command with a diagnostic that is printed unchanged.</summary>
/// <param name="diagnostic">What is wrong, and where.</param>
/// <param name="exitCode">One of <see cref="ExitCodes"/>.</param>
/// <param name="cause">The exception behind it, if any.</param>
public class DiagnosticException(
    BuildMessage diagnostic, int exitCode, Exception? cause = null) : Exception(diagnostic.Text, cause)
{
    /// <summary>The diagnostic to print.</summary>
    public BuildMessage Diagnostic { get; } = diagnostic;

    /// <summary>The exit code of the command.</summary>
    public int ExitCode { get; } = exitCode;
}
