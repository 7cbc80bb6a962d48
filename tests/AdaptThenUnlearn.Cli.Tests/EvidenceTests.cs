using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.RegularExpressions;
using AdaptThenUnlearn.Attestation;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Tests;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>What of a run is handed on: the files that the action uploads, and what <c>atu verify</c> says about them.</summary>
public sealed partial class EvidenceTests(SmallHouse house) : IClassFixture<SmallHouse>, IDisposable
{
    private readonly string _downloads = Directory.CreateTempSubdirectory("atu-evidence-").FullName;

    public void Dispose() => Directory.Delete(_downloads, recursive: true);

    [Theory]
    [InlineData("uploaded-passed", "\"maxRate\": 0.9", 0)]
    [InlineData("uploaded-failed", "\"maxRate\": 0.001", 1)]
    public void Verify_OnlyWhatTheActionUploads_JudgesByTheCommandOfTheReport(string name, string limit, int expected)
    {
        var downloaded = Download(name, limit);
        Assert.Equal(
            ["junit.xml", "report.html", "report.md", "report.sarif", "run.json"],
            Directory.EnumerateFiles(downloaded, "*", SearchOption.AllDirectories)
                .Select(Path.GetFileName)
                .Order(StringComparer.Ordinal));
        var command = VerifyPattern().Match(File.ReadAllText(Path.Combine(downloaded, "report.md"))).Groups[1].Value.Split(' ');

        using var atu = Atu.StartIn(downloaded, command);
        var (exitCode, output, errors) = atu.Finish();

        Assert.Equal(expected, exitCode);
        var outcome = expected == 0 ? "Passed" : "Failed";
        Assert.Contains($"{name}: the record is valid: {outcome}; ", output, StringComparison.Ordinal);
        Assert.EndsWith(" files were not here to check", output.TrimEnd(), StringComparison.Ordinal);
        Assert.Contains("warning ATU3006", errors, StringComparison.Ordinal);
        Assert.DoesNotContain("ATU3003", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Verify_FilesAreMissing_DoesNotPassUnlessOnlyTheReadingsAreAskedFor()
    {
        var record = Path.Combine(Download("missing", "\"maxRate\": 0.9"), "run.json");

        var (exitCode, output, errors) = Atu.Run("verify", record);

        Assert.Equal(ExitCodes.NotFinished, exitCode);
        Assert.Contains("missing: the record is valid: Passed; ", output, StringComparison.Ordinal);
        Assert.Contains("error ATU3006", errors, StringComparison.Ordinal);
        Assert.Contains("add --readings", errors, StringComparison.Ordinal);
        Assert.Equal(ExitCodes.Passed, Atu.Run("verify", record, "--readings").ExitCode);
    }

    [Theory]
    [InlineData("attested-passed", "\"maxRate\": 0.9", "PASSED", 0)]
    [InlineData("attested-failed", "\"maxRate\": 0.001", "FAILED", 1)]
    public void Attest_ThenVerify_HoldsUntilTheRecordOrTheKeyIsAnother(string name, string limit, string result, int exitCode)
    {
        var record = Record(name, limit);
        var envelope = Path.Combine(Path.GetDirectoryName(record)!, "run.dsse.json");
        WriteKeys("key.pem", "public.pem");
        WriteKeys("another.pem", "another-public.pem");

        var (attested, output, errors) = Atu.Run("attest", record, "--key", Key("key.pem"));
        Assert.True(attested == 0, errors);
        Assert.Contains($"{name}: {result} (", output, StringComparison.Ordinal);
        Assert.Equal(0, Atu.Run("attest", record, "--key", Key("key.pem")).ExitCode);   // its own file is replaced
        string[] verify = ["verify", record, "--attestation", envelope, "--key"];
        var valid = Atu.Run([.. verify, Key("public.pem")]);
        Assert.True(valid.ExitCode == exitCode, valid.Errors);
        Assert.DoesNotContain("ATU3007", valid.Errors, StringComparison.Ordinal);

        var otherKey = Atu.Run([.. verify, Key("another-public.pem")]);
        Assert.Equal(1, otherKey.ExitCode);
        Assert.Contains("error ATU3007: the attestation is not signed by this key", otherKey.Errors, StringComparison.Ordinal);
        File.AppendAllText(record, "\n");
        var otherRecord = Atu.Run([.. verify, Key("public.pem")]);
        Assert.Equal(1, otherRecord.ExitCode);
        Assert.Contains("names another record, policy, classifier or other input", otherRecord.Errors, StringComparison.Ordinal);
        Assert.Equal(2, Atu.Run("verify", record, "--attestation", envelope).ExitCode);
        Assert.Equal(2, Atu.Run("verify", record, "--key", Key("public.pem")).ExitCode);
        Assert.Equal(3, Atu.Run("verify", record, "--attestation", record, "--key", Key("public.pem")).ExitCode);
    }

    [Fact]
    public async Task Page_CommandsForOtherTools_DoWhatTheySay()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the page's commands are for a Unix shell");
        Atu.Run("govern", house.Policy("my-policy", "\"maxRate\": 0.9"), "--no-train", "--fresh", "--out", house.At("artifacts"));
        var page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "evidence.md"));
        var commands = AttestPattern().Match(page).Groups[1].Value;
        Assert.Contains("atu attest", commands, StringComparison.Ordinal);

