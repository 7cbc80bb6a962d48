using System.Globalization;
using System.Text;
using System.Xml;
using System.Xml.Linq;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Reports;

/// <summary>The verdict as test results, which Azure Pipelines, GitLab and Jenkins show beside the tests.</summary>
/// <remarks>
/// One suite for the policy, one case for each rule. A rule that failed is a failure; one that was not measured is an error,
/// because nobody knows; one that is waived is skipped, with the waiver's reason, approver and last day, so that it is neither
/// red nor forgotten; one that only warns, and one that does not apply, is skipped too, and says why. The suite's time is
/// the run's; judging takes none.
/// The elements are those that every reader of the format shares: <c>skipped</c> has no attributes, and comes before
/// <c>system-out</c>.
/// </remarks>
public sealed class JUnitReport : IReportFormat
{
    /// <inheritdoc/>
    public string Name => "junit";

    /// <inheritdoc/>
    public string FileName => "junit.xml";

    /// <inheritdoc/>
    public string Render(RunRecord record, RecordedPictures? pictures = null, Trend? trend = null)
    {
        var text = new StringWriterUtf8();
        using (var writer = XmlWriter.Create(text, new XmlWriterSettings { Indent = true, NewLineChars = "\n" }))
            new XDocument(Suites(record)).Save(writer);
        return text + "\n";
    }

    private static XElement Suites(RunRecord record)
    {
        var findings = record.Verdict.Findings;
        var counts = new[]
        {
            new XAttribute("tests", findings.Count),
            new XAttribute("failures", findings.Count(finding => finding.State is FindingState.Failed)),
            new XAttribute("errors", findings.Count(finding => finding.State is FindingState.NotMeasured)),
            new XAttribute("time", Seconds(record.Times.Stages.Sum(stage => stage.Seconds))),
        };
        return new XElement("testsuites", new XAttribute("name", "AdaptThenUnlearn"), counts, new XElement(
            "testsuite",
            new XAttribute("name", XmlText.Legal(record.Policy.Name)),
            counts,
            new XAttribute(
                "skipped",
                findings.Count(
                    finding => finding.IsWarning || finding.State is FindingState.Waived or FindingState.NotApplicable)),
            new XAttribute(
                "timestamp", record.Times.Started.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss", CultureInfo.InvariantCulture)),
            new XElement("properties", Properties(record).Select(property => new XElement(
                "property",
                new XAttribute("name", XmlText.Legal(property.Name)),
                new XAttribute("value", XmlText.Legal(property.Value))))),
            findings.Select(finding => Case(record, finding))));
    }

    private static IEnumerable<(string Name, string Value)> Properties(RunRecord record) =>
    [
        ("verdict", OutcomeText.Name(record.Verdict.Outcome)),
        ("generator.before.sha256", record.Before.GeneratorSha256),
        (
            record.Verdict.Outcome.IsPass() ? "generator.released.sha256" : "generator.rejected.sha256",
            (record.After ?? record.Before).GeneratorSha256),
        ("policy.file", record.PolicySource.File),
        ("policy.sha256", record.PolicySource.Sha256),
        ("policy.effective.sha256", record.PolicySource.EffectiveSha256),
        ("tool", record.Tool),
        ("device", record.Environment.Device),
        .. record.Times.Stages.Select(stage => ($"seconds.{stage.Stage}", Seconds(stage.Seconds))),
        .. record.Warnings().Select(warning => ("warning", warning)),
    ];

    private static XElement Case(RunRecord record, Finding finding)
    {
        var sentence = XmlText.Legal(VerdictText.Describe(finding));
        var test = new XElement(
            "testcase",
            new XAttribute("classname", XmlText.Legal(record.Policy.Name)),
            new XAttribute("name", XmlText.Legal(finding.Rule.ToString())),
            new XAttribute("time", Seconds(0)));
        test.Add(finding.State switch
        {
            FindingState.Failed => Problem("failure"),
            FindingState.NotMeasured => Problem("error"),
            FindingState.Waived =>
            [
                new XElement("skipped", XmlText.Legal(VerdictText.DescribeWaiver(finding) ?? "waived")),
                new XElement("system-out", sentence)
            ],
            FindingState.Warned or FindingState.WarnedNotMeasured =>
            [
                new XElement("skipped", XmlText.Legal($"{ReportText.Describe(finding.State)}: {finding.OnlyWarns?.Why}")),
                new XElement("system-out", sentence)
            ],
            FindingState.NotApplicable =>
            [
                new XElement("skipped", XmlText.Legal($"{ReportText.Describe(finding.State)}: {finding.Explanation}")),
                new XElement("system-out", sentence)
            ],
            _ => [new XElement("system-out", sentence)],
        });
        return test;

        XElement[] Problem(string element) =>
            [new XElement(
                element,
                new XAttribute("type", finding.State),
                new XAttribute("message", sentence),
                XmlText.Legal(
                    $"{sentence}\n{RuleDemand.Describe(finding.Rule)} "
                        + $"{Advice.For(record.JudgedPolicy(), record.Before, record.After, finding)?.Text}"))];
    }

    private static string Seconds(double seconds) => seconds.ToString("F3", CultureInfo.InvariantCulture);

    // The writer declares the encoding of the text it writes to.
    private sealed class StringWriterUtf8() : StringWriter(CultureInfo.InvariantCulture)
    {
        public override Encoding Encoding => Encoding.UTF8;
    }
}
