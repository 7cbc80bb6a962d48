using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Measuring;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Measuring;

/// <summary>
/// Statistics as pytorch-fid keeps them: what is written can be read, by NumPy's rules, and what is hostile or damaged is
/// refused.
/// </summary>
public sealed class FeatureMomentsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-npz-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Write_ReferenceFeatures_ReadsTheReferenceMoments()
    {
        var reference = Interop.Case("metrics_d64");
        using var scope = NewDisposeScope();
        using var statistics = FeatureStatistics.FromFeatures(reference.Array("real"));
        using (var moments = FeatureMoments.FromStatistics(statistics))
            moments.Write(At("real.npz"));
        var first = File.ReadAllBytes(At("real.npz"));

        using var read = FeatureMoments.Read(At("real.npz"));

        reference.Agrees("mu_real", read.Mean);
        reference.Agrees("cov_real", read.Covariance);
        Assert.Equal(statistics.Count, read.Count);
        read.Write(At("real.npz"));
        Assert.Equal(first, File.ReadAllBytes(At("real.npz")));
    }

    [Fact]
    public void Read_ExtractorWritten_IsKnownAgain()
    {
        using var scope = NewDisposeScope();
        var digest = new string('0', 62) + "fe";
        using (var moments = new FeatureMoments(zeros(3, float64), eye(3, dtype: float64), 10) { ExtractorSha256 = digest })
            moments.Write(At("known.npz"));
        Archive(
            "damaged.npz", CompressionLevel.NoCompression,
            ("mu", zeros(3, float64)), ("sigma", eye(3, dtype: float64)), ("extractor", zeros(31, uint8)));

        using var read = FeatureMoments.Read(At("known.npz"));

        Assert.Equal(digest, read.ExtractorSha256);
        Assert.Contains(
            "'extractor' must be the 32 bytes of a SHA-256 digest",
            Assert.Throws<ImageFileException>(() => FeatureMoments.Read(At("damaged.npz"))).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(CompressionLevel.NoCompression)]
    [InlineData(CompressionLevel.Optimal)]
    public void Read_WithoutCount_IsMeasuredByRank(CompressionLevel packed)
    {
        using var scope = NewDisposeScope();
        manual_seed(4);
        var features = randn([40, 6], float64);
        features.select(1, 5).zero_();   // a feature that never varies says nothing of the number of images
        Archive("many.npz", packed, ("mu", features.mean([0])), ("sigma", features.t().cov()));
        var few = features.narrow(0, 0, 4);
        Archive("few.npz", packed, ("mu", few.mean([0])), ("sigma", few.t().cov()));
        using var many = FeatureMoments.Read(At("many.npz"));
        using var tooFew = FeatureMoments.Read(At("few.npz"));
        using var whole = FeatureStatistics.FromFeatures(features);
        using var known = FeatureMoments.FromStatistics(whole);

        Assert.Null(many.Count);
        Assert.Equal(0, FrechetDistance.Between(many, known).Value!.Value, tolerance: 1e-12);
        Assert.Contains(
            "has rank 3 where 5 of 6 features vary",
            FrechetDistance.Between(known, tooFew).NotMeasured,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Read_NotFinite_IsNotMeasured()
    {
        using var scope = NewDisposeScope();
        var broken = eye(3, dtype: float64);
        broken[0, 0] = double.NaN;
        Archive("nan.npz", CompressionLevel.Optimal, ("mu", zeros(3, float64)), ("sigma", broken));
        Archive("fine.npz", CompressionLevel.Optimal, ("mu", zeros(3, float64)), ("sigma", eye(3, dtype: float64)));
        using var notANumber = FeatureMoments.Read(At("nan.npz"));
        using var fine = FeatureMoments.Read(At("fine.npz"));

        Assert.Contains("not finite", FrechetDistance.Between(fine, notANumber).NotMeasured, StringComparison.Ordinal);
        Assert.Equal(0, FrechetDistance.Between(fine, fine).Value!.Value, tolerance: 1e-12);
    }

    [Fact]
    public void Read_NoStatistics_SaysWhatIsMissing()
    {
        using var scope = NewDisposeScope();
        Refused("'mu' and 'sigma' are needed", ("mu", zeros(3, float64)));
        Refused("not a mean [d] and a covariance [d, d]", ("mu", zeros(3, float64)), ("sigma", eye(4, dtype: float64)));
        Refused("not a mean [d] and a covariance [d, d]", ("mu", zeros(3, int64)), ("sigma", eye(3, dtype: int64)));
        Refused("not symmetric", ("mu", zeros(2, float64)), ("sigma", arange(4, float64).view(2, 2)));
        Refused("variances below 0", ("mu", zeros(2, float64)), ("sigma", eye(2, dtype: float64).neg()));
        foreach (var (count, shown) in new[]
        {
            (tensor(-1L), "-1"),
            (tensor(0L), "0"),
            (tensor(99.5), "99.5"),
            (tensor(double.NaN), "NaN"),
            (tensor(new[] { 4L, 5L }), "an array of shape [2]")
        })
            Refused(
                $"'n' must be one whole number of images, of 1 or more, but is {shown}",
                ("mu", zeros(2, float64)),
                ("sigma", eye(2, dtype: float64)),
                ("n", count));

        void Refused(string expected, params (string, Tensor)[] arrays)
        {
            Archive("other.npz", CompressionLevel.Optimal, arrays);
            Assert.Contains(
                expected,
                Assert.Throws<ImageFileException>(() => FeatureMoments.Read(At("other.npz"))).Message,
                StringComparison.Ordinal);
            File.Delete(At("other.npz"));
        }
    }

    // numpy.savez turns a Python float, an int32 or a list of one number into such arrays.
    [Fact]
    public void Read_CountOfAnotherType_IsThatNumber()
    {
        using var scope = NewDisposeScope();
        foreach (var count in new[] { tensor(40.0), tensor(40), tensor(new[] { 40L }), tensor(40f) })
        {
            Archive(
                "counted.npz",
                CompressionLevel.Optimal,
                ("mu", zeros(2, float64)),
                ("sigma", eye(2, dtype: float64)),
                ("n", count));
            using var read = FeatureMoments.Read(At("counted.npz"));
            Assert.Equal(40, read.Count);
            File.Delete(At("counted.npz"));
        }
    }

    [Fact]
    public void Read_NoArchive_SaysSo()
    {
        File.WriteAllText(At("text.npz"), "no archive");

        Assert.Contains("not an .npz archive", Refusal("text.npz"), StringComparison.Ordinal);
        Assert.Contains("cannot be read", Refusal("none.npz"), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_PickledArray_IsRefused()
    {
        var header = Encoding.ASCII.GetBytes("{'descr': '|O', 'fortran_order': False, 'shape': (), }\n");
        Raw(
            "objects.npz",
            CompressionLevel.NoCompression,
            ("mu.npy", [0x93, .. "NUMPY"u8, 1, 0, (byte)header.Length, 0, .. header, .. "cos\nsystem\n"u8]));

        Assert.Contains("elements of type '|O'", Refusal("objects.npz"), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_TwoArraysOfOneName_IsRefused()
    {
        using var scope = NewDisposeScope();
        Archive(
            "twice.npz",
            CompressionLevel.Optimal,
            ("mu", zeros(2, float64)),
            ("mu", ones(2, float64)),
            ("sigma", eye(2, dtype: float64)));

        Assert.Contains("two arrays 'mu'", Refusal("twice.npz"), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_CutOffAnywhere_IsOneClearError()
    {
        using var scope = NewDisposeScope();
        Archive("whole.npz", CompressionLevel.Optimal, ("mu", randn(5, float64)), ("sigma", eye(5, dtype: float64)));
        var whole = File.ReadAllBytes(At("whole.npz"));

        for (var length = 0; length < whole.Length; length += 7)
        {
            File.WriteAllBytes(At("cut.npz"), whole[..length]);
            Assert.DoesNotContain('\n', Refusal("cut.npz"));
        }
    }

    [Fact]
    public void Read_SizesThatLie_AreRefusedBeforeTheyAreBelieved()
    {
        using var scope = NewDisposeScope();
        Archive("lies.npz", CompressionLevel.Optimal, ("mu", randn(5, float64)), ("sigma", eye(5, dtype: float64)));
        var honest = File.ReadAllBytes(At("lies.npz"));

        foreach (var (claimed, expected) in new[]
        {
            (uint.MaxValue - 1, "are read at most"),
            (100_000_000u, "cannot be packed"),
            (400u, "claims"),
            (150u, "truncated")
        })
        {
            File.WriteAllBytes(At("lies.npz"), WithUnpackedSize(honest, claimed));
            Assert.Contains(expected, Refusal("lies.npz"), StringComparison.Ordinal);
        }
    }

    // Writes over the unpacked size of the first entry, in its own header and in the directory.
    private static byte[] WithUnpackedSize(byte[] archive, uint claimed)
    {
        var bytes = archive.ToArray();
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(22), claimed);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(bytes.AsSpan().IndexOf("PK\x1\x2"u8) + 24), claimed);
        return bytes;
    }

    private string Refusal(string name) => Assert.Throws<ImageFileException>(() => FeatureMoments.Read(At(name))).Message;

    private void Archive(string name, CompressionLevel packed, params (string Name, Tensor Array)[] arrays)
    {
        List<(string, byte[])> entries = [];
        foreach (var (array, values) in arrays)
        {
            NumpyFile.Write(At("array.npy"), values);
            entries.Add((array + ".npy", File.ReadAllBytes(At("array.npy"))));
        }

        Raw(name, packed, [.. entries]);
    }

    private void Raw(string name, CompressionLevel packed, params (string Name, byte[] Content)[] entries)
    {
        using var archive = ZipFile.Open(At(name), ZipArchiveMode.Create);
        foreach (var (entry, content) in entries)
        {
            using var stream = archive.CreateEntry(entry, packed).Open();
            stream.Write(content);
        }
    }

    private string At(string name) => Path.Combine(_folder, name);
}
