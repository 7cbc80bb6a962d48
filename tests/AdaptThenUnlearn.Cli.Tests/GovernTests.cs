using System.Runtime.Versioning;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>
/// The main job in a real process: verdicts and exit codes, evidence on disk, and that neither Ctrl-C nor a kill loses or changes
/// anything.
/// </summary>
public sealed class GovernTests(SmallHouse house) : IClassFixture<SmallHouse>
{
    [Fact]
    public void Govern_LimitNotMet_TrainsJudgesAndFailsWithAllTheEvidence()
    {
        var policy = house.Policy("strict");
        var (exitCode, output, errors) = Govern(policy);

        Assert.Equal(1, exitCode);
        Assert.Contains("strict: Failed", output, StringComparison.Ordinal);
        var limit = File.ReadAllLines(policy)[9].IndexOf("0.001", StringComparison.Ordinal) + 1;
        Assert.Contains($"{policy}(10,{limit}): error ATU3001: failed ban/maxRate", errors, StringComparison.Ordinal);
        Assert.Equal(
            [
                ".atu-made", "curves.csv", "images/before-after.png", "images/curves.png", "report.md", "run.json",
                "strict.rejected.safetensors"
            ],
            Directory.EnumerateFiles(Out("strict"), "*", SearchOption.AllDirectories)
                .Select(file => Path.GetRelativePath(Out("strict"), file).Replace('\\', '/'))
                .Order(StringComparer.Ordinal));
        var record = RunRecordFile.Read(Out("strict", "run.json"));
        Assert.Equal(
            new OutputFile(
                OutputRoles.Rejected,
                "strict.rejected.safetensors",
                Sha256Digest.FindAt(Out("strict", "strict.rejected.safetensors"))!),
            record.Outputs[0]);
        Assert.Equal(400, record.After!.Features[0].Looks[0].Samples);
        Assert.True(record.Training!.Steps == 40 && record.Training.Distance > 0);
        Assert.True(record.After.Quality!.FrechetDistance > 0, record.After.Quality.NotMeasured);

        // The record is valid, and its verdict is still: failed.
        var (verified, text, _) = Atu.Run("verify", Out("strict", "run.json"));
        Assert.Equal(1, verified);
        Assert.Contains("the record is valid: Failed", text, StringComparison.Ordinal);

        // A failed run fails again; as advice, it does not fail the build.
        Assert.Equal(1, Govern(policy).ExitCode);
        var (advisory, advised, warnings) = Govern(policy, "--advisory");
        Assert.Equal(0, advisory);
        Assert.Contains("warning ATU3001", warnings, StringComparison.Ordinal);
        Assert.Contains("warning ATU3005: strict: the gate failed and was let through", warnings, StringComparison.Ordinal);
        Assert.Contains("strict: Failed (advisory); evidence in", advised, StringComparison.Ordinal);
        Assert.Equal(1, Atu.Run("verify", Out("strict", "run.json")).ExitCode);   // the evidence is the same
    }

    // "Passed with waivers" is not "passed": every output says so, and who approved the waiver.
    [Fact]
    public void Govern_WaivedRule_IsToldAsSuchByEveryCommand()
    {
        const string Waivers =
            "\"waivers\": [{ \"rule\": \"ban/maxRate\", \"reason\": \"until summer\", \"approvedBy\": \"Ada\", \"expires\": "
                + "\"2999-01-01\" }],";
        var policy = house.Policy("let-pass", edit: [("\"evaluation\"", Waivers + " \"evaluation\"")]);
        var (exitCode, output, errors) = Govern(policy, "--no-train");
        var (verified, again, repeated) = Atu.Run("verify", Out("let-pass", "run.json"));
        var column = Line(policy, 13).IndexOf("{ \"rule\"", StringComparison.Ordinal) + 1;

        Assert.Equal((0, 0), (exitCode, verified));
        Assert.Contains($"{policy}(13,{column}): warning ATU3004: waived ban/maxRate: ", errors, StringComparison.Ordinal);
        Assert.Contains("; waived by Ada until 2999-01-01: until summer", errors, StringComparison.Ordinal);
        Assert.Contains($"(13,{column}): warning ATU3004: waived ban/maxRate: ", repeated, StringComparison.Ordinal);
        Assert.Contains("let-pass: Passed with waivers; evidence in", output, StringComparison.Ordinal);
        Assert.Contains("the record is valid: Passed with waivers", again, StringComparison.Ordinal);
        Assert.Contains(
            "Passed with waivers, as recorded", Atu.Run("report", Out("let-pass", "run.json")).Errors, StringComparison.Ordinal);
        Assert.Contains(
            "# ⚠️ Passed with waivers: let-pass", File.ReadAllText(Out("let-pass", "report.md")), StringComparison.Ordinal);
    }

