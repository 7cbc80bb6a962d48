using System.Buffers.Binary;
using System.Text;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Checkpoints;

/// <summary>Every format of the catalogue keeps the contract, a correct new one passes it, and wrong ones fail it.</summary>
public sealed class CheckpointFormatContractTests
{
    public static TheoryData<string, string> ChecksOfEveryFormat =>
        [.. CheckpointFormats.All
            .SelectMany(format => CheckpointFormatContract.Checks.Keys, (format, check) => (format.Name, check))];

    [Theory]
    [MemberData(nameof(ChecksOfEveryFormat))]
    public void Contract_EveryFormatOfTheCatalogue_Holds(string name, string check)
    {
        using var scope = NewDisposeScope();
        using var folder = new SampleFolder();
        CheckpointFormatContract.Checks[check](CheckpointFormats.Named(name), folder.Write(name));
    }

    [Fact]
    public void Contract_CorrectNewFormat_Holds() =>
        Assert.All(CheckpointFormatContract.Checks.Values, check => Examine(new PlainFormat(), check));

    [Theory]
    [InlineData(typeof(PlainThatLosesATensor), nameof(CheckpointFormatContract.ReadsEveryTensor))]
    [InlineData(typeof(PlainThatKeepsTheOldValues), nameof(CheckpointFormatContract.RewritingOneTensorChangesNothingElse))]
    [InlineData(typeof(PlainThatRecognisesAll), nameof(CheckpointFormatContract.RecognisesItsOwnFilesAlone))]
    [InlineData(typeof(PlainThatBreaksOff), nameof(CheckpointFormatContract.ShortFilesAreRefused))]
    public void Contract_WrongNewFormat_FailsWhereItIsWrong(Type wrong, params string[] checks)
    {
        var format = (ICheckpointFormat)Activator.CreateInstance(wrong)!;

        var failed = CheckpointFormatContract.Checks
            .Where(check => Record.Exception(() => Examine(format, check.Value)) is not null)
            .Select(check => check.Key);

        Assert.Equal(checks.Order(), failed.Order());
    }

    [Fact]
    public void Names_OfTheCatalogue_AreUnique() => Assert.Distinct(CheckpointFormats.Names);

    private static void Examine(ICheckpointFormat format, Action<ICheckpointFormat, FormatSample> check)
    {
        using var scope = NewDisposeScope();
        using var folder = new SampleFolder();
        manual_seed(2);
        var tensors = new Dictionary<string, Tensor> { ["one"] = randn(5), ["two"] = randn(3), ["three"] = randn(4) };
        check(format, new FormatSample(folder.Write("plain", PlainFormat.Bytes(tensors)), tensors));
    }

    /// <summary>
    /// A correct format that is not in the catalogue: <c>PLAIN</c>, then for each tensor a name of 8 bytes, a count and its
    /// numbers.
    /// </summary>
    private class PlainFormat : ICheckpointFormat
    {
        private const int NameBytes = 8;
        private const int HeadBytes = NameBytes + sizeof(int);

        public string Name => "plain";

        public static byte[] Bytes(IReadOnlyDictionary<string, Tensor> tensors) =>
        [
            .. "PLAIN"u8,
            .. tensors.SelectMany(named => (byte[])
            [
                .. Encoding.ASCII.GetBytes(named.Key.PadRight(NameBytes)),
                .. BitConverter.GetBytes((int)named.Value.numel()),
                .. Small.Bytes(named.Value),
            ]),
        ];

        public virtual bool Recognises(ReadOnlySpan<byte> start, CheckpointFile file) => start.StartsWith("PLAIN"u8);

        public TensorFile Read(CheckpointFile file, bool inspectOnly = false) => new(file, Name, [.. Entries(file)]);

        public virtual void Rewrite(
            TensorFile file,
            string path,
            IReadOnlyDictionary<string, Tensor> values,
            IReadOnlyDictionary<string, string> metadata) =>
            InPlaceRewriter.Write(file, path, values);

        protected virtual IEnumerable<TensorEntry> Entries(CheckpointFile file)
        {
            using var bytes = CheckpointBytes.Open(file);
            for (var offset = 5L; offset < bytes.Length;)
            {
                var head = ReadHead(bytes, offset);
                var count = BinaryPrimitives.ReadInt32LittleEndian(head.AsSpan(NameBytes));
                offset += HeadBytes;
                var elements = new StoredElements(
                    file,
                    bytes.Length,
                    ElementType.F32,
                    offset,
                    Math.Min(count, (bytes.Length - offset) / sizeof(float)),
                    First: 0);
                yield return TensorEntry.Describe(Encoding.ASCII.GetString(head, 0, NameBytes).TrimEnd(), elements, [count]);
                offset += count * sizeof(float);
            }
        }

        protected virtual byte[] ReadHead(CheckpointBytes bytes, long offset) => bytes.Read(offset, HeadBytes, "head");
    }

    private sealed class PlainThatLosesATensor : PlainFormat
    {
        protected override IEnumerable<TensorEntry> Entries(CheckpointFile file) => base.Entries(file).SkipLast(1);
    }

    private sealed class PlainThatKeepsTheOldValues : PlainFormat
    {
        public override void Rewrite(
            TensorFile file,
            string path,
            IReadOnlyDictionary<string, Tensor> values,
            IReadOnlyDictionary<string, string> metadata) =>
            File.Copy(file.Path, path, overwrite: true);
    }

    private sealed class PlainThatRecognisesAll : PlainFormat
    {
        public override bool Recognises(ReadOnlySpan<byte> start, CheckpointFile file) => true;
    }

    // Reads the head by itself, where the catalogue's own readers turn a short file into a checkpoint exception.
    private sealed class PlainThatBreaksOff : PlainFormat
    {
        protected override byte[] ReadHead(CheckpointBytes bytes, long offset) =>
            File.ReadAllBytes(bytes.Path)[(int)offset..((int)offset + 12)];
    }
}
