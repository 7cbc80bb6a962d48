using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Tests.Reports;

/// <summary>What every report format must do; a new one is covered by being in the catalogue (ATU_UPDATE_GOLDEN=1 writes its golden files).</summary>
public sealed partial class ReportFormatContract
{
    private const string Hostile = "\u0000\u0001\u001b[31m<script>alert(1)</script><!-- ]]> --> \"'&amp; \ufffe \ud800 \u202e\r\n## x\\u0022";

    public static TheoryData<string> Formats => [.. ReportFormats.All.Select(format => format.Name)];

    public static MatrixTheoryData<string, string> FormatsAndRuns => new(ReportFormats.All.Select(format => format.Name), ["passed", "failed", "unmeasured", "untrained", "waived", "waived-untrained"]);

    [Fact]
    public void All_NamesAndFiles_AreDistinct()
    {
        Assert.Distinct(ReportFormats.All.Select(format => format.Name));
        Assert.Distinct(ReportFormats.All.Select(format => format.FileName));
    }

    [Theory]
    [MemberData(nameof(FormatsAndRuns))]
    public void Render_ARun_IsTheGoldenReport(string format, string run) =>
        Golden.Check($"{run}.{Named(format).FileName}", Named(format).Render(Records.Named(run)), "AdaptThenUnlearn.Tests/Reports/golden");

    [Theory]
    [MemberData(nameof(Formats))]
    public void Render_SameRecord_SameTextWithEveryRule(string format)
    {
        var run = Records.Named("failed");
        var text = Named(format).Render(run);

        Assert.Equal(text, Named(format).Render(RunRecordFile.Parse(RunRecordFile.ToJson(run), "run.json")));
        Assert.All(run.Verdict.Findings, finding => Assert.Contains(finding.Rule.ToString(), text, StringComparison.Ordinal));
        Assert.EndsWith("\n", text, StringComparison.Ordinal);
        Assert.DoesNotContain('\r', text);
    }

    [Theory]
    [MemberData(nameof(FormatsAndRuns))]
    public void Render_OtherCulture_IsTheSameText(string format, string run)
    {
        var usual = Named(format).Render(Records.Named(run));
        var german = (CultureInfo)new CultureInfo("de-DE").Clone();
        german.NumberFormat.NegativeSign = "minus";
        CultureInfo.CurrentCulture = german;

        Assert.Equal(usual, Named(format).Render(Records.Named(run)));
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Render_HostileTexts_StayText(string format)
    {
        var text = Named(format).Render(HostileRun());

        Assert.DoesNotMatch(ControlPattern(), text);
        if (Path.GetExtension(Named(format).FileName) is ".html" or ".md")   // the others quote it for machines; below
        {
            Assert.DoesNotContain("<script", CodeSpanPattern().Replace(text, ""), StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("\n## x", text, StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Render_HostileTexts_MachinesStillReadIt(string format)
    {
        var text = Named(format).Render(HostileRun());
        switch (Path.GetExtension(Named(format).FileName))
        {
            case ".json" or ".sarif":
                using (JsonDocument.Parse(text))
                    break;
            case ".xml":
                Assert.Equal("testsuites", XDocument.Parse(text).Root!.Name.LocalName);
                break;
            case ".html":
                Assert.Empty(UnbalancedTags(text));
                break;
            default:
                Assert.Equal(".md", Path.GetExtension(Named(format).FileName));   // for people; another kind needs its reader here
                break;
        }
    }

    // Every text that a policy, a classifier, a path or a machine can put into a record.
    private static RunRecord HostileRun()
    {
        var run = Records.Named("failed");
        var waiver = new Waiver(Hostile, Hostile, Hostile, Hostile);
        var feature = run.Policy.UndesiredFeatures[0] with { Name = Hostile, Class = Hostile };
        return run with
        {
            Tool = Hostile,
            Policy = run.Policy with { Name = Hostile, Description = Hostile, Owner = Hostile, UndesiredFeatures = [feature], Waivers = [waiver] },
            PolicySource = run.PolicySource with { File = $"../{Hostile}.json", Text = Hostile },
            Inputs = [new(Hostile, Hostile, Hostile)],
            Outputs = [new(Hostile, $"images/{Hostile}.png", Hostile)],
            Before = run.Before with { Features = [run.Before.Features[0] with { Feature = Hostile, Classifier = Hostile, Class = Hostile }], Shares = [run.Before.Shares[0] with { Class = Hostile, Classifier = Hostile }] },
            Training = run.Training! with { Method = Hostile },
            Verdict = new Verdict(false, [new Finding(RuleName.Parse($"{Hostile}/maxRate"), FindingState.Waived, 1, 1, Hostile, 1, Hostile, waiver)], [Hostile]),
            Environment = run.Environment with { OperatingSystem = Hostile, Device = Hostile },
            Times = run.Times with { Stages = [new StageTime(Hostile, 1)] },
        };
    }

    // Void elements aside, what is opened is closed, in order.
    private static List<string> UnbalancedTags(string html)
    {
        var open = new Stack<string>();
        List<string> wrong = [];
        foreach (Match tag in TagPattern().Matches(html))
        {
            var name = tag.Groups["name"].Value;
            if (tag.Groups["close"].Length > 0 && (open.Count == 0 || open.Pop() != name))
                wrong.Add(tag.Value);
            else if (tag.Groups["close"].Length == 0 && !tag.Value.EndsWith("/>", StringComparison.Ordinal) && name is not ("meta" or "img"))
                open.Push(name);
        }

        return [.. wrong, .. open];
    }

    private static IReportFormat Named(string name) => ReportFormats.All.Single(format => format.Name == name);

    [GeneratedRegex(@"[\x00-\x09\x0b-\x1f\ud800-\udfff]")]
    private static partial Regex ControlPattern();

    [GeneratedRegex("`[^`\n]*`")]
    private static partial Regex CodeSpanPattern();

    [GeneratedRegex(@"<(?<close>/?)(?<name>[a-z][a-z0-9]*)(?:\s[^<>]*)?>")]
    private static partial Regex TagPattern();
}
