using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Cli;

/// <summary>What a terminal says about a verdict: diagnostics at the policy's lines on stderr, every rule on stdout; the same for each command.</summary>
/// <param name="terminal">Told.</param>
/// <param name="policy">That was judged by.</param>
/// <param name="file">Where diagnostics point: the policy's file, or the record's where that is not the policy any more.</param>
/// <param name="text">Of the policy, for lines; null where the file is none.</param>
internal sealed class VerdictPrinter(Terminal terminal, UnlearningPolicy policy, string file, string? text)
{
    /// <summary>Tells warnings, what is not met, what is waived, and every rule.</summary>
    /// <param name="verdict">Of the gate.</param>
    /// <param name="remarks">What the run noticed about its inputs, and a reader must see.</param>
    /// <param name="advisory">Whether a failed gate is let through.</param>
    public void Print(Verdict verdict, IEnumerable<string> remarks, bool advisory)
    {
        foreach (var warning in verdict.Warnings)
            terminal.WriteDiagnostic(new BuildMessage(Severity.Warning, GateCodes.WeakVerdict, warning, file));
        foreach (var remark in remarks)
            terminal.WriteDiagnostic(new BuildMessage(Severity.Warning, RunCodes.Remark, remark, file));
        foreach (var finding in verdict.Findings)
        {
            if (finding.StopsRelease)
                WriteDiagnostic(advisory ? Severity.Warning : Severity.Error, GateCodes.NotMet, VerdictText.Describe(finding), FindLocation(finding));
            else if (VerdictText.DescribeWaived(finding) is { } waived)
                WriteDiagnostic(Severity.Warning, GateCodes.Waived, waived, FindLocation(finding));
        }

        if (verdict.Outcome.WithAdvisory(advisory) is Outcome.Advisory)
            terminal.WriteDiagnostic(new BuildMessage(
                Severity.Warning, GateCodes.LetThrough, $"{policy.Name}: the gate failed and was let through, because --advisory was given; nothing may be released on it", file));
        foreach (var finding in verdict.Findings)
            Terminal.WriteResultLine($"  {VerdictText.Describe(finding)}");
    }

    private RuleLocation? FindLocation(Finding finding) =>
        text is null ? null
        : finding.Waiver is { } waiver ? RuleLocation.FindWaiver(policy, file, text, waiver)
        : RuleLocation.Find(policy, file, text, finding.Rule);

    private void WriteDiagnostic(Severity severity, string code, string words, RuleLocation? place) =>
        terminal.WriteDiagnostic(new BuildMessage(severity, code, words, file, place?.Line ?? 0, place?.Column ?? 0));
}
