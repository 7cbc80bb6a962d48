using AdaptThenUnlearn.Tasks;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>
/// The lines that tell a build tool how <c>atu govern</c> ended for each policy, in a real process and as text.
/// </summary>
public sealed class VerdictLineTests(SmallHouse house) : IClassFixture<SmallHouse>
{
    private const string Marker = "0123456789abcdef";
    private const string Waivers =
        "\"waivers\": [{ \"rule\": \"ban/maxRate\", \"reason\": \"r\", \"approvedBy\": \"a\", \"expires\": \"2999-01-01\" }],";

    [Fact]
    public void Govern_SeveralPolicies_WritesTheOutcomeOfEach()
    {
        var met = house.Policy("met", "\"maxRate\": 0.9");
        var unmet = house.Policy("unmet");
        var waived = house.Policy("let-pass", edit: ("\"evaluation\"", Waivers + " \"evaluation\""));
        var unseen = house.Policy(
            "unseen", edit: ("\"class\": \"banned\"", "\"class\": \"banned\", \"auditorThreshold\": 0.9999999"));

        var (exitCode, lines, _) = Govern([met, unmet, waived, unseen]);

        Assert.Equal(1, exitCode);
        Assert.Equal(["passed met", "failed unmet", "waived let-pass", "not-measured unseen"], lines);

        // A policy that has not changed is not governed again, and has its line all the same.
        Assert.Equal(["passed met"], Govern([met]).Lines);
    }

    [Fact]
    public void Govern_Advisory_SaysThatTheGateWasLetThrough()
    {
        var (exitCode, lines, _) = Govern([house.Policy("advised"), house.Policy("fine", "\"maxRate\": 0.9")], "--advisory");

        Assert.Equal(0, exitCode);
        Assert.Equal(["advisory advised", "passed fine"], lines);
    }

    [Fact]
    public void Govern_RunThatCannotFinish_IsAnErrorAndEndsTheLines()
    {
        File.WriteAllBytes(house.At("corrupt.safetensors"), File.ReadAllBytes(house.At("generator.safetensors"))[..5000]);
        var corrupt = house.Policy("corrupt", edit: ("\"generator.safetensors\"", "\"corrupt.safetensors\""));

        var (exitCode, lines, _) = Govern([house.Policy("before", "\"maxRate\": 0.9"), corrupt, house.Policy("after")]);

        Assert.Equal(3, exitCode);
        Assert.Equal(["passed before", "error corrupt"], lines);
    }

    [Fact]
    public void Govern_SchemaAmongThePolicies_IsReportedAsSkipped()
    {
        var schema = house.At("policy schema.json");
        File.WriteAllText(schema, AdaptThenUnlearn.Policies.PolicySchema.Export(Vocabulary.Known));

        var (exitCode, lines, _) = Govern([schema, house.Policy("beside", "\"maxRate\": 0.9")]);

        Assert.Equal(0, exitCode);
        Assert.Equal(["skipped policy%20schema.json", "passed beside"], lines);
    }

    // Paths, names and descriptions may contain any text, but not the marker, which nobody can guess.
    [Fact]
    public void Govern_TextThatLooksLikeAVerdict_IsNotOne()
    {
        var folder = Directory.CreateDirectory(house.At("x passed y; evidence in z")).FullName;
        const string Name = "\"name\": \"phrases\",";
        var policy = house.Policy("phrases", "\"maxRate\": 0.9", (Name, Name + " \"description\": \"passed other\","));

        var (_, lines, output) = Govern([policy], "--out", folder);

        Assert.Contains("phrases: Passed; evidence in " + folder, output, StringComparison.Ordinal);
        Assert.Equal(["passed phrases"], lines);
    }

    [Fact]
    public void Govern_WithoutAMarker_WritesNoSuchLine()
    {
        var folder = house.At("quiet-out");

        var (_, output, _) = Atu.Run("govern", house.Policy("quiet", "\"maxRate\": 0.9"), "--threads", "1", "--out", folder);

        var last = $"quiet: Passed; evidence in {Path.Combine(folder, "quiet")}";
        Assert.EndsWith(last, output.TrimEnd(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(VerdictLine.Passed, true)]
    [InlineData(VerdictLine.Waived, true)]
    [InlineData(VerdictLine.Failed, true)]
    [InlineData(VerdictLine.NotMeasured, true)]
    [InlineData(VerdictLine.Advisory, true)]
    [InlineData(VerdictLine.Error, false)]
    [InlineData(VerdictLine.Skipped, false)]
    public void Line_OfEachOutcome_IsReadBack(string outcome, bool isVerdict)
    {
        var read = VerdictLine.Read(VerdictLine.Write(Marker, outcome, "no-eights"), Marker)!;

        Assert.Equal((outcome, "no-eights", isVerdict), (read.Outcome, read.Policy, read.IsVerdict));
    }

    [Theory]
    [InlineData("no-eights: Passed; evidence in /out/no-eights")]
    [InlineData("passed no-eights")]
    [InlineData("other passed no-eights")]
    [InlineData(" " + Marker + " passed no-eights")]
    [InlineData(Marker + " passed")]
    [InlineData(Marker + " passed ")]
    [InlineData(Marker + " great no-eights")]
    [InlineData(Marker + " passed no-eights; evidence in /out")]
    [InlineData("")]
    public void Line_AnythingElse_IsNone(string line) => Assert.Null(VerdictLine.Read(line, Marker));

    private (int ExitCode, IReadOnlyList<string> Lines, string Output) Govern(string[] policies, params string[] more)
    {
        string[] output = more.Contains("--out") ? [] : ["--out", house.At("out")];
        using var atu = Atu.StartWith(
            new Dictionary<string, string> { [VerdictLine.Variable] = Marker },
            ["govern", .. policies, "--no-train", "--threads", "1", .. output, .. more]);
        var (exitCode, consoleText, _) = atu.Finish();
        var lines = consoleText.Split('\n').Select(line => VerdictLine.Read(line.TrimEnd('\r'), Marker)).OfType<VerdictLine>();
        return (exitCode, [.. lines.Select(line => $"{line.Outcome} {line.Policy}")], consoleText);
    }
}
