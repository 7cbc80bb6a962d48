using System.Globalization;
using System.Text.RegularExpressions;
using Cake.Core;

namespace AdaptThenUnlearn.Cake;

/// <summary>What a build says when <c>atu</c> ended with anything but success: the exit code in words, and the tool's own errors, in one line.</summary>
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

    /// <summary>The exception for an exit code.</summary>
    /// <param name="command">As <c>atu</c> names it.</param>
    /// <param name="exitCode">Not 0.</param>
    /// <param name="errorLines">The lines of stderr.</param>
    /// <remarks>Exit code 1 without a diagnostic is no verdict: whoever starts <c>atu</c> (such as <c>dotnet tool run</c>) fails with it too.
    /// It becomes "could not finish", so that nobody takes a tool that is not there for a gate that has judged.</remarks>
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
        return errors.Count <= MaxErrors ? first : string.Create(CultureInfo.InvariantCulture, $"{first}; and {errors.Count - MaxErrors} more above");
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
