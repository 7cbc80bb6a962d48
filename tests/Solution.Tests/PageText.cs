using System.Text.RegularExpressions;
using AdaptThenUnlearn.Tests;

namespace AdaptThenUnlearn.Solution.Tests;

/// <summary>What a page tells its readers to copy, so that tests run the page's own text.</summary>
internal static class PageText
{
    /// <summary>The first block of a language below a heading.</summary>
    /// <param name="page">Path of the page in the repository.</param>
    /// <param name="heading">The heading's text.</param>
    /// <param name="language">As it is written after the fence; empty for commands.</param>
    public static string Block(string page, string heading, string language)
    {
        var text = File.ReadAllText(Path.Combine(Repository.Root, page)).ReplaceLineEndings("\n");
        var block = Regex.Match(
            text, $@"^#+ {Regex.Escape(heading)}\n(?:(?!^#+ ).*\n)*?```{language}\n((?:.*\n)*?)```$", RegexOptions.Multiline);
        Assert.True(block.Success, $"{page} has no block '{language}' below '{heading}'");
        return block.Groups[1].Value;
    }
}
