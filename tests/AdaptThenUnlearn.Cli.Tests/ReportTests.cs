using System.Text.Json;
using System.Xml.Linq;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>
/// <c>atu report</c>: from a stored run, wherever it lies, and one clear error where there is none.
/// </summary>
public sealed class ReportTests(SmallHouse house) : IClassFixture<SmallHouse>
{
    [Fact]
    public void Report_StoredRun_WritesWhatIsAskedFor()
    {
        var policy = house.Policy(
            "reported",
            "\"maxRate\": 0.001",
            ("\"evaluation\":", "\"report\": { \"formats\": [\"json\", \"html\", \"junit\"] }, \"evaluation\":"));
        Assert.Equal(
            1, Atu.Run("govern", policy, "--out", house.At("out"), "--no-train", "--threads", "1", "--device", "cpu").ExitCode);
        var run = house.At("out/reported/run.json");
        string[] written = [house.At("out/reported/report.html"), house.At("out/reported/junit.xml")];
        var texts = written.Select(File.ReadAllText).ToList();

        // What the run wrote is what its record gives, whatever the verdict and the culture.
        Array.ForEach(written, File.Delete);
        var (exitCode, output, _) = Atu.Run("report", run, "--format", "html,junit");
        Assert.Equal(0, exitCode);
        Assert.Equal(written, output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Trim()));
        Assert.Equal(texts, written.Select(File.ReadAllText));

        Assert.Equal(
            0,
            Atu.Run("report", run, "--format", "sarif,markdown", "--format", "junit", "--out", house.At("elsewhere")).ExitCode);
        Assert.Equal(
            [".atu-made", "junit.xml", "report.md", "report.sarif"],
            Directory.GetFiles(house.At("elsewhere")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal(0, Atu.Run("report", run, "--out", house.At("all")).ExitCode);
        Assert.Equal(
            [".atu-made", "junit.xml", "report.badge.svg", "report.html", "report.md", "report.sarif"],
            Directory.GetFiles(house.At("all")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal(
            "reported", XDocument.Load(house.At("elsewhere/junit.xml")).Root!.Element("testsuite")!.Attribute("name")!.Value);
        using var sarif = JsonDocument.Parse(File.ReadAllText(house.At("elsewhere/report.sarif")));
        Assert.Equal("2.1.0", sarif.RootElement.GetProperty("version").GetString());
    }

    [Fact]
    public void Report_WithHistory_DrawsTheTrendElsewhereAndNeverBesideTheRecord()
    {
        var policy = house.Policy("trended", "\"maxRate\": 0.001");
        string[] govern = ["govern", policy, "--no-train", "--threads", "1", "--device", "cpu", "--fresh", "--out"];
        Assert.Equal(1, Atu.Run([.. govern, house.At("main")]).ExitCode);
        Assert.Equal(1, Atu.Run([.. govern, house.At("out")]).ExitCode);
        File.WriteAllText(house.At("main/other-run.json"), "{}");
        var run = house.At("out/trended/run.json");

        var (exitCode, output, errors) = Atu.Run("report", run, "--history", house.At("main"), "--out", house.At("site"));

        Assert.Equal(0, exitCode);
        Assert.Contains(house.At("site/trend.svg"), output, StringComparison.Ordinal);
        Assert.Contains("trended: trend over 2 runs", errors, StringComparison.Ordinal);
        Assert.Contains("passed over: ", errors, StringComparison.Ordinal);
        Assert.Contains("## Trend", File.ReadAllText(house.At("site/report.md")), StringComparison.Ordinal);
        Assert.Contains("class=\"trend\"", File.ReadAllText(house.At("site/report.html")), StringComparison.Ordinal);

        // Verification holds the reports beside a record to what the record says.
        Assert.Equal(2, Atu.Run("report", run, "--history", house.At("main")).ExitCode);
        Assert.Equal(2, Atu.Run("report", run, "--history", house.At("main"), "--out", house.At("out/trended/")).ExitCode);
        Assert.Equal(3, Atu.Run("report", run, "--history", house.At("nowhere"), "--out", house.At("site")).ExitCode);
    }

    [Fact]
    public void Govern_RunThatCannotFinish_LeavesNoEarlierReportBehind()
    {
        var stale = ReportFormats.All.Select(format => house.At($"out/gone/{format.FileName}")).ToList();
        Directory.CreateDirectory(house.At("out/gone"));
        stale.ForEach(file => File.WriteAllText(file, "passed, once"));
        WrittenFiles.Add(house.At("out/gone"), ReportFormats.All.Select(format => format.FileName));

        Assert.Equal(3, Atu.Run(
            "govern",
            house.Policy("gone", edit: ("\"generator.safetensors\"", "\"nowhere.safetensors\"")),
            "--out",
            house.At("out"),
            "--device",
            "cpu").ExitCode);

        Assert.All(stale, file => Assert.False(File.Exists(file), file));
    }

    [Fact]
    public void Report_RecordThatIsNone_SaysSo()
    {
        var (exitCode, _, errors) = Atu.Run("report", house.At("generator.safetensors"), "--format", "html");

        Assert.Equal(3, exitCode);
        Assert.Contains("error ATU2009", errors, StringComparison.Ordinal);
        Assert.False(File.Exists(house.At("report.html")));
    }

    [Theory]
    [InlineData("pdf is none", "--format", "html,pdf")]
    [InlineData("json is where it comes from", "--format", "json")]
    public void Report_UnknownFormat_SaysWhichThereAre(string because, params string[] arguments)
    {
        var (exitCode, _, errors) = Atu.Run(["report", house.At("run.json"), .. arguments]);

        Assert.True(exitCode == 2, because);
        Assert.Contains("error ATU2000", errors, StringComparison.Ordinal);
        Assert.Contains("markdown, html, junit, sarif", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Report_SeveralRecordsInOneFolder_IsRefused()
    {
        var (exitCode, _, errors) = Atu.Run("report", house.At("a/run.json"), house.At("b/run.json"), "--out", house.At("both"));

        Assert.Equal(2, exitCode);
        Assert.Contains("overwrite each other", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Report_DamagedCounts_AreNoRecord()
    {
        Assert.Equal(0, Atu.Run(
            "govern", house.Policy("sound", "\"maxRate\": 0.9"), "--out", house.At("out"), "--threads", "1",
            "--device", "cpu").ExitCode);
        var text = File.ReadAllText(house.At("out/sound/run.json"));
        foreach (var (from, to) in new[]
        {
            ("\"samples\": 400,", "\"samples\": 0,"),
            ("\"looks\": [", "\"looks\": [ null,"),
            ("\"confidence\": 0.95", "\"confidence\": 1e999")
        })
        {
            Assert.Contains(from, text, StringComparison.Ordinal);
            File.WriteAllText(house.At("run.json"), text.Replace(from, to, StringComparison.Ordinal));
            var (exitCode, _, errors) = Atu.Run("report", house.At(RunRecord.FileName), "--format", "html,sarif");
            Assert.True(exitCode == 3 && errors.Contains("error ATU2009", StringComparison.Ordinal), errors);
        }
    }
}
