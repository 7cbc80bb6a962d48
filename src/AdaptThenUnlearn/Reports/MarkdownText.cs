using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace AdaptThenUnlearn.Reports;

/// <summary>Makes text from a policy, a classifier or somebody else's run record safe in Markdown.</summary>
/// <remarks>
/// GitHub flavoured Markdown, section 2.4: a backslash before punctuation makes it literal. What GitHub links on sight (mentions,
/// issue numbers, commits, emoji, addresses) is looked for in the rendered text, where backslashes are gone: an empty comment
/// breaks it.
/// </remarks>
public static partial class MarkdownText
{
    private const string Special = "\\`*_{}[]()#|!~$";
    private const string Break = "<!-- -->";
    private const int LongestInertHex = 6;

    /// <summary>The same words without links, formatting, HTML, table cells, mentions, references or line breaks.</summary>
    public static string Escape(string text)
    {
        var safe = new StringBuilder(text.Length + 8);
        foreach (var rune in RemoveInvisible(text).EnumerateRunes())
        {
            if (rune.Value is '&' or '<' or '>')
                safe.Append(rune.Value == '&' ? "&amp;" : rune.Value == '<' ? "&lt;" : "&gt;");
            else
            {
                if (rune.IsAscii && Special.Contains((char)rune.Value, StringComparison.Ordinal))
                    safe.Append('\\');
                safe.Append(rune);
            }
        }

        var broken = LinkedOnSight().Replace(safe.ToString(), found => found.Value + Break);
        return CommitOnSight()
            .Replace(broken, found => string.Join(Break, found.Value.Chunk(LongestInertHex).Select(part => new string(part))));
    }

    /// <summary>The same words as a code span, in which nothing is linked or formatted; fit for table cells.</summary>
    public static string Code(string text)
    {
        var inside = RemoveInvisible(text).Replace('`', '\'').Replace("|", "\\|", StringComparison.Ordinal);
        return inside.Length == 0 ? ReportText.None : $"`{inside}`";
    }

    /// <summary>Phrases as Markdown; foreign ones are escaped.</summary>
    internal static string RenderPhrases(IReadOnlyList<Phrase> phrases) =>
        string.Concat(phrases.Select(phrase => phrase.Kind switch
        {
            PhraseKind.Untrusted => Escape(phrase.Text),
            PhraseKind.Code => Code(phrase.Text),
            PhraseKind.Strong => $"**{phrase.Text}**",
            PhraseKind.Emphasis => $"*{phrase.Text}*",
            PhraseKind.Good => $"✅ {phrase.Text}",
            PhraseKind.Caution => $"⚠️ {phrase.Text}",
            PhraseKind.Bad => $"❌ {phrase.Text}",
            _ => phrase.Text,
        }));

    /// <summary>At most so many characters, with an ellipsis where there were more.</summary>
    public static string Clip(string text, int length)
    {
        if (text.Length <= length)
            return text;

        var cut = length - 1;
        return text[..(char.IsHighSurrogate(text[cut - 1]) ? cut - 1 : cut)] + "…";
    }

    /// <summary>The same Markdown with a number beside its unit and a sign beside its word, however narrow the page.</summary>
    /// <remarks>Spaces become no-break spaces; code spans stay as they are.</remarks>
    /// <param name="markdown">Markdown already.</param>
    public static string KeepTogether(string markdown) =>
        Together().Replace(markdown, found => found.Value == " " ? "\u00a0" : found.Value);

    // Control characters would break lines; directional and invisible ones would make a line read as something else, or two names
    // look alike.
    private static string RemoveInvisible(string text) => string.Concat(text.EnumerateRunes().Select(rune =>
        Rune.IsControl(rune) || rune.Value is 0x2028 or 0x2029 or (>= 0x202A and <= 0x202E) or (>= 0x2066 and <= 0x2069) ? " "
        : Rune.GetUnicodeCategory(rune) == UnicodeCategory.Format || IsBlank(rune.Value) ? ""
        : rune.ToString()));

    // Letters and marks without a shape: the grapheme joiner, Hangul and Khmer fillers.
    private static bool IsBlank(int rune) => rune is 0x034F or 0x115F or 0x1160 or 0x17B4 or 0x17B5 or 0x3164 or 0xFFA0;

    // The sign of a mention, of a reference to an issue (#1, GH-1), of an emoji (:name:), of an address (http:, www.).
    [GeneratedRegex(
        @"@|#(?=\d)|(?<=\bGH)(?=-\d)|:(?=//|(?:[\w+-]|\\_)+:)|\bwww(?=\.)",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex LinkedOnSight();

    // A code span; or the space between a number and its unit, a comparator and its number, a sign and its word.
    [GeneratedRegex(@"`[^`\n]*`|(?<=\d) (?=%)|(?<=[≤≥]) (?=-?\d)|(?<=[✅❌➖⛔✂⚠]\uFE0F?) ", RegexOptions.CultureInvariant)]
    private static partial Regex Together();

    // A commit's name, whole or as little of it as is linked: no mere number, and no mere word.
    [GeneratedRegex(
        @"(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{7,}|[0-9a-f]{40,}", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex CommitOnSight();
}
