using System.Globalization;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using static AdaptThenUnlearn.Reports.Phrase;
using static AdaptThenUnlearn.Reports.ReportText;

namespace AdaptThenUnlearn.Reports;

/// <summary>What can be done about a rule that is not met: the same advice in every report and page.</summary>
/// <remarks>
/// It depends on the readings before and after and on whether anything was trained, not on the rule's name alone. What helps a
/// feature does not help image quality, and images that came nearer to the reference did not become worse.
/// </remarks>
public sealed class Advice
{
    private const int LongestRule = 120;
    private const int LongestReason = 300;

    private static readonly IReadOnlyList<Phrase> _search =
    [
        Trusted(", or search settings with "), Code("atu tune POLICY"), Trusted(".")
    ];

    private readonly Phrase? _rule;

    private Advice(Phrase? rule, params IReadOnlyList<Phrase> words) => (_rule, Phrases) = (rule, words);

    /// <summary>Plain text, with the rule's name where it is about one rule alone.</summary>
    public string Text => string.Concat(AllPhrases.Select(phrase => phrase.Text));

    /// <summary>The same in Markdown.</summary>
    public string Markdown => MarkdownText.RenderPhrases(AllPhrases);

    /// <summary>How a rule is let pass for a while.</summary>
    public static Advice HowToWaive { get; } = new(
        null,
        Trusted("Or let it pass for a while: an entry in "),
        Code("waivers"),
        Trusted(" with "),
        Code("rule"),
        Trusted(", "),
        Code("reason"),
        Trusted(", "),
        Code("approvedBy"),
        Trusted(" and "),
        Code("expires"),
        Trusted("."));

    /// <summary>What can be done, without the rule's name; for formats with their own markup.</summary>
    internal IReadOnlyList<Phrase> Phrases { get; }

    private IReadOnlyList<Phrase> AllPhrases => _rule is { } rule ? [rule, Trusted(": "), .. Phrases] : Phrases;

    /// <summary>What can be done about every rule that is not met, each advice once.</summary>
    /// <param name="policy">That was judged by.</param>
    /// <param name="before">Readings of the original generator.</param>
    /// <param name="after">Readings of the unlearned generator; null when nothing was trained.</param>
    /// <param name="findings">Of the verdict.</param>
    /// <returns>None when every rule is met; the last says how to waive, where that would help.</returns>
    public static IReadOnlyList<Advice> For(
        UnlearningPolicy policy, Measurement before, Measurement? after, IReadOnlyCollection<Finding> findings)
    {
        var advice = findings.Select(finding => For(policy, before, after, finding))
            .OfType<Advice>()
            .DistinctBy(each => each.Text);
        return [.. advice, .. findings.Any(finding => finding.State is FindingState.Failed)
            ? [HowToWaive]
            : Array.Empty<Advice>()];
    }

    /// <summary>What can be done about one rule; null when it is met or does not apply.</summary>
    /// <inheritdoc cref="For(UnlearningPolicy, Measurement, Measurement, IReadOnlyCollection{Finding})"/>
    /// <param name="policy">That was judged by.</param>
    /// <param name="before">Readings of the original generator.</param>
    /// <param name="after">Readings of the unlearned generator; null when nothing was trained.</param>
    /// <param name="finding">Of the rule.</param>
    public static Advice? For(UnlearningPolicy policy, Measurement before, Measurement? after, Finding finding)
    {
        var name = finding.Rule;
        var rule = Code(MarkdownText.Clip(finding.Rule.ToString(), LongestRule));
        return finding.State switch
        {
            FindingState.Passed or FindingState.NotApplicable => null,
            FindingState.NotMeasured or FindingState.WarnedNotMeasured
                when after is null && name.Limit is RuleLimit.MinUnlearned => TrainFirst(rule),
            FindingState.NotMeasured or FindingState.WarnedNotMeasured => new(
                rule,
                Trusted("it was not measured: "),
                Untrusted(MarkdownText.Clip(finding.Explanation, LongestReason)),
                Trusted(finding.IsWarning ? "." : ". What is not measured has failed.")),
            _ when name.IsOfRatchet => new(
                rule,
                Trusted(
                    "it is worse than in the last accepted run, by more than the error of both: undo what changed since, or "
                        + "unlearn longer; a new baseline needs a run that is accepted, with a waiver of this rule.")),
            _ when name.IsOfFeature => ForFeature(policy, before, after, finding, name, rule),
            _ when name.Limit is RuleLimit.MinShareKept => new(
                null, [
                    Trusted("Other classes lost too much: raise "),
                    Code("unlearning.retention.weight"),
                    Trusted(" or "),
                    Code("unlearning.classBalance.rate"),
                    .. _search
                ]),
            _ when name.Limit is RuleLimit.MaxFrechetDistance or RuleLimit.MaxFrechetIncrease =>
                ForQuality(policy, before, after, finding, name, rule),
            _ when name.Limit is RuleLimit.MaxSuccess => ForAttack(finding, rule),
            _ when name.Form is not null => ForShipped(name, rule, trained: after is not null),
            _ => new(rule, Trusted("see the policy.")),
        };
    }

