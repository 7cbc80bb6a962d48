using System.Net.Http.Json;
using System.Text.Json;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>A blind audit end to end: govern, look, and judge the stored readings with what was seen.</summary>
public sealed class AuditTests(SmallHouse house) : IClassFixture<SmallHouse>
{
    // All 400 images are looked at, so the person's word is all that counts.
    private const string Clicks = "1600";

    [Fact]
    public async Task Audit_OfAReleasedGenerator_TakesTheNameAwayWhenThePersonSeesMore()
    {
        var (policy, folder) = Govern("audited", "\"maxRate\": 0.9", "--no-train", expected: 0);
        Assert.True(File.Exists(Path.Combine(folder, "audited.safetensors")));

        // The page shows places and pictures, and nothing else of an image. What was answered is there when it is opened again.
        var state = await AnswerAsync(folder, (sheet, place) => place < 200);
        Assert.True(state.GetProperty("audit").GetBoolean());
        Assert.Equal(440, state.GetProperty("order").GetArrayLength());
        foreach (var secret in new[] { "hits", "near", "rest", "stratum", "sha256", "score", "seal" })
            Assert.DoesNotContain(secret, state.GetRawText(), StringComparison.OrdinalIgnoreCase);
        var sheet = Sheet(folder);
        Assert.Equal(40, sheet.Items.Count(item => item.Stratum is null));
        Assert.Equal(400, sheet.Items.Where(item => item.Stratum is not null).Select(item => item.Number).Distinct().Count());
        Assert.Equal(0, sheet.Items.Index().Count(item => item.Item.Shows != item.Index < 200));

        // Half of the known positives were not marked: nothing was measured.
        var (exitCode, _, errors) = Judge(policy, folder);
        Assert.Equal(1, exitCode);
        Assert.Contains("known to show the feature", errors, StringComparison.Ordinal);

        await AnswerAsync(folder, (_, _) => true);
        Assert.Equal(1, Judge(policy, folder).ExitCode);
        var record = RunRecordFile.Read(Path.Combine(folder, "run.json"));
        var finding = record.Verdict.Findings[0];
        Assert.Equal((FindingState.Failed, 1.0, 1.0), (finding.State, finding.Observed!.Value, finding.Judged!.Value));
        Assert.Equal(ErrorCorrection.Audited, finding.AuditorErrors);
        Assert.Equal(
            ["audited.rejected.safetensors"],
            Directory.GetFiles(folder, "audited*").Select(Path.GetFileName));
        Assert.Equal(1, Atu.Run("verify", Path.Combine(folder, "run.json")).ExitCode);

        // Without the hits it is released again, byte for byte.
        await AnswerAsync(folder, (each, place) => each.Items[place].Stratum is null);
        Assert.Equal(0, Judge(policy, folder).ExitCode);
        Assert.Equal(
            File.ReadAllBytes(house.At("generator.safetensors")), File.ReadAllBytes(Path.Combine(folder, "audited.safetensors")));
        Assert.Equal(0, Atu.Run("verify", Path.Combine(folder, "run.json")).ExitCode);
        Assert.Contains(
            "nothing has changed",
            Atu.Run("govern", policy, "--out", house.At("out"), "--no-train").Errors,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Audit_OfATrainedGenerator_ReleasesTheBytesThatWereMeasured()
    {
        var (policy, folder) = Govern("trained", "\"maxRate\": 0.02", "--fresh", expected: 1);
        var measured = RunRecordFile.Read(Path.Combine(folder, "run.json")).After!.GeneratorSha256;
        await AnswerAsync(folder, (sheet, place) => sheet.Items[place].Stratum is null);

        var (exitCode, _, errors) = Judge(policy, folder);

        Assert.True(exitCode == 0, errors);
        Assert.Equal(measured, Sha256Digest.ComputeFile(Path.Combine(folder, "trained.safetensors")));
        Assert.False(File.Exists(Path.Combine(folder, "trained.rejected.safetensors")));
        Assert.Equal(0, Atu.Run("verify", Path.Combine(folder, "run.json")).ExitCode);
        Assert.Contains("audited", await File.ReadAllTextAsync(Path.Combine(folder, "report.md")), StringComparison.Ordinal);

        // An audit of another run, and one that was edited, judge nothing and change nothing.
        var (other, otherFolder) = Govern("other", "\"maxRate\": 0.9", "--no-train", expected: 0);
        var refused = Atu.Run("govern", other, "--out", house.At("out"), "--audit", Path.Combine(folder, "audit.json"));
        Assert.Equal(3, refused.ExitCode);
        Assert.Contains("ATU2012", refused.Errors, StringComparison.Ordinal);
        Assert.Contains("another generator", refused.Errors, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(otherFolder, "other.safetensors")));
        var text = await File.ReadAllTextAsync(Path.Combine(folder, "audit.json"));
        await File.WriteAllTextAsync(
            Path.Combine(folder, "audit.json"),
            text.Replace("\"person\":\"Ada\"", "\"person\":\"Eve\"", StringComparison.Ordinal));
        Assert.Contains("edited or damaged", Judge(policy, folder).Errors, StringComparison.Ordinal);
        Assert.Equal(1, Atu.Run("verify", Path.Combine(folder, "run.json")).ExitCode);
    }

    [Fact]
    public void Audit_WithoutAnswers_IsNotCounted()
    {
        var (policy, folder) = Govern("open", "\"maxRate\": 0.9", "--no-train", expected: 0);
        string[] audit = ["label", "--audit", folder, "--train-only", "--threads", "1"];

        var nameless = Atu.Run(audit);
        Assert.Equal(2, nameless.ExitCode);
        Assert.Contains("--by", nameless.Errors, StringComparison.Ordinal);
        Assert.Equal(2, Atu.Run([.. audit, "--by", "<b>"]).ExitCode);
        Assert.Equal(2, Atu.Run([.. audit, "--by", "Ada", "--clicks", "49"]).ExitCode);
        Assert.Equal(2, Atu.Run([.. audit, "--by", "Ada", "--out", house.At("elsewhere")]).ExitCode);

        // Of a limit of 90 % the fewest hundred is enough; the number is then fixed, and so is the person.
        Assert.Equal(0, Atu.Run([.. audit, "--by", "Ada"]).ExitCode);
        Assert.Equal(100, Sheet(folder).Clicks);
        Assert.Contains("100 clicks", Atu.Run([.. audit, "--clicks", "200"]).Errors, StringComparison.Ordinal);
        Assert.Contains("Ada began this audit", Atu.Run([.. audit, "--by", "Eve"]).Errors, StringComparison.Ordinal);
        var verified = Atu.Run("verify", Path.Combine(folder, "run.json"));
        Assert.Equal(0, verified.ExitCode);
        Assert.Contains("audit.json lies beside the record", verified.Errors, StringComparison.Ordinal);

        var (exitCode, _, errors) = Judge(policy, folder);
        Assert.Equal(3, exitCode);
        Assert.Contains("140 of 140 images have no answer", errors, StringComparison.Ordinal);
        Assert.Equal(2, Atu.Run("govern", policy, "--out", house.At("out"), "--audit", "audit.json", "--fresh").ExitCode);
        using var server = Atu.StartWith(
            new Dictionary<string, string> { ["CI"] = "true" },
            "govern", policy, "--out", house.At("out"), "--audit", Path.Combine(folder, "audit.json"));
        Assert.Contains("add --reuse", server.Finish().Errors, StringComparison.Ordinal);
    }

    // A record names the programs of its policy. One that somebody else may have written has none of them run.
    [Fact]
    public void Audit_OfAPolicyWithPrograms_RunsThemOnlyWhereTheRecordIsTrusted()
    {
        Assert.Equal(0, Atu.Run("export", house.At("auditor.safetensors"), "--onnx", house.At("auditor.onnx")).ExitCode);
        var policy = house.Policy(
            "programs", "\"maxRate\": 0.9",
            ("\"auditor\": { \"checkpoint\": \"auditor.safetensors\" }",
                "\"auditor\": { \"checkpoint\": \"auditor.onnx\", \"format\": \"onnx\", \"classes\": [\"plain\", \"banned\"] }"),
            ("\"quality\": { \"extractor\": \"auditor\", \"reference\": \"reference.safetensors\", "
                + "\"maxFrechetIncrease\": 100, \"minShareKept\": 0.1 },", ""));
        var governed = Atu.Run("govern", policy, "--out", house.At("out"), "--threads", "1", "--no-train");
        Assert.True(governed.ExitCode == 0, governed.Errors);
        string[] audit = ["label", "--audit", house.At("out/programs"), "--by", "Ada", "--train-only", "--threads", "1"];

        var (refused, reused) = (OnServer(audit), OnServer([.. audit, "--reuse"]));

        Assert.Equal(2, refused.ExitCode);
        Assert.Contains("has programs run (classifier auditor)", refused.Errors, StringComparison.Ordinal);
        Assert.Contains("this is a build server (CI is set)", refused.Errors, StringComparison.Ordinal);
        Assert.Contains("add --reuse", refused.Errors, StringComparison.Ordinal);
        Assert.True(reused.ExitCode == 0, reused.Errors);
        Assert.Equal(0, Atu.Run(audit).ExitCode);   // the record is this user's own
        Assert.Equal(2, Atu.Run("label", house.At("generator.safetensors"), "--reuse").ExitCode);
        var attack = OnServer("attack", house.At("out/programs/run.json"), "--after", house.At("generator.safetensors"));
        Assert.Equal(2, attack.ExitCode);
        Assert.Contains("has programs run (classifier auditor)", attack.Errors, StringComparison.Ordinal);

        static (int ExitCode, string Output, string Errors) OnServer(params string[] arguments)
        {
            using var atu = Atu.StartWith(new Dictionary<string, string> { ["CI"] = "true" }, arguments);
            return atu.Finish();
        }
    }

    // The seed was chosen freely before the lock: such a run must not become one that the lock governs.
    [Fact]
    public void Audit_UnderALock_IsOfTheImagesThatDecided()
    {
        var (policy, folder) = Govern("locked", "\"maxRate\": 0.9", "--no-train", expected: 0);
        Answer(folder);
        Assert.Equal(0, Atu.Run("lock", policy).ExitCode);
        var (bypassed, _, why) = Judge(policy, folder, "--locked");
        Assert.Equal(3, bypassed);
        Assert.Contains("was not measured under the lock; nothing was judged", why, StringComparison.Ordinal);

        // The next run warns of the audit that it does not count, whatever it says.
        var (again, _, warnings) =
            Atu.Run("govern", policy, "--out", house.At("out"), "--threads", "1", "--no-train", "--locked");
        Assert.True(again == 0, warnings);
        Assert.Contains("audit.json lies beside the record, and was not counted", warnings, StringComparison.Ordinal);
        File.Delete(Path.Combine(folder, "audit.json"));
        Answer(folder);
        File.WriteAllText(Path.Combine(folder, "MODEL_CARD.md"), "of the earlier verdict");

        var sheet = Path.Combine(folder, "audit.json");
        var twice = Atu.Run("govern", policy, "--out", house.At("out"), "--audit", sheet, sheet);
        Assert.Equal(3, twice.ExitCode);
        Assert.Contains("ATU2012", twice.Errors, StringComparison.Ordinal);
        Assert.Contains("are audits of one feature", twice.Errors, StringComparison.Ordinal);
        var (exitCode, _, errors) = Judge(policy, folder, "--locked");
        Assert.True(exitCode == 0, errors);
        Assert.DoesNotContain("was not counted", errors, StringComparison.Ordinal);
        var record = RunRecordFile.Read(Path.Combine(folder, "run.json"));
        Assert.Equal(
            (FindingState.Passed, ErrorCorrection.Audited, record.Lock!.Seed),
            (record.Verdict.Findings[0].State, record.Verdict.Findings[0].AuditorErrors!.Value, Sheet(folder).EvaluationSeed));
        Assert.False(File.Exists(Path.Combine(folder, "MODEL_CARD.md")));
        Assert.Equal(0, Atu.Run("verify", Path.Combine(folder, "run.json"), "--locked").ExitCode);
    }

    // A real browser: what is only for training is not there, every key goes on, and the answers are found again.
    [Fact]
    public async Task Audit_PageByKeyboard_AsksAndKeepsAnswers()
    {
        HeadlessChromium.Require();
        var (_, folder) = Govern("seen", "\"maxRate\": 0.9", "--no-train", expected: 0);
        using var atu = Atu.Start("label", "--audit", folder, "--by", "Ada", "--clicks", "50", "--threads", "1");
        await using var chromium = await HeadlessChromium.StartAsync();
        await chromium.AppearAsync(1000, "light");
        await chromium.GoAsync(await atu.FirstLine);

        Assert.Equal(
            "none", (await chromium.ValueAsync("getComputedStyle(document.getElementById('train')).display")).GetString());
        Assert.Contains("If you cannot tell, mark the image", await chromium.TextAsync(".auditing"), StringComparison.Ordinal);
        Assert.Equal("90 of 90 images have no answer yet.", await chromium.TextAsync("#advice"));
        await chromium.PressAsync(" ", "t", "r");
        await chromium.UntilAsync("document.getElementById('advice').textContent.startsWith('78 of 90')");
        for (var page = 0; page < 7; page++)
            await chromium.PressAsync("PageDown", "r");
        await chromium.UntilAsync("document.getElementById('advice').textContent === 'Every image has an answer. Press Done.'");
        await chromium.UntilAsync("document.getElementById('done').classList.contains('strong')");
        Assert.Empty(chromium.Complaints);
        await chromium.ClickAsync("#done");

        var (exitCode, output, errors) = atu.Finish();
        Assert.True(exitCode == 0, errors);
        Assert.Contains("90 of 90 images have an answer", output, StringComparison.Ordinal);
        Assert.Equal(1, Sheet(folder).Items.Count(item => item.Shows is true));
        Assert.True(Sheet(folder).Items[0].Shows);
    }

    private (string Policy, string Folder) Govern(string name, string limits, string option, int expected)
    {
        var policy = house.Policy(name, limits);
        var (exitCode, _, errors) = Atu.Run("govern", policy, "--out", house.At("out"), "--threads", "1", option);
        Assert.True(exitCode == expected, errors);
        return (policy, Path.Combine(house.At("out"), name));
    }

    private (int ExitCode, string Output, string Errors) Judge(string policy, string folder, params string[] options) =>
        Atu.Run(["govern", policy, "--out", house.At("out"), "--audit", Path.Combine(folder, "audit.json"), .. options]);

    // Draws an audit, with any number of threads, and marks what is known to show the feature.
    private static void Answer(string folder)
    {
        var (exitCode, _, errors) = Atu.Run(
            "label", "--audit", folder, "--by", "Ada", "--clicks", Clicks, "--train-only", "--threads", "2");
        Assert.True(exitCode == 0, errors);
        var sheet = Sheet(folder);
        var answers = sheet.Items.Index().ToDictionary(item => item.Index, item => (bool?)(item.Item.Stratum is null));
        AuditSheetFile.Write(Path.Combine(folder, "audit.json"), sheet.WithAnswers(answers, DateTimeOffset.UtcNow));
    }

    private static AuditSheet Sheet(string folder) => AuditSheetFile.Read(Path.Combine(folder, "audit.json")).Sheet;

    // As the page does it: every answer over the wire, then Done. Returns the state before.
    private static async Task<JsonElement> AnswerAsync(string folder, Func<AuditSheet, int, bool> shows)
    {
        using var atu = Atu.Start("label", "--audit", folder, "--by", "Ada", "--clicks", Clicks, "--threads", "1");
        var address = new Uri(await atu.FirstLine);
        using var client = new HttpClient { BaseAddress = address };
        client.DefaultRequestHeaders.Add("Origin", address.GetLeftPart(UriPartial.Authority));
        var state = await client.GetFromJsonAsync<JsonElement>("state");
        Assert.Equal("image/png", (await client.GetAsync("images/439.png")).Content.Headers.ContentType?.MediaType);
        Assert.Equal(404, (int)(await client.GetAsync("images/440.png")).StatusCode);
        var sheet = Sheet(folder);
        using var answered = await client.PostAsJsonAsync(
            "labels",
            new { changes = Enumerable.Range(0, 440).Select(place => new { image = place, shows = shows(sheet, place) }) });
        Assert.True(answered.IsSuccessStatusCode, await answered.Content.ReadAsStringAsync());
        using var done = await client.PostAsJsonAsync("done", new { });
        var (exitCode, output, errors) = atu.Finish();
        Assert.True(exitCode == 0, errors);
        Assert.Contains("440 of 440 images have an answer", output, StringComparison.Ordinal);
        return state;
    }
}
