namespace AdaptThenUnlearn.Torch.Checkpoints.Pickle;

// What a pickle becomes here: inert values, none of which can run anything. Beside these there are null, bool, long,
// BigInteger, double and string.

/// <summary>A tuple: fixed when made.</summary>
internal sealed record PickleTuple(object?[] Items);

/// <summary>Bytes, left in the file where they lie.</summary>
internal sealed record PickleBytes(long Offset, long Length);

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
/// <remarks>Keys are kept as text, <c>0</c> for the number 0; a second value for the same key is refused.</remarks>
/// <param name="isNamespace">Whether its state is its content.</param>
internal sealed class PickleDictionary(bool isNamespace = false)
{
    /// <summary>Its items, in the order in which they were set; null while there are none.</summary>
    public OrderedDictionary<string, object?>? Items { get; private set; }

    /// <summary>Takes state that a pickle gives it: a namespace's attributes are its content, shared and not copied, since a
    /// pickle may name the same ones a million times; a state dict's (its <c>_metadata</c>) say nothing about weights.</summary>
    public void Build(PickleDictionary? state)
    {
        if (isNamespace)
            Items ??= state?.Items;
    }

    /// <summary>Sets an item; false when the key is taken.</summary>
    public bool TryAdd(string key, object? value) => (Items ??= []).TryAdd(key, value);
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
internal sealed record PickleNumpyType(string Code);

/// <summary>A storage of a tensor: <see cref="Count"/> elements.</summary>
internal sealed class PickleStorage(ElementType type, long count, long? offset)
{
    /// <summary>What the elements are.</summary>
    public ElementType Type { get; } = type;

    /// <summary>How many.</summary>
    public long Count { get; } = count;

    /// <summary>Where in the file they lie; null until that is known, since older files name their storages before they hold them.</summary>
    public long? Offset { get; set; } = offset;
}

/// <summary>A tensor, not yet checked against its storage.</summary>
internal sealed record PickleTensor(PickleStorage Storage, long First, long[] Shape, long[] Strides);

/// <summary>Something an unknown global would have made; known by that global's name only.</summary>
internal sealed record PickleOpaque(PickleGlobal Global);

/// <summary>A reference to something importable, which is never imported.</summary>
/// <param name="Name"><c>module name</c>.</param>
/// <param name="Role">What it stands for here.</param>
/// <param name="Element">Element type of a storage class.</param>
internal sealed record PickleGlobal(string Name, PickleRole Role, ElementType Element = default)
{
    // Classes whose source lies in a TorchScript archive; and how it pickles lists of numbers.
    private const string ScriptClasses = "__torch__";
    private const string ScriptValues = "torch.jit._pickle";

    /// <summary>Every global that means something here; all others are refused.</summary>
    private static readonly Dictionary<string, PickleGlobal> _known = new PickleGlobal[]
    {
        new("collections OrderedDict", PickleRole.Dictionary),
        new("dnnlib.util EasyDict", PickleRole.Dictionary),
        new("argparse Namespace", PickleRole.Namespace),
        new("torch._utils _rebuild_tensor_v2", PickleRole.Tensor),
        new("torch._utils _rebuild_parameter", PickleRole.Parameter),
        new("torch_utils.persistence _reconstruct_persistent_obj", PickleRole.PersistentObject),
        new("torch.storage _load_from_bytes", PickleRole.StoredBytes),
        new("torch Size", PickleRole.Tuple),
        new("builtins set", PickleRole.Set),
        new("__builtin__ set", PickleRole.Set),
        new("numpy dtype", PickleRole.NumpyType),
        new("numpy.core.multiarray scalar", PickleRole.NumpyScalar),
        new("numpy._core.multiarray scalar", PickleRole.NumpyScalar),
        new("torch DoubleStorage", PickleRole.Storage, ElementType.F64),
        new("torch FloatStorage", PickleRole.Storage, ElementType.F32),
        new("torch HalfStorage", PickleRole.Storage, ElementType.F16),
        new("torch BFloat16Storage", PickleRole.Storage, ElementType.BF16),
        new("torch LongStorage", PickleRole.Storage, ElementType.I64),
        new("torch IntStorage", PickleRole.Storage, ElementType.I32),
        new("torch ShortStorage", PickleRole.Storage, ElementType.I16),
        new("torch CharStorage", PickleRole.Storage, ElementType.I8),
        new("torch ByteStorage", PickleRole.Storage, ElementType.U8),
        new("torch BoolStorage", PickleRole.Storage, ElementType.BOOL),
    }.ToDictionary(global => global.Name);

    /// <summary>Looks a global up; an unknown one has the role <see cref="PickleRole.Unknown"/>.</summary>
    /// <param name="module">Where Python would import it from.</param>
    /// <param name="name">Its name there.</param>
    /// <param name="ofProgram">Whether a TorchScript archive names it.</param>
    public static PickleGlobal Of(string module, string name, bool ofProgram)
    {
        var full = $"{module} {name}";
        if (ofProgram && (module == ScriptClasses || module.StartsWith(ScriptClasses + ".", StringComparison.Ordinal)))
            return new PickleGlobal(CheckpointException.Shown(full), PickleRole.Module);
        if (ofProgram && module == ScriptValues)
            return new PickleGlobal(CheckpointException.Shown(full), PickleRole.Opaque);

        return _known.GetValueOrDefault(full) ?? new PickleGlobal(CheckpointException.Shown(full), PickleRole.Unknown);
    }
}

/// <summary>What a global stands for.</summary>
internal enum PickleRole
{
    /// <summary>Nothing that is known here.</summary>
    Unknown,
    /// <summary>Something that is of no interest, whatever it is given.</summary>
    Opaque,
    /// <summary>A class of a TorchScript archive, made without arguments: a module, which gets its attributes then.</summary>
    Module,
    /// <summary>Called without arguments: an empty dictionary.</summary>
    Dictionary,
    /// <summary>Made without arguments: an empty set of attributes.</summary>
    Namespace,
    /// <summary>Called with a storage, an offset, sizes and strides: a tensor.</summary>
    Tensor,
    /// <summary>Called with a tensor: that tensor.</summary>
    Parameter,
    /// <summary>The class of a storage; never called.</summary>
    Storage,
    /// <summary>Called with bytes in which a storage was saved: that storage.</summary>
    StoredBytes,
    /// <summary>Called with a description of an object: its attributes. The source text in it is passed over.</summary>
    PersistentObject,
    /// <summary>Called with a tuple: that tuple.</summary>
    Tuple,
    /// <summary>Called with nothing or a list: a list.</summary>
    Set,
    /// <summary>Called with a type code: a NumPy element type.</summary>
    NumpyType,
    /// <summary>Called with a NumPy element type and bytes: a number.</summary>
    NumpyScalar,
}
