using System.Text;

namespace AdaptThenUnlearn.Diagnostics;

/// <summary>One line of a build's log in which whatever somebody else wrote is text: no line breaks, no terminal codes, no commands to the build.</summary>
public static class LogLine
{
    /// <summary>The text as such a line: control characters become spaces, and what GitHub (<c>::</c> first, <c>##[</c>) or Azure (<c>##[</c>, <c>##vso[</c>) would obey gets a space within.</summary>
    public static string Sanitize(string text)
    {
        var line = new StringBuilder(text.Length);
        foreach (var character in text)
            line.Append(char.IsControl(character) || character is '\u2028' or '\u2029' ? ' ' : character);

        var plain = line.ToString().Replace("##[", "## [", StringComparison.Ordinal).Replace("##vso[", "## vso[", StringComparison.OrdinalIgnoreCase);
        var start = plain.Length - plain.TrimStart().Length;
        return plain.AsSpan(start).StartsWith("::", StringComparison.Ordinal) ? plain.Insert(start + 1, " ") : plain;
    }
}
