using AdaptThenUnlearn.Torch.Checkpoints.Tensors;

namespace AdaptThenUnlearn.Torch.Checkpoints.Pickle;

// What a pickle becomes here: inert values, none of which can run anything. Beside these there are null, bool, long,
// BigInteger, double and string.

/// <summary>A tuple: fixed when made.</summary>
internal sealed record PickleTuple(object?[] Items);

/// <summary>Bytes, left in the file where they lie.</summary>
internal sealed record PickleBytes(long Offset, long Length);

/// <summary>Text that is too long to be held: left in the file where it lies, in UTF-8.</summary>
internal sealed record PickleLongText(long Offset, long Length);

/// <summary>Bytes that lie in the file as text, one character each, as pickle protocol 2 writes them; decoded when asked for.</summary>
/// <param name="Text">The text, or null where it is too long to be held.</param>
/// <param name="Place">Where the text lies in the file then.</param>
internal sealed record PickleEncodedBytes(string? Text, PickleLongText? Place);

/// <summary>A list, or a set.</summary>
internal sealed class PickleList
{
    private List<object?>? _items;

    /// <summary>Its items, in order.</summary>
    public IReadOnlyList<object?> Items => _items ?? [];

    /// <summary>Adds items behind the others.</summary>
    public void Append(object?[] items) => (_items ??= []).AddRange(items);
}

/// <summary>A dictionary, an ordered dictionary, or an <c>argparse.Namespace</c> (its attributes by name).</summary>
/// <remarks>A second value for the same text is refused. Other keys are kept apart, under a text for them: <c>0</c> for the number 0.</remarks>
/// <param name="isNamespace">Whether its state is its content.</param>
internal sealed class PickleDictionary(bool isNamespace = false)
{
    private List<(string Key, object? Value)>? _others;

    /// <summary>Its items whose keys are text, in the order in which they were set; null while there are none.</summary>
    public OrderedDictionary<string, object?>? Items { get; private set; }

    /// <summary>Its items whose keys are numbers, tuples or anything else, in the order in which they were set; two may have one text.</summary>
    public IReadOnlyList<(string Key, object? Value)> Others => _others ?? [];

    /// <summary>Attributes that it was given beside its items; null where there are none.</summary>
    public object? State { get; private set; }

    /// <summary>Takes state that a pickle gives it: a namespace's attributes are its content, shared and not copied, since a
    /// pickle may name the same ones a million times; a state dict's (its <c>_metadata</c>) say nothing about weights.</summary>
    public void Build(object? state)
    {
        if (isNamespace && state is PickleDictionary attributes)
            Items ??= attributes.Items;
        else
            State = state;
    }

    /// <summary>Takes over what another dictionary holds, shared and not copied.</summary>
    public PickleDictionary Sharing(PickleDictionary other)
    {
        (Items, _others) = (other.Items, other._others);
        return this;
    }

    /// <summary>Sets an item whose key is text; false when the key is taken.</summary>
    public bool TryAdd(string key, object? value) => (Items ??= []).TryAdd(key, value);

    /// <summary>Sets an item whose key is something else.</summary>
    public void AddOther(string key, object? value) => (_others ??= []).Add((key, value));
}

/// <summary>An object of one of NVIDIA's persistent classes: its attributes, without the class.</summary>
internal sealed record PickleObject(string ClassName, PickleDictionary State);

/// <summary>A module of a TorchScript archive: its attributes, without the class.</summary>
internal sealed class PickleModule
{
    /// <summary>Its attributes; empty for one that keeps its state in a way of its own.</summary>
    public PickleDictionary State { get; set; } = new();
}

/// <summary>A NumPy element type, such as <c>f8</c>.</summary>
internal sealed class PickleNumpyType(string code)
{
    /// <summary>Kind and bytes.</summary>
    public string Code { get; } = code;

    /// <summary>Whether its most significant byte comes first.</summary>
    public bool IsBigEndian { get; set; }
}

/// <summary>A storage of a tensor: <see cref="Count"/> elements.</summary>
internal sealed class PickleStorage(ElementType type, long count, long? offset)
{
    /// <summary>The bytes in which it lies where that is not the file itself; null where it is.</summary>
    public byte[]? Content { get; set; }

    /// <summary>What the elements are.</summary>
    public ElementType Type { get; } = type;

    /// <summary>How many.</summary>
    public long Count { get; } = count;

    /// <summary>Where in the file they lie; null until that is known, since older files name their storages before they hold them.</summary>
    public long? Offset { get; set; } = offset;
}

/// <summary>A tensor, not yet checked against its storage.</summary>
internal sealed record PickleTensor(PickleStorage Storage, long First, long[] Shape, long[] Strides);

/// <summary>Something that is not read: known by the name of the global that would have made it, and by what of.</summary>
internal sealed class PickleOpaque(PickleGlobal global, params object?[] parts)
{
    private readonly List<object?> _parts = [.. parts];

    /// <summary>What would have made it.</summary>
    public PickleGlobal Global { get; } = global;

    /// <summary>Arguments, items and attributes.</summary>
    public IReadOnlyList<object?> Parts => _parts;

    /// <summary>Adds items or attributes.</summary>
    public void AddParts(params object?[] parts) => _parts.AddRange(parts);
}
