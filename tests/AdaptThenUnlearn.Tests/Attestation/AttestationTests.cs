using System.Diagnostics;
using System.Globalization;
using System.Numerics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using AdaptThenUnlearn.Attestation;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Tests.Attestation;

/// <summary>
/// Signed statements: against the envelope's published example, against OpenSSL, and against a thousand changes.
/// </summary>
public sealed class AttestationTests : IDisposable
{
    private const string Digest = "1111111111111111111111111111111111111111111111111111111111111111";

    private readonly string _folder = Directory.CreateTempSubdirectory("atu-attest-").FullName;
    private readonly RunRecord _run = Records.Named("passed");

    public AttestationTests()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        File.WriteAllText(At("key.pem"), key.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(At("public.pem"), key.ExportSubjectPublicKeyInfoPem());
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // https://github.com/secure-systems-lab/dsse/blob/master/protocol.md, "Test Vectors": key, payload and signature, whose two
    // numbers stand there one after the other.
    [Fact]
    public void Envelope_OfTheSpecification_IsSignedByItsKey()
    {
        const string signature = "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA==";
        const string type = "http://example.com/HelloWorld";
        using var ofSpecification = ECDsa.Create(new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = new ECPoint
            {
                X = Number("46950820868899156662930047687818585632848591499744589407958293238635476079160"),
                Y = Number("5640078356564379163099075877009565129882514886557779369047442380624545832820"),
            },
        });
        File.WriteAllText(At("specification.pem"), ofSpecification.ExportSubjectPublicKeyInfoPem());
        using var key = SigningKey.ReadPublic(At("specification.pem"));
        var payload = Encoding.UTF8.GetBytes("hello world");

        Assert.Equal(
            "DSSEv1 29 http://example.com/HelloWorld 11 hello world",
            Encoding.UTF8.GetString(DsseEnvelope.Encode(type, payload)));
        var signatures = new[] { new DsseSignature(Der(Convert.FromBase64String(signature))) };
        var envelope = new DsseEnvelope(type, Convert.ToBase64String(payload), signatures);
        Assert.Equal(payload, envelope.OpenWith(key));
        Assert.Null((envelope with { PayloadType = type + "s" }).OpenWith(key));

        static byte[] Number(string digits) => BigInteger.Parse(digits, CultureInfo.InvariantCulture)
            .ToByteArray(isUnsigned: true, isBigEndian: true);

        // Two integers in a sequence (X.690), each with a leading zero where it would be negative.
        static string Der(byte[] both)
        {
            byte[] numbers = [.. Integer(both[..32]), .. Integer(both[32..])];
            return Convert.ToBase64String([0x30, (byte)numbers.Length, .. numbers]);
        }

        static byte[] Integer(byte[] number)
        {
            var value = new BigInteger(number, isUnsigned: true, isBigEndian: true).ToByteArray(isBigEndian: true);
            return [0x02, (byte)value.Length, .. value];
        }
    }

