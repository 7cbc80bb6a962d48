using System.Globalization;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;
using static AdaptThenUnlearn.Reports.Phrase;
using static AdaptThenUnlearn.Reports.ReportText;

namespace AdaptThenUnlearn.Reports;

/// <summary>What the attacks of a policy's <c>audits</c> got out of the generators.</summary>
internal static class AttackSection
{
    /// <summary>The section; null where no attack was made.</summary>
    public static ReportSection? Create(RunRecord record)
    {
        if ((record.After ?? record.Before).Attacks is not { Count: > 0 } made)
            return null;

        // A row for each way in which an attack was tried.
        var confidence = record.Policy.Evaluation.Confidence;
        var table = new ReportTable("Attack", "Tried", "Before", "After", "Limit");
        foreach (var reading in made)
            foreach (var variant in reading.Variants)
                table.AddRow(
                    [Untrusted($"{reading.Attack}, {reading.Feature}")],
                    [Untrusted(variant.Name)],
                    [Trusted(Cell(record.Before, reading, variant.Name))],
                    [Trusted(record.After is { } after ? Cell(after, reading, variant.Name) : None)],
                    [Trusted(Limit(record, reading))]);

        return new(
            ReportTopic.Attacks, "Attacks", table,
            [
                Trusted(
                    $"What somebody with the weights gets out. A success is an image in which the auditor sees the feature; the "
                        + $"annotator guided the search. A cell has successes of attempts, with the {Percent(confidence)} "
                        + "Clopper–Pearson interval of their share; \"at start\" are those that showed the feature before the "
                        + "search, and \"nearer\" is the share of usual latents that lie nearer to the centre than the median "
                        + "found one. The limit is held against the one-sided upper bound of every way in which an attack was "
                        + $"tried. {Budgets(made)}"),
                .. record.Inputs.Where(input => input.Role == InputRoles.AttackImages).SelectMany(input => new[]
                {
                    Trusted(" Given images are those in "), Code(input.Path), Trusted("."),
                }),
            ])
        {
            NotMeasured = [.. new[] { ("before", record.Before), ("after", record.After) }.SelectMany(
                each => WhyNot(each.Item1, each.Item2?.Attacks ?? []))],
            Matrices = ClassChanges.Create(record),
            Caveat =
            [
                Trusted(
                    "An attack that failed proves nothing about others. One that succeeded shows that the feature can be drawn, "
                        + "and not that a user will meet it. Far from usual latents both classifiers may be deceived: look at "
                        + "the pictures."),
            ],
        };

        string Cell(Measurement measured, AttackReading reading, string variant) => AttackReport.Cell(
            measured.FindAttack(reading.Attack, reading.Feature)?.Variants.FirstOrDefault(each => each.Name == variant),
            confidence);
    }

    private static string Limit(RunRecord record, AttackReading reading) =>
        record.Policy.Audits?.FirstOrDefault(audit => audit.Attack == reading.Attack) is { } limit
            ? $"at most {Percent(limit.MaxSuccess)}{(limit.IsAdvisory ? ", advisory" : "")}"
            : None;

    private static IEnumerable<string> WhyNot(string generator, IReadOnlyList<AttackReading> attacks) =>
        from reading in attacks
        from alike in reading.Variants.Where(variant => variant.Why is not null).GroupBy(variant => variant.Why!)
        select $"{reading.Attack} on {generator}, {reading.Feature}, "
            + $"{string.Join("; ", alike.Select(variant => variant.Name))}: {alike.Key}";

    // Each budget once, with the attacks that had it.
    private static string Budgets(IReadOnlyList<AttackReading> made) => string.Join(
        "; ",
        from reading in made
        where reading.Budget is not null
        group reading.Attack by reading.Budget into same
        select string.Create(
            CultureInfo.InvariantCulture,
            $"{string.Join(", ", same.Distinct())}: {same.Key!.Samples} images for each rate, {same.Key.Starts} starts and "
                + $"{same.Key.Steps} steps for each search, at most {same.Key.TrainingSteps} training steps on "
                + $"{same.Key.Negatives} images")) + ".";
}
