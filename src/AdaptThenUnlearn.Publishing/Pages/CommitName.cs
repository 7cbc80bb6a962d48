using AdaptThenUnlearn.Publishing.Targets;
using AdaptThenUnlearn.Reports;

namespace AdaptThenUnlearn.Publishing.Pages;

/// <summary>A commit as pages name it: short, and linked where the repository is known.</summary>
internal static class CommitName
{
    private const int Digits = 7;

    /// <summary>The first digits as code, with a link to the commit.</summary>
    /// <remarks>GitHub links no commit in code by itself, and code is where nothing else is taken for one.</remarks>
    /// <param name="sha">The full hash.</param>
    /// <param name="context">Has the repository's address.</param>
    public static string Link(string sha, PublishContext context)
    {
        var name = MarkdownText.Code(sha[..Digits]);
        return context.Source is { } source ? $"[{name}]({source.Commit(sha)})" : name;
    }
}
