using System.Text;

namespace AdaptThenUnlearn.Reports;

/// <summary>Text from a policy or a classifier, made safe to stand in Markdown.</summary>
/// <remarks>GitHub flavoured Markdown, section 2.4: a backslash before punctuation makes it literal. Mentions are broken by an empty comment.</remarks>
public static class MarkdownText
{
    private const string Special = "\\`*_{}[]()#|!~$";

    /// <summary>The same words without links, formatting, HTML, table cells, mentions or line breaks.</summary>
    public static string Escape(string text)
    {
        var safe = new StringBuilder(text.Length + 8);
        foreach (var rune in text.EnumerateRunes())
        {
            if (Rune.IsControl(rune))
                safe.Append(' ');
            else if (rune.Value == '@')
                safe.Append("@<!-- -->");
            else if (rune.Value is '&' or '<' or '>')
                safe.Append(rune.Value == '&' ? "&amp;" : rune.Value == '<' ? "&lt;" : "&gt;");
            else
            {
                if (rune.IsAscii && Special.Contains((char)rune.Value, StringComparison.Ordinal))
                    safe.Append('\\');
                safe.Append(rune);
            }
        }

        return safe.ToString();
    }
}
