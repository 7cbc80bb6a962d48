using AdaptThenUnlearn.Torch.Checkpoints.Tensors;

namespace AdaptThenUnlearn.Torch.Checkpoints.Pickle;

// The values that a pickle becomes: plain data that cannot run anything. The other values are null, bool, long, BigInteger,
// double and string.

/// <summary>A tuple; it never changes.</summary>
internal sealed record PickleTuple(object?[] Items);

/// <summary>Bytes that stay in the file.</summary>
internal sealed record PickleBytes(long Offset, long Length);

/// <summary>Text that is too long to hold; it stays in the file, in UTF-8.</summary>
internal sealed record PickleLongText(long Offset, long Length);

/// <summary>
/// Bytes that lie in the file as text, one character for each byte, as pickle protocol 2 writes them. They are decoded when they
/// are needed.
/// </summary>
/// <param name="Text">The text; null where it is too long to hold.</param>
/// <param name="Place">Where the text lies in the file, if it is too long to hold; otherwise null.</param>
internal sealed record PickleEncodedBytes(string? Text, PickleLongText? Place);

/// <summary>A list, or a set.</summary>
internal sealed class PickleList
{
    private List<object?>? _items;

    /// <summary>Its items, in order.</summary>
    public IReadOnlyList<object?> Items => _items ?? [];

    /// <summary>Adds items at the end.</summary>
    public void Append(object?[] items) => (_items ??= []).AddRange(items);
}

/// <summary>A dictionary, an ordered dictionary, or an <c>argparse.Namespace</c> (its attributes by name).</summary>
/// <remarks>
/// A second value for the same text is refused. Keys of other types are kept separately, as text: <c>0</c> for the number 0.
/// </remarks>
/// <param name="isNamespace">Whether its state is its content, as for a namespace.</param>
internal sealed class PickleDictionary(bool isNamespace = false)
{
    private List<(string Key, object? Value)>? _others;

    /// <summary>The items whose keys are text, in the order in which they were set; null where there are none.</summary>
    public OrderedDictionary<string, object?>? Items { get; private set; }

    /// <summary>
    /// The items with keys of other types, in the order in which they were set. Two of them may have the same text.
    /// </summary>
    public IReadOnlyList<(string Key, object? Value)> Others => _others ?? [];

    /// <summary>Attributes beside the items; null where there are none.</summary>
    public object? State { get; private set; }

    /// <summary>Sets the state that the pickle gives.</summary>
    /// <remarks>
    /// A namespace's attributes are its content. They are shared and not copied, because a pickle may name the same ones a
    /// million times. The attributes of a state dict (its <c>_metadata</c>) say nothing about weights.
    /// </remarks>
    public void Build(object? state)
    {
        if (isNamespace && state is PickleDictionary attributes)
            Items ??= attributes.Items;
        else
            State = state;
    }

    /// <summary>Takes the items of another dictionary, shared and not copied.</summary>
    public PickleDictionary Sharing(PickleDictionary other)
    {
        (Items, _others) = (other.Items, other._others);
        return this;
    }

    /// <summary>Sets an item whose key is text. False where the key is there already.</summary>
    public bool TryAdd(string key, object? value) => (Items ??= []).TryAdd(key, value);

    /// <summary>Sets an item whose key is of another type.</summary>
    public void AddOther(string key, object? value) => (_others ??= []).Add((key, value));
}

/// <summary>An object of one of NVIDIA's persistent classes: its attributes, without the class.</summary>
internal sealed record PickleObject(string ClassName, PickleDictionary State);

/// <summary>A module of a TorchScript archive: its attributes, without the class.</summary>
internal sealed class PickleModule
{
    /// <summary>Its attributes; empty for a module that stores its state in another form.</summary>
    public PickleDictionary State { get; set; } = new();
}

/// <summary>A NumPy element type, such as <c>f8</c>.</summary>
internal sealed class PickleNumpyType(string code)
{
    /// <summary>Kind and number of bytes.</summary>
    public string Code { get; } = code;

    /// <summary>Whether its most significant byte comes first.</summary>
    public bool IsBigEndian { get; set; }
}

/// <summary>A storage of a tensor: <see cref="Count"/> elements.</summary>
internal sealed class PickleStorage(ElementType type, long count, long? offset)
{
    /// <summary>The decoded bytes, where the file keeps the storage as text; null where it keeps the bytes.</summary>
    public byte[]? Content { get; set; }

    /// <summary>Element type.</summary>
    public ElementType Type { get; } = type;

    /// <summary>Number of elements.</summary>
    public long Count { get; } = count;

    /// <summary>
    /// Offset of the elements in the file, bytes. Null until it is known: older files name their storages before the elements.
    /// </summary>
    public long? Offset { get; set; } = offset;
}

/// <summary>A tensor, not yet checked against its storage.</summary>
internal sealed record PickleTensor(PickleStorage Storage, long First, long[] Shape, long[] Strides);

/// <summary>A value that is not read: the global that would have made it, and the values that it is made of.</summary>
internal sealed class PickleOpaque(PickleGlobal global, params object?[] parts)
{
    private readonly List<object?> _parts = [.. parts];

    /// <summary>The global that would have made it.</summary>
    public PickleGlobal Global { get; } = global;

    /// <summary>Arguments, items and attributes.</summary>
    public IReadOnlyList<object?> Parts => _parts;

    /// <summary>Adds items or attributes.</summary>
    public void AddParts(params object?[] parts) => _parts.AddRange(parts);
}
