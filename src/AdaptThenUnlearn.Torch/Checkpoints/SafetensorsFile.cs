using System.Buffers.Binary;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>Reads and writes safetensors files: a length, a JSON header, and the tensors' bytes without a gap.</summary>
/// <remarks>
/// Format: github.com/huggingface/safetensors, README "Format". Files written here are byte for byte those of its reference
/// implementation.
/// </remarks>
public static class SafetensorsFile
{
    /// <summary>Key of the metadata in which a run's rejected generator says what the verdict was.</summary>
    public const string VerdictKey = "verdict";

    /// <summary>Key of the runs that trained a generator, in its file's metadata.</summary>
    public const string EarlierRunsKey = "earlierRuns";

    private const int PrefixBytes = 8;
    private const int ChunkBytes = 1 << 28;   // copied at a time
    private const string Remedy = "it is damaged, cut off or added to; fetch it again from where it came";

    /// <summary>Describes what a file holds; values are read when asked for.</summary>
    /// <exception cref="CheckpointException">The file cannot be read or is not exactly what the format demands.</exception>
    public static TensorFile Read(string path) => Read(CheckpointFile.Open(path));

    /// <inheritdoc cref="Read(string)"/>
    /// <param name="file">As it was hashed.</param>
    public static TensorFile Read(CheckpointFile file)
    {
        // Read the length of the header, then the header.
        var path = file.Path;
        using var bytes = CheckpointBytes.Open(file);
        var headerBytes = HeaderBytes(bytes.Read(0, PrefixBytes, "header length"));
        if (headerBytes is not { } length || length > bytes.Length - PrefixBytes)
            throw new CheckpointException(path, "its header is longer than the file or than the format allows", Remedy, "byte 0");

        // Describe the tensors; their values stay in the file.
        var header = SafetensorsHeader.Parse(path, bytes.Read(PrefixBytes, length, "header"));
        var (tensors, unread) = Describe(file, header, PrefixBytes + length, bytes.Length);
        return new TensorFile(file, SafetensorsFormat.FormatName, tensors, header.Metadata, unread: unread);
    }

    /// <summary>Whether a file's metadata say that it is of a kind that this tool writes, such as <c>classifier</c>.</summary>
    /// <param name="path">Any path.</param>
    /// <param name="kind">The kind, as in the metadata.</param>
    /// <param name="architecture">The architecture, as in the metadata; null for any.</param>
    public static bool IsWrittenByAtu(string path, string kind, string? architecture = null)
    {
        try
        {
            var metadata = Read(CheckpointFile.OpenUnhashed(path)).Metadata;
            return metadata.GetValueOrDefault("kind") == kind
                && (architecture is null || metadata.GetValueOrDefault("architecture") == architecture);
        }
        catch (CheckpointException)
        {
            return false;
        }
    }