    [Fact]
    public void Govern_FeatureCalledLikeTheSectionOfQuality_IsNotTakenForIt()
    {
        var policy = house.Policy(
            "namesakes", edit: [
                ("\"name\": \"ban\"", "\"name\": \"quality\""),
                ("\"maxFrechetIncrease\": 100", "\"maxFrechetDistance\": 0.0000001")
            ]);

        var (_, _, errors) = Govern(policy, "--no-train");

        Assert.Contains(
            $"{policy}(10,{Line(policy, 10).IndexOf("0.001", StringComparison.Ordinal) + 1}): error ATU3001: failed "
                + "quality/maxRate",
            errors,
            StringComparison.Ordinal);
        Assert.Contains(
            $"{policy}(12,{Line(policy, 12).IndexOf("0.0000001", StringComparison.Ordinal) + 1}): error ATU3001: failed "
                + "quality/maxFrechetDistance",
            errors,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Govern_InABuild_RecordsTheBuildThatMeasuredAndKeepsItWhereNothingChanged()
    {
        var policy = house.Policy("built", "\"maxRate\": 0.9");
        var build = new Dictionary<string, string>
        {
            ["GITHUB_STEP_SUMMARY"] = house.At("summary.md"),
            ["GITHUB_REPOSITORY"] = "octo/digits",
            ["GITHUB_SHA"] = new string('a', 40),
            ["GITHUB_REF_NAME"] = "main",
            ["GITHUB_ACTOR"] = "octocat",
            ["GITHUB_SERVER_URL"] = "https://someone:secret@ghe.example",
            ["GITHUB_RUN_ID"] = "5",
        };
        var expected = new BuildOrigin
        {
            Host = "GitHub Actions",
            Repository = "octo/digits",
            Commit = new string('b', 40),
            Ref = "main",
            PullRequest = 7,
            Actor = "octocat",
        };
        using (var atu = Atu.StartWith(
            build, ["govern", policy, "--out", house.At("out"), "--sha", new string('B', 40), "--pull-request", "7"]))
            Assert.Equal(0, atu.Finish().ExitCode);
        Assert.Equal(expected, RunRecordFile.Read(Out("built", "run.json")).Origin);
        Assert.Contains("Started by octocat", File.ReadAllText(Out("built", "report.md")), StringComparison.Ordinal);

        build["GITHUB_ACTOR"] = "another";
        using (var atu = Atu.StartWith(build, ["govern", policy, "--out", house.At("out"), "--reuse"]))
            Assert.Contains("nothing has changed", atu.Finish().Errors, StringComparison.Ordinal);
        Assert.Equal(expected, RunRecordFile.Read(Out("built", "run.json")).Origin);
    }

    [Fact]
    public void Govern_OutsideABuild_RecordsNoOrigin()
    {
        Govern(house.Policy("local", "\"maxRate\": 0.9"));

        Assert.DoesNotContain("\"origin\":", File.ReadAllText(Out("local", "run.json")), StringComparison.Ordinal);
    }

    private static string Line(string file, int number) => File.ReadAllLines(file)[number - 1];

    [Fact]
    public void Govern_AlreadyCompliant_ReleasesTheInputByteForByteAndStandsUntilSomethingChanges()
    {
        var policy = house.Policy("lenient", "\"maxRate\": 0.9");
        var (exitCode, output, _) = Govern(policy);

        Assert.Equal(0, exitCode);
        Assert.Contains("lenient: Passed", output, StringComparison.Ordinal);
        Assert.Equal(
            File.ReadAllBytes(house.At("generator.safetensors")), File.ReadAllBytes(Out("lenient", "lenient.safetensors")));
        Assert.Contains("byte for byte", File.ReadAllText(Out("lenient", "report.md")), StringComparison.Ordinal);
        Assert.Equal(0, Atu.Run("verify", Out("lenient", "run.json")).ExitCode);

        var written = File.GetLastWriteTimeUtc(Out("lenient", "run.json"));
        var again = Govern(policy);
        Assert.Equal(0, again.ExitCode);
        Assert.Contains("nothing has changed", again.Errors, StringComparison.Ordinal);
        Assert.Equal(written, File.GetLastWriteTimeUtc(Out("lenient", "run.json")));

        // A report that does not match the record is an error. Nothing depends on it, so the report is written again and no run
        // is made.
        var report = File.ReadAllText(Out("lenient", "report.md"));
        File.WriteAllText(
            Out("lenient", "report.md"), report.Replace("lenient", "lenient and checked", StringComparison.Ordinal));
        var (altered, refused, why) = Atu.Run("verify", Out("lenient", "run.json"));
        Assert.Equal(1, altered);
        Assert.Contains("error ATU3003: report.md does not match the record", why, StringComparison.Ordinal);
        Assert.Contains("the record is not valid", refused, StringComparison.Ordinal);
        Assert.Contains("nothing has changed", Govern(policy).Errors, StringComparison.Ordinal);
        Assert.Equal(report, File.ReadAllText(Out("lenient", "report.md")));

        File.AppendAllText(Out("lenient", "lenient.safetensors"), "!");
        Assert.Equal(1, Atu.Run("verify", Out("lenient", "run.json")).ExitCode);
        Assert.DoesNotContain("nothing has changed", Govern(policy).Errors, StringComparison.Ordinal);
        Assert.Equal(
            File.ReadAllBytes(house.At("generator.safetensors")), File.ReadAllBytes(Out("lenient", "lenient.safetensors")));

        // Another version may word the same record differently: that is a warning, and does not fail.
        RunRecordFile.Write(
            Out("lenient", "run.json"), RunRecordFile.Read(Out("lenient", "run.json")) with { Tool = "atu 0.0.1" });
        var (other, valid, warned) = Atu.Run("verify", Out("lenient", "run.json"));
        Assert.Equal(0, other);
        Assert.Contains(
            "warning ATU3003: report.md does not match the record: it was changed, or atu 0.0.1 words it differently",
            warned,
            StringComparison.Ordinal);
        Assert.Contains("the record is valid: Passed", valid, StringComparison.Ordinal);
    }

    // A record that is consistent and forged: what decides is who may have written it, and what the caller says.
    [Theory]
    [InlineData("", "", false)]
    [InlineData("--fresh", "", true)]
    [InlineData("", "CI=true", true)]
    [InlineData("", "TF_BUILD=True", true)]
    [InlineData("", "CI=false", false)]
    [InlineData("--reuse", "CI=true", false)]
    [InlineData("--fresh", "CI=true", true)]
    public void Govern_RecordThatNobodyMeasured_IsBelievedOnlyWhereTheFolderIsTheCallersOwn(
        string option, string variable, bool measuredAnew)
    {
        var name = $"forged{option}{variable.Replace('=', '-')}".ToLowerInvariant().Replace('_', '-');
        var policy = house.Policy(name, "\"maxRate\": 0.9");
        Assert.Equal(0, Govern(policy, "--no-train").ExitCode);
        var honest = RunRecordFile.Read(Out(name, "run.json"));
        RunRecordFile.Write(Out(name, "run.json"), Forged(honest));

        var environment = variable.Split('=') is [{ Length: > 0 } key, var value]
            ? new Dictionary<string, string> { [key] = value }
            : [];
        using var atu = Atu.StartWith(environment, [
            "govern", policy, "--threads", "1", "--out", house.At("out"),
            "--no-train", .. option.Length > 0 ? new[] { option } : []
        ]);
        var (exitCode, _, errors) = atu.Finish();

        Assert.Equal(0, exitCode);
        Assert.Equal(!measuredAnew, errors.Contains("nothing has changed", StringComparison.Ordinal));
        Assert.Equal(
            measuredAnew && option.Length == 0,
            errors.Contains("is not reused, because this is a build server", StringComparison.Ordinal));
        Assert.Equal(
            measuredAnew ? honest.Before.Features[0].Looks[0].Hits : 0,
            RunRecordFile.Read(Out(name, "run.json")).Before.Features[0].Looks[0].Hits);

        static RunRecord Forged(RunRecord honest)
        {
            var before = honest.Before with
            {
                Features = [.. honest.Before.Features.Select(
                    reading => reading with { Looks = [.. reading.Looks.Select(look => look with { Hits = 0 })] })]
            };
            return honest with
            {
                Before = before,
                Verdict =
                    Gate.Judge(honest.Policy, before, honest.After, DateOnly.FromDateTime(honest.Times.Finished.UtcDateTime))
            };
        }
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public void Govern_FolderThatAnybodyMayWrite_IsMeasuredAnew()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "modes are the Unix way");
        var policy = house.Policy("open", "\"maxRate\": 0.9");
        Assert.Equal(0, Govern(policy, "--no-train").ExitCode);
        Assert.Contains("nothing has changed", Govern(policy, "--no-train").Errors, StringComparison.Ordinal);
        File.SetUnixFileMode(Out("open"), File.GetUnixFileMode(Out("open")) | UnixFileMode.OtherWrite);

        var errors = Govern(policy, "--no-train").Errors;

        Assert.Contains("is not reused, because anybody may write", errors, StringComparison.Ordinal);
        Assert.DoesNotContain("nothing has changed", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Govern_FreshAndReuse_IsAWrongArgument() =>
        Assert.Equal(2, Govern(house.Policy("both", "\"maxRate\": 0.9"), "--fresh", "--reuse").ExitCode);

    // A waiver lets a generator be released that was unlearned as far as it would go; it does not make the original one that
    // needs no unlearning.
    [Fact]
    public void Govern_ViolationThatIsWaived_IsUnlearnedAllTheSame()
    {
        var policy = house.Policy("waived", "\"maxRate\": 0.0001", (
            "\"evaluation\"",
            "\"waivers\": [{ \"rule\": \"ban/maxRate\", \"reason\": \"r\", \"approvedBy\": \"a\", \"expires\": \"2999-01-01\" "
                + "}], \"evaluation\""));

        var (exitCode, _, errors) = Govern(policy);

        Assert.True(exitCode == 0, errors);
        var record = RunRecordFile.Read(Out("waived", "run.json"));
        Assert.Equal(40, record.Training!.Steps);
        Assert.NotEqual(record.Before.GeneratorSha256, record.After!.GeneratorSha256);
    }

    // What is in the folder is taken for the result of the last call.
    [Fact]
    public void Govern_EndsBeforeItBegins_LeavesOnlyVerdictsThatStand()
    {
        var (changed, same) = (house.Policy("changed", "\"maxRate\": 0.9"), house.Policy("same", "\"maxRate\": 0.9"));
        File.WriteAllText(house.At("broken.json"), "{");
        foreach (var (wrong, limit) in new[] { ("broken.json", "0.8"), ("nowhere.json", "0.7") })
        {
            Assert.Equal(0, Govern(changed, same).ExitCode);
            house.Policy("changed", $"\"maxRate\": {limit}");

            Assert.Equal(2, Govern(house.At(wrong), same, changed).ExitCode);
            Assert.False(File.Exists(Out("changed", "run.json")) || File.Exists(Out("changed", "report.md")));
            Assert.True(File.Exists(Out("same", "run.json")) && File.Exists(Out("same", "report.md")));
        }

        Assert.Equal(0, Govern(changed).ExitCode);
        house.Policy("changed", "\"maxRate\": 0.9");
        var (exitCode, _, errors) = Govern(same, changed, "--device", "abacus");
        Assert.Equal(3, exitCode);
        Assert.Contains("ATU2008", errors, StringComparison.Ordinal);
        Assert.False(File.Exists(Out("changed", "run.json")));
        Assert.Contains("same: nothing has changed", errors, StringComparison.Ordinal);
    }

    // The second reads what the first one writes.
    [Fact]
    public void Govern_EarlierPolicyWritesWhatALaterOneReads_TheLaterOneIsNotBelieved()
    {
        var first = house.Policy("first", "\"maxRate\": 0.9");
        var folder = house.At("out-chain");
        Assert.Equal(0, Govern(first, "--out", folder).ExitCode);
        var second =
            house.Policy("second", "\"maxRate\": 0.9", ("\"generator.safetensors\"", "\"out-chain/first/first.safetensors\""));
        Assert.Equal(0, Govern(second, "--out", folder).ExitCode);

        house.Policy("first", "\"maxRate\": 0.9", ("\"generator.safetensors\"", "\"no-discriminator.safetensors\""));
        var (_, _, errors) = Govern(first, second, "--out", folder);

        Assert.DoesNotContain("nothing has changed", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Govern_ClassifierReplacedMeanwhile_ConcludesNothing()
    {
        File.Copy(house.At("auditor.safetensors"), house.At("passing.safetensors"));
        var policy = house.Policy("replaced", edit: ("\"auditor.safetensors\"", "\"passing.safetensors\""));
        using var atu = Atu.Start("govern", policy, "--out", house.At("out"), "--threads", "1");
        while (!atu.HasExited && !File.Exists(Path.Combine(Out("replaced"), "state", "adaptation-1.safetensors")))
            Thread.Sleep(1);

        File.Copy(house.At("annotator.safetensors"), house.At("passing.safetensors"), overwrite: true);
        var (exitCode, _, errors) = atu.Finish();

        Assert.Equal(3, exitCode);
        Assert.Contains("ATU2002", errors, StringComparison.Ordinal);
        Assert.Contains("was changed while the run was under way", errors, StringComparison.Ordinal);
        Assert.False(File.Exists(Out("replaced", "run.json")));
    }

    [Fact]
    public void Govern_NoTrain_OnlyJudges()
    {
        var (exitCode, _, _) = Govern(house.Policy("untrained"), "--no-train");

        Assert.Equal(1, exitCode);
        Assert.Null(RunRecordFile.Read(Out("untrained", "run.json")).Training);
    }

    [Fact]
    public void Govern_SameSeed_SameArtifactAndAnotherSeedAnother()
    {
        string Artifact(string name, params string[] more)
        {
            Govern(
                house.Policy(name, edit: ("\"name\": \"" + name, "\"name\": \"seeded")),
                [.. more, "--out", house.At("out-" + name)]);
            return Sha256Digest.FindAt(house.At(Path.Combine("out-" + name, "seeded", "seeded.rejected.safetensors")))!;
        }

        var first = Artifact("one");

        Assert.Equal(first, Artifact("two"));
        Assert.NotEqual(first, Artifact("three", "--set", "unlearning.seed=2"));
    }

    [Theory]
    [InlineData(5)]
    [InlineData(30)]
    public void Govern_KilledAndResumed_GivesTheSameArtifact(int afterSteps)
    {
        var policy = house.Policy("killed", edit: ("\"steps\": 40", "\"steps\": 60"));
        Govern(policy, "--out", house.At("whole"));
        var whole = File.ReadAllBytes(house.At("whole/killed/killed.rejected.safetensors"));

        var folder = house.At($"killed-{afterSteps}");
        for (var tries = 1; !KilledInTime(); tries++)
        {
            Assert.True(tries < 5, "it ended each time before it could be killed");
            Directory.Delete(folder, recursive: true);
        }

        Assert.False(File.Exists(Path.Combine(folder, "killed", "run.json")));
        Govern(policy, "--resume", "--out", folder);

        Assert.Equal(whole, File.ReadAllBytes(Path.Combine(folder, "killed", "killed.rejected.safetensors")));
        Assert.False(Directory.Exists(Path.Combine(folder, "killed", "state")));

        // Adaptation saves at its end, unlearning with each candidate: kill as soon as enough of that is there.
        bool KilledInTime()
        {
            using var atu = Atu.Start("govern", policy, "--out", folder, "--threads", "1");
            var state = Path.Combine(
                folder,
                "killed",
                "state",
                afterSteps < 10
                    ? "adaptation-1.safetensors"
                    : "unlearning.safetensors");
            while (!atu.HasExited && !File.Exists(state))
                Thread.Sleep(1);
            Assert.True(
                File.Exists(state) || File.Exists(Path.Combine(folder, "killed", "run.json")),
                "it ended before it had done anything");
            atu.Kill();
            return atu.Finish().ExitCode != 0 && File.Exists(state);
        }
    }

    [Fact]
    public void Govern_CtrlC_EndsWith130AndCanBeResumed()
    {
        Signals.SkipWithoutInterrupt();
        var policy =
            house.Policy("interrupted", edit: ("\"steps\": 40, \"recoverySteps\": 10", "\"steps\": 4000, \"recoverySteps\": 10"));
        var folder = house.At("interrupted-out");
        using var atu = Atu.Start("govern", policy, "--out", folder, "--threads", "1");
        while (!atu.HasExited && !File.Exists(Path.Combine(folder, "interrupted", "state", "unlearning.safetensors")))
            Thread.Sleep(5);

        atu.Interrupt();
        var (exitCode, _, errors) = atu.Finish();

        Assert.Equal(130, exitCode);
        Assert.Contains("--resume", errors, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(folder, "interrupted", "state", "unlearning.safetensors")));
        Assert.False(File.Exists(Path.Combine(folder, "interrupted", "run.json")));
    }

    [Theory]
    [InlineData("\"cleanBelow\": 0.5", false)]
    [InlineData("\"cleanBelow\": 0.0000001", true)]
    public void Govern_AnnotatorThatIsSeldomSure_IsHeldToLessAndTheReportSaysSo(string choice, bool raised)
    {
        var policy = house.Policy("seldom-sure", edit: [
            ("\"steps\": 40, \"recoverySteps\": 10", "\"steps\": 2, \"recoverySteps\": 1"), ("\"cleanBelow\": 0.5", choice)
        ]);

        Assert.Equal(1, Govern(policy, "--out", house.At($"seldom-sure-{choice.Length}")).ExitCode);

        var folder = house.At($"seldom-sure-{choice.Length}/seldom-sure");
        var training = RunRecordFile.Read(Path.Combine(folder, "run.json")).Training!;
        Assert.Equal(raised, training.CleanBelow is > 0.0000001);
        Assert.Equal(
            raised,
            File.ReadAllText(Path.Combine(folder, "report.md"))
                .Contains("| Clean | where every undesired class has a probability below", StringComparison.Ordinal));
    }

    [Fact]
    public void Govern_SeveralPolicies_GovernsEachAndFailsIfOneDoes()
    {
        var (exitCode, output, _) = Govern(house.Policy("first", "\"maxRate\": 0.9"), house.Policy("second"), "--no-train");

        Assert.Equal(1, exitCode);
        Assert.Contains("first: Passed", output, StringComparison.Ordinal);
        Assert.Contains("second: Failed", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Govern_OriginalGeneratorAsReference_Measures()
    {
        Govern(house.Policy("own", "\"maxRate\": 0.9", ("reference.safetensors\", \"max", "original-generator\", \"max")));

        var quality = RunRecordFile.Read(Out("own", "run.json")).Before.Quality!;
        Assert.True(quality.FrechetDistance >= 0, quality.NotMeasured);
    }

    private (int ExitCode, string Output, string Errors) Govern(string policy, params string[] more) =>
        Atu.RunProcess(["govern", policy, "--threads", "1", .. more, .. more.Contains("--out")
            ? Array.Empty<string>()
            : ["--out", house.At("out")]]);

    private string Out(string policy, string file = "") => Path.Combine(house.At("out"), policy, file);
}
