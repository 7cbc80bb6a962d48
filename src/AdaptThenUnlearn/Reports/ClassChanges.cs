using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Runs;
using static AdaptThenUnlearn.Reports.Phrase;

namespace AdaptThenUnlearn.Reports;

/// <summary>What became of each class from the same latents: the matrices that an attack counted on the artifact.</summary>
internal static class ClassChanges
{
    /// <summary>Most classes that a table names; it has the others as one, so that it fits a page.</summary>
    public const int MostNamed = 12;

    /// <summary>The tables; none where nothing was trained, because then no image changes.</summary>
    /// <remarks>Features with the same auditor have the same counts, and share a table.</remarks>
    public static IReadOnlyList<ReportMatrix> Create(RunRecord record) =>
    [
        .. from reading in record.After?.Attacks ?? []
           where reading.Classes is not null
           from feature in record.Policy.UndesiredFeatures
           where feature.Name == reading.Feature
           group (Classes: reading.Classes!, feature.Class)
               by (reading.Attack, Auditor: feature.Auditor ?? feature.Annotator) into same
           select Table(same.Key.Attack, same.Key.Auditor, same.First().Classes, [.. same.Select(each => each.Class)]),
    ];

    private static ReportMatrix Table(string attack, string auditor, ClassMatrix classes, IReadOnlyList<string> undesired)
    {
        // Name the undesired classes, and of the others those with the most images, in the auditor's order.
        var all = Enumerable.Range(0, classes.Names.Count).ToList();
        List<int> named =
        [
            .. all.OrderByDescending(IsUndesired).ThenByDescending(Images).Take(MostNamed).Order(),
        ];
        List<int> others = [.. all.Except(named)];
        List<int[]> groups = [.. named.Select(each => new[] { each }), .. others.Count == 0 ? [] : new[] { others.ToArray() }];
        return new(
            [
                Untrusted(attack),
                Trusted(
                    ": what became of each class. A row is a class before, a column a class after, from the same latents, as "),
                Code(auditor),
                Trusted(FormattableString.Invariant(
                    $" sees them in {classes.Counts.Sum(row => row.Sum())} images. On the diagonal the class is the same.")),
            ],
            [.. groups.Select(Name)],
            [
                .. groups.Select(IReadOnlyList<Phrase> (group) =>
                    group is [var only] && IsUndesired(only) ? [Name(group), Trusted(" (undesired)")] : [Name(group)]),
            ],
            [.. groups.Select(IReadOnlyList<Phrase> (rows) => [.. groups.Select(columns => Count(rows, columns))])]);

        bool IsUndesired(int each) => undesired.Contains(classes.Names[each]);

        long Images(int each) => classes.Counts[each].Sum() + classes.Counts.Sum(row => row[each]);

        Phrase Name(int[] group) => group is [var only]
            ? Untrusted(classes.Names[only])
            : Trusted(FormattableString.Invariant($"{group.Length} others"));

        Phrase Count(int[] rows, int[] columns)
        {
            var count = FormattableString.Invariant($"{rows.Sum(row => columns.Sum(column => classes.Counts[row][column]))}");
            return rows == columns && rows.Length == 1 ? Strong(count) : Trusted(count);
        }
    }
}
