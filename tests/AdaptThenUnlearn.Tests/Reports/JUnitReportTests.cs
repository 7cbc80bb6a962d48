using System.Globalization;
using System.Xml.Linq;
using System.Xml.Schema;
using AdaptThenUnlearn.Reports;

namespace AdaptThenUnlearn.Tests.Reports;

/// <summary>The test results, against the published schema, and what each verdict becomes.</summary>
public sealed class JUnitReportTests
{
    public static TheoryData<string> Runs =>
        ["passed", "failed", "unmeasured", "untrained", "waived", "waived-untrained", "warned", "not-enforced"];

    [Theory]
    [MemberData(nameof(Runs))]
    public void Render_ARun_FollowsThePublishedSchema(string run)
    {
        var schemas = new XmlSchemaSet();
        schemas.Add(null, Path.Combine(AppContext.BaseDirectory, "Reports", "schemas", "jenkins-junit.xsd"));
        List<string> problems = [];

        XDocument.Parse(new JUnitReport().Render(Records.Named(run)))
            .Validate(schemas, (_, problem) => problems.Add(problem.Message));

        Assert.Empty(problems);
    }

    [Theory]
    [MemberData(nameof(Runs))]
    public void Render_ARun_CountsWhatItHolds(string run)
    {
        var suites = XDocument.Parse(new JUnitReport().Render(Records.Named(run))).Root!;
        var suite = Assert.Single(suites.Elements("testsuite"));

        foreach (var (attribute, element) in new[] { ("failures", "failure"), ("errors", "error"), ("skipped", "skipped") })
            Assert.Equal(
                suite.Descendants(element).Count(), int.Parse(suite.Attribute(attribute)!.Value, CultureInfo.InvariantCulture));
        Assert.Equal(
            Records.Named(run).Verdict.Findings.Select(finding => finding.Rule.ToString()),
            suite.Elements("testcase").Select(test => test.Attribute("name")!.Value));
        Assert.All(suite.Elements("testcase"), test => Assert.Equal("no-eights", test.Attribute("classname")!.Value));
        foreach (var attribute in new[] { "tests", "failures", "errors", "time" })
            Assert.Equal(suites.Attribute(attribute)!.Value, suite.Attribute(attribute)!.Value);
    }

    [Fact]
    public void Render_EachVerdict_BecomesItsElement()
    {
        var failed = Case("failed", "digit-8/maxRate");
        Assert.StartsWith(
            "failed digit-8/maxRate: 4 %, judged",
            failed.Element("failure")!.Attribute("message")!.Value,
            StringComparison.Ordinal);
        Assert.Equal(
            "waived by Ada until 2026-12-31: was bad once",
            Case("failed", "quality/maxFrechetDistance").Element("skipped")!.Value);
        Assert.Contains(
            "too few images", Case("unmeasured", "quality/maxFrechetDistance").Element("error")!.Value, StringComparison.Ordinal);
        Assert.StartsWith(
            "does not apply: nothing was trained",
            Case("untrained", "quality/maxFrechetIncrease").Element("skipped")!.Value,
            StringComparison.Ordinal);
        Assert.Equal(["system-out"], Case("passed", "digit-8/maxRate").Elements().Select(element => element.Name.LocalName));
    }

    private static XElement Case(string run, string rule) =>
        XDocument.Parse(new JUnitReport().Render(Records.Named(run)))
            .Descendants("testcase")
            .Single(test => test.Attribute("name")!.Value == rule);
}
