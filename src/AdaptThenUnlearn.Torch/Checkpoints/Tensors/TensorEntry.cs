using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Checkpoints.Tensors;

/// <summary>One stored tensor: its name, element type and shape. Its values are read when <see cref="Load"/> is called.</summary>
/// <remarks>
/// The description takes no memory for values. <see cref="Load"/> reads them from the file directly into the tensor's memory, so
/// that a file of several gigabytes is never held twice. The file is not kept open.
/// </remarks>
public sealed class TensorEntry
{
    /// <summary>Largest number of dimensions of a tensor; libtorch's own limit.</summary>
    internal const int MaximumRank = 64;

    private const int ChunkBytes = 1 << 28;
    private const string Damaged = "the file is damaged or was made to mislead; fetch it again from where it came";

    private readonly StoredElements _elements;
    private readonly long[] _shape;
    private readonly long[] _strides;

    private TensorEntry(string name, StoredElements elements, long[] shape, long[] strides, long count) =>
        (Name, _elements, _shape, _strides, Count) = (name, elements, shape, strides, count);

    /// <summary>The tensor's name, with its section before a slash where there is one: <c>g_ema/conv1.conv.weight</c>.</summary>
    public string Name { get; }

    /// <summary>Element type, as stored.</summary>
    public ElementType Type => _elements.Type;

    /// <summary>Size of each dimension; empty for a single number.</summary>
    public IReadOnlyList<long> Shape => _shape;

    /// <summary>Number of elements, the product of <see cref="Shape"/>.</summary>
    public long Count { get; }

    /// <summary>Number of bytes that <see cref="Load"/> allocates.</summary>
    public long Bytes => Count * Type.Size();

    /// <summary>Describes a tensor, after checking that it lies within its storage, and its storage within the file.</summary>
    /// <param name="name">Unique within the file.</param>
    /// <param name="elements">Where its elements lie.</param>
    /// <param name="shape">Sizes, none negative.</param>
    /// <param name="strides">Elements from one index to the next, one per dimension; null for row-major.</param>
    /// <exception cref="CheckpointException">It reaches out of its storage, or claims more than the file holds.</exception>
    internal static TensorEntry Describe(string name, StoredElements elements, long[] shape, long[]? strides = null)
    {
        // Check shape and strides by themselves.
        if (shape.Length > MaximumRank || shape.Any(size => size < 0))
            throw Bad($"its shape is impossible: {Text(shape)}");
        if (strides is not null && (strides.Length != shape.Length || strides.Any(stride => stride < 0)))
            throw Bad($"its strides {Text(strides)} do not fit its shape {Text(shape)}");

        // Refuse a shape that needs more bytes than the file has. The product is bounded at every factor, so Int128 cannot
        // overflow; a size of zero counts as one, so that it does not hide the other sizes.
        var claimed = (Int128)elements.Type.Size();
        foreach (var size in shape)
            if ((claimed *= Math.Max(size, 1)) > elements.FileLength)
                throw Bad($"its shape {Text(shape)} claims more bytes than the whole file has ({elements.FileLength})");

        // Refuse a tensor that reaches out of its storage. The stride of a dimension of size 1 is never used, and is set to 1.
        strides = strides is null ? RowMajor(shape) : [.. strides.Zip(shape, (stride, size) => size > 1 ? stride : 1)];
        var count = shape.Aggregate(1L, (product, size) => product * size);
        if (elements.First < 0 || elements.First + Extent(shape, strides, count) > elements.Available)
            throw Bad(
                $"shape {Text(shape)} with strides {Text(strides)} from element {elements.First} reaches out of its storage "
                    + $"of {elements.Available}");

        return new TensorEntry(name, elements, shape, strides, count);

        CheckpointException Bad(string problem) =>
            new(elements.File.Path, problem, Damaged, $"tensor '{CheckpointException.Sanitize(name)}'");
    }

    /// <summary>The same tensor under another name.</summary>
    internal TensorEntry Renamed(string name) => new(name, _elements, _shape, _strides, Count);

