using System.Text;
using System.Xml;

namespace AdaptThenUnlearn.Reports;

/// <summary>Makes text legal in XML, which not all characters are.</summary>
internal static class XmlText
{
    /// <summary>The same words; a character that XML cannot hold becomes the replacement character.</summary>
    /// <remarks>XML 1.0, section 2.2: most control characters and lone surrogates may not even be escaped.</remarks>
    public static string Legal(string text)
    {
        var legal = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())   // a lone surrogate comes as U+FFFD
            legal.Append(rune.IsBmp && !XmlConvert.IsXmlChar((char)rune.Value) ? Rune.ReplacementChar : rune);
        return legal.ToString();
    }

    /// <summary>The same words for a place between tags or in a quoted attribute.</summary>
    public static string Escape(string text) => HtmlText.Escape(Legal(text));
}
