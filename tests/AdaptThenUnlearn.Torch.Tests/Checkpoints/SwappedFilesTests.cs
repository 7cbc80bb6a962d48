using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Tests.Features;
using SkiaSharp;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Checkpoints;

/// <summary>
/// Checks that only the hashed bytes are loaded where a file is replaced after it was hashed, and perhaps restored.
/// </summary>
public sealed class SwappedFilesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-swapped-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    public static TheoryData<string> Formats =>
        ["safetensors", "shards", "state dict", "old state dict", "rosinality", "nvidia", "torchscript"];

    // The worst case: the description was read from the honest file, and the other one has the same layout.
    [Theory]
    [MemberData(nameof(Formats))]
    public void Tensors_FileSwappedAfterItWasDescribed_AreThoseOfTheHashedFileOrRefused(string format)
    {
        var (name, swapped) = Write(format, seed: 3);
        var file = CheckpointFile.Open(At(name));
        var described = CheckpointFormats.Read(file, format == "torchscript" ? format : CheckpointFormats.Auto);
        var expected = Loaded(described);
        var honest = Directory.EnumerateFiles(_folder).ToDictionary(path => path, File.ReadAllBytes);

        Write(format, seed: 4);
        Assert.Equal(honest[At(swapped)].Length, new FileInfo(At(swapped)).Length);
        Assert.Contains(
            "has changed since it was hashed",
            Assert.Throws<CheckpointException>(() => Loaded(described)).Message,
            StringComparison.Ordinal);
        Assert.Throws<CheckpointException>(
            () => Loaded(CheckpointFormats.Read(file, format == "torchscript" ? format : CheckpointFormats.Auto)));

        foreach (var (path, bytes) in honest)
            File.WriteAllBytes(path, bytes);
        Assert.Equal(expected, Loaded(described));
    }

    [Fact]
    public void Generator_SwappedBetweenDigestAndLoad_IsRefused()
    {
        Write("safetensors", seed: 3);
        var file = CheckpointFile.Open(At("g.safetensors"));
        Write("safetensors", seed: 4);

        Refused(() => GeneratorCheckpoint.Load(file, "auto", sha256: null, discriminator: null, CPU).Dispose());
    }

    [Fact]
    public void Discriminator_SwappedBetweenDigestAndLoad_IsRefused()
    {
        using (var networks = Small.Gan())
            SafetensorsFile.Write(At("alone.safetensors"), networks.Generator.state_dict());
        Write("safetensors", seed: 3);
        var critic = CheckpointFile.Open(At("g.safetensors"));
        Write("safetensors", seed: 4);

        Refused(() => GeneratorCheckpoint
            .Load(CheckpointFile.Open(At("alone.safetensors")), "auto", sha256: null, critic, CPU)
            .Dispose());
    }

    [Fact]
    public void Program_SwappedBetweenDigestAndRun_IsNotRun()
    {
        using var networks = ForeignFiles.Gan("dcgan");
        ScriptedGans.WriteGenerator(At("g.pt"), networks);
        var file = CheckpointFile.Open(At("g.pt"));
        ScriptedProgram.Write(At("g.pt"), "  def forward(self: __torch__.Program, z: Tensor) -> Tensor:\n    return z");

        Refused(
            () => GeneratorCheckpoint.Load(file, "torchscript", sha256: null, discriminator: null, CPU, latentSize: 8).Dispose());
    }

    [Fact]
    public void Classifier_SwappedBetweenDigestAndLoad_IsRefused()
    {
        Classifier(seed: 5);
        var file = CheckpointFile.Open(At("c.safetensors"));
        Classifier(seed: 6);

        Refused(() => ClassifierCheckpoint.Load(file, sha256: null, classes: null, CPU).Dispose());

        void Classifier(long seed)
        {
            using var classifier = Small.Classifier(seed);
            ClassifierCheckpoint.Save(At("c.safetensors"), classifier);
        }
    }

    [Fact]
    public void ExtractorProgram_SwappedBetweenDigestAndLoad_IsNotRun()
    {
        ScriptedProgram.Write(At("e.pt"), ScriptedProgram.Sixteen);
        var file = CheckpointFile.Open(At("e.pt"));
        ScriptedProgram.Write(At("e.pt"), ScriptedProgram.LikeInception);

        Refused(
            () => FeatureExtractors.Load(WeightsExtractor.TorchScript, At("e.pt"), sha256: null, CPU, open: _ => file).Dispose());
    }

    [Fact]
    public void ReferenceStatistics_SwappedBetweenDigestAndLoad_AreRefused()
    {
        Statistics(1);
        var file = CheckpointFile.Open(At("r.safetensors"));
        Statistics(2);

        Refused(() => ReferenceStatistics.Load(file).Dispose());

        void Statistics(long seed)
        {
            using var scope = NewDisposeScope();
            manual_seed(seed);
            using var statistics = ReferenceStatistics.Build(
                ["a", "b"],
                randn(40, 3),
                arange(40).remainder(2),
                5,
                new string('0', 64),
                tensor(new long[,] { { 9, 1 }, { 0, 10 } }),
                floor: 0);
            statistics.Save(At("r.safetensors"));
        }
    }

    [Fact]
    public void Npz_SwappedBetweenDigestAndLoad_IsRefused()
    {
        Moments(1);
        var file = HashedFile.Create(At("m.npz"));
        FeatureMoments.Read(At("m.npz"), file).Dispose();
        Moments(2);

        Assert.Contains(
            "has changed since it was hashed",
            Assert.Throws<ImageFileException>(() => FeatureMoments.Read(At("m.npz"), file)).Message,
            StringComparison.Ordinal);

        void Moments(double mean)
        {
            using var scope = NewDisposeScope();
            using var moments = new FeatureMoments(full(3, mean, float64), eye(3, dtype: float64), 10);
            moments.Write(At("m.npz"));
        }
    }

    [Fact]
    public void ImageFolder_ImageSwappedBetweenDigestAndDecode_IsRefused()
    {
        using var scope = NewDisposeScope();
        Directory.CreateDirectory(At("images"));
        Picture("images/a.png", SKColors.Black);
        Picture("images/b.png", SKColors.Black);
        var folder = HashedFolder.Create(At("images"));
        Assert.Equal(2, ImageFolder.Read(At("images"), channels: 1, folder).shape[0]);
        Picture("images/b.png", SKColors.White);

        foreach (var read in new Action[]
        {
            () => ImageFolder.Read(At("images"), channels: 1, folder),
            () => Assert.Single(ImageFolder.Batches(PictureFolder.List(At("images")).Files, 1, 10, folder))
        })
            Assert.Contains(
                "has changed since it was hashed", Assert.Throws<ImageFileException>(read).Message, StringComparison.Ordinal);

        Picture("images/b.png", SKColors.Black);
        Picture("images/c.png", SKColors.White);   // one that was not there
        Assert.Throws<ImageFileException>(() => ImageFolder.Read(At("images"), channels: 1, folder));

        void Picture(string name, SKColor colour)
        {
            using var picture = new SKBitmap(4, 4);
            picture.Erase(colour);
            using var stream = File.Create(At(name));
            picture.Encode(stream, SKEncodedImageFormat.Png, 100);
        }
    }

    [Fact]
    public void Rewritten_OriginalSwappedMeanwhile_IsNoMixture()
    {
        using var networks = Small.Gan();
        ForeignFiles.WriteRosinality(At("g.pt"), networks, old: false);
        var file = CheckpointFile.Open(At("g.pt"));
        using var loaded = GeneratorCheckpoint.Load(file, "auto", sha256: null, discriminator: null, CPU);
        using (var others = Small.Gan(seed: 4))
            ForeignFiles.WriteRosinality(At("g.pt"), others, old: false);

        Refused(
            () => GeneratorCheckpoint.SaveInFormatOf(file, loaded, At("saved.pt"), networks, new Dictionary<string, string>()));
        Assert.False(File.Exists(At("saved.pt")));
    }

    private static void Refused(Action load) =>
        Assert.Contains(
            "has changed since it was hashed", Assert.Throws<CheckpointException>(load).Message, StringComparison.Ordinal);

    // The checkpoint, and the file of it that holds tensors.
    private (string Checkpoint, string Swapped) Write(string format, long seed)
    {
        manual_seed(seed);
        using var networks = Small.Gan(seed);
        using var others = ForeignFiles.Gan("dcgan");
        using (no_grad())
            foreach (var parameter in others.Generator.parameters())
                parameter.add_(seed);
        switch (format)
        {
            case "safetensors":
                GeneratorCheckpoint.Save(At("g.safetensors"), networks, new Dictionary<string, string>());
                return ("g.safetensors", "g.safetensors");
            case "shards":
                return (Path.GetFileName(
                    ForeignFiles.WriteShards(_folder, "stylegan2", networks)), "model-00002-of-00002.safetensors");
            case "state dict" or "old state dict":
                ForeignFiles.WriteStateDict(At("g.pth"), "stylegan2", networks.Generator, old: format == "old state dict");
                return ("g.pth", "g.pth");
            case "rosinality":
                ForeignFiles.WriteRosinality(At("g.pt"), networks, old: false);
                return ("g.pt", "g.pt");
            case "nvidia":
                using (var theirs = ForeignFiles.InNvidiasForm(networks))
                    ForeignFiles.WriteNvidia(At("g.pkl"), theirs);
                return ("g.pkl", "g.pkl");
            default:
                ScriptedGans.WriteGenerator(At("s.pt"), others);
                return ("s.pt", "s.pt");
        }
    }

    private static string Loaded(TensorFile file)
    {
        using var scope = NewDisposeScope();
        return string.Join(' ', file.Tensors.Select(tensor => Convert.ToHexString(
            System.Security.Cryptography.SHA256.HashData(tensor.Load().bytes))));
    }

    private string At(string name) => Path.Combine(_folder, name);
}
