using AdaptThenUnlearn.Publishing.Targets;

namespace AdaptThenUnlearn.Publishing;

/// <summary>What a publish did.</summary>
/// <param name="Done">One sentence for each part that was published.</param>
/// <param name="Problems">Why parts were not published; empty where all of them were.</param>
public sealed record PublishResult(IReadOnlyList<string> Done, IReadOnlyList<PublishProblem> Problems);