    /// <summary>Reads the values.</summary>
    /// <param name="type">Element type of the result; null for the stored one.</param>
    /// <returns>
    /// A new contiguous tensor of <see cref="Shape"/> on the CPU; belongs to the caller (or to the caller's dispose scope).
    /// </returns>
    /// <exception cref="CheckpointException">The file is missing, has changed, or cannot be read.</exception>
    public Tensor Load(ScalarType? type = null)
    {
        using var scope = NewDisposeScope();
        var extent = (long)Extent(_shape, _strides, Count);
        var flat = empty([extent], Type.ToScalarType(), device: CPU);   // [extent]
        Fill(flat, extent);

        var shaped = IsRowMajor ? flat.view(_shape) : flat.as_strided(_shape, _strides).contiguous();
        var wanted = type is { } other && other != shaped.dtype ? shaped.to_type(other) : shaped;
        return wanted.MoveToOuterDisposeScope();
    }

    /// <summary>Overwrites this tensor's values in a copy of its file.</summary>
    /// <param name="copy">A copy of the whole file; its position is behind the last written byte afterwards.</param>
    /// <param name="values">
    /// The new values, as many as this tensor has, on any device and of any type; rounded to the stored type.
    /// </param>
    /// <exception cref="CheckpointException">
    /// The stored tensor repeats elements, so that they cannot differ; or the file is missing or has changed.
    /// </exception>
    internal void Overwrite(Stream copy, Tensor values)
    {
        using var scope = NewDisposeScope();
        var typed = Converted(values);
        copy.Position = FirstByte;
        WriteElements(copy, IsRowMajor ? typed.contiguous().view(-1) : Scattered(typed), Type);
    }

    /// <summary>Writes the values one after another, in row-major order.</summary>
    /// <param name="into">Its position is behind the values afterwards.</param>
    /// <param name="values">Other values to write, as for <see cref="Overwrite"/>; null for the stored ones.</param>
    internal void WriteTo(Stream into, Tensor? values)
    {
        using var scope = NewDisposeScope();
        WriteElements(into, (values is null ? Load() : Converted(values)).contiguous().view(-1), Type);
    }

    /// <summary>Where its elements lie.</summary>
    internal StoredElements Elements => _elements;

    /// <summary>Whether its elements lie in the file as bytes, so that they can be overwritten in place.</summary>
    internal bool IsInPlace => _elements.Content is null;

    /// <summary>Whether several of its elements share a place in the file, so that they cannot differ.</summary>
    internal bool RepeatsElements => Extent(_shape, _strides, Count) < Count;

    /// <summary>Whether its elements are those of a storage.</summary>
    internal bool SharesStorage(StoredElements elements) =>
        IsInPlace && elements.Content is null && elements.FileOffset == _elements.FileOffset;

    /// <summary>Whether its storage begins within a range of the file.</summary>
    internal bool LiesWithin(long offset, long bytes) =>
        IsInPlace && _elements.FileOffset >= offset && _elements.FileOffset < offset + Math.Max(bytes, 1);

    /// <summary>
    /// Finds two tensors of one file that share elements and are to hold different values; null where there are none.
    /// </summary>
    /// <param name="tensors">
    /// The tensors, each with a key. Tensors of the same key are to hold the same values, and may share elements.
    /// </param>
    internal static (TensorEntry One, TensorEntry Other)? Overlapping<TKey>(
        IEnumerable<(TensorEntry Tensor, TKey Key)> tensors) where TKey : notnull
    {
        (TensorEntry Tensor, TKey Key)? furthest = null;
        foreach (var next in tensors.Where(each => each.Tensor.Count > 0).OrderBy(each => each.Tensor.FirstByte))
        {
            if (furthest is { } before && before.Tensor.EndByte > next.Tensor.FirstByte && !before.Key.Equals(next.Key))
                return (before.Tensor, next.Tensor);
            if (furthest is null || next.Tensor.EndByte > furthest.Value.Tensor.EndByte)
                furthest = next;
        }

        return null;
    }

    /// <summary>Offset of its first element in the file, bytes.</summary>
    internal long FirstByte => _elements.FileOffset + _elements.First * Type.Size();

