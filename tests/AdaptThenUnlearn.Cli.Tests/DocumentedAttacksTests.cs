using AdaptThenUnlearn.Tests;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>The figures that attacks.md cites are those of the pages that <c>atu attack</c> printed.</summary>
public sealed class DocumentedAttacksTests
{
    private static readonly string[] _presets = ["default", "quick", "fine-tune"];

    [Fact]
    public void Table_EveryFigure_StandsInThePrintedPage()
    {
        var lines = File.ReadAllLines(Path.Combine(Repository.Root, "docs", "attacks.md"));
        var rows = lines.SkipWhile(line => !line.StartsWith("| attack | tried |", StringComparison.Ordinal)).Skip(2)
            .TakeWhile(line => line.StartsWith('|')).Select(Cells).ToList();

        // A row has the attack, what was tried, and the counts of the original and of each preset's generator.
        Assert.NotEmpty(rows);
        foreach (var row in rows)
            foreach (var (number, preset) in _presets.Index())
            {
                var printed = Printed(preset, row[0].Trim('`'), row[1]);
                Assert.Equal((Counts(row[2]), Counts(row[3 + number])), (Counts(printed[1]), Counts(printed[2])));
            }
    }

    private static string[] Printed(string preset, string attack, string tried)
    {
        var page = File.ReadAllLines(Path.Combine(Repository.Root, "results", "mnist", "attacks", preset, "attack.md"));
        return page.SkipWhile(line => line != $"## {attack}: digit-8").Skip(1)
            .TakeWhile(line => !line.StartsWith("## ", StringComparison.Ordinal))
            .Where(line => line.StartsWith('|')).Select(Cells)
            .Single(cells => cells[0] == tried);
    }

    // What stands before the interval: successes of attempts, or that it was not measured, before the reason.
    private static string Counts(string cell) => cell.Split([" (", ": "], StringSplitOptions.None)[0];

    private static string[] Cells(string row) => [.. row.Trim('|').Split('|').Select(cell => cell.Trim())];
}
