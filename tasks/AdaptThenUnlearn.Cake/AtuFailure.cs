using System.Globalization;
using System.Text.RegularExpressions;
using Cake.Core;

namespace AdaptThenUnlearn.Cake;

/// <summary>
/// The build's message where <c>atu</c> failed: the meaning of the exit code and the tool's own errors, in one line.
/// </summary>
internal static partial class AtuFailure
{
    /// <summary>The policy or an argument is wrong.</summary>
    public const int BadArguments = 2;

    /// <summary>The run could not finish.</summary>
    public const int NotFinished = 3;

    private const int GateFailed = 1;
    private const int NotPublished = 4;
    private const int Cancelled = 130;
    private const int MaxErrors = 3;

    /// <summary>Makes the exception for an exit code.</summary>
    /// <param name="command">Name of the command of <c>atu</c>.</param>
    /// <param name="exitCode">Exit code other than 0.</param>
    /// <param name="errorLines">Lines of stderr.</param>
    /// <remarks>
    /// Exit code 1 without a diagnostic is not a verdict, because programs that start <c>atu</c> (such as <c>dotnet tool run</c>)
    /// fail with it too. It becomes "could not finish", so that a missing tool does not look like a gate that has judged.
    /// </remarks>
    public static CakeException Create(string command, int exitCode, IEnumerable<string> errorLines)
    {
        var lines = errorLines.Where(line => !string.IsNullOrWhiteSpace(line)).ToList();
        var errors = lines.Where(line => ErrorPattern().IsMatch(line)).ToList();
        if (exitCode == GateFailed && errors.Count == 0)
            exitCode = NotFinished;

        var reasons = errors.Count > 0 ? Shorten(errors) : lines.LastOrDefault()?.Trim();
        var outcome = string.Create(CultureInfo.InvariantCulture, $"atu {command}: {Meaning(exitCode)} (exit code {exitCode})");
        return new CakeException(exitCode, string.IsNullOrEmpty(reasons) ? outcome : $"{outcome}: {reasons}");
    }

    private static string Shorten(List<string> errors)
    {
        var first = string.Join("; ", errors.Take(MaxErrors));
        return errors.Count <= MaxErrors
            ? first
            : string.Create(CultureInfo.InvariantCulture, $"{first}; and {errors.Count - MaxErrors} more above");
    }

    private static string Meaning(int exitCode) => exitCode switch
    {
        GateFailed => "the gate failed",
        BadArguments => "the policy or an argument is wrong",
        NotFinished => "the run could not finish",
        NotPublished => "the report was not published",
        Cancelled => "cancelled",
        _ => "ended unexpectedly",
    };

    [GeneratedRegex(@": error ATU\d{4}: ")]
    private static partial Regex ErrorPattern();
}
