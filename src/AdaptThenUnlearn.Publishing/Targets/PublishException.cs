namespace AdaptThenUnlearn.Publishing.Targets;

/// <summary>A part cannot be published.</summary>
/// <param name="problem">Why it cannot.</param>
public sealed class PublishException(PublishProblem problem) : Exception(problem.Text)
{
    /// <summary>Makes the exception from code and text of its problem.</summary>
    public PublishException(string code, string text) : this(new PublishProblem(code, text))
    {
    }

    /// <summary>Why it cannot.</summary>
    public PublishProblem Problem { get; } = problem;
}
