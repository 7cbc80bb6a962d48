using AdaptThenUnlearn.Files;

namespace AdaptThenUnlearn.Cli.Comparing;

/// <summary>Writes the files of a comparison's attacks for readers: the page and the table.</summary>
public static class AttackFiles
{
    private const string TableName = "attacks.csv";

    /// <summary>Names of the files that <see cref="Publish"/> writes, relative to the page's folder.</summary>
    /// <param name="page">Name of the page.</param>
    public static IReadOnlyList<string> NamesFor(string page) => [page, $"{Path.GetFileNameWithoutExtension(page)}/{TableName}"];

    /// <summary>Writes the page, and the table into the folder of the cells beside it.</summary>
    /// <param name="results">The attacks so far.</param>
    /// <param name="page">Path of the page.</param>
    public static void Publish(AttackResults results, string page)
    {
        var name = Path.GetFileNameWithoutExtension(page);
        var beside = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(page))!, name);
        AtomicFile.Write(Path.Combine(beside, TableName), AttackResultsCsv.Render(results));
        AtomicFile.Write(page, AttackResultsPage.Render(results, name));
    }
}
