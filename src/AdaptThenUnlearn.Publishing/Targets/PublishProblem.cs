namespace AdaptThenUnlearn.Publishing.Targets;

/// <summary>Why something was not published; a failed publish is a warning unless it was required.</summary>
/// <param name="Code">One of <see cref="PublishCodes"/>.</param>
/// <param name="Text">What, where and how to mend it, in one sentence; holds no secret.</param>
public sealed record PublishProblem(string Code, string Text);
