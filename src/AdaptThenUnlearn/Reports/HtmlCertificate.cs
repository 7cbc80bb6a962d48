using System.Text;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;
using static AdaptThenUnlearn.Reports.HtmlText;
using static AdaptThenUnlearn.Reports.Phrase;
using static System.Globalization.CultureInfo;

namespace AdaptThenUnlearn.Reports;

/// <summary>
/// The dossier that completes the first printed page, so that it can be filed by itself: what was promised, measured, attacked
/// and excepted, of which files, by whom and when, how to verify it, and a place to sign. On a screen it is not shown: the same
/// facts are elsewhere in the page.
/// </summary>
internal static class HtmlCertificate
{
    private static readonly string[] _signed = ["Decision", "Name", "Date", "Signature"];

    /// <summary>Appends it.</summary>
    /// <param name="html">The page.</param>
    /// <param name="record">Of the run.</param>
    public static void Append(StringBuilder html, RunRecord record)
    {
        html.Append("<section class=\"certificate\">\n<h2>Dossier</h2>\n<dl>\n");
        foreach (var (what, value) in Facts(record))
            html.Append(InvariantCulture, $"<div><dt>{Escape(what)}</dt><dd>{RenderPhrases(value)}</dd></div>\n");
        html.Append("</dl>\n<dl class=\"signature\">\n");
        foreach (var blank in _signed)
            html.Append(InvariantCulture, $"<div><dt>{blank}</dt><dd></dd></div>\n");
        html.Append("</dl>\n</section>\n");
    }

    private static IEnumerable<(string What, Phrase[] Value)> Facts(RunRecord record) =>
    [
        .. Promised(record),
        .. Measured(record),
        .. Attacked(record),
        Excepted(record),
        .. Responsible(record),
        .. Verifying(record),
    ];

    // What was fixed before anything was measured: the limits, which the rules above repeat, in a policy with a digest.
    private static IEnumerable<(string What, Phrase[] Value)> Promised(RunRecord record)
    {
        var policy = record.PolicySource;
        yield return ("Promised", [
            Trusted(FormattableString.Invariant($"{record.Verdict.Findings.Count} limits of ")), Code(policy.File),
            Trusted(", SHA-256 "), Code(policy.Sha256)]);
        yield return ("As it took effect", [Trusted("SHA-256 "), Code(policy.EffectiveSha256)]);
        foreach (var set in policy.Overrides)
            yield return ("Set over it", [Code(set)]);
        if (record.Lock is { } made)
            yield return ("Locked", [
                Trusted($"{RunFacts.Minute(made.Stamped ?? made.Time)}, "),
                Trusted(made.Stamped is null ? "as the lock itself says" : "by its time stamp"),
                Trusted(FormattableString.Invariant($"; the seed {made.Seed} follows from it. SHA-256 ")),
                Code(record.Inputs.FirstOrDefault(input => input.Role == InputRoles.Lock)?.Sha256 ?? ReportText.None)]);
        if (record.Baseline is { } accepted)
            yield return ("No worse than", [
                Trusted($"the accepted run of {RunFacts.Minute(accepted.Finished)}, SHA-256 "), Code(accepted.Sha256)]);
    }

    private static IEnumerable<(string What, Phrase[] Value)> Measured(RunRecord record)
    {
        yield return ("Generator", [
            Code(record.Policy.Generator.Source), Trusted(", SHA-256 "), Code(record.Before.GeneratorSha256)]);
        yield return ("Judged", record.After is { } after
            ? [Trusted("the unlearned generator, SHA-256 "), Code(after.GeneratorSha256)]
            : [Trusted("the same file: nothing was trained")]);
        yield return ("Measured", [
            Trusted($"{ReportText.Period(record.Times)} by "), Untrusted(record.Tool), Trusted(" on "),
            Untrusted(record.Environment.Device)]);
        foreach (var reading in (record.After ?? record.Before).Features)
            if (reading.Looks is [.., var last])
                yield return ("Found", [
                    Untrusted(reading.Feature), Trusted(": "), .. Count(last, reading.Audit), Trusted(Bound(record, reading))]);
    }

