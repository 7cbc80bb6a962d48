using System.Globalization;
using AdaptThenUnlearn.Reports;

namespace AdaptThenUnlearn.Publishing.Pages;

/// <summary>Markdown that can be shortened by whole rows; the least important rows go first.</summary>
/// <param name="sections">The sections in the order of the text.</param>
public sealed class Page(params IEnumerable<PageSection> sections)
{
    private readonly IReadOnlyList<PageSection> _sections = [.. sections];

    /// <summary>As much of the page as fits, with a note where rows were left out.</summary>
    /// <param name="limit">Largest size, in the unit of <paramref name="size"/>.</param>
    /// <param name="size">Measures a text, in characters or bytes.</param>
    /// <returns>The page; null where not even a page without rows fits.</returns>
    public string? Fit(int limit, Func<string, int> size)
    {
        var all = _sections.Sum(section => section.Rows.Count);
        var whole = Render(all, all);
        if (size(whole) <= limit)
            return whole;

        // Search for the largest number of rows that fits.
        var (fits, tooMany) = (-1, all);
        while (tooMany - fits > 1)
        {
            var middle = (fits + tooMany) / 2;
            if (size(Render(middle, all)) <= limit)
                fits = middle;
            else
                tooMany = middle;
        }

        return fits < 0 ? null : Render(fits, all);
    }

    private string Render(int rows, int all)
    {
        var texts = new string[_sections.Count];
        var left = rows;
        foreach (var (index, section) in _sections.Index().OrderBy(entry => entry.Item.Rank))
        {
            var kept = Math.Min(section.Rows.Count, left);
            left -= kept;
            texts[index] = kept > 0 || section.Rows.Count == 0 ? section.Render([.. section.Rows.Take(kept)]) : "";
        }

        var note = rows == all ? "" : string.Create(
            CultureInfo.InvariantCulture,
            $"> ✂️ Shortened to fit: {all - rows} rows are left out. The run's own `report.md` has them all.\n");
        return MarkdownText.KeepTogether(string.Join('\n', texts.Append(note).Where(text => text.Length > 0)));
    }
}

/// <summary>A part of a page.</summary>
/// <param name="Rank">Rank of the section; sections of a high rank lose their rows first.</param>
/// <param name="Rows">Rows that can be left out; a section without rows is always kept.</param>
/// <param name="Render">Writes the section with the rows that are kept; the text ends with a line break.</param>
public sealed record PageSection(
    int Rank, IReadOnlyList<IReadOnlyList<string>> Rows, Func<IReadOnlyList<IReadOnlyList<string>>, string> Render)
{
    /// <summary>A section that is always kept.</summary>
    public static PageSection Fixed(string text) => new(0, [], _ => text);
}
