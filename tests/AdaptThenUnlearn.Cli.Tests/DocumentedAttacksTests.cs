using AdaptThenUnlearn.Tests;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>The figures that attacks.md cites are those of the page that <c>atu compare --attacks</c> printed.</summary>
public sealed class DocumentedAttacksTests
{
    [Fact]
    public void Table_EveryFigure_StandsInThePrintedPage()
    {
        var cited = Table(
            File.ReadAllLines(Path.Combine(Repository.Root, "docs", "attacks.md"))
                .SkipWhile(line => !line.StartsWith("| attack | tried |", StringComparison.Ordinal)));
        var page = File.ReadAllLines(Path.Combine(Repository.Root, "results", "mnist", "attacks.md"));
        var methods = cited[0][2..];

        Assert.Contains("`default`", methods);
        Assert.True(cited.Count > 10);
        foreach (var row in cited[1..])
        {
            var printed = Table(page.SkipWhile(line => line != $"## {row[0].Trim('`')}").Skip(1));
            var line = printed.Single(cells => cells[0] == row[1]);
            foreach (var (number, method) in methods.Index())
                Assert.Equal(Mean(line[printed[0].IndexOf(method)]), row[2 + number]);
        }
    }

    // The mean before the range, or that nothing was measured.
    private static string Mean(string cell) => cell.Split(" (")[0].Split(", ")[0];

    // The header and the rows of the first table.
    private static List<List<string>> Table(IEnumerable<string> lines) =>
    [
        .. lines.SkipWhile(line => !line.StartsWith('|')).TakeWhile(line => line.StartsWith('|'))
            .Where(line => !line.StartsWith("| ---", StringComparison.Ordinal))
            .Select(line => line.Trim('|').Split('|').Select(cell => cell.Trim()).ToList()),
    ];
}