    // Attempts to get a feature back out of the judged generator, each by the way that succeeded most often.
    private static IEnumerable<(string What, Phrase[] Value)> Attacked(RunRecord record)
    {
        var attacks = (record.After ?? record.Before).Attacks ?? [];
        if (attacks.Count == 0)
            yield return ("Attacked", [Trusted("no attack is in this record")]);
        foreach (var reading in attacks)
            yield return ("Attacked", [
                Untrusted($"{reading.Attack}, {reading.Feature}"),
                Trusted(reading.Strongest is { } strongest
                    ? FormattableString.Invariant($": at most {strongest.Successes} of {strongest.Attempts} attempts")
                    : ": not measured"),
                Trusted(reading.Strongest is not null && reading.NotMeasured is not null ? ", not every way was measured" : ""),
            ]);
    }

    // Who approved them, and why, stands beside the verdict on the same page.
    private static (string What, Phrase[] Value) Excepted(RunRecord record)
    {
        var excepted = record.Verdict.Findings.Where(finding => finding.Waiver is not null || finding.OnlyWarns is not null)
            .ToList();
        return ("Exceptions", excepted.Count == 0 ? [Trusted("none")] : [
            .. excepted.SelectMany((finding, index) => new[]
            {
                Trusted(index == 0 ? "" : ", "), Code(finding.Rule.ToString()),
                Trusted(finding.Waiver is null ? ": " : " until "),
                Untrusted(finding.Waiver?.Expires ?? finding.OnlyWarns!.Why),
            }),
        ]);
    }

    // In full: a short commit or a link's text says nothing on paper.
    private static IEnumerable<(string What, Phrase[] Value)> Responsible(RunRecord record)
    {
        yield return ("Owner", [Untrusted(record.Policy.Owner ?? ReportText.None)]);
        var origin = record.Origin?.Clean() ?? new BuildOrigin();
        (string What, string? Value)[] known =
        [
            ("", origin.Repository), ("branch or tag ", origin.Ref), ("commit ", origin.Commit),
            ("pull request ", origin.PullRequest?.ToString(InvariantCulture)), ("", origin.BuildUrl ?? origin.Host),
            ("started by ", origin.Actor),
        ];
        Phrase[] build =
        [
            .. known.Where(fact => fact.Value is not null).SelectMany((fact, index) => new[]
            {
                Trusted($"{(index == 0 ? "" : " · ")}{fact.What}"), Untrusted(fact.Value!),
            }),
        ];
        if (build.Length > 0)
            yield return ("Build", build);
    }

    // A generator that may not be released has no signature of its own.
    private static IEnumerable<(string What, Phrase[] Value)> Verifying(RunRecord record)
    {
        yield return ("Verify the record", [Code(RunReports.VerifyCommand)]);
        yield return ("Its attestations", [Code($"atu verify {RunRecord.FileName} --readings --attestation . --key public.pem")]);
        if (record.Verdict.Outcome.IsPass()
            && record.Outputs.FirstOrDefault(output => output.Role == OutputRoles.Artifact) is { } artifact)
            yield return ("Its generator", [Code($"atu verify-model {artifact.Path} --signature model.sig --key public.pem")]);
    }

    private static Phrase[] Count(Look look, HumanAudit? audit) => audit is null
        ? [Trusted(string.Create(InvariantCulture, $"{look.Hits} of {look.Samples} images"))]
        : [
            Untrusted(audit.Person),
            Trusted(string.Create(
                InvariantCulture, $" marked {audit.Shown} of the {audit.Sampled} images looked at, of {audit.Images} measured")),
        ];

    private static string Bound(RunRecord record, FeatureReading reading)
    {
        if (record.Verdict.Findings.FirstOrDefault(each => each.Rule == RuleName.MaxRate(reading.Feature))
            is not { Judged: not null } finding)
            return "";
        var isTrueRate = finding.AuditorErrors is ErrorCorrection.Corrected or ErrorCorrection.Audited;
        return $", {(isTrueRate ? "the true rate " : "")}at most {FindingNumbers.Create(finding).Judged} at "
            + $"{ReportText.Percent(record.Policy.Evaluation.Confidence)} confidence"
            + (finding.AuditorErrors is ErrorCorrection.Corrected ? ", corrected for the auditor's errors" : "");
    }
}
