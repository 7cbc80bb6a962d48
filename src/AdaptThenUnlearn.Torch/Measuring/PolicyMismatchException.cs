using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>The policy is well written, but a file it names does not fit it.</summary>
/// <param name="path">JSON path of the property to mend.</param>
/// <param name="problem">What does not fit, and how to mend it.</param>
/// <param name="code">What the diagnostic is called; <see cref="PolicyCodes.UnknownName"/> unless it has its own.</param>
public sealed class PolicyMismatchException(
    string path, string problem, string code = PolicyCodes.UnknownName) : Exception($"{path}: {problem}")
{
    /// <summary>One of <see cref="PolicyCodes"/>.</summary>
    public string Code { get; } = code;

    /// <summary>JSON path of the property to mend.</summary>
    public string JsonPath { get; } = path;

    /// <summary>What does not fit, and how to mend it.</summary>
    public string Problem { get; } = problem;
}
