using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Cli;

/// <summary>
/// Prints a verdict, the same way for each command: diagnostics at the policy's lines on stderr, every rule on stdout.
/// </summary>
/// <param name="terminal">Prints it.</param>
/// <param name="policy">The policy of the verdict.</param>
/// <param name="file">The file that diagnostics point at: the policy, or the record if the policy has changed since.</param>
/// <param name="text">The policy's text, to find lines in; null where diagnostics point at the record.</param>
internal sealed class VerdictPrinter(Terminal terminal, UnlearningPolicy policy, string file, string? text)
{
    /// <summary>Prints warnings, failed rules, waived rules, and the result of every rule.</summary>
    /// <param name="verdict">The gate's verdict.</param>
    /// <param name="remarks">The run's warnings about its inputs.</param>
    /// <param name="advisory">Whether a failed gate is only a warning.</param>
    public void Print(Verdict verdict, IEnumerable<string> remarks, bool advisory)
    {
        foreach (var warning in verdict.Warnings)
            terminal.WriteDiagnostic(new BuildMessage(Severity.Warning, "ATU3002", warning, file));
        foreach (var remark in remarks)
            terminal.WriteDiagnostic(new BuildMessage(Severity.Warning, "ATU2101", remark, file));
        foreach (var finding in verdict.Findings)
        {
            if (finding.StopsRelease)
                WriteDiagnostic(advisory ? Severity.Warning : Severity.Error, "ATU3001", VerdictText.Describe(finding), FindLocation(finding));
            else if (VerdictText.DescribeWaived(finding) is { } waived)
                WriteDiagnostic(Severity.Warning, "ATU3004", waived, FindLocation(finding));
        }

        if (verdict.Outcome.WithAdvisory(advisory) is Outcome.Advisory)
            terminal.WriteDiagnostic(new BuildMessage(
                Severity.Warning, "ATU3005",
                $"{policy.Name}: the gate failed and was let through, because --advisory was given. The generator must not be " +
                "released", file));
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
