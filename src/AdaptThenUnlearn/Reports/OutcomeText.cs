using System.Globalization;
using System.Text.Json;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Reports;

/// <summary>An outcome in words and signs, the same in every report, page, terminal and build log.</summary>
public static class OutcomeText
{
    private const string Day = "yyyy-MM-dd";

    /// <summary>E.g. <c>Passed with waivers</c>.</summary>
    public static string Describe(Outcome outcome) => outcome switch
    {
        Outcome.Passed => "Passed",
        Outcome.PassedWithWaivers => "Passed with waivers",
        Outcome.PassedWithWarnings => "Passed with warnings",
        Outcome.NotEnforced => "Not enforced",
        Outcome.NotMeasured => "Failed (not measured)",
        Outcome.Advisory => "Failed (advisory)",
        Outcome.NotProven => "Not proven",
        _ => "Failed",
    };

    /// <summary>The words with their sign: green, amber or red.</summary>
    public static string Mark(Outcome outcome) => MarkdownText.RenderPhrases([new Phrase(Describe(outcome), Tone(outcome))]);

    /// <summary>As records and other files for programs have it, e.g. <c>passedWithWaivers</c>.</summary>
    public static string Name(Outcome outcome) => JsonNamingPolicy.CamelCase.ConvertName(outcome.ToString());

    /// <summary>Whether the generator may be released, and why: a sentence or two.</summary>
    /// <param name="outcome">Of the verdict, as it is shown.</param>
    /// <param name="findings">Of the verdict.</param>
    /// <param name="trained">Whether the generator is an unlearned one; otherwise it is the input itself.</param>
    public static string Sentence(Outcome outcome, IReadOnlyCollection<Finding> findings, bool trained)
    {
        var generator = trained ? "the unlearned generator" : "the generator as it is";
        return outcome switch
        {
            Outcome.Passed when trained => "The unlearned generator meets the policy and may be released.",
            Outcome.Passed =>
                "The generator meets the policy as it is and may be released: nothing was trained, and the artifact is the "
                    + "input, byte for byte.",
            Outcome.PassedWithWaivers =>
                $"{NotMet(findings, [FindingState.Waived])} and waived; {generator} does NOT meet the policy as written. "
                + $"It may be released only while the "
                + $"{Waivers(findings)}.{OnlyWarned(findings)}{InputItself(trained)}",
            Outcome.PassedWithWarnings =>
                $"{NotMet(findings, _warned)} and only {Warns(findings)}; {generator} does NOT meet the policy as written. "
                    + $"It may be released.{InputItself(trained)}",
            Outcome.NotEnforced =>
                $"Nothing was enforced: on the day of the verdict every rule only warns, and {NotMetInWords(findings)}. "
                    + $"{char.ToUpperInvariant(generator[0])}{generator[1..]} may be released, and this proves nothing."
                    + InputItself(trained),
            Outcome.NotProven =>
                "The rules are met by a claim that nothing holds to this repository's policy and files: this is not a verdict, "
                    + "and nothing may be released on it.",
            Outcome.Advisory => $"{NotReleased(findings, generator)} This is advice: it stops nothing.",
            _ => NotReleased(findings, generator),
        };
    }

    /// <summary>How many rules came out how, e.g. <c>Of 5 rules: 3 passed, 2 do not apply.</c></summary>
    public static string Counts(IReadOnlyCollection<Finding> findings)
    {
        var counts = findings.GroupBy(finding => finding.State)
            .OrderBy(group => group.Key)
            .Select(group => Counted(group.Key, group.Count()));
        return findings.Count == 0 ? "No rule was judged." : $"Of {Rules(findings.Count)}: {string.Join(", ", counts)}.";
    }

    /// <summary>E.g. <c>1 rule</c>, <c>5 rules</c>.</summary>
    public static string Rules(int count) =>
        string.Create(CultureInfo.InvariantCulture, $"{count} {(count == 1 ? "rule" : "rules")}");

    // A day is written only where it is one: a record that nobody has judged again may hold any text.
    private static string Waivers(IEnumerable<Finding> findings)
    {
        var waivers = findings.Select(finding => finding.Waiver).OfType<Waiver>().ToList();
        var days = waivers.Select(waiver => DateOnly.TryParseExact(
            waiver.Expires, Day, CultureInfo.InvariantCulture, DateTimeStyles.None, out var day) ? day : DateOnly.MaxValue);
        var lasts = waivers.Count == 1 ? "waiver lasts" : "waivers last";
        return days.Order().FirstOrDefault(DateOnly.MaxValue) is var first && first == DateOnly.MaxValue
            ? lasts
            : $"{lasts}, up to and including {first.ToString(Day, CultureInfo.InvariantCulture)} (UTC)";
    }

    private static readonly FindingState[] _warned = [FindingState.Warned, FindingState.WarnedNotMeasured];

    private static string InputItself(bool trained) =>
        trained ? "" : " Nothing was trained, and the artifact is the input, byte for byte.";

    private static string OnlyWarned(IReadOnlyCollection<Finding> findings) =>
        findings.Any(finding => finding.IsWarning) ? $" {NotMet(findings, _warned)} too, and only {Warns(findings)}." : "";

    private static string Warns(IReadOnlyCollection<Finding> findings) =>
        findings.Count(finding => finding.IsWarning) == 1 ? "warns" : "warn";

    private static string NotMetInWords(IReadOnlyCollection<Finding> findings) =>
        findings.Any(finding => finding.IsWarning) ? NotMet(findings, _warned) : "none is broken";

    private static string NotReleased(IReadOnlyCollection<Finding> findings, string generator)
    {
        var reason = NotMet(findings, [FindingState.Failed, FindingState.NotMeasured]);
        if (findings.All(finding => finding.State is not FindingState.Failed))
        {
            var unknown = findings.Count(finding => finding.State is FindingState.NotMeasured);
            reason = unknown == 0 ? "No rule was judged, and that is not a pass"
                : string.Create(
                    CultureInfo.InvariantCulture,
                    $"{unknown} of {Rules(findings.Count)} {(unknown == 1 ? "was" : "were")} not measured, and what is not "
                        + $"measured has failed");
        }

        return $"{reason}: {generator} may not be released.";
    }

    private static string NotMet(IReadOnlyCollection<Finding> findings, FindingState[] states)
    {
        var count = findings.Count(finding => states.Contains(finding.State));
        return string.Create(
            CultureInfo.InvariantCulture, $"{count} of {Rules(findings.Count)} {(count == 1 ? "is" : "are")} not met");
    }

    private static string Counted(FindingState state, int count) => string.Create(
        CultureInfo.InvariantCulture,
        $"{count} {(state is FindingState.NotApplicable && count > 1 ? "do not apply" : ReportText.Describe(state))}");

    /// <summary>Whether it is shown as good, as something to look at, or as bad.</summary>
    internal static PhraseKind Tone(Outcome outcome) => outcome switch
    {
        Outcome.Passed => PhraseKind.Good,
        Outcome.PassedWithWaivers or Outcome.PassedWithWarnings or Outcome.NotEnforced or Outcome.Advisory or Outcome.NotProven =>
            PhraseKind.Caution,
        _ => PhraseKind.Bad,
    };
}
