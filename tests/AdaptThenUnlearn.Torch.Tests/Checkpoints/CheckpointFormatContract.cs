using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Checkpoints;

/// <summary>A small file of a format.</summary>
/// <param name="Path">The file; alone in its folder.</param>
/// <param name="Tensors">Every tensor in it, by full name.</param>
internal sealed record FormatSample(string Path, IReadOnlyDictionary<string, Tensor> Tensors);

/// <summary>What every checkpoint format must do, as functions over any format and a small file of it.</summary>
internal static class CheckpointFormatContract
{
    private static readonly Dictionary<string, string> _noMetadata = [];

    /// <summary>Every check, by name.</summary>
    public static IReadOnlyDictionary<string, Action<ICheckpointFormat, FormatSample>> Checks { get; } =
        new Dictionary<string, Action<ICheckpointFormat, FormatSample>>
        {
            [nameof(RecognisesItsOwnFilesAlone)] = RecognisesItsOwnFilesAlone,
            [nameof(ReadsEveryTensor)] = ReadsEveryTensor,
            [nameof(RewritingTheSameValuesGivesTheSameBytes)] = RewritingTheSameValuesGivesTheSameBytes,
            [nameof(RewritingOneTensorChangesNothingElse)] = RewritingOneTensorChangesNothingElse,
            [nameof(ShortFilesAreRefused)] = ShortFilesAreRefused,
        };

    // The first format of the catalogue that recognises a file reads it: general ones recognise the files of special ones before
    // them.
    public static void RecognisesItsOwnFilesAlone(ICheckpointFormat format, FormatSample sample)
    {
        var place = CheckpointFormats.All.Select(known => known.Name).ToList().IndexOf(format.Name);
        var (before, after) = place < 0
            ? (CheckpointFormats.All, CheckpointFormats.All)
            : (CheckpointFormats.All.Take(place), CheckpointFormats.All.Skip(place + 1));

        Assert.True(Recognises(format, sample.Path), "its own file is not recognised");
        Assert.All(before, other => Assert.False(Recognises(other, sample.Path), $"{other.Name} recognises its file"));
        using var folder = new SampleFolder();
        foreach (var other in after)
            Assert.False(Recognises(format, folder.Write(other.Name).Path), $"a file of {other.Name} is recognised");
        foreach (var (name, content) in new[]
        {
            ("zeros", new byte[200]),
            ("text", "this is another file, in words"u8.ToArray()),
            ("byte", [1])
        })
            Assert.False(Recognises(format, folder.Write(name, content)), $"a file of {name} is recognised");
    }

    public static void ReadsEveryTensor(ICheckpointFormat format, FormatSample sample)
    {
        using var scope = NewDisposeScope();
        var read = Read(format, sample.Path);

        Assert.Equal(format.Name, read.Format);
        Assert.Equal(
            sample.Tensors.Keys.Order(StringComparer.Ordinal),
            read.Tensors.Select(tensor => tensor.Name).Order(StringComparer.Ordinal));
        foreach (var tensor in read.Tensors)
        {
            Assert.Equal(sample.Tensors[tensor.Name].shape, tensor.Shape);
            Assert.Equal(Small.Bytes(sample.Tensors[tensor.Name]), Small.Bytes(tensor.Load()));
        }

        Assert.All(format.FurtherFiles(CheckpointFile.Open(sample.Path)), further => Assert.True(File.Exists(further), further));
    }

    public static void RewritingTheSameValuesGivesTheSameBytes(ICheckpointFormat format, FormatSample sample)
    {
        using var scope = NewDisposeScope();
        var (read, copy) = (Read(format, sample.Path), sample.Path + ".copy");

        format.Rewrite(read, copy, read.Tensors.ToDictionary(tensor => tensor.Name, tensor => tensor.Load()), _noMetadata);

        Assert.Equal(File.ReadAllBytes(sample.Path), File.ReadAllBytes(copy));
    }

    public static void RewritingOneTensorChangesNothingElse(ICheckpointFormat format, FormatSample sample)
    {
        using var scope = NewDisposeScope();
        var (original, copy) = (File.ReadAllBytes(sample.Path), sample.Path + ".copy");
        var read = Read(format, sample.Path);
        var changed = read.Tensors.First(tensor => tensor.Count > 1 && tensor.Type == ElementType.F32);
        var values = randn([.. changed.Shape]);

        format.Rewrite(read, copy, new Dictionary<string, Tensor> { [changed.Name] = values }, _noMetadata);

        var again = Read(format, copy);
        Assert.Equal(original, File.ReadAllBytes(sample.Path));
        Assert.Equal(read.Values, again.Values);
        Assert.Equal(Described(read), Described(again));
        foreach (var tensor in again.Tensors)
            Assert.Equal(Small.Bytes(tensor.Name == changed.Name
                ? values
                : sample.Tensors[tensor.Name]), Small.Bytes(tensor.Load()));

        static IEnumerable<string> Described(TensorFile file) =>
            file.Tensors.Select(tensor => $"{tensor.Name} {tensor.Type} [{string.Join(", ", tensor.Shape)}]");
    }

    public static void ShortFilesAreRefused(ICheckpointFormat format, FormatSample sample)
    {
        var whole = File.ReadAllBytes(sample.Path);
        foreach (var length in (int[])[12, whole.Length / 4, whole.Length / 2, whole.Length - 1])
        {
            var path = sample.Path + ".short";
            File.WriteAllBytes(path, whole[..length]);
            if (Recognises(format, path))
                Assert.Throws<CheckpointException>(() => LoadAll(format, path));
        }

        static void LoadAll(ICheckpointFormat format, string path)
        {
            using var scope = NewDisposeScope();
            foreach (var tensor in Read(format, path).Tensors)
                tensor.Load();
        }
    }

    private static bool Recognises(ICheckpointFormat format, string path)
    {
        var file = CheckpointFile.Open(path);
        return format.Recognises(file.Start, file);
    }

    private static TensorFile Read(ICheckpointFormat format, string path) => format.Read(CheckpointFile.Open(path));
}