        var tool = Path.Combine(AppContext.BaseDirectory, "atu.dll");
        var start = new ProcessStartInfo("sh", ["-e", "-c", $"atu() {{ dotnet '{tool}' \"$@\"; }}\n{commands}"])
        {
            WorkingDirectory = house.Folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var shell = Process.Start(start)!;
        var reading = shell.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var errors = await shell.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = await reading;
        await shell.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.SkipWhen(shell.ExitCode == 127, "OpenSSL is not installed");
        Assert.True(shell.ExitCode == 0, errors);
        Assert.Contains("my-policy: the record is valid: Passed\n", output, StringComparison.Ordinal);
        Assert.Contains("my-policy.safetensors: 1 signed file fits, signed by key ", output, StringComparison.Ordinal);
        Assert.DoesNotContain("ATU3007", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Attest_WithoutAKey_IsAStatementThatVerifyWarnsOf()
    {
        var record = Record("unsigned", "\"maxRate\": 0.9");

        Assert.Equal(0, Atu.Run("attest", record).ExitCode);
        var statement = Path.Combine(Path.GetDirectoryName(record)!, "run.intoto.json");
        var (exitCode, _, errors) = Atu.Run("verify", record, "--attestation", statement);

        Assert.True(exitCode == 0, errors);
        Assert.Contains("warning ATU3007: the attestation is unsigned", errors, StringComparison.Ordinal);
        Assert.StartsWith(
            "{\n  \"_type\": \"https://in-toto.io/Statement/v1\"", File.ReadAllText(statement), StringComparison.Ordinal);
    }

    [Fact]
    public void Attest_RecordThatDoesNotHold_WritesNothing()
    {
        var missing = Path.Combine(Download("attest-missing", "\"maxRate\": 0.9"), "run.json");
        var tampered = Record("attest-tampered", "\"maxRate\": 0.9");
        var reworded = Record("attest-reworded", "\"maxRate\": 0.9");
        File.AppendAllText(Path.Combine(Path.GetDirectoryName(tampered)!, "attest-tampered.safetensors"), " ");
        File.WriteAllText(
            reworded, File.ReadAllText(reworded).Replace("looks taken", "looks were taken", StringComparison.Ordinal));

        Assert.Equal(3, Atu.Run("attest", missing).ExitCode);
        Assert.Equal(1, Atu.Run("attest", reworded).ExitCode);
        var (exitCode, _, errors) = Atu.Run("attest", tampered);

        Assert.Equal(1, exitCode);
        Assert.Contains("nothing was attested", errors, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(Path.GetDirectoryName(missing)!, "*.intoto.json"));
        Assert.Empty(Directory.GetFiles(Path.GetDirectoryName(tampered)!, "*.intoto.json"));
    }

    [Fact]
    public void Attest_ModelSignature_HoldsWithoutTheRunUntilTheModelOrTheKeyIsAnother()
    {
        var record = Record("signed", "\"maxRate\": 0.9");
        WriteKeys("key.pem", "public.pem");
        WriteKeys("another.pem", "another-public.pem");
        var (attested, _, errors) = Atu.Run("attest", record, "--format", "model-signing", "--key", Key("key.pem"));
        Assert.True(attested == 0, errors);
        foreach (var name in new[] { "signed.safetensors", "model.sig" })
            File.Copy(Path.Combine(Path.GetDirectoryName(record)!, name), Path.Combine(_downloads, name));
        string[] verify = ["verify-model", Key("signed.safetensors"), "--signature", Key("model.sig"), "--key"];

        var (exitCode, output, _) = Atu.Run([.. verify, Key("public.pem")]);

        Assert.Equal(0, exitCode);
        Assert.Contains("signed.safetensors: 1 signed file fits, signed by key ", output, StringComparison.Ordinal);
        var otherKey = Atu.Run([.. verify, Key("another-public.pem")]);
        Assert.Equal(1, otherKey.ExitCode);
        Assert.Contains("error ATU3007: the signature names another key", otherKey.Errors, StringComparison.Ordinal);
        Assert.Equal(2, Atu.Run([.. verify[..^1]]).ExitCode);
        Assert.Equal(2, Atu.Run([.. verify, Key("public.pem"), "--certificate", Key("public.pem")]).ExitCode);
        Assert.Equal(2, Atu.Run(["verify-model", Key("none"), .. verify[2..], Key("public.pem")]).ExitCode);
        Assert.Equal(3, Atu.Run([.. verify[..^1], "--certificate", Key("public.pem")]).ExitCode);
        Assert.Equal(3, Atu.Run([.. verify[..3], Key("signed.safetensors"), "--key", Key("public.pem")]).ExitCode);
        File.AppendAllText(Key("signed.safetensors"), " ");
        var changed = Atu.Run([.. verify, Key("public.pem")]);
        Assert.Equal(1, changed.ExitCode);
        Assert.Contains("signed.safetensors is not the file that was signed", changed.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Attest_EveryFormat_HoldsAsAFolderUntilAFileIsChanged()
    {
        var record = Record("every-format", "\"maxRate\": 0.9");
        var folder = Path.GetDirectoryName(record)!;
        WriteKeys("key.pem", "public.pem");
        string[] verify = ["verify", record, "--attestation", folder, "--key", Key("public.pem")];
        Assert.Equal(2, Atu.Run(verify).ExitCode);   // none is there yet
        var formats = string.Join(',', AttestationFormats.All.Select(format => format.Name));
        var (attested, output, errors) = Atu.Run("attest", record, "--format", formats, "--key", Key("key.pem"));
        Assert.True(attested == 0, errors);
        Assert.Equal(0, Atu.Run("attest", record).ExitCode);   // an unsigned statement beside the signed one
        var written = AttestationFormats.All.Select(format => format.SignedFileName ?? format.UnsignedFileName!).ToList();
        Assert.All(written, name => Assert.Contains(Path.Combine(folder, name), output, StringComparison.Ordinal));

        var valid = Atu.Run(verify);

        Assert.True(valid.ExitCode == 0, valid.Errors);
        Assert.DoesNotContain("ATU3007", valid.Errors, StringComparison.Ordinal);
        foreach (var name in new[] { "run.cdx.json", "MODEL_CARD.md" })
        {
            var path = Path.Combine(folder, name);
            Assert.Contains(
                "warning ATU3007: the attestation is unsigned", Atu.Run("verify", record, "--attestation", path).Errors,
                StringComparison.Ordinal);
            var unsigned = Atu.Run("verify", record, "--attestation", path, "--key", Key("public.pem"));
            Assert.Equal(1, unsigned.ExitCode);
            Assert.Contains("error ATU3007: no signed in-toto statement", unsigned.Errors, StringComparison.Ordinal);
            var text = File.ReadAllText(path);
            File.WriteAllText(path, text.Replace("every-format", "every-f0rmat", StringComparison.Ordinal));
            var changed = Atu.Run(verify);
            Assert.Equal(1, changed.ExitCode);
            Assert.Contains("does not say what the record gives today", changed.Errors, StringComparison.Ordinal);
            File.WriteAllText(path, text);
        }
    }

    // Who took the signed statement away could have rewritten the record and all that is made of it.
    [Fact]
    public void Verify_NoSignatureCoversTheRecord_DoesNotHoldBesideAModelSignature()
    {
        var record = Record("half-signed", "\"maxRate\": 0.9");
        var folder = Path.GetDirectoryName(record)!;
        WriteKeys("key.pem", "public.pem");
        var (attested, _, errors) = Atu.Run("attest", record, "--format", "in-toto,model-signing", "--key", Key("key.pem"));
        Assert.True(attested == 0, errors);
        Assert.Equal(0, Atu.Run("attest", record).ExitCode);   // the unsigned statement
        string[][] given =
        [
            [folder],
            [Path.Combine(folder, "model.sig")],
            [Path.Combine(folder, "model.sig"), "--attestation", Path.Combine(folder, "run.intoto.json")],
        ];
        Assert.Equal(0, Atu.Run("verify", record, "--key", Key("public.pem"), "--attestation", folder).ExitCode);

        File.Delete(Path.Combine(folder, "run.dsse.json"));

        Assert.All(given, attestations =>
        {
            var verified = Atu.Run(["verify", record, "--key", Key("public.pem"), "--attestation", .. attestations]);
            Assert.Equal(1, verified.ExitCode);
            Assert.Contains("error ATU3007: no signed in-toto statement", verified.Errors, StringComparison.Ordinal);
            Assert.Contains("--key KEY` writes it (run.dsse.json)", verified.Errors, StringComparison.Ordinal);
        });
    }

    // To this build, the record and its reports are another one's: words that differ are only a warning.
    [Fact]
    public void Verify_ReportsThatWereAttested_AreHeldToTheirDigestsByAnotherBuildToo()
    {
        var record = Record("stated-reports", "\"maxRate\": 0.9");
        RunRecordFile.Write(record, RunRecordFile.Read(record) with { Tool = "atu 0.0.1" });
        var folder = Path.GetDirectoryName(record)!;
        WriteKeys("key.pem", "public.pem");
        string[] attest = ["attest", record, "--key", Key("key.pem")];
        string[] verify = ["verify", record, "--key", Key("public.pem"), "--attestation", folder];
        var unlike = Atu.Run(attest);   // its report.md says another tool
        Assert.Equal(0, unlike.ExitCode);
        Assert.Contains(
            "`atu report` writes it again; until then, no statement names it", unlike.Errors, StringComparison.Ordinal);
        Assert.Contains("warning ATU3003: report.md does not match", Atu.Run(verify).Errors, StringComparison.Ordinal);
        string[] reports = ["report.html", "report.md", "junit.xml", "report.sarif"];
        Assert.Equal(0, Atu.Run("report", record, "--format", "html,markdown,junit,sarif").ExitCode);
        Assert.Equal(0, Atu.Run(attest).ExitCode);
        var valid = Atu.Run(verify);
        Assert.True(valid.ExitCode == 0, valid.Errors);
        Assert.DoesNotContain("ATU300", valid.Errors, StringComparison.Ordinal);

        foreach (var name in reports)
        {
            var path = Path.Combine(folder, name);
            var text = File.ReadAllText(path);
            File.WriteAllText(path, text.Replace("Passed", "Pazzed", StringComparison.OrdinalIgnoreCase) + " ");

            var unsigned = Atu.Run("verify", record);
            Assert.Equal(0, unsigned.ExitCode);
            Assert.Contains($"warning ATU3003: {name} does not match the record", unsigned.Errors, StringComparison.Ordinal);
            var changed = Atu.Run(verify);
            Assert.Equal(1, changed.ExitCode);
            Assert.Contains(
                $"error ATU3007: the attestation names another file: report {name} has changed", changed.Errors,
                StringComparison.Ordinal);
            Assert.Contains("Put the stated one back", changed.Errors, StringComparison.Ordinal);
            File.Delete(path);
            var deleted = Atu.Run(verify);
            Assert.Equal(3, deleted.ExitCode);
            Assert.Contains(
                $"error ATU3006: 1 file was not here to check: report {name};", deleted.Errors, StringComparison.Ordinal);
            Assert.Equal(0, Atu.Run([.. verify, "--readings"]).ExitCode);
            File.WriteAllText(path, text);
        }

        // Made later: no statement names it, so its text is compared.
        Assert.Equal(0, Atu.Run("report", record, "--format", "badge").ExitCode);
        Assert.DoesNotContain("ATU3003", Atu.Run(verify).Errors, StringComparison.Ordinal);
        File.AppendAllText(Path.Combine(folder, "report.badge.svg"), " ");
        var later = Atu.Run(verify);
        Assert.Equal(0, later.ExitCode);
        Assert.Contains("warning ATU3003: report.badge.svg does not match the record", later.Errors, StringComparison.Ordinal);
    }

    // To this build the words are wrong, and the signature says that the signer wrote them.
    [Fact]
    public void Verify_ReportInOtherWordsThatWasSigned_IsTheOneThatWasStated()
    {
        var record = Record("signed-words", "\"maxRate\": 0.9");
        var report = Path.Combine(Path.GetDirectoryName(record)!, "report.md");
        File.AppendAllText(report, "In other words.\n");
        WriteKeys("key.pem", "public.pem");
        using (var key = SigningKey.ReadPrivate(Key("key.pem")))
        {
            var run = RunRecordFile.Read(record);
            var attested = new AttestedRun(run, run.Verdict, Sha256Digest.ComputeFile(record))
            {
                Reports = [new OutputFile(OutputRoles.Report, "report.md", Sha256Digest.ComputeFile(report))],
            };
            File.WriteAllText(Key("run.dsse.json"), AttestationFormats.Default.Write(attested, key));
            File.WriteAllText(Key("run.intoto.json"), AttestationFormats.Default.Write(attested, key: null));
        }

        var signed = Atu.Run("verify", record, "--attestation", Key("run.dsse.json"), "--key", Key("public.pem"));
        var unsigned = Atu.Run("verify", record, "--attestation", Key("run.intoto.json"));

        Assert.True(signed.ExitCode == 0, signed.Errors);
        Assert.Equal(1, unsigned.ExitCode);
        Assert.Contains("error ATU3003: report.md does not match the record", unsigned.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Verify_FileOfAnArgumentIsMissing_SaysWhatToDo()
    {
        var record = Record("nowhere", "\"maxRate\": 0.9");
        WriteKeys("key.pem", "public.pem");
        Assert.Equal(0, Atu.Run("attest", record, "--key", Key("key.pem")).ExitCode);
        var envelope = Path.Combine(Path.GetDirectoryName(record)!, "run.dsse.json");

        var noKey = Atu.Run("verify", record, "--attestation", envelope, "--key", Key("nowhere.pem"));
        var noAttestation = Atu.Run("verify", record, "--attestation", Key("nowhere.json"), "--key", Key("public.pem"));
        var noPrivateKey = Atu.Run("attest", record, "--key", Key("nowhere.pem"));

        foreach (var (refused, remedy) in new[]
        {
            (noKey, "nowhere.pem cannot be read as a public key on the curve P-256, P-384 or P-521: there is no such file; name "
                + "the file of the signer's public key; `openssl ec -in key.pem -pubout -out public.pem` writes it"),
            (noAttestation, "nowhere.json cannot be read as an attestation: there is no such file; name a file that `atu attest` "
                + "wrote, or the folder that holds it"),
            (noPrivateKey, "nowhere.pem cannot be read as a private key on the curve P-256: there is no such file; name the file "
                + "of your private key; `openssl ecparam -name prime256v1 -genkey -noout -out key.pem` makes one"),
        })
        {
            Assert.Equal(3, refused.ExitCode);
            Assert.Contains("error ATU2001: ", refused.Errors, StringComparison.Ordinal);
            Assert.Contains(remedy, refused.Errors, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("\"maxRate\": 0.001", "model-signing", true, 1, "may not be released")]
    [InlineData("\"maxRate\": 0.9", "model-signing", false, 2, "--format model-signing is a signature")]
    [InlineData("\"maxRate\": 0.9", "pdf", true, 2, "'pdf' is not a format of an attestation")]
    public void Attest_FormatThatCannotBe_WritesNothing(string limit, string format, bool signs, int expected, string reason)
    {
        var record = Record("not-signed", limit);
        WriteKeys("key.pem", "public.pem");

        var (exitCode, _, errors) = Atu.Run(
            ["attest", record, "--format", $"in-toto,{format}", .. signs ? ["--key", Key("key.pem")] : Array.Empty<string>()]);

        Assert.Equal(expected, exitCode);
        Assert.Contains(reason, errors, StringComparison.Ordinal);
        Assert.Equal(["run.json"], Directory.GetFiles(Path.GetDirectoryName(record)!, "run.*").Select(Path.GetFileName));
        Assert.False(File.Exists(Path.Combine(Path.GetDirectoryName(record)!, "model.sig")));
    }

    // Whatever is asked for, what was changed is never valid.
    [Theory]
    [InlineData("report.md", false)]
    [InlineData("report.html", false)]   // the policy does not ask for these three
    [InlineData("junit.xml", false)]
    [InlineData("report.sarif", false)]
    [InlineData("run.json", false)]
    [InlineData("images/before-after.png", true)]
    [InlineData("tampered.safetensors", true)]
    public void Verify_FileWasChanged_FailsWithAndWithoutTheFlag(string file, bool everything)
    {
        var downloaded = Download("tampered", "\"maxRate\": 0.9", everything);
        var path = Path.Combine(downloaded, file);
        if (file == "run.json")
            File.WriteAllText(
                path, File.ReadAllText(path).Replace("\"passed\": true", "\"passed\": false", StringComparison.Ordinal));
        else
            File.AppendAllText(path, " ");

        foreach (var more in new string[][] { [], ["--readings"] })
        {
            var (exitCode, output, errors) = Atu.Run(["verify", Path.Combine(downloaded, "run.json"), .. more]);

            Assert.Equal(ExitCodes.GateFailed, exitCode);
            Assert.Contains("tampered: the record is not valid; ", output, StringComparison.Ordinal);
            Assert.Contains("error ATU3003", errors, StringComparison.Ordinal);
        }
    }

    // Generators are uploaded on request, and then only those that may be released.
    [Theory]
    [InlineData("no-eights.safetensors", true)]
    [InlineData("no-eights.pt", true)]
    [InlineData("no-eights.pkl", true)]
    [InlineData("no-eights.ckpt", true)]
    [InlineData("no-eights.rejected.safetensors", false)]
    [InlineData("no-eights.rejected.pt", false)]
    [InlineData("no-eights.rejected.pkl", false)]
    [InlineData("no-eights.rejected.ckpt", false)]
    [InlineData("no-eights.safetensors.earlier", false)]
    [InlineData("no-eights.pt.earlier", false)]
    [InlineData("no-eights.pkl.earlier", false)]
    [InlineData("no-eights.ckpt.earlier", false)]
    public void Action_GeneratorIsAskedFor_UploadsOnlyReleasedOnes(string file, bool expected)
    {
        var patterns = GeneratorPattern().Matches(Action)
            .Select(match => (Excludes: match.Groups[1].Length > 0, Pattern: Glob(match.Groups[2].Value)))
            .ToList();
        Assert.Equal(5, patterns.Count);

        // As the action's own list is read: the last pattern that matches decides.
        var last = patterns.LastOrDefault(each => each.Pattern.IsMatch("policy/" + file));
        Assert.Equal(expected, last is { Excludes: false, Pattern: not null });
    }

    // Of a run whose files are all there.
    private string Record(string name, string limit)
    {
        Atu.Run("govern", house.Policy(name, limit), "--no-train", "--fresh", "--out", house.At($"out-{name}"));
        return house.At($"out-{name}/{name}/run.json");
    }

    private string Key(string name) => Path.Combine(_downloads, name);

    private void WriteKeys(string privateName, string publicName)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        File.WriteAllText(Key(privateName), key.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(Key(publicName), key.ExportSubjectPublicKeyInfoPem());
    }

    // Copies what the action uploads by default of a run, or everything.
    private string Download(string name, string limit, bool everything = false)
    {
        var made = house.At($"out-{name}");
        Atu.Run("govern", house.Policy(name, limit), "--no-train", "--fresh", "--out", made);
        var report = CommandPattern().Match(Action).Groups[1].Value;
        Assert.Equal(0, Atu.Run([.. report.Split(' '), Path.Combine(made, name, "run.json")]).ExitCode);

        var uploaded = everything ? [new Regex("")] : UploadedByDefault().ToList();
        foreach (var file in Directory.EnumerateFiles(made, "*", SearchOption.AllDirectories))
        {
            var relative = Path.GetRelativePath(made, file).Replace('\\', '/');
            if (!uploaded.Exists(pattern => pattern.IsMatch(relative)))
                continue;
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(_downloads, relative))!);
            File.Copy(file, Path.Combine(_downloads, relative), overwrite: true);
        }

        return Path.Combine(_downloads, name);
    }

    private static string Action => File.ReadAllText(Path.Combine(Repository.Root, "action.yml"));

    // The patterns of the upload step that no input switches on, relative to the output folder.
    private static IEnumerable<Regex> UploadedByDefault()
    {
        const string Folder = "${{ inputs.out }}/";
        var paths = UploadPattern().Match(Action).Groups[1].Value.Split('\n').Select(line => line.Trim())
            .Where(line => line.StartsWith(Folder, StringComparison.Ordinal)).ToList();
        Assert.Contains(Folder + "*/run.json", paths);
        return paths.Select(path => Glob(path[Folder.Length..]));
    }

    private static Regex Glob(string pattern) => new(
        "^" + Regex.Escape(pattern)
            .Replace("\\*", "[^/]*", StringComparison.Ordinal)
            .Replace("\\[kt]", "[kt]", StringComparison.Ordinal) + "$");

    [GeneratedRegex(@"## For other tools\n.*?```\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex AttestPattern();

    [GeneratedRegex(@"uses: actions/upload-artifact@.*?\n *path: \|\n((?: {10}.*\n)+)", RegexOptions.Singleline)]
    private static partial Regex UploadPattern();

    [GeneratedRegex(@"inputs\.generator == 'true' && format\('(!?)\{0\}/([^']+)'")]
    private static partial Regex GeneratorPattern();

    [GeneratedRegex(@"atu (report --format \S+) --")]
    private static partial Regex CommandPattern();

    [GeneratedRegex("`atu (verify [^`]*)`")]
    private static partial Regex VerifyPattern();
}