    private static Advice ForShipped(RuleName name, Phrase rule, bool trained) => trained
        ? new(
            null,
            Trusted("The shipped files were there before the artifact of this run was trained, so they are exports of another "
                + "generator. Export the artifact again, name it and its exports in "),
            Code("generator"), Trusted(", and judge them with "), Code("atu govern --no-train"), Trusted("."))
        : new(
            rule,
            Trusted("what ships is not what was judged; export "), Untrusted(name.Form!),
            Trusted(" again with a higher precision (float32, or int8 with better calibration), or ship the artifact itself."));

    private static Advice ForAttack(Finding finding, Phrase rule) => IsWithin(finding)
        ? new(
            rule,
            Trusted("few enough attempts succeeded, and there were too few for the bound; spend more on the attack ("),
            Code("budget"), Trusted(" in "), Code("audits"), Trusted(")."))
        : new(
            rule,
            Trusted(
                "the attack gets the feature out, so the generator hides it more than it forgot it; look at the pictures whether "
                    + "they show it, unlearn longer ("),
            Code("unlearning.steps"), Trusted(", or "), Code("unlearning.preset"), Trusted(" "), Code("thorough"),
            Trusted("), retrain without the feature, or do not hand out the weights."));

    private static Advice ForFeature(
        UnlearningPolicy policy, Measurement before, Measurement? after, Finding finding, RuleName name, Phrase rule)
    {
        var reading = Reading(after ?? before, name);
        if (name.Limit is RuleLimit.MaxRate
            && reading?.NoiseFloor is { } floor
            && floor > finding.Limit
            && finding.Observed <= floor)
            return new(
                rule,
                Trusted(
                    $"the auditor sees the class in {Percent(floor)} of real images that do not show it, and cannot tell so "
                        + "small a rate; name a better auditor, or set a limit that it can tell."));
        if (finding.AuditorErrors is ErrorCorrection.Corrected && IsMetWithoutErrors(policy, before, after, name))
            return new(
                rule,
                Trusted(
                    "its bound counts in how often the auditor errs, and would be within the limit without that; try the "
                        + "auditor on more labelled images of the class, or name a better one."));
        if (finding.AuditorErrors is ErrorCorrection.Audited && finding.Observed is { } marked && marked <= finding.Limit
            && name.Limit is RuleLimit.MaxRate)
            return new(
                rule,
                Trusted("the person marked few enough images, and looked at too few for the bound; begin an audit with more "),
                Code("--clicks"), Trusted("."));
        if (IsWithin(finding))
            return MoreImages(policy, finding, name, rule, after is null);
        if (after is null)
            return TrainFirst(rule);
        if (Rate(Reading(before, name)) is not { } was || Rate(reading) is not { } isNow || isNow < was)
            return new(rule, [
                Trusted(
                    $"it fell{FromTo(Rate(Reading(before, name)), Rate(reading), Percent)}, and that is not enough; "
                        + "unlearn longer ("),
                Code("unlearning.steps"), Trusted(", or "), Code("unlearning.preset"), Trusted(" "), Code("thorough"),
                Trusted(")"), .. _search]);

        var change = FromTo(was, isNow, Percent);
        return Gate.ViolatedFeatures(policy, before, today: null).Any(feature => feature.Name == name.Subject)
            ? new(rule, [
                Trusted(
                    $"it did not become rarer{change}; see in the report whether the annotator finds the feature, and "
                        + "push harder ("),
                Code("unlearning.repulsion.weight"),
                Trusted(")"),
                .. _search])
            : new(rule, [
                Trusted(
                    $"it was within its limit before, and unlearning the other features made it more frequent{change}; keep "
                        + "more of the original ("),
                Code("unlearning.retention.weight"), Trusted(")"), .. _search]);
    }

