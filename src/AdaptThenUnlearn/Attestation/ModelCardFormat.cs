using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;
using static AdaptThenUnlearn.Reports.MarkdownText;

namespace AdaptThenUnlearn.Attestation;

/// <summary>
/// A model card as Hugging Face shows it: YAML metadata with results that its hub lists (<c>model-index</c>), then Markdown.
/// Every figure in it is the record's; what the record does not know, such as a licence, is for its owner to add.
/// </summary>
/// <remarks>
/// By the <see href="https://huggingface.co/docs/hub/model-cards">description of model cards</see> and its
/// <see href="https://github.com/huggingface/hub-docs/blob/main/modelcard.md">specification of the metadata</see>.
/// </remarks>
public sealed class ModelCardFormat : IAttestationFormat
{
    private const string Start =
        "---\n# Made by `atu attest` from run.json; `atu verify --attestation` compares it with the record.\n";

    private const string Task = "unconditional-image-generation";

    // A JSON text is a YAML one (YAML 1.2.2, section 1.2).
    private static readonly JsonSerializerOptions _quoted = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <inheritdoc/>
    public string Name => "model-card";

    /// <inheritdoc/>
    public string? SignedFileName => null;

    /// <inheritdoc/>
    public string UnsignedFileName => "MODEL_CARD.md";

    /// <inheritdoc/>
    public bool Recognizes(string text) => text.StartsWith(Start, StringComparison.Ordinal);

    /// <inheritdoc/>
    public bool IsSigned(string text) => false;

    /// <inheritdoc/>
    public string? FindObstacle(AttestedRun run) => null;

    /// <inheritdoc/>
    public string? FindProblem(string text, string path, AttestedRun run, SigningKey? key) =>
        text == Write(run, key: null) ? null : "does not say what the record gives today, or was changed after it was written";

    /// <inheritdoc/>
    public string Write(AttestedRun run, SigningKey? key) => Metadata(run) + Card(run);

    private static string Metadata(AttestedRun run)
    {
        var text = new StringBuilder(Start);
        text.Append(CultureInfo.InvariantCulture, $"""
            pipeline_tag: {Task}
            tags:
            - image-generation
            - gan
            - machine-unlearning
            model-index:
            - name: {Quote(run.Record.Policy.Name)}
              results:

            """);
        foreach (var finding in run.Verdict.Findings.Where(finding => finding.Observed is not null))
        {
            var title = RuleMetric.Describe(finding.Rule, run.Record);
            text.Append(CultureInfo.InvariantCulture, $"""
                  - task:
                      type: {Task}
                      name: Image generation
                    dataset:
                      type: {Quote(run.Record.Policy.Name)}
                      name: {Quote(RuleMetric.Images(finding.Rule, run.Record))}
                    metrics:
                    - type: {RuleMetric.Name(finding.Rule)}
                      name: {Quote(title)}
                      value: {Number(finding.Observed!.Value)}

                """);
            if (finding.Judged is { } bound && bound != finding.Observed)
                text.Append(CultureInfo.InvariantCulture, $"""
                        - type: {RuleMetric.Name(finding.Rule)}-bound
                          name: {Quote($"{title}, {Bound(finding)}")}
                          value: {Number(bound)}

                    """);
        }

        return text.Replace("  results:\n---", "  results: []\n---").Append("---\n").ToString();
    }

    private static string Card(AttestedRun run)
    {
        var (record, outcome) = (run.Record, run.Verdict.Outcome);
        var sentence = OutcomeText.Sentence(outcome, [.. run.Verdict.Findings], record.After is not null);
        var confidence = ReportText.Percent(record.Policy.Evaluation.Confidence);
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"\n# {Escape(run.ArtifactName)}\n\n");
        if (record.Policy.Description is { } description)
            text.Append(CultureInfo.InvariantCulture, $"{Escape(description)}\n\n");
        text.Append(CultureInfo.InvariantCulture, $"""
            **{OutcomeText.Describe(outcome)}**: {sentence}

            ## Evaluation

            An image generator, measured before its release on its own images. *Measured* is the point estimate, *Judged* its
            unfavourable bound at {confidence} confidence; a limit is met only if the bound is within it.


            """);
        var rules = new MarkdownTable("Rule", "Verdict", "Measured", "Judged", "Limit", "How");
        foreach (var finding in run.Verdict.Findings)
        {
            var numbers = FindingNumbers.Create(finding);
            rules.AddRow(
                Code(finding.Rule.ToString()), ReportText.Mark(finding.State), numbers.Observed, numbers.Judged,
                Escape(numbers.Limit), Escape(finding.Explanation));
        }

