using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Tests.Reports;

/// <summary>Reports show what became of each class, where an attack counted it.</summary>
public sealed class ClassChangesTests
{
    private const string Attack = "same-latents";

    [Fact]
    public void Markdown_AttackWithAMatrix_HasARowAndAColumnForEachClass()
    {
        var report = new MarkdownReport().Render(Attacked(new(["3", "<i>", "8"], [[90, 1, 0], [0, 50, 2], [7, 6, 4]])));

        Assert.Contains(
            """
            same-latents: what became of each class. A row is a class before, a column a class after, from the same latents, as `auditor` sees them in 160 images. On the diagonal the class is the same.

            |  | 3 | &lt;i&gt; | 8 |
            | --- | ---: | ---: | ---: |
            | 3 | **90** | 1 | 0 |
            | &lt;i&gt; | 0 | **50** | 2 |
            | 8 (undesired) | 7 | 6 | **4** |

            """,
            report,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Html_AttackWithAMatrix_HasHeadersOfRowsAndColumns()
    {
        var page = new HtmlReport().Render(Attacked(new(["<i>", "8"], [[50, 2], [6, 4]])));

        Assert.Contains(
            """
            <thead><tr><td></td><th scope="col"><bdi>&lt;i&gt;</bdi></th><th scope="col"><bdi>8</bdi></th></tr></thead>
            <tbody>
            <tr><th scope="row"><bdi>&lt;i&gt;</bdi></th><td><strong>50</strong></td><td>2</td></tr>
            <tr><th scope="row"><bdi>8</bdi> (undesired)</th><td>6</td><td><strong>4</strong></td></tr>
            """,
            page,
            StringComparison.Ordinal);
    }

    // Of 14 classes a table names 12. The 8 is undesired; of the others the two with the fewest images are added up.
    [Fact]
    public void Matrix_OfManyClasses_NamesTheUndesiredAndTheMostFrequentOnes()
    {
        long[][] counts = [.. Enumerable.Range(0, 14).Select(row => new long[14])];
        foreach (var each in Enumerable.Range(0, 14))
            counts[each][each] = 100 + each;
        (counts[0][0], counts[8][8], counts[5][5]) = (3, 0, 4);
        (counts[0][5], counts[8][0], counts[8][9], counts[13][5]) = (2, 6, 7, 1);

        var matrix = ClassChanges.Create(Attacked(new([.. Enumerable.Range(0, 14).Select(each => $"{each}")], counts))).Single();

        Assert.Equal(
            ["1", "2", "3", "4", "6", "7", "8 (undesired)", "9", "10", "11", "12", "13", "2 others"],
            matrix.Rows.Select(Text));
        Assert.Equal(
            ["1", "2", "3", "4", "6", "7", "8", "9", "10", "11", "12", "13", "2 others"],
            matrix.Columns.Select(name => name.Text));
        Assert.Equal(13, matrix.Cells.Count);
        Assert.Equal("0 0 0 0 0 0 0 7 0 0 0 0 6", Text(matrix.Cells[6], " "));
        Assert.Equal("0 0 0 0 0 0 0 0 0 0 0 113 1", Text(matrix.Cells[11], " "));
        Assert.Equal("9", matrix.Cells[12][12].Text);                  // 3 and 4 that stayed, 2 that changed among them
        Assert.Equal(PhraseKind.Trusted, matrix.Cells[12][12].Kind);   // so it is not marked as unchanged
        Assert.Equal(PhraseKind.Strong, matrix.Cells[11][11].Kind);
        Assert.Equal(counts.Sum(row => row.Sum()), matrix.Cells.Sum(row => row.Sum(cell => long.Parse(cell.Text, null))));
    }

    [Fact]
    public void Matrices_TwoFeaturesOfOneAuditor_AreOneTable()
    {
        var run = Attacked(new(["8", "9"], [[1, 2], [3, 4]]));
        var (feature, reading) = (run.Policy.UndesiredFeatures[0], run.After!.Attacks![0]);
        run = run with
        {
            Policy = run.Policy with { UndesiredFeatures = [feature, feature with { Name = "digit-9", Class = "9" }] },
            After = run.After with { Attacks = [reading, reading with { Feature = "digit-9" }] },
        };

        var matrix = ClassChanges.Create(run).Single();

        Assert.Equal(["8 (undesired)", "9 (undesired)"], matrix.Rows.Select(Text));
    }

    [Fact]
    public void Report_AttackWithoutAMatrix_HasNone()
    {
        var run = Attacked(null);

        Assert.Contains("## Attacks", new MarkdownReport().Render(run), StringComparison.Ordinal);
        Assert.DoesNotContain("what became of each class", new MarkdownReport().Render(run), StringComparison.Ordinal);
        Assert.DoesNotContain("matrix", new HtmlReport().Render(run), StringComparison.Ordinal);
    }

    /// <summary>A run whose artifact was attacked.</summary>
    /// <param name="classes">What became of each class; null where that was not counted.</param>
    internal static RunRecord Attacked(ClassMatrix? classes)
    {
        var run = Records.Named("many-rules");
        return run with
        {
            Before = run.Before with { Attacks = [Reading(run.Before.GeneratorSha256, 112, null)] },
            After = run.After! with { Attacks = [Reading(run.After.GeneratorSha256, 4, classes)] },
        };
    }

    private static AttackReading Reading(string generator, int successes, ClassMatrix? classes) => new(
        Attack, "digit-8", generator, [new AttackVariant("latents that showed it before", successes, 112)], classes,
        AttackBudget.Quick);

    private static string Text(IReadOnlyList<Phrase> phrases) => Text(phrases, "");

    private static string Text(IReadOnlyList<Phrase> phrases, string between) =>
        string.Join(between, phrases.Select(phrase => phrase.Text));
}