    [Fact]
    public void Signature_OpenSsl_AgreesInBothDirections()
    {
        using var key = SigningKey.ReadPrivate(At("key.pem"));
        var envelope = Sign(key);
        var payload = Convert.FromBase64String(envelope.Payload);
        var head = Encoding.UTF8.GetBytes($"DSSEv1 {envelope.PayloadType.Length} {envelope.PayloadType} {payload.Length} ");
        File.WriteAllBytes(At("signed"), [.. head, .. payload]);
        File.WriteAllBytes(At("signature"), Convert.FromBase64String(envelope.Signatures[0].Sig));
        Assert.SkipUnless(OpenSsl("version") is 0, "OpenSSL is not installed");

        Assert.Equal(0, OpenSsl("dgst", "-sha256", "-verify", At("public.pem"), "-signature", At("signature"), At("signed")));
        Assert.Equal(0, OpenSsl("dgst", "-sha256", "-sign", At("key.pem"), "-out", At("other"), At("signed")));
        var theirs = envelope with
        {
            Signatures = [new DsseSignature(Convert.ToBase64String(File.ReadAllBytes(At("other"))), "their-key")],
        };
        using var open = SigningKey.ReadPublic(At("public.pem"));
        Assert.Contains("\"keyid\":\"their-key\"", theirs.ToJson(), StringComparison.Ordinal);
        Assert.Equal(payload, DsseEnvelope.Parse(theirs.ToJson(), "theirs").OpenWith(open));
        Assert.Equal(0, OpenSsl("pkey", "-pubin", "-in", At("public.pem"), "-outform", "DER", "-out", At("public.der")));
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(At("public.der")))), open.Id);
    }

    [Theory]
    [InlineData("passed", "PASSED")]
    [InlineData("waived", "WARNED")]
    [InlineData("warned", "WARNED")]
    [InlineData("not-enforced", "WARNED")]
    [InlineData("failed", "FAILED")]
    [InlineData("unmeasured", "FAILED")]
    public void Statement_OfARun_IsATestResultOfItsArtifact(string name, string result)
    {
        var run = Records.Named(name);
        var statement = TestResultStatement.Create(new AttestedRun(run, run.Verdict, Digest));

        Assert.Equal("https://in-toto.io/Statement/v1", statement["_type"]!.GetValue<string>());
        Assert.Equal("https://in-toto.io/attestation/test-result/v0.1", statement["predicateType"]!.GetValue<string>());
        var artifact = run.Outputs.Single(output => OutputRoles.IsGenerator(output.Role));
        Assert.Equal(artifact.Sha256, Assert.Single(statement["subject"]!.AsArray())!["digest"]!["sha256"]!.GetValue<string>());
        var predicate = statement["predicate"]!;
        Assert.Equal(result, predicate["result"]!.GetValue<string>());
        var configuration = predicate["configuration"]!.AsArray()
            .ToDictionary(each => each!["name"]!.GetValue<string>(), each => each!["digest"]!["sha256"]!.GetValue<string>());
        Assert.Equal(run.PolicySource.Sha256, configuration[$"policy {run.Policy.Name}"]);
        Assert.Equal(Digest, configuration["run.json"]);
        Assert.All(
            run.Inputs.Where(input => input.Role != InputRoles.Policy),
            input => Assert.Equal(input.Sha256, configuration[input.Role]));
        var listed = new[] { "passedTests", "warnedTests", "failedTests" }
            .ToDictionary(list => list, list => predicate[list]!.AsArray().Select(rule => rule!.GetValue<string>()).ToList());
        Assert.Equal(Rules(FindingState.Passed), listed["passedTests"]);
        Assert.Equal(
            Rules(FindingState.Waived, FindingState.Warned, FindingState.WarnedNotMeasured), listed["warnedTests"]);
        Assert.Equal(Rules(FindingState.Failed, FindingState.NotMeasured), listed["failedTests"]);

        IEnumerable<string> Rules(params FindingState[] states) =>
            run.Verdict.Findings.Where(finding => states.Contains(finding.State)).Select(finding => finding.Rule.ToString());
    }

    [Theory]
    [InlineData("_type", "is a statement of another kind")]
    [InlineData("subject", "is about another artifact")]
    [InlineData("result", "states another result than the record gives today")]
    [InlineData("configuration", "names another record, policy, classifier or other input")]
    [InlineData("passedTests", "lists other passed rules")]
    [InlineData("warnedTests", "lists other waived rules or warnings")]
    [InlineData("failedTests", "lists other failed rules")]
    [InlineData("url", "does not say what the record gives")]
    public void Check_SignedStatementThatSaysSomethingElse_SaysWhat(string member, string expected)
    {
        using var key = SigningKey.ReadPrivate(At("key.pem"));
        var statement = TestResultStatement.Create(Attested);
        var owner = statement.ContainsKey(member) ? statement : statement["predicate"]!.AsObject();
        owner[member] = JsonValue.Create("other");
        var text = Encoding.UTF8.GetBytes(TestResultStatement.ToText(statement));

        Assert.Equal(expected, Problem(Encoding.UTF8.GetBytes(
            DsseEnvelope.Sign(DsseEnvelope.InTotoType, text, key).ToJson()), key));
    }

    // Statements of earlier versions have no list of reports, and hold as they did.
    [Fact]
    public void Statement_WithAndWithoutReports_HoldsAndNamesThem()
    {
        using var key = SigningKey.ReadPrivate(At("key.pem"));
        IReadOnlyList<OutputFile> reports =
        [
            new(OutputRoles.Report, "report.html", new string('a', 64)),
            new(OutputRoles.Report, "junit.xml", new string('b', 64)),
        ];
        foreach (var named in new IReadOnlyList<OutputFile>?[] { null, [], reports })
        {
            foreach (var signer in new[] { key, null })
            {
                var text = AttestationFormats.Default.Write(Attested with { Reports = named }, signer);
                var file = AttestationFile.Parse(text, "statement");

                Assert.Null(file.FindProblem(Attested, signer));
                Assert.Equal(named ?? [], file.ReadReports());
            }

            var statement = TestResultStatement.Create(Attested with { Reports = named });
            Assert.Equal(named, TestResultStatement.FindReports(statement));
            var record = statement["predicate"]!["configuration"]!.AsArray()[^1]!;
            Assert.Equal(named is not null, record.AsObject().ContainsKey("annotations"));
            Assert.Single(statement["subject"]!.AsArray());
        }
    }

    [Theory]
    [InlineData("\"name\": \"report.html\"", "\"name\": \"../report.html\"")]
    [InlineData("\"name\": \"report.html\"", "\"name\": \"sub\\\\report.html\"")]
    [InlineData("\"name\": \"report.html\"", "\"name\": 1")]
    [InlineData("\"name\": \"report.html\"", "\"name\": \"report.html\", \"more\": 1")]
    [InlineData("\"atuReports\": [", "\"atuReports\": [ null,")]
    [InlineData("\"atuReports\": [", "\"reports\": [")]
    [InlineData("\"atuReports\": [", "\"more\": 1, \"atuReports\": [")]
    public void Check_ListOfReportsThatThisToolDoesNotWrite_IsRefused(string from, string to)
    {
        var text = AttestationFormats.Default.Write(
            Attested with { Reports = [new(OutputRoles.Report, "report.html", new string('a', 64))] }, key: null);

        var changed = text.Replace(from, to, StringComparison.Ordinal);

        Assert.NotEqual(text, changed);
        Assert.Equal(
            "names another record, policy, classifier or other input", Problem(Encoding.UTF8.GetBytes(changed), key: null));
    }

    [Fact]
    public void MissingFiles_EachOfThem_SaysWhatToDo()
    {
        var missing = At("nowhere.pem");

        foreach (var (read, remedy) in new (Action, string)[]
        {
            (() => SigningKey.ReadPublic(missing), "name the file of the signer's public key; `openssl ec -in key.pem -pubout"),
            (() => SigningKey.ReadPrivate(missing), "name the file of your private key; `openssl ecparam -name prime256v1"),
            (() => AttestationFile.Read(missing), "name a file that `atu attest` wrote, or the folder that holds it"),
            (() => ModelSignature.Read(missing), "name the signature's file (`atu attest RECORD --format model-signing --key"),
            (() => CertificateTrust.Read(missing), "name the PEM file with the certificates that you trust"),
        })
        {
            var refused = Assert.Throws<AttestationException>(read);
            Assert.StartsWith($"{missing} cannot be read as ", refused.Message, StringComparison.Ordinal);
            Assert.Contains($": there is no such file; {remedy}", refused.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Check_OtherKeyOtherTypeOrNoSignature_IsRefused()
    {
        using var key = SigningKey.ReadPrivate(At("key.pem"));
        using (var other = ECDsa.Create(ECCurve.NamedCurves.nistP256))
            File.WriteAllText(At("other.pem"), other.ExportSubjectPublicKeyInfoPem());
        using var wrong = SigningKey.ReadPublic(At("other.pem"));
        var statement = Encoding.UTF8.GetBytes(
            TestResultStatement.ToText(TestResultStatement.Create(Attested)));

        var signed = Encoding.UTF8.GetBytes(Sign(key).ToJson());

        Assert.Contains("not signed by this key", Problem(signed, wrong), StringComparison.Ordinal);
        Assert.Equal("does not hold an in-toto statement", Problem(
            Encoding.UTF8.GetBytes(DsseEnvelope.Sign("text/plain", statement, key).ToJson()), key));
        Assert.Contains("unsigned statement", Problem(statement, key), StringComparison.Ordinal);
        Assert.Null(Problem(statement, key: null));
        Assert.Throws<AttestationException>(() => Check(signed, key: null));
    }

    [Theory]
    [InlineData("")]
    [InlineData("hello")]
    [InlineData("PUBLIC")]
    [InlineData("P384")]
    [InlineData("RSA")]
    [InlineData("ENCRYPTED")]
    public void PrivateKey_ThatIsNone_IsRefusedWithoutShowingIt(string kind)
    {
        using var p384 = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        using var rsa = RSA.Create(2048);
        using var p256 = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var text = kind switch
        {
            "PUBLIC" => p256.ExportSubjectPublicKeyInfoPem(),
            "P384" => p384.ExportPkcs8PrivateKeyPem(),
            "RSA" => rsa.ExportPkcs8PrivateKeyPem(),
            "ENCRYPTED" => p256.ExportEncryptedPkcs8PrivateKeyPem(
                "secret", new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 1000)),
            _ => kind,
        };
        File.WriteAllText(At("none.pem"), text);

        var refused = Assert.Throws<AttestationException>(() => SigningKey.ReadPrivate(At("none.pem")));

        Assert.StartsWith(At("none.pem"), refused.Message, StringComparison.Ordinal);
        Assert.All(
            text.Split('\n').Where(line => line.Length > 20 && !line.StartsWith('-')),
            line => Assert.DoesNotContain(line, refused.Message, StringComparison.Ordinal));
    }

    private AttestedRun Attested => new(_run, _run.Verdict, Digest);

    private string At(string name) => Path.Combine(_folder, name);

    private DsseEnvelope Sign(SigningKey key) => DsseEnvelope.Sign(
        DsseEnvelope.InTotoType,
        Encoding.UTF8.GetBytes(TestResultStatement.ToText(TestResultStatement.Create(Attested))), key);

    private string? Check(byte[] attestation, SigningKey? key) =>
        AttestationFile.Parse(Encoding.UTF8.GetString(attestation), "attestation")
            .FindProblem(Attested, key);

    // Also where it cannot be read.
    private string? Problem(byte[] attestation, SigningKey? key)
    {
        try
        {
            return Check(attestation, key);
        }
        catch (AttestationException unreadable)
        {
            return unreadable.Message;
        }
    }

    private static int? OpenSsl(params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo("openssl", arguments)
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
            _ = process.StandardOutput.ReadToEndAsync();
            _ = process.StandardError.ReadToEndAsync();
            process.WaitForExit();
            return process.ExitCode;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }
}
