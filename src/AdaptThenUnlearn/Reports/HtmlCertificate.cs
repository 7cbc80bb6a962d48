using System.Text;
using AdaptThenUnlearn.Runs;
using static AdaptThenUnlearn.Reports.HtmlText;
using static AdaptThenUnlearn.Reports.Phrase;
using static System.Globalization.CultureInfo;

namespace AdaptThenUnlearn.Reports;

/// <summary>
/// What completes the first printed page, so that it can be filed by itself: what was judged, by whom and when, and a place to
/// sign. On a screen it is not shown: the same facts are elsewhere in the page.
/// </summary>
internal static class HtmlCertificate
{
    private static readonly string[] _signed = ["Decision", "Name", "Date", "Signature"];

    /// <summary>Appends it.</summary>
    /// <param name="html">The page.</param>
    /// <param name="record">Of the run.</param>
    public static void Append(StringBuilder html, RunRecord record)
    {
        html.Append("<section class=\"certificate\">\n<h2>What was judged</h2>\n<dl>\n");
        foreach (var (what, value) in Facts(record))
            html.Append(InvariantCulture, $"<div><dt>{Escape(what)}</dt><dd>{RenderPhrases(value)}</dd></div>\n");
        html.Append("</dl>\n<dl class=\"signature\">\n");
        foreach (var blank in _signed)
            html.Append(InvariantCulture, $"<div><dt>{blank}</dt><dd></dd></div>\n");
        html.Append("</dl>\n</section>\n");
    }

    private static IEnumerable<(string What, Phrase[] Value)> Facts(RunRecord record)
    {
        var policy = record.PolicySource;
        yield return ("Policy", [Code(policy.File), Trusted(", SHA-256 "), Code(policy.Sha256)]);
        yield return ("As it took effect", [Trusted("SHA-256 "), Code(policy.EffectiveSha256)]);
        foreach (var set in policy.Overrides)
            yield return ("Set over it", [Code(set)]);
        yield return ("Generator", [
            Code(record.Policy.Generator.Checkpoint), Trusted(", SHA-256 "), Code(record.Before.GeneratorSha256)]);
        yield return ("Judged", record.After is { } after
            ? [Trusted("the unlearned generator, SHA-256 "), Code(after.GeneratorSha256)]
            : [Trusted("the same file: nothing was trained")]);
        yield return ("Measured", [
            Trusted($"{ReportText.Period(record.Times)} by "), Untrusted(record.Tool), Trusted(" on "),
            Untrusted(record.Environment.Device)]);
        yield return ("Owner", [Untrusted(record.Policy.Owner ?? ReportText.None)]);
        foreach (var fact in Build(record.Origin?.Clean() ?? new BuildOrigin()))
            yield return fact;
    }

    // In full: a short commit or a link's text says nothing on paper.
    private static IEnumerable<(string What, Phrase[] Value)> Build(BuildOrigin origin)
    {
        (string What, string? Value)[] known =
        [
            ("Repository", origin.Repository), ("Branch or tag", origin.Ref), ("Commit", origin.Commit),
            ("Pull request", origin.PullRequest?.ToString(InvariantCulture)), ("Build", origin.BuildUrl ?? origin.Host),
            ("Started by", origin.Actor),
        ];
        foreach (var (what, value) in known)
        {
            if (value is not null)
                yield return (what, [Untrusted(value)]);
        }
    }
}
