using AdaptThenUnlearn.Torch.Checkpoints.Tensors;

namespace AdaptThenUnlearn.Torch.Checkpoints.Pickle;

/// <summary>A reference to something importable, which is never imported.</summary>
/// <param name="Name"><c>module name</c>.</param>
/// <param name="Role">How this reader interprets it.</param>
/// <param name="Element">Element type, for the class of a storage.</param>
internal sealed record PickleGlobal(string Name, PickleRole Role, ElementType Element = default)
{
    // The module of the classes of a TorchScript archive, and the module of its lists of numbers.
    private const string ScriptClasses = "__torch__";
    private const string ScriptValues = "torch.jit._pickle";

    // Every global that this reader interprets.
    private static readonly Dictionary<string, PickleGlobal> _known = new PickleGlobal[]
    {
        new("collections OrderedDict", PickleRole.Dictionary),
        new("collections defaultdict", PickleRole.Dictionary),
        new("collections Counter", PickleRole.Dictionary),
        new("argparse Namespace", PickleRole.Namespace),
        new("types SimpleNamespace", PickleRole.Namespace),
        new("torch._utils _rebuild_tensor", PickleRole.Tensor),
        new("torch._utils _rebuild_tensor_v2", PickleRole.Tensor),
        new("torch._utils _rebuild_parameter", PickleRole.Parameter),
        new("torch._utils _rebuild_parameter_with_state", PickleRole.Parameter),
        new("torch._tensor _rebuild_from_type_v2", PickleRole.TensorOfType),
        new("torch Tensor", PickleRole.TensorType),
        new("torch.nn.parameter Parameter", PickleRole.TensorType),
        new("torch.nn.parameter Buffer", PickleRole.TensorType),
        new("torch.storage _load_from_bytes", PickleRole.StoredBytes),
        new("_codecs encode", PickleRole.Encoding),
        new("torch Size", PickleRole.Tuple),
        new("builtins set", PickleRole.Set),
        new("__builtin__ set", PickleRole.Set),
        new("builtins frozenset", PickleRole.Set),
        new("__builtin__ frozenset", PickleRole.Set),
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

    // Globals that projects copy into modules of other names.
    private static readonly Dictionary<string, PickleRole> _vendored = new()
    {
        ["_reconstruct_persistent_obj"] = PickleRole.PersistentObject,
        ["EasyDict"] = PickleRole.Dictionary,
    };

    /// <summary>Whether it makes a tensor, also in a form that is not read.</summary>
    public bool MakesTensor =>
        Role is PickleRole.Tensor or PickleRole.Parameter or PickleRole.TensorOfType or PickleRole.StoredBytes
            || Name.StartsWith("torch._utils _rebuild_", StringComparison.Ordinal);

    /// <summary>Looks a global up. The role of one that is not interpreted says whether it is harmless.</summary>
    /// <param name="module">Where Python would import it from.</param>
    /// <param name="name">Its name there.</param>
    /// <param name="ofProgram">Whether a TorchScript archive names it.</param>
    public static PickleGlobal Resolve(string module, string name, bool ofProgram)
    {
        var full = $"{module} {name}";
        if (ofProgram && (module == ScriptClasses || module.StartsWith(ScriptClasses + ".", StringComparison.Ordinal)))
            return new PickleGlobal(CheckpointException.Sanitize(full), PickleRole.Module);
        if (ofProgram && module == ScriptValues)
            return new PickleGlobal(CheckpointException.Sanitize(full), PickleRole.Opaque);
        if (_known.TryGetValue(full, out var known))
            return known;

        var role = HarmlessGlobals.RoleOf(module, name);
        return new PickleGlobal(
            CheckpointException.Sanitize(full),
            role == PickleRole.Unknown
                ? _vendored.GetValueOrDefault(name, role)
                : role);
    }
}

/// <summary>How this reader interprets a global.</summary>
internal enum PickleRole
{
    /// <summary>Unknown. The value that it would make is passed over and reported.</summary>
    Unknown,
    /// <summary>Its purpose is to run code. A file that refers to it is refused.</summary>
    Forbidden,
    /// <summary>It makes a plain value that is not needed, whatever its arguments are.</summary>
    Opaque,
    /// <summary>
    /// A class of a TorchScript archive. Made without arguments: a module, which gets its attributes afterwards.
    /// </summary>
    Module,
    /// <summary>Called without arguments, with another dictionary, or with a list of pairs: a dictionary.</summary>
    Dictionary,
    /// <summary>Made without arguments: an empty set of attributes.</summary>
    Namespace,
    /// <summary>Called with a storage, an offset, sizes and strides: a tensor.</summary>
    Tensor,
    /// <summary>Called with a tensor: that tensor.</summary>
    Parameter,
    /// <summary>Called with a function that makes a tensor, a class, and the function's arguments: that tensor.</summary>
    TensorOfType,
    /// <summary>The class of a tensor; never called.</summary>
    TensorType,
    /// <summary>The class of a storage; never called.</summary>
    Storage,
    /// <summary>Called with the bytes of a saved storage: that storage.</summary>
    StoredBytes,
    /// <summary>
    /// Called with the description of an object: its attributes. The source text in the description is passed over.
    /// </summary>
    PersistentObject,
    /// <summary>Called with text whose characters stand for bytes, as pickle protocol 2 writes them: those bytes.</summary>
    Encoding,
    /// <summary>Called with a tuple: that tuple.</summary>
    Tuple,
    /// <summary>Called with nothing or a list: a list.</summary>
    Set,
    /// <summary>Called with a type code: a NumPy element type.</summary>
    NumpyType,
    /// <summary>Called with a NumPy element type and bytes: a number.</summary>
    NumpyScalar,
}