    private static bool IsMetWithoutErrors(UnlearningPolicy policy, Measurement before, Measurement? after, RuleName name)
    {
        var uncorrected = policy with
        {
            Evaluation = policy.Evaluation with { AuditorErrors = EvaluationOptions.IgnoreErrors },
            Waivers = [],
        };
        return Gate.Judge(uncorrected, before, after, DateOnly.MinValue).Findings
            .Any(finding => finding.Rule == name && finding.State is FindingState.Passed);
    }

    private static Advice ForQuality(
        UnlearningPolicy policy, Measurement before, Measurement? after, Finding finding, RuleName name, Phrase rule)
    {
        if (after is null)
            return new(
                rule,
                Trusted(
                    "this is the generator as it is, and forgetting features brings its images no nearer to the reference; "
                        + "train it further, or set a limit that it can meet."));
        if (IsWithin(finding))
            return MoreImages(policy, finding, name, rule, untrained: false);

        // The growth is what was judged, without the bias of few images: the bare distances may say something else.
        if (name.Limit is RuleLimit.MaxFrechetIncrease)
            return KeepMore(rule, $" (by {Number(finding.Observed, Percent)})");

        var (was, isNow) = (before.Quality?.FrechetDistance, after.Quality?.FrechetDistance);
        var change = FromTo(was, isNow, Plain);
        if (!(was > finding.Limit))
            return KeepMore(rule, change);

        return isNow > was
            ? new(rule, [
                Trusted(
                    $"the original was beyond the limit already, and its images became worse{change}; train it further before "
                        + "it is governed, or set a limit that it can meet, and raise "),
                Code("unlearning.retention.weight"), Trusted(".")])
            : new(
                rule,
                Trusted(
                    $"the original was beyond the limit already, and its images came nearer to the reference{change}; train "
                        + "it further before it is governed, or set a limit that it can meet."));
    }

    private static Advice KeepMore(Phrase rule, string change) => new(rule, [
        Trusted($"the images became worse{change}; raise "),
        Code("unlearning.retention.weight"),
        Trusted(" or "),
        Code("unlearning.recoverySteps"),
        .. _search]);

    // The number is within the limit, and its bound is not.
    private static Advice MoreImages(UnlearningPolicy policy, Finding finding, RuleName name, Phrase rule, bool untrained)
    {
        var evaluation = policy.Evaluation;
        if (name.Limit is RuleLimit.MaxRate && evaluation.SmallestProvableRate() > finding.Limit)
            return new(
                rule,
                Trusted(string.Create(
                    CultureInfo.InvariantCulture,
                    $"not one hit in {evaluation.MaxSamples} images still leaves a bound of "
                        + $"{Percent(evaluation.SmallestProvableRate())}, so that no sample of this size proves "
                        + $"the limit; raise ")),
                Code("evaluation.maxSamples"), Trusted(" or the limit."));

        var (property, now) = name.Limit is RuleLimit.MaxRate
            ? ("evaluation.maxSamples", evaluation.MaxSamples)
            : ("evaluation.samples", evaluation.Samples);
        return new(rule, [
            Trusted("the number is within the limit, its bound is not; more images narrow the bound ("),
            Code(property),
            Trusted(Invariant($", now {now})")),
            .. untrained ? [Trusted(", and "), .. TrainWords] : new[] { Trusted(".") }]);
    }

    private static Advice TrainFirst(Phrase rule) => new(rule, [Trusted("nothing was trained in this run; "), .. TrainWords]);

    private static Phrase[] TrainWords =>
        [Code("atu govern POLICY"), Trusted(" without "), Code("--no-train"), Trusted(" makes the generator forget it.")];

    private static bool IsWithin(Finding finding) =>
        finding.Comparator == "≥" ? finding.Observed >= finding.Limit : finding.Observed <= finding.Limit;

    private static FeatureReading? Reading(Measurement measured, RuleName name) =>
        measured.Features.FirstOrDefault(reading => reading.Feature == name.Subject);

    // Of the first look, which is on the same latents before and after.
    private static double? Rate(FeatureReading? reading) =>
        reading?.Looks is [{ Samples: > 0 } first, ..] ? (double)first.Hits / first.Samples : null;

    private static string FromTo(double? was, double? isNow, Func<double, string> unit) =>
        was is { } old && isNow is { } now ? $" ({unit(old)} before, {unit(now)} after)" : "";

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
