namespace AdaptThenUnlearn.Torch.Checkpoints.Tensors;

/// <summary>
/// The content of a checkpoint of any format: tensors by name, metadata, and the plain values beside the tensors.
/// </summary>
/// <remarks>
/// Names are flat. A dictionary inside the file is a <em>section</em>: its key, then a slash, then the name within, as in
/// <c>g_ema/convs.0.conv.weight</c> or <c>g_optim/state/0/exp_avg</c>. A flat state dict has no sections. Immutable; holds no
/// tensor and no open file.
/// </remarks>
public sealed class TensorFile
{
    /// <summary>Separates the name of a section from the name within it.</summary>
    public const char SectionSeparator = '/';

    /// <summary>Largest number of names in a file. A file with more is taken for an attack.</summary>
    internal const int MaximumNames = 100_000;

    private readonly Dictionary<string, TensorEntry> _byName = [];

    internal TensorFile(
        CheckpointFile file, string format, IReadOnlyList<TensorEntry> tensors,
        IReadOnlyDictionary<string, string>? metadata = null, IReadOnlyList<PlainValue>? values = null,
        IReadOnlyList<string>? globals = null,
        IReadOnlyList<string>? refused = null,
        IReadOnlyList<string>? passedOver = null,
        IReadOnlyList<UnreadTensor>? unread = null)
    {
        (File, Format, Tensors) = (file, format, tensors);
        (Metadata, Values, Globals) = (metadata ?? new Dictionary<string, string>(), values ?? [], globals ?? []);
        (Refused, PassedOver, Unread) = (refused ?? [], passedOver ?? [], unread ?? []);
        foreach (var tensor in tensors)
            if (!_byName.TryAdd(tensor.Name, tensor))
                throw new CheckpointException(
                    Path,
                    "two tensors have the same name",
                    "save it again under distinct names",
                    $"tensor '{CheckpointException.Sanitize(tensor.Name)}'");

        Sections = [.. tensors.Select(tensor => SectionOf(tensor.Name)).OfType<string>().Distinct()];
    }

    /// <summary>The file, as it was hashed.</summary>
    public CheckpointFile File { get; }

    /// <summary>Path of the file.</summary>
    public string Path => File.Path;

    /// <summary>Name of the format it was read as.</summary>
    public string Format { get; }

    /// <summary>Every tensor, in the file's order.</summary>
    public IReadOnlyList<TensorEntry> Tensors { get; }

    /// <summary>Text by key, as safetensors keeps it; empty for other formats.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Names of the sections that hold tensors, in the file's order; empty for a flat state dict.</summary>
    public IReadOnlyList<string> Sections { get; }

    /// <summary>
    /// Numbers, texts and lists beside the tensors, such as training arguments. They are listed, and not interpreted.
    /// </summary>
    public IReadOnlyList<PlainValue> Values { get; }

    /// <summary>
    /// The pickle globals that the file refers to, <c>module name</c>, sorted; empty for formats without pickles.
    /// </summary>
    public IReadOnlyList<string> Globals { get; }

    /// <summary>Those of <see cref="Globals"/> that run code. A file with one is read only for inspection.</summary>
    public IReadOnlyList<string> Refused { get; }

    /// <summary>
    /// Those of <see cref="Globals"/> that are unknown. The values that they would make are passed over, and stay in the file.
    /// </summary>
    public IReadOnlyList<string> PassedOver { get; }

    /// <summary>The tensors that are not read, such as complex ones.</summary>
    public IReadOnlyList<UnreadTensor> Unread { get; }

    /// <summary>A tensor by its full name.</summary>
    /// <exception cref="CheckpointException">There is no such tensor; the message names similar ones.</exception>
    public TensorEntry this[string name] => Find(name) ?? throw Missing(name);

    private CheckpointException Missing(string name) => Unread.FirstOrDefault(tensor => tensor.Name == name) is { } unread
        ? NotRead(unread)
        : new CheckpointException(
            Path, $"has no tensor '{CheckpointException.Sanitize(name)}'",
            Tensors.Count == 0 ? "it holds no tensors at all" : $"it holds {Tensors.Count}, among them {Nearest(name)}");

    /// <summary>The exception for a tensor that is needed and not read.</summary>
    internal CheckpointException NotRead(UnreadTensor tensor) => new(
        Path, $"the tensor '{CheckpointException.Sanitize(tensor.Name)}' is kept as '{tensor.Kind}', which is not read",
        "load it in Python, and save plain tensors of float32, float16 or bfloat16: torch.save({name: "
            + "tensor.float().contiguous() for name, tensor in model.state_dict().items()}, …)");

    /// <summary>A tensor by its full name; null where there is none.</summary>
    public TensorEntry? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>A part of the content, under other names.</summary>
    /// <param name="name">Maps a full name to the new one, or to null for content to leave out.</param>
    internal TensorFile Renamed(Func<string, string?> name) => new(
        File, Format,
        [.. Tensors.Select(tensor => name(tensor.Name) is { } own ? tensor.Renamed(own) : null).OfType<TensorEntry>()],
        Metadata,
        [.. Values.Select(value => name(value.Name) is { } own ? value with { Name = own } : null).OfType<PlainValue>()],
        Globals, Refused, PassedOver,
        [.. Unread.Select(tensor => name(tensor.Name) is { } own ? tensor with { Name = own } : null).OfType<UnreadTensor>()]);

    /// <summary>The section of a full name; null where it has none.</summary>
    internal static string? SectionOf(string name) =>
        name.IndexOf(SectionSeparator, StringComparison.Ordinal) is > 0 and var slash ? name[..slash] : null;

    // Names with the longest common beginning are the most similar.
    private string Nearest(string name) => string.Join(
        ", ",
        Tensors.OrderByDescending(tensor => tensor.Name.AsSpan().CommonPrefixLength(name))
            .Take(3)
            .Select(tensor => $"'{CheckpointException.Sanitize(tensor.Name)}'"));
}
