using System.Globalization;
using System.Text;

namespace AdaptThenUnlearn.Reports;

/// <summary>Makes text safe in HTML, between tags and in quoted attributes.</summary>
internal static class HtmlText
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
            (PhraseKind.Untrusted, var text) => $"<bdi>{text}</bdi>",
            (PhraseKind.Code, var text) => $"<code><bdi>{text}</bdi></code>",
            (PhraseKind.Strong, var text) => $"<strong>{text}</strong>",
            (PhraseKind.Emphasis, var text) => $"<em>{text}</em>",
            (PhraseKind.Good, var text) => $"<span class=\"mark good\">{text}</span>",
            (PhraseKind.Caution, var text) => $"<span class=\"mark caution\">{text}</span>",
            (PhraseKind.Bad, var text) => $"<span class=\"mark bad\">{text}</span>",
            (_, var text) => text.Replace(" %", "\u00a0%", StringComparison.Ordinal),   // a number stays with its unit
        }));

    /// <summary>A share, 0 to 1, as a length of a picture that is as wide as its place.</summary>
    public static string Length(double share) => (100 * share).ToString("0.##", CultureInfo.InvariantCulture) + "%";
}