    /// <summary>Writes tensors to a temporary name beside the file, then moves them into place.</summary>
    /// <param name="path">The file; one that is there is replaced.</param>
    /// <param name="tensors">The tensors by name, on any device; each is copied to the CPU in turn.</param>
    /// <param name="metadata">Text by key.</param>
    /// <remarks>
    /// The same tensors and metadata give the same bytes, in whatever order they are given. Tensors are ordered by element type,
    /// larger ones first so that all are aligned, and then by name.
    /// </remarks>
    /// <exception cref="CheckpointException">
    /// The folder may not be written, the disk is full, or a tensor has an element type that the format lacks.
    /// </exception>
    public static void Write(
        string path, IEnumerable<KeyValuePair<string, Tensor>> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        var ordered = tensors
            .Select(pair => (Name: pair.Key, Tensor: pair.Value, Type: TypeOf(path, pair.Key, pair.Value)))
            .OrderByDescending(item => item.Type).ThenBy(item => item.Name, StringComparer.Ordinal)
            .ToList();
        if (ordered.GroupBy(item => item.Name).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new CheckpointException(
                path, $"two tensors are called '{CheckpointException.Sanitize(twice.Key)}'", "give each its own name");

        var described = ordered.Select(item =>
            (
                item.Name,
                item.Type.ToString(),
                (IReadOnlyList<long>)item.Tensor.shape,
                item.Tensor.NumberOfElements * item.Type.Size()));
        Write(path, described, metadata ?? new Dictionary<string, string>(), stream =>
        {
            foreach (var (_, tensor, type) in ordered)
                WriteElements(stream, tensor, type);
        });
    }

    /// <summary>
    /// Writes a copy of a file with other values for some of its tensors. Order, types and shapes stay; several files become one.
    /// </summary>
    /// <param name="file">As read from its path.</param>
    /// <param name="path">Path of the copy; a file that is there is replaced.</param>
    /// <param name="values">The new values by name.</param>
    /// <param name="metadata">Text by key, which is added to the file's own.</param>
    /// <exception cref="CheckpointException">The original is missing or has changed.</exception>
    /// <exception cref="FileNotWrittenException">The new file cannot be written.</exception>
    public static void Rewrite(
        TensorFile file, string path, IReadOnlyDictionary<string, Tensor> values, IReadOnlyDictionary<string, string> metadata)
    {
        var merged = new Dictionary<string, string>(file.Metadata);
        merged.Remove(VerdictKey);   // of the file that is copied, and not of the copy
        foreach (var (key, text) in metadata)
            merged[key] = text;

        var parts = Ordered(file).ToList();
        var described = parts.Select(
            part => part.Read is { } read
                ? (read.Name, read.Type.ToString(), read.Shape, read.Bytes)
                : (part.Unread!.Name, part.Unread.Kind, part.Unread.Shape, part.Elements.Available));
        Write(path, described, merged, stream =>
        {
            foreach (var (elements, read, _) in parts)
                if (read is not null)
                    read.WriteTo(stream, values.GetValueOrDefault(read.Name));
                else
                    Copy(elements, stream);
        });
    }

    // All tensors, read and unread, in the order in which they lie in the file, or in one file after the other.
    private static IEnumerable<(StoredElements Elements, TensorEntry? Read, UnreadTensor? Unread)> Ordered(TensorFile file)
    {
        var all = file.Tensors.Select(tensor => (tensor.Elements, (TensorEntry?)tensor, (UnreadTensor?)null))
            .Concat(file.Unread.Select(tensor => (tensor.Elements!, (TensorEntry?)null, (UnreadTensor?)tensor))).ToList();
        var files = all.Select(part => part.Item1.File.Path)
            .Distinct()
            .Index()
            .ToDictionary(path => path.Item, path => path.Index);
        return all.OrderBy(part => files[part.Item1.File.Path]).ThenBy(part => part.Item1.FileOffset);
    }

    private static void Copy(StoredElements elements, Stream into)
    {
        using var bytes = CheckpointBytes.Open(elements.File);
        for (var start = 0L; start < elements.Available; start += ChunkBytes)
            into.Write(bytes.Read(elements.FileOffset + start, (int)Math.Min(ChunkBytes, elements.Available - start), "data"));
    }

    private static void Write(
        string path,
        IEnumerable<(string Name, string Kind, IReadOnlyList<long> Shape, long Bytes)> tensors,
        IReadOnlyDictionary<string, string> metadata,
        Action<Stream> writeElements)
    {
        var placed = new List<SafetensorsTensor>();
        var end = 0L;
        foreach (var (name, kind, shape, bytes) in tensors)
            placed.Add(new SafetensorsTensor(name, kind, [.. shape], end, end += bytes));

        var header = new SafetensorsHeader(placed, metadata).ToBytes();
        AtomicFile.Write(path, PrefixBytes + header.Length + end, stream =>
        {
            var prefix = new byte[PrefixBytes];
            BinaryPrimitives.WriteUInt64LittleEndian(prefix, (ulong)header.Length);
            stream.Write(prefix);
            stream.Write(header);
            writeElements(stream);
        });
    }

    /// <summary>
    /// Length of the header in bytes, from the first bytes of a file; null where a safetensors file cannot begin with them.
    /// </summary>
    internal static int? HeaderBytes(ReadOnlySpan<byte> start) =>
        start.Length >= PrefixBytes
            && BinaryPrimitives.ReadUInt64LittleEndian(start) is >= 2 and <= SafetensorsHeader.MaximumBytes and var length
                ? (int)length
                : null;

    // The tensors must cover the data from its first byte to the file's last: without a hole, an overlap or bytes behind the last
    // one.
    private static (List<TensorEntry> Tensors, List<UnreadTensor> Unread) Describe(
        CheckpointFile file, SafetensorsHeader header, long dataOffset, long fileLength)
    {
        var path = file.Path;
        var (entries, unread) = (new List<TensorEntry>(), new List<UnreadTensor>());
        var covered = 0L;
        foreach (var tensor in header.Tensors)
        {
            // Refuse a hole, an overlap, and data behind the end.
            var at = $"tensor '{CheckpointException.Sanitize(tensor.Name)}'";
            if (tensor.Begin != covered)
                throw new CheckpointException(
                    path,
                    tensor.Begin > covered ? "there is a hole before its data" : "its data overlap another tensor's",
                    Remedy,
                    at);
            if (tensor.End > fileLength - dataOffset)
                throw new CheckpointException(path, "its data lie behind the end of the file", Remedy, at);

            // Describe the tensor; one whose element type is not read is kept as bytes.
            var elements = new StoredElements(
                file,
                fileLength,
                tensor.Type ?? ElementType.U8,
                dataOffset + tensor.Begin,
                (tensor.End - tensor.Begin) / (tensor.Type?.Size() ?? 1),
                First: 0);
            if (tensor.Type is null)
            {
                unread.Add(tensor.Fits
                    ? new UnreadTensor(
                        tensor.Name, CheckpointException.Sanitize(tensor.Kind), tensor.Shape)
                    { Elements = elements }
                    : throw new CheckpointException(
                        path,
                        $"its shape does not need the {tensor.End - tensor.Begin} bytes that its data_offsets span",
                        Remedy,
                        at));
            }
            else
            {
                var entry = TensorEntry.Describe(tensor.Name, elements, tensor.Shape);
                if (entry.Bytes != tensor.End - tensor.Begin)
                    throw new CheckpointException(
                        path,
                        $"its shape needs {entry.Bytes} bytes but its data_offsets span {tensor.End - tensor.Begin}",
                        Remedy,
                        at);

                entries.Add(entry);
            }

            covered = tensor.End;
        }

        return covered == fileLength - dataOffset
            ? (entries, unread)
            : throw new CheckpointException(
                path,
                $"{fileLength - dataOffset - covered} bytes at its end belong to no tensor",
                Remedy,
                $"byte {dataOffset + covered}");
    }

    private static ElementType TypeOf(string path, string name, Tensor tensor) =>
        ElementTypes.FromScalarType(tensor.dtype) ?? throw new CheckpointException(
            path,
            $"tensor '{CheckpointException.Sanitize(name)}' has elements of type {tensor.dtype}, which cannot be written",
            "convert it to float32 first");

    private static void WriteElements(Stream stream, Tensor tensor, ElementType type)
    {
        using var scope = NewDisposeScope();
        TensorEntry.WriteElements(stream, tensor.detach().cpu().contiguous().view(-1), type);
    }
}
