namespace AdaptThenUnlearn.Publishing.Targets;

/// <summary>Why something was not published. It is a warning, and an error where publishing was required.</summary>
/// <param name="Code">A code of <see cref="PublishCodes"/>.</param>
/// <param name="Text">What failed, where, and what to do about it, in one sentence without secrets.</param>
public sealed record PublishProblem(string Code, string Text);
