using System.Globalization;

namespace AdaptThenUnlearn.Diagnostics;

/// <summary>How serious a message is.</summary>
public enum Severity
{
    /// <summary>The request was not carried out.</summary>
    Error,

    /// <summary>The request was carried out, but something needs attention.</summary>
    Warning,
}

/// <summary>One diagnostic line that builds and editors turn into a link.</summary>
/// <remarks>The format is MSBuild's: <c>file(line,column): error ATU1004: text</c>.</remarks>
/// <param name="Severity">Error or warning.</param>
/// <param name="Code">ATU1… policy, ATU2… run, ATU3… gate, ATU4… publish.</param>
/// <param name="Text">One sentence; line breaks become spaces.</param>
/// <param name="File">The file, or the argument (<c>--set unlearning.steps</c>); <c>atu</c> when absent.</param>
/// <param name="Line">1-based; 0 when unknown.</param>
/// <param name="Column">1-based, in UTF-16 units; 0 when unknown.</param>
public sealed record BuildMessage(
    Severity Severity, string Code, string Text, string? File = null, int Line = 0, int Column = 0)
{
    /// <summary>The line. Its text cannot be taken for a command to the build (<see cref="LogLine"/>).</summary>
    public override string ToString()
    {
        var place = (Line, Column) switch
        {
            ( > 0, > 0) => string.Create(CultureInfo.InvariantCulture, $"({Line},{Column})"),
            ( > 0, _) => string.Create(CultureInfo.InvariantCulture, $"({Line})"),
            _ => "",
        };
        var severity = Severity == Severity.Error ? "error" : "warning";
        return LogLine.Sanitize($"{File ?? "atu"}{place}: {severity} {Code}: {Text}");
    }
}
