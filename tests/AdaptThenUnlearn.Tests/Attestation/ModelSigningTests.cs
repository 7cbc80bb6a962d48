using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using AdaptThenUnlearn.Attestation;
using Json.Schema;

namespace AdaptThenUnlearn.Tests.Attestation;

/// <summary>
/// Model signatures: against the specification's vectors and schemas, and against folders that are not what was signed.
/// </summary>
public sealed class ModelSigningTests : IDisposable
{
    private static readonly DateTimeOffset _now = new(2026, 3, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly string _folder = Directory.CreateTempSubdirectory("atu-model-").FullName;

    public ModelSigningTests()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        File.WriteAllText(At("key.pem"), key.ExportPkcs8PrivateKeyPem());
        Directory.CreateDirectory(At("model"));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // The vectors' two files have these bytes: their SHA-256 are the ones that the vectors list.
    [Theory]
    [InlineData("valid/key")]
    [InlineData("valid/certificate")]
    public void Vector_Valid_VerifiesWithItsFiles(string name)
    {
        OmsFiles.Require();
        File.WriteAllText(At("model/signme-1"), "signme-1\n");
        File.WriteAllText(At("model/signme-2"), "signme-2");
        File.WriteAllText(At("model/ignore-me"), "not signed");
        File.Copy(OmsFiles.Vector(name), At("model/model.sig"));
        var signature = ModelSignature.Read(At("model/model.sig"));
        using var key = name == "valid/key" ? VectorKey() : FindSigner(signature, _now, out _);

        var manifest = signature.OpenWith(key!, out var problem);

        Assert.Null(problem);
        Assert.Equal("92745110b1ab4368471cbe31664e10174e954b113a3df333db860317b2c6dec4", manifest!.RootSha256);
        Assert.Empty(Problems(manifest, "model/model.sig"));
        File.WriteAllText(At("model/signme-2"), "signme-3");
        Assert.Equal(["signme-2 is not the file that was signed"], Problems(manifest, "model/model.sig"));
    }

    [Theory]
    [InlineData("invalid/empty", "is empty")]
    [InlineData("invalid/missing-envelope", "has no dsseEnvelope")]
    [InlineData("invalid/missing-verification-material", "has no verificationMaterial")]
    [InlineData("invalid/missing-tlog-entries", "without an entry in its transparency log")]
    public void Vector_Invalid_IsRefusedForItsOwnReason(string name, string reason)
    {
        OmsFiles.Require();

        var refused = Assert.Throws<AttestationException>(() => ModelSignature.Read(OmsFiles.Vector(name)));

        Assert.Contains(reason, refused.Message, StringComparison.Ordinal);
    }

    // As it lies there its signature is another payload's; signed, it still is not a list of files.
    [Fact]
    public void Vector_OfAnotherPredicate_IsRefusedAlsoWhenItIsSigned()
    {
        OmsFiles.Require();
        using var theirs = VectorKey();
        using var ours = SigningKey.ReadPrivate(At("key.pem"));
        var path = OmsFiles.Vector("invalid-payload/wrong-predicate");
        var payload = Convert.FromBase64String(
            JsonNode.Parse(File.ReadAllText(path))!["dsseEnvelope"]!["payload"]!.GetValue<string>());

        Assert.Null(ModelSignature.Read(path).OpenWith(theirs, out var changed));
        Assert.Null(Sign(Encoding.UTF8.GetString(payload), ours).OpenWith(ours, out var other));

        Assert.Contains("not signed by this key, or was changed", changed, StringComparison.Ordinal);
        Assert.Contains("of another kind (https://example.com/wrong-predicate/v1.0)", other, StringComparison.Ordinal);
    }

    [Fact]
    public void Vector_OfSigstore_IsReadAndNotBelieved()
    {
        OmsFiles.Require();
        var signature = ModelSignature.Read(OmsFiles.Vector("valid/sigstore"));

        Assert.Null(FindSigner(signature, _now, out var problem));

        Assert.Contains("signed through Sigstore", problem, StringComparison.Ordinal);
        using var key = SigningKey.ReadPrivate(At("key.pem"));
        Assert.Null(signature.OpenWith(key, out var other));
        Assert.Contains("not signed by this key", other, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("2024-01-01", "NotTimeValid")]
    [InlineData("2036-01-01", "NotTimeValid")]
    public void Certificate_OutsideItsTime_IsRefused(string day, string reason)
    {
        OmsFiles.Require();
        var signature = ModelSignature.Read(OmsFiles.Vector("valid/certificate"));

        Assert.Null(FindSigner(
            signature, DateTimeOffset.Parse(day, System.Globalization.CultureInfo.InvariantCulture), out var problem));

        Assert.Contains(reason, problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("good", null)]
    [InlineData("another root", "does not lead to a trusted one")]
    [InlineData("root of the same name", "does not hold")]
    [InlineData("not for signing", "not for signing")]
    [InlineData("for servers", "does not hold: NotValidForUsage")]
    [InlineData("signed by a leaf", "does not hold")]
    public void Certificate_OfAChain_HoldsOnlyIfItLeadsToATrustedOne(string kind, string? expected)
    {
        using var root = Root("CN=root");
        using var other = Root(kind == "root of the same name" ? "CN=root" : "CN=other");
        using var leafKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var middle = Issued(root, "CN=middle", leafKey, X509KeyUsageFlags.DigitalSignature);
        using var signerKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var leaf = Issued(
            root, "CN=signer", signerKey,
            kind == "not for signing" ? X509KeyUsageFlags.KeyAgreement : X509KeyUsageFlags.DigitalSignature,
            use: kind == "for servers" ? "1.3.6.1.5.5.7.3.1" : "1.3.6.1.5.5.7.3.3",
            issuerKey: kind == "signed by a leaf" ? (middle, leafKey) : null);
        File.WriteAllText(
            At("trusted.pem"), (kind is "another root" or "root of the same name" ? other : root).ExportCertificatePem());
        using var trust = CertificateTrust.Read(At("trusted.pem"));

        using var key = trust.FindSigner([leaf.RawData, middle.RawData, root.RawData], _now, out var problem);

        if (expected is null)
            Assert.NotNull(key);
        else
            Assert.Contains(expected, problem, StringComparison.Ordinal);
        Assert.Equal(expected is null, problem is null);
    }

    [Theory]
    [InlineData("", "holds no certificate")]
    [InlineData("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "is damaged")]
    public void Trust_WithoutACertificate_IsRefused(string text, string reason)
    {
        File.WriteAllText(At("none.pem"), text);

        Assert.Contains(
            reason, Assert.Throws<AttestationException>(() => CertificateTrust.Read(At("none.pem"))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Write_ARun_FollowsThePublishedSchemas()
    {
        OmsFiles.Require();
        using var key = SigningKey.ReadPrivate(At("key.pem"));
        var run = Records.Named("passed");
        var attested = new AttestedRun(run, run.Verdict, new string('1', 64));

        var bundle = JsonNode.Parse(new ModelSigningFormat().Write(attested, key))!;

        var statement = JsonNode.Parse(Convert.FromBase64String(bundle["dsseEnvelope"]!["payload"]!.GetValue<string>()))!;
        AssertFollows("bundle", bundle);
        AssertFollows("envelope", bundle["dsseEnvelope"]!);
        AssertFollows("statement", statement);
        AssertFollows("predicate", statement["predicate"]!);
        statement["predicateType"] = "other";
        Assert.False(OmsFiles.Schema("statement").Evaluate(statement).IsValid);

        static void AssertFollows(string schema, JsonNode node)
        {
            var evaluation = OmsFiles.Schema(schema).Evaluate(node, new() { OutputFormat = OutputFormat.List });
            Assert.True(evaluation.IsValid, schema + ": " + string.Join(
                '\n', evaluation.Details.Where(detail => detail.HasErrors)
                    .SelectMany(detail => detail.Errors!.Select(error => $"{detail.InstanceLocation}: {error.Value}"))));
        }
    }

    [Fact]
    public void Write_ARunOfSeveralFiles_SignsThemAll()
    {
        using var key = SigningKey.ReadPrivate(At("key.pem"));
        var run = Records.Named("passed");
        run = run with
        {
            Outputs =
            [
                .. run.Outputs, new("artifact, part 1", "weights-1.safetensors", new string('2', 64)),
                new("curves", "curves.csv", new string('3', 64)),
            ],
        };
        var attested = new AttestedRun(run, run.Verdict, new string('1', 64));

        var manifest = ModelSignature.Parse(new ModelSigningFormat().Write(attested, key), "model.sig").OpenWith(key, out _)!;

        Assert.Equal(["no-eights.safetensors", "weights-1.safetensors"], manifest.Files.Select(file => file.Name));
    }

    [Theory]
    [InlineData("failed")]
    [InlineData("unmeasured")]
    public void Write_ARejectedRun_HasAnObstacle(string name)
    {
        var run = Records.Named(name);

        Assert.Contains(
            "may not be released",
            new ModelSigningFormat().FindObstacle(new AttestedRun(run, run.Verdict, new string('1', 64))),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Write_WithoutAKey_IsAnError()
    {
        var run = Records.Named("passed");

        Assert.Throws<ArgumentNullException>(
            () => new ModelSigningFormat().Write(new AttestedRun(run, run.Verdict, new string('1', 64)), key: null));
    }

    // U+E000 comes before U+1F600 by code points, and after it by UTF-16 units.
    [Fact]
    public void Manifest_Names_AreInTheOrderOfTheirCodePoints()
    {
        var manifest = ModelManifest.Create(
            "model",
            new[] { "\U0001F600", "\uE000", "b", "B", "a/b", "a-b" }.Select(name => new ModelFile(name, new string('0', 64))));

        Assert.Equal(["B", "a-b", "a/b", "b", "\uE000", "\U0001F600"], manifest.Files.Select(file => file.Name));
    }

    [Theory]
    [InlineData("predicate.resources[0].name", "../outside", "outside the model's folder")]
    [InlineData("predicate.resources[0].name", "/etc/passwd", "outside the model's folder")]
    [InlineData("predicate.resources[0].name", "a/../b", "outside the model's folder")]
    [InlineData("predicate.resources[0].name", "./a", "by another name")]
    [InlineData("predicate.resources[0].name", "a//b", "by another name")]
    [InlineData("predicate.resources[0].name", "a/", "by another name")]
    [InlineData("predicate.resources[0].name", "", "by another name")]
    [InlineData("predicate.resources[0].name", "b", "or one twice")]
    [InlineData("predicate.resources[0].name", "c", "out of order")]
    [InlineData("predicate.resources[0].digest", "ABCD", "without a SHA-256")]
    [InlineData("predicate.resources[0].algorithm", "md5", "without a SHA-256")]
    [InlineData("predicate.resources", null, "holds no list")]
    [InlineData("predicate.resources", "[]", "lists no file")]
    [InlineData("predicate.serialization.method", "shards", "not supported (shards)")]
    [InlineData("predicate.serialization.hash_type", "blake3", "not supported (blake3)")]
    [InlineData("predicate.serialization.allow_symlinks", "true", "symbolic links followed")]
    [InlineData("predicate.serialization.ignore_paths", "[\"*\"]", "leaves out paths")]
    [InlineData("predicate.serialization.ignore_paths", "[\"../x\"]", "leaves out paths")]
    [InlineData("subject[0].digest.sha256", "00", "not the one of its files")]
    [InlineData("subject", "[]", "does not name one model")]
    [InlineData("_type", "https://in-toto.io/Statement/v0.1", "does not hold an in-toto statement")]
    public void Manifest_SignedAndWrong_IsRefused(string place, string? value, string reason)
    {
        using var key = SigningKey.ReadPrivate(At("key.pem"));
        var statement = ModelManifest.Create(
            "model", [new("a", new string('0', 64)), new("b", new string('1', 64))]).ToStatement();
        Assert.NotNull(Sign(TestResultStatement.ToText(statement), key).OpenWith(key, out _));

        Set(statement, place, value);

        Assert.Null(Sign(TestResultStatement.ToText(statement), key).OpenWith(key, out var problem));
        Assert.Contains(reason, problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nothing", null)]
    [InlineData("extra", "more is not signed")]
    [InlineData("missing", "in/b is signed and missing")]
    [InlineData("changed", "in/b is not the file that was signed")]
    [InlineData("letters", "in/b is signed and missing|in/B is not signed")]
    [InlineData("link", "link is a symbolic link, which no signature covers")]
    [InlineData("link instead", "in/b is a symbolic link, which no signature covers|in/b is signed and missing")]
    [InlineData("linked folder", "again is a symbolic link, which no signature covers")]
    [InlineData("git", null)]
    [InlineData("git below", "in/.git/config is not signed")]
    public void Folder_ThatIsNotWhatWasSigned_IsRefused(string kind, string? expected)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows() && kind.Contains("link", StringComparison.Ordinal), "links need rights");
        Directory.CreateDirectory(At("model/in"));
        File.WriteAllText(At("model/a"), "a");
        File.WriteAllText(At("model/in/b"), "b");
        var manifest = ModelManifest.Create("model", [new("a", Sha256("a")), new("in/b", Sha256("b"))]);

        Change(kind);

        Assert.Equal(expected?.Split('|') ?? [], Problems(manifest, "model/model.sig"));
        Assert.Equal(
            expected is null || kind is "extra" or "git below",
            Problems(manifest, "model/model.sig", allowMore: true).Count == 0);
    }

    [Fact]
    public void File_ByItself_FitsUnderItsOwnNameAlone()
    {
        var manifest = ModelManifest.Create("a.pt", [new("a.pt", Sha256("a"))]);
        File.WriteAllText(At("a.pt"), "a");
        File.WriteAllText(At("b.pt"), "a");

        Assert.Empty(Problems("a.pt"));
        Assert.Equal(["a.pt is signed and missing", "b.pt is not signed"], Problems("b.pt"));

        IReadOnlyList<string> Problems(string model) => ModelFolder.FindProblems(
            At(model), At("model.sig"), manifest, allowMore: false, TestContext.Current.CancellationToken);
    }

    private void Change(string kind)
    {
        switch (kind)
        {
            case "extra":
                File.WriteAllText(At("model/more"), "");
                break;
            case "missing":
                File.Delete(At("model/in/b"));
                break;
            case "changed":
                File.WriteAllText(At("model/in/b"), "c");
                break;
            case "letters":
                File.Move(At("model/in/b"), At("model/in/B"));
                break;
            case "link":
                File.CreateSymbolicLink(At("model/link"), At("model/a"));
                break;
            case "link instead":
                File.Move(At("model/in/b"), At("b"));
                File.CreateSymbolicLink(At("model/in/b"), At("b"));
                break;
            case "linked folder":
                Directory.CreateSymbolicLink(At("model/again"), At("model"));
                break;
            case "git" or "git below":
                var folder = Directory.CreateDirectory(At(kind == "git" ? "model/.git" : "model/in/.git"));
                File.WriteAllText(Path.Combine(folder.FullName, "config"), "");
                break;
        }
    }

    private static void Set(JsonNode statement, string place, string? value)
    {
        var steps = place.Replace("[0]", ".0", StringComparison.Ordinal).Split('.');
        var owner = steps[..^1].Aggregate(
            statement, (node, step) => step == "0" ? node[0]! : node[step]!);
        owner[steps[^1]] = value is null ? null : value == "true" || value.StartsWith('[') ? JsonNode.Parse(value) : value;
    }

    private static string Sha256(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    private static ModelSignature Sign(string statement, SigningKey key) => ModelSignature.Parse(
        SigstoreBundle.Create(
            DsseEnvelope.Sign(DsseEnvelope.InTotoType, Encoding.UTF8.GetBytes(statement), key), key).ToJson(),
        "model.sig");

    private string At(string name) => Path.Combine(_folder, name);

    private IReadOnlyList<string> Problems(ModelManifest manifest, string signature, bool allowMore = false) =>
        ModelFolder.FindProblems(At("model"), At(signature), manifest, allowMore, TestContext.Current.CancellationToken);

    private static IReadOnlyList<byte[]> VectorChain() =>
    [
        .. JsonNode.Parse(File.ReadAllText(OmsFiles.Vector("valid/certificate")))!
            ["verificationMaterial"]!["x509CertificateChain"]!["certificates"]!.AsArray()
            .Select(certificate => Convert.FromBase64String(certificate!["rawBytes"]!.GetValue<string>())),
    ];

    // The certificate's key is the one that the vector of the method "key" names: its hint is the digest of its PEM.
    private SigningKey VectorKey()
    {
        using var leaf = X509CertificateLoader.LoadCertificate(VectorChain()[0]);
        using var key = leaf.GetECDsaPublicKey()!;
        File.WriteAllText(At("vector.pem"), key.ExportSubjectPublicKeyInfoPem());
        return SigningKey.ReadPublic(At("vector.pem"));
    }

    // The vector does not hold its root, so the certificate below it is trusted.
    private SigningKey? FindSigner(ModelSignature signature, DateTimeOffset now, out string? problem)
    {
        using var above = X509CertificateLoader.LoadCertificate(VectorChain()[1]);
        File.WriteAllText(At("above.pem"), above.ExportCertificatePem());
        using var trust = CertificateTrust.Read(At("above.pem"));
        return signature.FindSigner(trust, now, out problem);
    }

    private static X509Certificate2 Root(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        return request.CreateSelfSigned(_now.AddYears(-1), _now.AddYears(1));
    }

    private static X509Certificate2 Issued(
        X509Certificate2 root, string name, ECDsa key, X509KeyUsageFlags usage, string use = "1.3.6.1.5.5.7.3.3",
        (X509Certificate2 Issuer, ECDsa Key)? issuerKey = null)
    {
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(usage, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(use)], critical: false));
        using var rootKey = root.GetECDsaPrivateKey()!;
        var (issuer, signer) = issuerKey ?? (root, rootKey);
        return request.Create(
            issuer.SubjectName, X509SignatureGenerator.CreateForECDsa(signer), _now.AddMonths(-1), _now.AddMonths(1),
            [1, 2, 3, (byte)name.Length]);
    }
}
