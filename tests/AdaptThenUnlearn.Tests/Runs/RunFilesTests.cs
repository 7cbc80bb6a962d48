using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Tests.Runs;

/// <summary>Run records on disk: what was written is read again, and nothing that was changed since is believed.</summary>
public sealed class RunFilesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-run-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Read_WhatWasWritten_IsTheSame()
    {
        var record = Records.Run();
        RunRecordFile.Write(At(RunRecord.FileName), record);

        Assert.Equal(RunRecordFile.ToJson(record), RunRecordFile.ToJson(RunRecordFile.Read(At(RunRecord.FileName))));
        Assert.Equal([RunRecord.FileName], Directory.GetFiles(_folder).Select(Path.GetFileName));
    }

    [Theory]
    [InlineData("", "is not a run record")]
    [InlineData("null", "is not a run record")]
    [InlineData("{}", "is not a run record")]
    [InlineData("[1, 2]", "is not a run record")]
    [InlineData("""{ "schemaVersion": 3 }""", "version 3")]
    [InlineData("""{ "schemaVersion": "one" }""", "version one")]
    public void Read_NoRecord_SaysSo(string text, string expected)
    {
        File.WriteAllText(At("run.json"), text);

        var failed = Assert.Throws<RunRecordException>(() => RunRecordFile.Read(At("run.json")));

        Assert.Contains(expected, failed.Message, StringComparison.Ordinal);
        Assert.StartsWith(At("run.json"), failed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_Missing_SaysSo() => Assert.Contains(
        "cannot be read",
        Assert.Throws<RunRecordException>(() => RunRecordFile.Read(At("none.json"))).Message,
        StringComparison.Ordinal);

    [Fact]
    public void Read_UnknownProperty_IsRefused()
    {
        File.WriteAllText(
            At("run.json"),
            RunRecordFile.ToJson(Records.Run()).Replace("\"tool\":", "\"extra\": 1, \"tool\":", StringComparison.Ordinal));

        Assert.Throws<RunRecordException>(() => RunRecordFile.Read(At("run.json")));
    }

    [Theory]
    [InlineData("\"looks\": [", "\"looks\": [ null,", "$.before.features[0].looks[0] is null")]
    [InlineData("\"seconds\": 150", "\"seconds\": 1e999", "$.times.stages[1].seconds is not a finite number")]
    [InlineData("\"hits\": 20\n", "\"hits\": 10001\n", "the counts of the feature 'digit-8' are impossible")]
    [InlineData("\"confidence\": 0.95", "\"confidence\": 1", "the confidence does not lie between 0 and 1")]
    [InlineData("\"class\": \"9\",", "\"class\": \"8\",", "the class '8' was counted twice")]
    public void Read_ImpossibleNumbers_AreNoRecord(string from, string to, string flaw)
    {
        var text = RunRecordFile.ToJson(Records.Run());
        Assert.Contains(from, text, StringComparison.Ordinal);
        File.WriteAllText(At("run.json"), text.Replace(from, to, StringComparison.Ordinal));

        Assert.EndsWith(
            flaw, Assert.Throws<RunRecordException>(() => RunRecordFile.Read(At("run.json"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_FeatureCountedTwice_IsNoRecord()
    {
        var run = Records.Run();
        RunRecordFile.Write(
            At("run.json"), run with { After = run.After! with { Features = [run.After.Features[0], run.After.Features[0]] } });

        Assert.Contains(
            "the feature 'digit-8' was counted twice",
            Assert.Throws<RunRecordException>(() => RunRecordFile.Read(At("run.json"))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Read_NullInAList_IsRefused()
    {
        File.WriteAllText(
            At("run.json"),
            RunRecordFile.ToJson(Records.Run()).Replace("\"findings\": [", "\"findings\": [ null,", StringComparison.Ordinal));

        Assert.Contains(
            "findings[0] is null",
            Assert.Throws<RunRecordException>(() => RunRecordFile.Read(At("run.json"))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Read_LargerThanAllowed_IsNotRead()
    {
        RunRecordFile.Write(At("run.json"), Records.Run());
        var bytes = new FileInfo(At("run.json")).Length;

        Assert.NotNull(RunRecordFile.Read(At("run.json"), bytes));
        Assert.Contains(
            $"more than {bytes - 1}",
            Assert.Throws<RunRecordException>(() => RunRecordFile.Read(At("run.json"), bytes - 1)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Read_LargerThanAnyRecord_IsNotHeldInMemory()
    {
        using (var file = File.Create(At("run.json")))
            file.SetLength(800 << 20);   // no byte of it is on the disk
        var before = GC.GetAllocatedBytesForCurrentThread();

        Assert.Contains(
            "is not read",
            Assert.Throws<RunRecordException>(() => RunRecordFile.Read(At("run.json"))).Message,
            StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public void Read_NulInAPath_IsNoRecord()
    {
        var run = Records.Run();
        RunRecordFile.Write(At("run.json"), run with { Inputs = [run.Inputs[0] with { Path = "a\0b" }] });

        Assert.EndsWith(
            "a path holds a NUL character",
            Assert.Throws<RunRecordException>(() => RunRecordFile.Read(At("run.json"))).Message,
            StringComparison.Ordinal);
    }

    // What a record names need not be what a run would have written or read.
    [Theory]
    [InlineData("/dev/zero", "does not lie in the run's folder")]
    [InlineData("../outside", "does not lie in the run's folder")]
    [InlineData("images", "is a folder, and must be a file")]
    [InlineData("pipe", "is there, and cannot be read")]
    public async Task Verify_OutputThatNoRunWrites_IsAProblemAtOnce(string path, string expected)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "devices and pipes go by other names there");
        Directory.CreateDirectory(At("images"));
        Files.FilesOnDisk.Fifo(At("pipe"));
        var record = WrittenRun();
        var forged = record with { Outputs = [.. record.Outputs, new OutputFile("curves", path, new string('0', 64))] };

        var verification = await Task.Run(() => Verify(forged))
            .WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);

        Assert.Contains(verification.Problems, problem => problem.Contains(expected, StringComparison.Ordinal));
    }

    [Fact]
    public void Verify_InputThatIsNoFolderOfImages_IsNotHashedAsOne()
    {
        var record = WrittenRun();
        var forged = record with { Inputs = [.. record.Inputs, new InputFile("policy", "/", new string('0', 64))] };

        Assert.Contains(
            Verify(forged).Problems, problem => problem.Contains("is a folder, and must be a file", StringComparison.Ordinal));
    }

    [Fact]
    public void Verify_Cancelled_Ends()
    {
        var record = WrittenRun();

        Assert.Throws<OperationCanceledException>(() => Verification.VerifyRun(
            _folder, record, Records.Vocabulary, Records.Today, new CancellationToken(canceled: true)));
    }

    [Fact]
    public void Digest_Folder_DependsOnNamesAndContents()
    {
        Directory.CreateDirectory(At("images"));
        File.WriteAllText(At("images/a"), "1");
        var one = Sha256Digest.FindAt(At("images"));
        File.WriteAllText(At("images/a"), "2");
        var changed = Sha256Digest.FindAt(At("images"));
        File.Move(At("images/a"), At("images/b"));

        Assert.Equal(3, new[] { one, changed, Sha256Digest.FindAt(At("images")) }.Distinct().Count());
        Assert.Null(Sha256Digest.FindAt(At("nothing")));
    }

    [Fact]
    public void Verify_Untouched_Stands()
    {
        var verification = Verify(WrittenRun());

        Assert.Empty(verification.Problems);
        Assert.True(verification.Passed);
    }

    [Fact]
    public void Verify_FilesThatAreNotHere_AreToldApartFromChangedOnes()
    {
        var record = WrittenRun();
        File.Delete(At("no-eights.safetensors"));
        File.Delete(At("auditor.safetensors"));

        var missing = Verify(record);
        Assert.Equal(["artifact", "classifier auditor"], missing.MissingFiles.Select(file => file.Role));
        Assert.Equal(
            ["artifact no-eights.safetensors is missing", "classifier auditor auditor.safetensors is missing"],
            missing.Problems);
        Assert.Empty(missing.Contradictions);
        Assert.False(missing.Passed);   // a caller that asks no more than this must not take it for checked
        Assert.All(
            missing.Files.Except(missing.MissingFiles), file => Assert.Equal((FileState.Fits, null), (file.State, file.Problem)));

        File.AppendAllText(At("generator.safetensors"), "!");
        var changed = Verify(record);
        Assert.StartsWith(
            "generator generator.safetensors has changed", Assert.Single(changed.Contradictions), StringComparison.Ordinal);
        Assert.Equal(2, changed.MissingFiles.Count);
    }

    [Fact]
    public void Verify_RejectedArtifact_NeedNotBeTheMeasuredFileAndNeverBelongsToAPass()
    {
        var passed = WrittenRun();
        var after = passed.After!;
        var failed = passed with
        {
            After = after with { Features = [after.Features[0] with { Looks = [new Look(10000, 400)] }] },
        };
        failed = failed with
        {
            Verdict = Gate.Judge(failed.Policy, failed.Before, failed.After, Records.Today),
            Outputs = [new OutputFile(OutputRoles.Rejected, "no-eights.rejected.safetensors", new string('d', 64))],
        };

        Assert.Empty(Verification.VerifyReadings(failed, Records.Vocabulary, Records.Today).Problems);

        // An earlier version called it the artifact, and then it must be the file that was measured.
        var earlier = failed with { Outputs = [failed.Outputs[0] with { Role = OutputRoles.Artifact }] };
        Assert.Contains(
            "is not the generator that was measured",
            Assert.Single(Verification.VerifyReadings(earlier, Records.Vocabulary, Records.Today).Problems),
            StringComparison.Ordinal);

        Assert.Equal(
            "the record names a rejected artifact, and the recorded readings pass",
            Assert.Single(Verification.VerifyReadings(
                passed with { Outputs = failed.Outputs }, Records.Vocabulary, Records.Today).Problems));
    }

    public static TheoryData<string, string> Tampering => new()
    {
        { "the artifact is changed", "artifact no-eights.safetensors has changed" },
        { "the artifact is gone", "is missing" },
        { "an input is changed", "generator generator.safetensors has changed" },
        { "a count is lowered", "not what the recorded readings give" },
        { "the verdict is turned", "not what the recorded readings give" },
        { "the outcome is turned", "not what the recorded readings give" },
        { "a rule is left out", "not what the recorded readings give" },
        { "the limit is raised", "not what its text says" },
        { "the policy text is changed", "does not have the recorded digest" },
        { "another generator was measured", "is not the generator that was measured" },
        { "another reference was compared with", "is not a recorded input" },
        { "another extractor was used", "is not a recorded input" },
        { "the artifact is not named", "names no artifact" },
        { "a classifier is not named", "the policy's classifier auditor is not one recorded input" },
    };

    [Theory]
    [MemberData(nameof(Tampering))]
    public void Verify_Tampered_DoesNotStand(string what, string expected)
    {
        var record = WrittenRun();
        switch (what)
        {
            case "the artifact is changed": File.AppendAllText(At("no-eights.safetensors"), "!"); break;
            case "the artifact is gone": File.Delete(At("no-eights.safetensors")); break;
            case "an input is changed": File.AppendAllText(At("generator.safetensors"), "!"); break;
        }

        record = what switch
        {
            "a count is lowered" => record with
            {
                After = record.After! with { Features = [record.After.Features[0] with { Looks = [new Look(10000, 1)] }] }
            },
            "the verdict is turned" => record with { Verdict = record.Verdict with { Passed = false } },
            "the outcome is turned" => record with { Verdict = record.Verdict with { Outcome = Outcome.PassedWithWaivers } },
            "a rule is left out" =>
                record with { Verdict = record.Verdict with { Findings = [.. record.Verdict.Findings.Skip(1)] } },
            "the limit is raised" => record with
            {
                Policy = record.Policy with { UndesiredFeatures = [record.Policy.UndesiredFeatures[0] with { MaxRate = 0.5 }] }
            },
            "the policy text is changed" => record with
            {
                PolicySource =
                    record.PolicySource with { Text = record.PolicySource.Text.Replace("0.01", "0.5", StringComparison.Ordinal) }
            },
            "another reference was compared with" => record with
            {
                After = record.After! with { Quality = record.After.Quality! with { ReferenceSha256 = new string('f', 64) } }
            },
            "another extractor was used" => record with
            {
                Before = record.Before with { Quality = record.Before.Quality! with { ExtractorSha256 = new string('f', 64) } }
            },
            "a classifier is not named" => record with
            {
                Inputs =
                [
                    .. record.Inputs.Where(input => input.Role != "classifier auditor"),
                    new InputFile("reference", "auditor.safetensors", record.Before.Quality!.ExtractorSha256)
                ]
            },
            "the artifact is not named" => record with { Outputs = [] },
            "another generator was measured" =>
                record with { After = record.After! with { GeneratorSha256 = new string('f', 64) } },
            _ => record,
        };
        var verification = Verify(record);

        Assert.Contains(verification.Problems, problem => problem.Contains(expected, StringComparison.Ordinal));
        Assert.False(verification.Passed);
    }

    // Written before there were outcomes, and before rules that do not apply had findings.
    [Fact]
    public void Verify_OlderRecord_Stands()
    {
        var compliant = Records.Measured("a", 5, 30, 1000);
        var trained = WrittenRun();
        compliant = Measured(compliant, "generator.safetensors");
        var verdict = Gate.Judge(trained.Policy, compliant, after: null, Records.Today);
        var older = trained with
        {
            Before = compliant,
            After = null,
            Training = null,
            Outputs = [new OutputFile("artifact", "generator.safetensors", compliant.GeneratorSha256)],
            Verdict =
                new Verdict(true, [.. verdict.Findings.Where(finding => finding.State is not FindingState.NotApplicable)], []),
        };
        var text = RunRecordFile.ToJson(older).Replace("    \"outcome\": \"passed\",\n", "", StringComparison.Ordinal);
        text = text.Replace(",\n    \"outcome\": \"passed\"", "", StringComparison.Ordinal);
        Assert.DoesNotContain("outcome", text, StringComparison.Ordinal);

        var verification = Verify(RunRecordFile.Parse(text, "run.json"));

        Assert.Empty(verification.Problems);
        Assert.False(verification.IsReworded);
        Assert.Equal(5, verification.Verdict.Findings.Count);   // and today none of them is missing
    }

    [Fact]
    public void Verify_OtherWordsForTheSameDecision_IsToldApartFromAnotherDecision()
    {
        var record = WrittenRun();
        var findings = record.Verdict.Findings;

        var explained = Verify(record with
        {
            Verdict = record.Verdict with { Findings = [findings[0] with { Explanation = "all is well" }, .. findings.Skip(1)] }
        });
        var warned = Verify(record with { Verdict = record.Verdict with { Warnings = ["look out"] } });

        Assert.All([explained, warned], verification => Assert.True(verification is { Problems: [], IsReworded: true }));
        Assert.False(Verify(record).IsReworded);
    }

    [Fact]
    public void Read_VerdictWithWaivers_StatesItsOutcome()
    {
        var text = RunRecordFile.ToJson(Records.Named("waived"));

        Assert.Contains("\"outcome\": \"passedWithWaivers\"", text, StringComparison.Ordinal);
        Assert.Equal(Outcome.PassedWithWaivers, RunRecordFile.Parse(text, "run.json").Verdict.Recorded);
    }

    // The record is unsigned: what the policy's text pins is what holds the rest of it.
    [Theory]
    [InlineData("generator.safetensors", "the recorded generator (")]
    [InlineData("auditor.safetensors", "the recorded classifier auditor (")]
    public void Verify_OtherFileThanThePinned_DoesNotStand(string file, string expected)
    {
        var pinned = Records.PolicyText.Replace(
            $"\"{file}\"", $"\"{file}\", \"sha256\": \"{Written(file).ToUpperInvariant()}\"", StringComparison.Ordinal);
        Assert.Empty(Verify(WrittenRun(pinned)).Problems);

        var other = Records.PolicyText.Replace(
            $"\"{file}\"", $"\"{file}\", \"sha256\": \"{new string('d', 64)}\"", StringComparison.Ordinal);
        var verification = Verify(WrittenRun(other));

        Assert.StartsWith(expected, Assert.Single(verification.Problems), StringComparison.Ordinal);
        Assert.False(verification.Passed);
    }

    [Fact]
    public void Reports_ChangedAfterwards_AreFoundAndMadeAnew()
    {
        var record = WrittenRun();
        RunReports.Write(_folder, RunRecordFile.Read(At(RunRecord.FileName)));
        Assert.Empty(RunReports.FindAltered(_folder, record));
        Assert.NotEmpty(Directory.GetFiles(_folder, "report.*"));

        File.WriteAllText(
            At("report.md"), File.ReadAllText(At("report.md")).Replace("no-eights", "no-nines", StringComparison.Ordinal));
        Assert.Equal(["report.md"], RunReports.FindAltered(_folder, record));

        RunReports.Write(_folder, record);
        File.Delete(At("report.html"));   // what is not there says nothing wrong
        Assert.Empty(RunReports.FindAltered(_folder, record));
    }

    // What is judged again in its folder must not keep a report of the former verdict.
    [Fact]
    public void Reports_ThatThePolicyDoesNotAskFor_AreMadeAnewWhereTheyLie()
    {
        var record = WrittenRun();
        Assert.DoesNotContain("junit", record.Policy.Report.Formats);
        RunReports.Write(_folder, record);
        Assert.False(File.Exists(At("junit.xml")));
        File.WriteAllText(At("junit.xml"), "of the former verdict");
        Assert.Equal(["junit.xml"], RunReports.FindAltered(_folder, record));

        RunReports.Write(_folder, record);

        Assert.Empty(RunReports.FindAltered(_folder, record));
    }

    [Fact]
    public void Reports_PicturesThatTheyHold_AreCheckedWithoutTheirFiles()
    {
        byte[] curves = [0x89, .. "PNG\r\n"u8, 0x1A, (byte)'\n', 1, 2, 3];
        var record = WrittenRun(Records.PolicyText.Replace(
            "\"quality\":", "\"report\": { \"formats\": [\"json\", \"html\"] }, \"quality\":", StringComparison.Ordinal));
        record = record with
        {
            Outputs = [.. record.Outputs, new OutputFile(OutputRoles.Plot, "curves.png", Sha256Digest.Compute(curves))]
        };
        File.WriteAllBytes(At("curves.png"), curves);
        RunReports.Write(_folder, record);
        var (page, data) = (File.ReadAllText(At("report.html")), Convert.ToBase64String(curves));
        Assert.Contains($"src=\"data:image/png;base64,{data}\"", page, StringComparison.Ordinal);

        File.Delete(At("curves.png"));
        Assert.Empty(RunReports.FindAltered(_folder, record));

        curves[^1]++;
        File.WriteAllText(At("report.html"), page.Replace(data, Convert.ToBase64String(curves), StringComparison.Ordinal));
        Assert.Equal(["report.html"], RunReports.FindAltered(_folder, record));

        // Made again where the file is not, it says so, and still agrees with the record.
        RunReports.Write(_folder, record);
        Assert.DoesNotContain("<img", File.ReadAllText(At("report.html")), StringComparison.Ordinal);
        Assert.Empty(RunReports.FindAltered(_folder, record));
    }

    [Fact]
    public void Verify_WaiverThatHasExpiredSince_FailsToday()
    {
        var policyText = Records.PolicyText.Replace("\"quality\":", """
            "waivers": [ { "rule": "digit-8/maxRate", "reason": "r", "approvedBy": "a", "expires": "2026-03-01" } ], "quality":
            """, StringComparison.Ordinal).Replace("0.01", "0.001", StringComparison.Ordinal);
        var record = WrittenRun(policyText);
        Assert.True(record.Verdict.Passed);

        var later = Verification.VerifyRun(_folder, record, Records.Vocabulary, Records.Today.AddDays(1));

        Assert.Empty(later.Problems);
        Assert.False(later.Passed);
    }

    [Fact]
    public void StillStands_SameQuestion_IsTheRecord() => Assert.NotNull(StillStands(WrittenRun()));

    [Theory]
    [InlineData("the policy text")]
    [InlineData("an override")]
    [InlineData("the tool")]
    [InlineData("an input")]
    [InlineData("the artifact")]
    [InlineData("the inputs named")]
    [InlineData("the verdict")]
    [InlineData("a word of it")]
    [InlineData("what was only waived")]
    public void StillStands_AnythingElse_MustRunAgain(string what)
    {
        var record = what == "what was only waived" ? WaivedRun() : WrittenRun();
        if (what == "the verdict")
            RunRecordFile.Write(At(RunRecord.FileName), record with { Verdict = record.Verdict with { Passed = false } });
        if (what == "a word of it")
            RunRecordFile.Write(
                At(RunRecord.FileName), record with { Verdict = record.Verdict with { Warnings = ["look out"] } });
        if (what is "an input" or "the artifact")
            File.AppendAllText(At(what == "an input" ? "generator.safetensors" : "no-eights.safetensors"), "!");

        var source = what switch
        {
            "the policy text" => record.PolicySource with { Sha256 = new string('0', 64) },
            "an override" => record.PolicySource with { Overrides = ["unlearning.steps=5"] },
            _ => record.PolicySource,
        };
        var inputs = what == "the inputs named" ? Inputs().Append(("reference", At("reference.safetensors"))) : Inputs();

        Assert.Null(PreviousRun.FindUpToDate(
            _folder, source, what == "the tool" ? "atu 0.2.0" : record.Tool, inputs, Records.Vocabulary, Records.Today));
    }

    // As `--no-train` leaves it: judged, let pass, and nothing of it unlearned.
    private RunRecord WaivedRun()
    {
        var text = Records.PolicyText.Replace(
            ", \"minUnlearned\": 0.95", "", StringComparison.Ordinal).Replace("\"quality\":", """
            "waivers": [ { "rule": "digit-8/maxRate", "reason": "r", "approvedBy": "a", "expires": "2027-01-01" } ], "quality":
            """, StringComparison.Ordinal);
        var trained = WrittenRun(text);
        var record = trained with
        {
            After = null,
            Training = null,
            Outputs = [new OutputFile("artifact", "generator.safetensors", trained.Before.GeneratorSha256)],
            Verdict = Gate.Judge(trained.Policy, trained.Before, after: null, Records.Today),
        };
        Assert.True(record.Verdict.Passed);
        RunRecordFile.Write(At(RunRecord.FileName), record);
        return record;
    }

    private RunRecord? StillStands(RunRecord record) =>
        PreviousRun.FindUpToDate(_folder, record.PolicySource, record.Tool, Inputs(), Records.Vocabulary, Records.Today);

    private IEnumerable<(string Role, string Path)> Inputs() =>
    [
        ("generator", At("generator.safetensors")),
        ("classifier annotator", At("annotator.safetensors")),
        ("classifier auditor", At("auditor.safetensors")),
        ("reference", At("reference.safetensors"))
    ];

    // As a record of an earlier version says nothing of the range: it was measured raw.
    [Fact]
    public void Verify_RecordMeasuredRaw_DoesNotStandForPictures()
    {
        var record = WrittenRun();
        var text = System.Text.RegularExpressions.Regex.Replace(RunRecordFile.ToJson(record), ",\\s*\"range\": \"8-bit\"", "");
        var earlier = RunRecordFile.Parse(text, "run.json");

        var verification = Verify(earlier);

        Assert.Equal("raw", earlier.Before.Range);
        Assert.False(verification.Passed);
        Assert.Contains(verification.Problems, problem => problem.Contains("raw output was measured", StringComparison.Ordinal));
        Assert.True(Verify(record).Passed);
    }

    private Verification Verify(RunRecord record) => Verification.VerifyRun(_folder, record, Records.Vocabulary, Records.Today);

    private RunRecord WrittenRun(string policyText = Records.PolicyText)
    {
        var policy = PolicyReader.Read(policyText, "policy.json", Records.Vocabulary, []).Policy!;
        var (before, after) =
            (Measured(Records.Before, "generator.safetensors"), Measured(Records.After, "no-eights.safetensors"));
        var record = Records.Run(Gate.Judge(policy, before, after, Records.Today), policy) with
        {
            Before = before,
            After = after,
            PolicySource =
                new PolicySource("policy.json", policyText, Sha256Digest.Compute(policyText), CanonicalJson.Digest(policy), []),
            Inputs = [.. Inputs()
                .Select(input => new InputFile(input.Role, Path.GetFileName(input.Path), Written(Path.GetFileName(input.Path))))],
            Outputs = [new OutputFile("artifact", "no-eights.safetensors", after.GeneratorSha256)],
        };
        RunRecordFile.Write(At(RunRecord.FileName), record);
        return record;
    }

    private Measurement Measured(Measurement like, string generator) => like with
    {
        GeneratorSha256 = Written(generator),
        Quality = like.Quality! with
        {
            ExtractorSha256 = Written("auditor.safetensors"),
            ReferenceSha256 = Written("reference.safetensors")
        },
    };

    private string Written(string name)
    {
        File.WriteAllText(At(name), name);
        return Sha256Digest.FindAt(At(name))!;
    }

    private string At(string name) => Path.Combine(_folder, name);
}
