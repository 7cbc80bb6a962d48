using System.Globalization;

namespace AdaptThenUnlearn.Diagnostics;

/// <summary>Whether a message stops anything.</summary>
public enum Severity
{
    /// <summary>What was asked for is not done.</summary>
    Error,

    /// <summary>It is done, and should be looked at.</summary>
    Warning,
}

/// <summary>One diagnostic line that builds and editors turn into a link.</summary>
/// <remarks>The format is MSBuild's: <c>file(line,column): error ATU1004: text</c>.</remarks>
/// <param name="Severity">Error or warning.</param>
/// <param name="Code">ATU1… policy, ATU2… run, ATU3… gate, ATU4… publish.</param>
/// <param name="Text">One sentence; line breaks become spaces.</param>
/// <param name="File">Where it is, or what was asked (<c>--set unlearning.steps</c>); <c>atu</c> when absent.</param>
/// <param name="Line">1-based; 0 when unknown.</param>
/// <param name="Column">1-based, in UTF-16 units; 0 when unknown.</param>
public sealed record BuildMessage(
    Severity Severity, string Code, string Text, string? File = null, int Line = 0, int Column = 0)
{
    /// <summary>The line, in which nothing but its form means anything to a build (<see cref="LogLine"/>).</summary>
    public override string ToString()
    {
        var place = (Line, Column) switch
        {
            (> 0, > 0) => string.Create(CultureInfo.InvariantCulture, $"({Line},{Column})"),
            (> 0, _) => string.Create(CultureInfo.InvariantCulture, $"({Line})"),
            _ => "",
        };
        var severity = Severity == Severity.Error ? "error" : "warning";
        return LogLine.Sanitize($"{File ?? "atu"}{place}: {severity} {Code}: {Text}");
    }
}
