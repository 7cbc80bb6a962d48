using System.Security.Cryptography;
using AdaptThenUnlearn.Attestation;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Locking;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Tests.Labelling;

namespace AdaptThenUnlearn.Tests.Runs;

/// <summary>All evidence of one run, locked, audited and signed: no byte of any file can be another one unnoticed.</summary>
public sealed class TamperedEvidenceTests : IDisposable
{
    private const int Changes = 1000;   // over all files together
    private const string Audit = "audit.json";
    private static readonly string[] _reports = [.. ReportFormats.FromRecord.Select(format => format.FileName)];
    private static readonly string[] _inputs =
        ["annotator.safetensors", "auditor.safetensors", "generator.safetensors", "reference.safetensors"];

    private readonly string _folder = Directory.CreateTempSubdirectory("atu-tampered-").FullName;
    private readonly SigningKey _key;

    public TamperedEvidenceTests()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var file = new TemporaryKey(key.ExportPkcs8PrivateKeyPem());
        _key = SigningKey.ReadPrivate(file.Path);
        WriteEvidence();
    }

    public void Dispose()
    {
        _key.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Evidence_Untouched_HoldsInEveryFileThatARunHas()
    {
        Assert.Null(FindProblem());
        var expected = _inputs.Concat(AttestationFormats.FileNames)
            .Concat(ReportFormats.FromRecord.Select(format => format.FileName))
            .Concat([RunRecord.FileName, "policy.json", "policy.lock.json", Audit, "no-eights.safetensors", "before-after.png"]);
        Assert.Equal(
            expected.Order(StringComparer.Ordinal), Files().Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Dossier_OfALockedRun_SaysWhenAndWithWhichSeed()
    {
        var page = ReportFormats.All.Single(format => format.Name == "html").Render(Read());

        Assert.Contains(
            FormattableString.Invariant(
                $"<dt>Locked</dt><dd>2026-02-28 10:00 UTC, as the lock itself says; the seed {Read().Lock!.Seed} follows"),
            page, StringComparison.Ordinal);
        Assert.Contains(DigestOf("policy.lock.json"), page, StringComparison.Ordinal);
    }

    [Fact]
    public void Evidence_AThousandSingleByteChanges_AreAThousandRefusals()
    {
        var random = new Random(5);
        var files = Files();

        for (var change = 0; change < Changes; change++)
        {
            var path = files[change % files.Count];
            var bytes = File.ReadAllBytes(path);
            var changed = (byte[])bytes.Clone();
            var place = random.Next(bytes.Length - 1);   // the last may be a line's end
            changed[place] ^= (byte)random.Next(1, 256);
            if (IsLineEnd(bytes[place]) && IsLineEnd(changed[place]))
                changed[place] = (byte)'x';   // a report may be checked out with other line ends
            File.WriteAllBytes(path, changed);

            Assert.True(
                FindProblem() is not null,
                $"{Path.GetFileName(path)}, byte {place}: {(char)bytes[place]} → {changed[place]}");
            File.WriteAllBytes(path, bytes);
        }

        static bool IsLineEnd(byte letter) => letter is (byte)'\n' or (byte)'\r' or (byte)'\f';
    }

    // Another build may word a report differently, so it cannot compare texts. It has the digest that was signed.
    [Fact]
    public void Reports_SingleByteChanges_AreRefusedByAnotherBuildToo()
    {
        var random = new Random(6);
        Assert.Null(FindProblem(isSameBuild: false));

        for (var change = 0; change < Changes / 5; change++)
        {
            var path = At(_reports[change % _reports.Length]);
            var bytes = File.ReadAllBytes(path);
            var changed = (byte[])bytes.Clone();
            var place = random.Next(bytes.Length);
            changed[place] ^= (byte)random.Next(1, 256);
            File.WriteAllBytes(path, changed);

            Assert.StartsWith(
                $"report {Path.GetFileName(path)} has changed: its SHA-256 is ", FindProblem(isSameBuild: false),
                StringComparison.Ordinal);
            File.WriteAllBytes(path, bytes);
        }
    }

    [Fact]
    public void Reports_NamedInTheStatementAndDeleted_AreMissing()
    {
        foreach (var report in _reports)
        {
            var bytes = File.ReadAllBytes(At(report));
            File.Delete(At(report));

            Assert.Equal($"report {report} is missing", FindProblem());
            File.WriteAllBytes(At(report), bytes);
        }
    }

    // A statement of an earlier version, or of before the reports were made, says nothing of them. Their text does.
    [Fact]
    public void Reports_NoStatementNamesThem_AreComparedByTheirTextAlone()
    {
        Attest(null);
        Assert.Null(FindProblem());
        var page = File.ReadAllText(At("report.html"));

        var digit = page.IndexOf(" %", StringComparison.Ordinal) - 1;
        File.WriteAllText(At("report.html"), $"{page[..digit]}{(page[digit] == '0' ? '9' : '0')}{page[(digit + 1)..]}");

        Assert.Equal("report.html", FindProblem());
        Assert.Null(FindProblem(isSameBuild: false));
    }

    [Fact]
    public void FindUnaltered_OneWasChanged_NamesTheOthersWithTheirDigests()
    {
        File.AppendAllText(At("report.md"), "more");

        Assert.Equal(
            _reports.Where(name => name != "report.md").Select(name => new OutputFile(OutputRoles.Report, name, DigestOf(name))),
            RunReports.FindUnaltered(_folder, Read()));
    }

    // Whoever can write the files can give an audit a fitting seal, and a record that fits both. The signature names all three.
    [Fact]
    public void Audit_ChangedWithEverythingThatFollowsFromIt_DoesNotHoldBesideTheSignature()
    {
        var (sheet, sha256) = AuditSheetFile.Read(At(Audit));
        Assert.Contains(
            $"{{\"name\":\"audit digit-8\",\"digest\":{{\"sha256\":\"{sha256}\"}}}}",
            TestResultStatement.Create(new AttestedRun(Read(), Read().Verdict, "r")).ToJsonString(), StringComparison.Ordinal);

        AuditSheetFile.Write(At(Audit), sheet with { Person = "Eve" });
        var (forged, forgedSha256) = AuditSheetFile.Read(At(Audit));
        var record = Judged(AuditedRecord.Add(Read(), forged, Audit, forgedSha256));
        RunRecordFile.Write(At(RunRecord.FileName), record);
        RunReports.Write(_folder, record);

        Assert.Empty(Verification.VerifyRun(_folder, record, Records.Vocabulary, Records.Today).Problems);
        Assert.Equal("names another record, policy, classifier or other input", FindProblem());
    }

    // What `atu verify run.json --attestation FOLDER --key KEY` checks, the fastest first. Another build compares no texts.
    private string? FindProblem(bool isSameBuild = true)
    {
        try
        {
            var record = Read();
            var verification = Verification.VerifyRun(_folder, record, Records.Vocabulary, Records.Today);
            var attested = new AttestedRun(record, verification.Verdict, Sha256Digest.FindAt(At(RunRecord.FileName))!);
            return verification.Problems.Concat(Attested(attested))
                .Concat(isSameBuild ? RunReports.FindAltered(_folder, record) : [])
                .FirstOrDefault();
        }
        catch (Exception unreadable) when (unreadable is RunRecordException or AttestationException)
        {
            return unreadable.Message;
        }
    }

    private IEnumerable<string> Attested(AttestedRun run) =>
        from name in AttestationFormats.FileNames
        let file = AttestationFile.Read(At(name))
        let problem = file.FindProblem(run, file.IsSigned ? _key : null)
        from each in problem is not null
            ? [problem]
            : FileCheck.CheckReports(_folder, file.ReadReports()).Select(report => report.Problem).OfType<string>()
        select each;

    private void WriteEvidence()
    {
        foreach (var name in _inputs.Append("no-eights.safetensors").Append("before-after.png"))
            File.WriteAllText(At(name), $"the bytes of {name}");
        File.WriteAllText(At("policy.json"), Records.PolicyText);
        var digest = CanonicalJson.Digest(Records.Policy);
        var seed = LockedSeed.Derive(digest, DigestOf("no-eights.safetensors"));
        var (before, after) = (
            Measured(Records.Before, "generator.safetensors", seed), Measured(Records.After, "no-eights.safetensors", seed));
        var run = Records.Run() with
        {
            Before = before,
            After = after,
            Outputs =
            [
                new OutputFile(OutputRoles.Artifact, "no-eights.safetensors", after.GeneratorSha256),
                new OutputFile("before and after", "before-after.png", DigestOf("before-after.png")),
            ],
            PolicySource = new PolicySource("policy.json", Records.PolicyText, DigestOf("policy.json"), digest, []),
        };
        var lockedOn = run.Times.Started.AddDays(-1);
        File.WriteAllText(At("policy.lock.json"), $"{{ \"policySha256\": \"{digest}\", \"time\": \"{lockedOn:O}\" }}\n");
        run = run with
        {
            Lock = new RunLock(digest, lockedOn, seed),
            Inputs =
            [
                Input(InputRoles.Policy, "policy.json"),
                Input(InputRoles.Lock, "policy.lock.json"),
                Input(InputRoles.Generator, "generator.safetensors"),
                Input(InputRoles.Classifier("annotator"), "annotator.safetensors"),
                Input(InputRoles.Classifier("auditor"), "auditor.safetensors"),
                Input(InputRoles.Reference, "reference.safetensors"),
            ],
        };
        AuditSheetFile.Write(
            At(Audit), AuditSheetTests.Sheet(after, shows: 0, clicks: 2000) with { Original = before.GeneratorSha256 });
        var (sheet, sha256) = AuditSheetFile.Read(At(Audit));
        run = Judged(AuditedRecord.Add(run, sheet, Audit, sha256));
        Assert.True(run.Verdict.Passed);

        RunRecordFile.Write(At(RunRecord.FileName), run);
        foreach (var report in ReportFormats.FromRecord)   // as `atu report` writes them, whatever the policy asks for
            File.WriteAllText(At(report.FileName), report.Render(run));
        Attest(RunReports.FindUnaltered(_folder, run));
    }

    private void Attest(IReadOnlyList<OutputFile>? reports)
    {
        var run = Read();
        var attested = new AttestedRun(run, run.Verdict, DigestOf(RunRecord.FileName)) { Reports = reports };
        foreach (var format in AttestationFormats.All)
        {
            if (format.SignedFileName is { } signed)
                File.WriteAllText(At(signed), format.Write(attested, _key));
            if (format.UnsignedFileName is { } unsigned)
                File.WriteAllText(At(unsigned), format.Write(attested, key: null));
        }
    }

    private static RunRecord Judged(RunRecord run) => run with
    {
        Verdict = Gate.Judge(run.JudgedPolicy(), run.Before, run.After, Records.Today),
    };

    private Measurement Measured(Measurement like, string generator, long seed) => like with
    {
        Seed = seed,
        GeneratorSha256 = DigestOf(generator),
        Quality = like.Quality! with
        {
            ExtractorSha256 = DigestOf("auditor.safetensors"),
            ReferenceSha256 = DigestOf("reference.safetensors"),
        },
    };

    private RunRecord Read() => RunRecordFile.Read(At(RunRecord.FileName));

    private InputFile Input(string role, string name) => new(role, name, DigestOf(name));

    private string DigestOf(string name) => Sha256Digest.FindAt(At(name))!;

    private List<string> Files() => [.. Directory.EnumerateFiles(_folder).Order(StringComparer.Ordinal)];

    private string At(string name) => Path.Combine(_folder, name);

    // The key lies outside the evidence.
    private sealed class TemporaryKey : IDisposable
    {
        public TemporaryKey(string pem) => File.WriteAllText(Path, pem);

        public string Path { get; } = System.IO.Path.GetTempFileName();

        public void Dispose() => File.Delete(Path);
    }
}
