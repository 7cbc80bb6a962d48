namespace AdaptThenUnlearn.Publishing.Targets;

/// <summary>Publishing cannot go on with one of its parts.</summary>
/// <param name="problem">Why.</param>
public sealed class PublishException(PublishProblem problem) : Exception(problem.Text)
{
    /// <summary>Says why.</summary>
    public PublishException(string code, string text) : this(new PublishProblem(code, text))
    {
    }

    /// <summary>Why.</summary>
    public PublishProblem Problem { get; } = problem;
}