        text.Append(rules).Append('\n');
        AppendWaivers(text, run.Verdict);
        AppendWarned(text, run.Verdict);
        AppendLimitations(text, [.. run.Verdict.Warnings, .. record.WarningRemarks()]);
        AppendFiles(text, run);
        return text.ToString();
    }

    private static void AppendWaivers(StringBuilder text, Verdict verdict)
    {
        var waivers = new MarkdownTable("Rule", "Reason", "Approved by", "Last day (UTC)");
        var waived = verdict.Findings.Where(finding => finding.Waiver is not null).ToList();
        foreach (var finding in waived)
            waivers.AddRow(
                Code(finding.Rule.ToString()), Escape(finding.Waiver!.Reason), Escape(finding.Waiver.ApprovedBy),
                Escape(finding.Waiver.Expires));
        if (waived.Count > 0)
            text.Append("## Exceptions\n\nThese rules are not met, and waived until the day given.\n\n")
                .Append(waivers)
                .Append('\n');
    }

    private static void AppendWarned(StringBuilder text, Verdict verdict)
    {
        var warned = new MarkdownTable("Rule", "Verdict", "Why it does not fail");
        foreach (var finding in verdict.Findings.Where(finding => finding.IsWarning))
            warned.AddRow(
                Code(finding.Rule.ToString()), ReportText.Mark(finding.State), Escape(finding.OnlyWarns?.Why ?? ReportText.None));
        if (verdict.Findings.Any(finding => finding.IsWarning))
            text.Append("## Warnings\n\nThese rules are not met, and only warn.\n\n").Append(warned).Append('\n');
    }

    private static void AppendLimitations(StringBuilder text, IReadOnlyList<string> limitations)
    {
        if (limitations.Count == 0)
            return;
        text.Append("## Limitations\n\n");
        foreach (var limitation in limitations)
            text.Append(CultureInfo.InvariantCulture, $"- {Escape(limitation)}\n");
        text.Append('\n');
    }

    private static void AppendFiles(StringBuilder text, AttestedRun run)
    {
        var files = new MarkdownTable("File", "SHA-256");
        foreach (var file in run.ModelFiles)
            files.AddRow(Code(Path.GetFileName(file.Path)), Code(file.Sha256));
        files.AddRow(Code(RunRecord.FileName), Code(run.RecordSha256));
        text.Append(CultureInfo.InvariantCulture, $"""
            ## Provenance

            Measured {ReportText.Period(run.Record.Times)} by {Code(run.Record.Tool)}.{Owner(run.Record)}
            `{RunReports.VerifyCommand}` judges the recorded readings again.

            {files}
            """);

        static string Owner(RunRecord record) =>
            record.Policy.Owner is { } owner ? $" The policy's owner is {Escape(owner)}." : "";
    }

    private static string Bound(Finding finding) =>
        $"unfavourable confidence bound{Source(finding.AuditorErrors)}, held against {FindingNumbers.Create(finding).Limit}";

    private static string Source(ErrorCorrection? errors) => errors switch
    {
        ErrorCorrection.Uncorrected => " (uncorrected)",
        ErrorCorrection.Audited => " (by a person's audit)",
        _ => "",
    };

    private static string Quote(string text) => JsonSerializer.Serialize(text, _quoted);

    private static string Number(double number) => number.ToString("R", CultureInfo.InvariantCulture);
}
