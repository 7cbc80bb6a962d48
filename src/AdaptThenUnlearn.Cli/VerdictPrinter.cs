using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Cli;

/// <summary>
/// Prints a verdict in the same way for every command: diagnostics at the policy's lines on stderr, every rule on stdout.
/// </summary>
/// <param name="terminal">Terminal to print on.</param>
/// <param name="policy">Policy that judged.</param>
/// <param name="file">File that diagnostics point to: the policy, or the record where the policy has changed since.</param>
/// <param name="text">Text of the policy, to find lines in; null where <paramref name="file"/> is not the policy.</param>
internal sealed class VerdictPrinter(Terminal terminal, UnlearningPolicy policy, string file, string? text)
{
    /// <summary>Prints warnings, rules that are not met, waived or not, and then every rule.</summary>
    /// <param name="verdict">The gate's verdict.</param>
    /// <param name="remarks">Remarks of the run about its inputs that a reader must see.</param>
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
                WriteDiagnostic(
                    advisory ? Severity.Warning : Severity.Error,
                    GateCodes.NotMet,
                    VerdictText.Describe(finding),
                    FindLocation(finding));
            else if (VerdictText.DescribeWaived(finding) is { } waived)
                WriteDiagnostic(Severity.Warning, GateCodes.Waived, waived, FindLocation(finding));
            else if (VerdictText.DescribeWarned(finding) is { } warned)
                WriteDiagnostic(Severity.Warning, GateCodes.OnlyWarns, warned, FindLocation(finding));
        }

        if (verdict.Outcome.WithAdvisory(advisory) is Outcome.Advisory)
            terminal.WriteDiagnostic(new BuildMessage(
                Severity.Warning,
                GateCodes.LetThrough,
                $"{policy.Name}: the gate failed and was let through, because --advisory was given; "
                + "nothing may be released on it",
                file));
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
