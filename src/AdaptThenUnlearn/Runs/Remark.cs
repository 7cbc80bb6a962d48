namespace AdaptThenUnlearn.Runs;

/// <summary>
/// What a run had to assume about one of its inputs, or noticed while it read it. It decides no rule; a reading that decides
/// carries its own reason.
/// </summary>
/// <param name="About">
/// The input, as the policy or the record names it: <c>generator</c>, <c>classifier digits</c>, <c>reference</c>.
/// </param>
/// <param name="Text">One or two sentences: what was assumed or noticed, and how to state or mend it.</param>
/// <param name="IsWarning">Whether a reader must see it beside the verdict.</param>
public sealed record Remark(string About, string Text, bool IsWarning = false);
