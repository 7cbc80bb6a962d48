using System.Security.Cryptography;
using System.Text;
using AdaptThenUnlearn.Attestation;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Tests.Attestation;

/// <summary>What every format of an attestation must do; a new one is covered by being in the catalogue.</summary>
public sealed class AttestationFormatContract : IDisposable
{
    private const int Changes = 1000;   // over all formats together

    private static readonly string _digest = new('1', 64);

    private readonly string _folder = Directory.CreateTempSubdirectory("atu-format-").FullName;
    private readonly SigningKey _key;

    public AttestationFormatContract()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var path = Path.Combine(_folder, "key.pem");
        File.WriteAllText(path, key.ExportPkcs8PrivateKeyPem());
        _key = SigningKey.ReadPrivate(path);
    }

    public static TheoryData<string> Names => [.. AttestationFormats.All.Select(format => format.Name)];

    public static MatrixTheoryData<string, string> NamesAndRuns { get; } = new(
        AttestationFormats.All.Select(format => format.Name),
        ["passed", "failed", "unmeasured", "untrained", "waived", "waived-untrained", "warned", "not-enforced", "many-rules"]);

    public void Dispose()
    {
        _key.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Catalogue_Names_AreDistinctAndNoReportsFile()
    {
        Assert.Distinct(AttestationFormats.All.Select(format => format.Name));
        var files = AttestationFormats.All
            .SelectMany(format => new[] { format.SignedFileName, format.UnsignedFileName }.OfType<string>().Distinct()).ToList();
        Assert.Distinct(files);
        Assert.Equal(files, AttestationFormats.FileNames);
        Assert.All(files, file => Assert.Equal(file, Path.GetFileName(file)));
        Assert.Empty(files.Intersect(AdaptThenUnlearn.Reports.ReportFormats.All.Select(report => report.FileName)));
    }

    [Theory]
    [MemberData(nameof(NamesAndRuns))]
    public void Write_ARun_IsRecognizedAndHolds(string name, string run)
    {
        var (format, attested) = (Named(name), Attested(run));
        if (format.FindObstacle(attested) is not null)
        {
            Assert.False(attested.IsReleased);   // the one reason there is
            return;
        }

        foreach (var key in Keys(format))
        {
            var text = format.Write(attested, key);
            var file = AttestationFile.Parse(text, "file");

            Assert.Same(format, file.Format);
            Assert.Equal(key is not null && format.SignedFileName is not null, file.IsSigned);
            Assert.Null(file.FindProblem(attested, file.IsSigned ? key : null));
            Assert.True(NamesItsReports(file, attested));
            Assert.EndsWith("\n", text, StringComparison.Ordinal);
            Assert.DoesNotContain('\r', text);
            if (!file.IsSigned)
                Assert.Equal(text, format.Write(Again(attested), key));
        }
    }

    [Theory]
    [InlineData("passed")]
    [InlineData("waived")]
    public void Write_Unsigned_IsTheGoldenFile(string run)
    {
        foreach (var format in AttestationFormats.All.Where(format => format.UnsignedFileName is not null))
            Golden.Check(
                $"{run}.{format.UnsignedFileName}", format.Write(Attested(run), key: null),
                "AdaptThenUnlearn.Tests/Attestation/golden");
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Check_OfAnotherRun_IsRefused(string name)
    {
        var (format, attested) = (Named(name), Attested("passed"));
        var other = attested with
        {
            Record = attested.Record with
            {
                Outputs =
                [
                    .. attested.Record.Outputs.Select(
                        output => OutputRoles.IsGenerator(output.Role) ? output with { Sha256 = new string('7', 64) } : output),
                ],
            },
        };

        foreach (var key in Keys(format))
        {
            var file = AttestationFile.Parse(format.Write(attested, key), "file");
            Assert.NotNull(file.FindProblem(other, file.IsSigned ? key : null));
            if (file.IsSigned)
                Assert.Throws<AttestationException>(() => file.FindProblem(attested, key: null));
        }
    }

    [Fact]
    public void Check_AThousandSingleByteChanges_AreAThousandRefusals()
    {
        var random = new Random(3);
        var attested = Attested("waived");
        var files = AttestationFormats.All
            .SelectMany(format => Keys(format).Select(key => (Format: format, Key: format.SignedFileName is null ? null : key)))
            .Distinct()
            .Select(each => (each.Key, Bytes: Encoding.UTF8.GetBytes(each.Format.Write(attested, each.Key)), each.Format.Name))
            .ToList();
        Assert.All(files, file => Assert.Null(Problem(file.Bytes, file.Key)));

        for (var change = 0; change < Changes; change++)
        {
            var file = files[change % files.Count];
            var changed = (byte[])file.Bytes.Clone();
            var place = random.Next(changed.Length - 1);   // the last is the line's end
            changed[place] ^= (byte)random.Next(1, 256);
            Assert.True(
                Problem(changed, file.Key) is not null,
                $"{file.Name}, byte {place}: {(char)file.Bytes[place]} → {changed[place]}");
        }

        string? Problem(byte[] bytes, SigningKey? key)
        {
            try
            {
                var changed = AttestationFile.Parse(Encoding.UTF8.GetString(bytes), "file");
                return changed.FindProblem(attested, key)
                    ?? (NamesItsReports(changed, attested) ? null : "names other reports, which are not there");
            }
            catch (AttestationException unreadable)
            {
                return unreadable.Message;
            }
        }
    }

    [Fact]
    public void Check_RecordWithoutOneArtifact_IsRefused()
    {
        var attested = Attested("passed");
        var file = AttestationFile.Parse(AttestationFormats.Default.Write(attested, _key), "file");

        var none = attested with { Record = attested.Record with { Outputs = [] } };

        Assert.Contains("does not name one artifact", file.FindProblem(none, _key), StringComparison.Ordinal);
    }

    private static IAttestationFormat Named(string name) => AttestationFormats.All.Single(format => format.Name == name);

    private static AttestedRun Attested(string name) => Records.Named(name) is var run
        ? new(run, run.Verdict, _digest) { Reports = [new OutputFile(OutputRoles.Report, "report.md", new string('2', 64))] }
        : null!;

    // The same run, read from its text.
    private static AttestedRun Again(AttestedRun run) =>
        run with { Record = RunRecordFile.Parse(RunRecordFile.ToJson(run.Record), "run.json") };

    private static bool NamesItsReports(AttestationFile file, AttestedRun run) =>
        file.Format != AttestationFormats.Default || file.ReadReports().SequenceEqual(run.Reports!);

    private IEnumerable<SigningKey?> Keys(IAttestationFormat format) =>
        new[] { _key, null }.Where(key => key is null ? format.UnsignedFileName is not null : format.SignedFileName is not null);
}