    /// <summary>Offset behind its last element in the file, bytes.</summary>
    internal long EndByte => FirstByte + (long)Extent(_shape, _strides, Count) * Type.Size();

    private bool IsRowMajor => _strides.SequenceEqual(RowMajor(_shape));

    private Tensor Converted(Tensor values) => values.detach().cpu().to_type(Type.ToScalarType()).reshape(_shape);

    // The bytes between the elements belong to other tensors, and stay.
    private Tensor Scattered(Tensor typed)
    {
        var extent = (long)Extent(_shape, _strides, Count);
        if (extent < Count)
            throw new CheckpointException(
                _elements.File.Path, "a stored tensor repeats its elements, so that they cannot have different values",
                "save it again after calling contiguous() on it", $"tensor '{CheckpointException.Sanitize(Name)}'");

        var flat = empty([extent], Type.ToScalarType(), device: CPU);   // [extent]
        Fill(flat, extent);
        flat.as_strided(_shape, _strides).copy_(typed);
        return flat;
    }

    /// <summary>Writes elements one after another, in chunks, because a span cannot be longer than 2 GB.</summary>
    /// <param name="stream">Its position is behind the elements afterwards.</param>
    /// <param name="flat"><c>[count]</c>, contiguous and on the CPU.</param>
    /// <param name="type">The element type of the tensor.</param>
    internal static void WriteElements(Stream stream, Tensor flat, ElementType type)
    {
        for (long start = 0, step = ChunkBytes / type.Size(); start < flat.NumberOfElements; start += step)
        {
            using var chunk = flat.narrow(0, start, Math.Min(step, flat.NumberOfElements - start));
            stream.Write(chunk.bytes);
        }
    }

    private void Fill(Tensor flat, long extent)
    {
        using var bytes = _elements.Content is { } content
            ? CheckpointBytes.FromMemory(_elements.File, content)
            : CheckpointBytes.Open(_elements.File);
        var what = $"tensor '{CheckpointException.Sanitize(Name)}'";
        var offset = FirstByte;
        for (long start = 0, step = ChunkBytes / Type.Size(); start < extent; start += step)
        {
            using var chunk = flat.narrow(0, start, Math.Min(step, extent - start));
            var memory = chunk.bytes;
            bytes.Read(offset + start * Type.Size(), memory, what);
            if (Type == ElementType.BOOL && memory.ContainsAnyExceptInRange((byte)0, (byte)1))
                throw new CheckpointException(_elements.File.Path, "a Boolean is neither 0 nor 1", Damaged, what);
        }
    }

    private static long[] RowMajor(long[] shape)
    {
        var strides = new long[shape.Length];
        var stride = 1L;
        for (var dimension = shape.Length - 1; dimension >= 0; dimension--)
        {
            strides[dimension] = shape[dimension] > 1 ? stride : 1;
            stride *= Math.Max(shape[dimension], 1);
        }

        return strides;
    }

    // Number of elements of the storage from the tensor's first to its last.
    private static Int128 Extent(long[] shape, long[] strides, long count)
    {
        var extent = (Int128)(count == 0 ? 0 : 1);
        for (var dimension = 0; count > 0 && dimension < shape.Length; dimension++)
            extent += (Int128)(shape[dimension] - 1) * strides[dimension];

        return extent;
    }

    private static string Text(long[] numbers) => $"[{CheckpointException.Sanitize(string.Join(", ", numbers))}]";
}

/// <summary>Where a tensor's elements lie in a file.</summary>
/// <param name="File">The file, as it was hashed.</param>
/// <param name="FileLength">Its length when it was described, bytes.</param>
/// <param name="Type">Element type.</param>
/// <param name="FileOffset">Offset of the storage in the file, bytes.</param>
/// <param name="Available">Number of elements in the storage.</param>
/// <param name="First">Index in the storage of the tensor's first element.</param>
internal sealed record StoredElements(
    CheckpointFile File, long FileLength, ElementType Type, long FileOffset, long Available, long First)
{
    /// <summary>
    /// The decoded bytes, where the file keeps the storage as text; offsets count in them then. Null where it keeps the bytes.
    /// </summary>
    public byte[]? Content { get; init; }
}
