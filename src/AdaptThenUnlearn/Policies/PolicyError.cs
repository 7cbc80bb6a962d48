using AdaptThenUnlearn.Diagnostics;

namespace AdaptThenUnlearn.Policies;

/// <summary>One error or warning in a policy.</summary>
/// <param name="Code">One of <see cref="PolicyCodes"/>.</param>
/// <param name="File">The policy file, or the argument (<c>--set unlearning.steps</c>) the value came from.</param>
/// <param name="Line">1-based; 0 when it came from an argument.</param>
/// <param name="Column">1-based, in UTF-16 units; 0 when it came from an argument.</param>
/// <param name="Path">The JSON path, e.g. <c>$.unlearning.repulsion.weight</c>.</param>
/// <param name="Message">What is wrong, in the words of the policy.</param>
/// <param name="Severity">Error or warning.</param>
public sealed record PolicyError(
    string Code, string File, int Line, int Column, string Path, string Message, Severity Severity = Severity.Error)
{
    /// <summary>The diagnostic line.</summary>
    public BuildMessage ToBuildMessage() => new(Severity, Code, $"{Path}: {Message}", File, Line, Column);

    /// <summary>For example <c>policy.json(12,16): error ATU1004: $.unlearning.steps: must be at least 1, but is 0</c>.</summary>
    public override string ToString() => ToBuildMessage().ToString();
}
