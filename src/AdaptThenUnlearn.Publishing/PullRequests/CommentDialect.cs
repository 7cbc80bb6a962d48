using System.Text.RegularExpressions;

namespace AdaptThenUnlearn.Publishing.PullRequests;

/// <summary>Pages are written in GitHub's Markdown; this is what other hosts read differently.</summary>
public static partial class CommentDialect
{
    private const string EmptyComment = "<!-- -->";
    private const string ZeroWidthSpace = "&#8203;";

    /// <summary>For GitLab, which runs a line that begins with a slash as a command, such as <c>/merge</c>.</summary>
    public static string ForGitLab(string body) => LineWithSlash().Replace(ForAzure(body), @"\/");

    /// <summary>For hosts on which an empty HTML comment may not keep a mention apart.</summary>
    public static string ForAzure(string body) => body.Replace(EmptyComment, ZeroWidthSpace, StringComparison.Ordinal);

    [GeneratedRegex("^/", RegexOptions.Multiline)]
    private static partial Regex LineWithSlash();
}
