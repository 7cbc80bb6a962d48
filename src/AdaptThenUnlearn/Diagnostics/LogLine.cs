using System.Text;

namespace AdaptThenUnlearn.Diagnostics;

/// <summary>
/// Makes foreign text safe for one line of a build's log: no line breaks, terminal codes or commands to the build.
/// </summary>
public static class LogLine
{
    /// <summary>Whether a character is a control character, or breaks a line for some readers.</summary>
    public static bool IsControl(char character) => char.IsControl(character) || character is '\u2028' or '\u2029';

    /// <summary>The text as one line.</summary>
    /// <remarks>
    /// Control characters become spaces. A space is inserted into what GitHub (<c>::</c> at the start, <c>##[</c>) or Azure
    /// (<c>##[</c>, <c>##vso[</c>) would run as a command.
    /// </remarks>
    /// <param name="text">May be any text.</param>
    public static string Sanitize(string text)
    {
        var line = new StringBuilder(text.Length);
        foreach (var character in text)
            line.Append(IsControl(character) ? ' ' : character);

        var plain = line.ToString()
            .Replace("##[", "## [", StringComparison.Ordinal)
            .Replace("##vso[", "## vso[", StringComparison.OrdinalIgnoreCase);
        var start = plain.Length - plain.TrimStart().Length;
        return plain.AsSpan(start).StartsWith("::", StringComparison.Ordinal) ? plain.Insert(start + 1, " ") : plain;
    }
}
