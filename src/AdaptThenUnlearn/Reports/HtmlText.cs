using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace AdaptThenUnlearn.Reports;

/// <summary>Makes text safe in HTML, between tags and in quoted attributes.</summary>
internal static partial class HtmlText
{
    /// <summary>The same words without markup; control characters become spaces.</summary>
    public static string Escape(string text)
    {
        var safe = new StringBuilder(text.Length + 8);
        foreach (var rune in text.EnumerateRunes())
            _ = rune.Value switch
            {
                '&' => safe.Append("&amp;"),
                '<' => safe.Append("&lt;"),
                '>' => safe.Append("&gt;"),
                '"' => safe.Append("&quot;"),
                '\'' => safe.Append("&#39;"),
                _ => Rune.IsControl(rune) ? safe.Append(' ') : safe.Append(rune),
            };
        return safe.ToString();
    }

    /// <summary>Phrases as HTML; foreign ones cannot change the direction of the text beside them.</summary>
    public static string RenderPhrases(IReadOnlyList<Phrase> phrases) =>
        string.Concat(phrases.Select(phrase => (phrase.Kind, Text: Escape(phrase.Text)) switch
        {
            (PhraseKind.Untrusted, var text) => $"<bdi>{KeepUnits(text)}</bdi>",
            (PhraseKind.Code, var text) => $"<code><bdi>{text}</bdi></code>",
            (PhraseKind.Strong, var text) => $"<strong>{text}</strong>",
            (PhraseKind.Emphasis, var text) => $"<em>{text}</em>",
            (PhraseKind.Good, var text) => $"<span class=\"mark good\">{text}</span>",
            (PhraseKind.Caution, var text) => $"<span class=\"mark caution\">{text}</span>",
            (PhraseKind.Bad, var text) => $"<span class=\"mark bad\">{text}</span>",
            (_, var text) => KeepUnits(text),
        }));

    /// <summary>The same words, in which a line does not break between a number and its unit or its comparator.</summary>
    public static string KeepUnits(string text) => SpaceAtUnit().Replace(text, "\u00a0");

    /// <summary>Lines of a file, each for itself: no character of one can turn the direction of another.</summary>
    public static string EscapeLines(string text) =>
        string.Join('\n', text.ReplaceLineEndings("\n").Split('\n').Select(line => $"<bdi>{Escape(line)}</bdi>"));

    /// <summary>A share, 0 to 1, as a length of a picture that is as wide as its place.</summary>
    public static string Length(double share) => (100 * share).ToString("0.##", CultureInfo.InvariantCulture) + "%";

    [GeneratedRegex(@"(?<=\d) (?=(?:%|MB|s)(?!\w))|(?<=[≤≥]) ")]
    private static partial Regex SpaceAtUnit();
}
