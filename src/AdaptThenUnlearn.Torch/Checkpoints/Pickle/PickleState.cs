using System.Globalization;
using System.Numerics;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;

namespace AdaptThenUnlearn.Torch.Checkpoints.Pickle;

/// <summary>Flattens the nested dictionaries of a pickle: tensors by name, and the plain values beside them.</summary>
/// <remarks>
/// A shared value is visited once for every path to it, so visits, depth and names are limited. Tensors within a value that is
/// not read are listed separately: they are not used, but a copy of the file still holds them.
/// </remarks>
internal sealed class PickleState
{
    private const int MaximumDepth = 64;
    private const int MaximumVisits = 1_000_000;
    private const int MaximumNameLength = 512;
    private const long MaximumNameCharacters = 1 << 23;
    private const int ShownItems = 16;
    private const int MostListed = 1000;
    private const string Remedy =
        "load it in the Python that wrote it, and save the state dict alone: torch.save(model.state_dict(), …)";

    private readonly CheckpointFile _file;
    private readonly long _fileLength;
    private readonly List<TensorEntry> _tensors = [];
    private readonly List<PlainValue> _values = [];
    private readonly List<UnreadTensor> _unread = [];
    private int _visits;
    private long _nameCharacters;

    private PickleState(CheckpointFile file, long fileLength) => (_file, _fileLength) = (file, fileLength);

    /// <summary>The tensors.</summary>
    public IReadOnlyList<TensorEntry> Tensors => _tensors;

    /// <summary>Flattens the value of a pickle.</summary>
    /// <param name="file">The file.</param>
    /// <param name="fileLength">Length of the file, bytes.</param>
    /// <param name="root">The pickle's value.</param>
    /// <param name="anyRoot">Whether the root may be any value, for inspection; otherwise it must be a container.</param>
    /// <exception cref="CheckpointException">
    /// The root is not a container, a tensor is impossible, or there are too many values.
    /// </exception>
    public static PickleState Flatten(CheckpointFile file, long fileLength, object? root, bool anyRoot)
    {
        if (root is not (PickleDictionary or PickleObject or PickleModule or PickleList or PickleTuple) && !anyRoot)
            throw new CheckpointException(file.Path, $"holds {Describe(root)} where a dictionary of tensors is expected", Remedy);

        var state = new PickleState(file, fileLength);
        state.Visit(root, "", depth: 0);
        return state;
    }

    /// <summary>The flattened content as a tensor file.</summary>
    /// <param name="format">Name of the file's format.</param>
    /// <param name="session">The session in which the pickle was read.</param>
    public TensorFile ToFile(string format, PickleSession session) => new(
        _file, format, _tensors, values: _values,
        globals: session.Globals, refused: session.Refused, passedOver: session.PassedOver, unread: _unread);

    private void Visit(object? value, string name, int depth)
    {
        Count(name, depth);
        switch (value)
        {
            case PickleTensor tensor: Add(tensor, name); break;
            case PickleObject made: VisitObject(made, name, TensorFile.SectionSeparator, depth); break;
            case PickleModule { State: var attributes }:
                foreach (var (key, held) in attributes.Items ?? [])
                    Visit(held, name.Length == 0 ? key : $"{name}.{key}", depth + 1);
                break;
            case PickleDictionary { Items: null, Others: [] }: _values.Add(Plain(value, name)); break;
            case PickleDictionary dictionary: VisitDictionary(dictionary, name, depth); break;
            case PickleList list: VisitItems(list, list.Items, name, depth); break;
            case PickleTuple tuple: VisitItems(tuple, tuple.Items, name, depth); break;
            case PickleOpaque opaque:
                _values.Add(Plain(opaque, name));
                AddUnread(opaque, opaque, name);
                break;
            default: _values.Add(Plain(value, name)); break;
        }
    }

    private void VisitDictionary(PickleDictionary dictionary, string name, int depth)
    {
        if (IsLongAndPlain(dictionary, (dictionary.Items?.Count ?? 0) + dictionary.Others.Count, name))
        {
            _values.Add(Plain(dictionary, name));
            return;
        }

        foreach (var (key, item) in dictionary.Items ?? [])
            Visit(item, Full(name, key), depth + 1);
        foreach (var (key, item) in dictionary.Others)
            Visit(item, Full(name, key), depth + 1);
        if (dictionary.State is { } attributes)
            AddUnread(attributes, opaque: null, name);
    }

    private void AddUnread(object root, PickleOpaque? opaque, string name)
    {
        foreach (var value in Within(root, name))
        {
            var kind = opaque?.Global.Name ?? "attribute";
            if (value is PickleTensor tensor)
                _unread.Add(new UnreadTensor(name, kind, tensor.Shape) { Elements = ElementsOf(tensor) });
            else if (value is PickleStorage storage)
                _unread.Add(new UnreadTensor(name, kind, [storage.Count]) { Elements = ElementsOf(storage, first: 0) });
            else if (value is PickleOpaque { Global.MakesTensor: true } made
                && !made.Parts.Any(part => part is PickleStorage or PickleTensor))
                _unread.Add(new UnreadTensor(name, made.Global.Name, []));
        }
    }

    // Every value within the root, each once, because objects may refer to each other in circles.
    private IEnumerable<object> Within(object root, string name)
    {
        var seen = new HashSet<object>(ReferenceEqualityComparer.Instance);
        var waiting = new Stack<object>([root]);
        while (waiting.TryPop(out var value))
        {
            if (!seen.Add(value))
                continue;

            Count(name, depth: 0);
            yield return value;
            foreach (var part in PartsOf(value))
                if (part is PickleStorage or PickleOpaque || (part is not null && IsContainer(part)))
                    waiting.Push(part);
        }
    }

    // A long list without tensors, such as a history of losses, is one value.
    private bool IsLongAndPlain(object container, int items, string name) => items > MostListed
        && !Within(container, name)
            .Any(value => value is PickleTensor or PickleStorage or PickleOpaque or PickleObject or PickleModule);

    private IEnumerable<object?> PartsOf(object value)
    {
        IEnumerable<object?> parts = value switch
        {
            PickleOpaque opaque => opaque.Parts,
            PickleDictionary dictionary =>
                (dictionary.Items?.Values.AsEnumerable() ?? [])
                    .Concat(dictionary.Others.Select(other => other.Value))
                    .Append(dictionary.State),
            PickleList list => list.Items,
            PickleTuple tuple => tuple.Items,
            PickleObject { State: var state } => [state],
            PickleModule { State: var state } => [state],
            _ => [],
        };
        foreach (var part in parts)
        {
            _visits++;
            yield return part;
        }
    }

    private void Count(string name, int depth)
    {
        if (depth > MaximumDepth
            || ++_visits > MaximumVisits
            || name.Length > MaximumNameLength
            || (_nameCharacters += name.Length) > MaximumNameCharacters
            || _tensors.Count + _values.Count > TensorFile.MaximumNames)
            throw new CheckpointException(
                _file.Path,
                $"its content is nested more than {MaximumDepth} deep, has more than {TensorFile.MaximumNames} names, or "
                    + $"names over {MaximumNameLength} characters",
                Remedy, CheckpointException.Sanitize(name));
    }

    // Each item counts as a visit, because one long list may be named many times.
    private void VisitItems(object list, IReadOnlyList<object?> items, string name, int depth)
    {
        _visits += items.Count;
        Count(name, depth);
        if (!items.Any(IsContainer) || IsLongAndPlain(list, items.Count, name))
        {
            _values.Add(Plain(list, name));
            foreach (var opaque in items.OfType<PickleOpaque>())
                AddUnread(opaque, opaque, name);
            return;
        }

        for (var index = 0; index < items.Count; index++)
            Visit(items[index], Full(name, index.ToString(CultureInfo.InvariantCulture)), depth + 1);
    }

    // Names are those of torch's state_dict(); the attributes beside parameters, buffers and modules are plain values.
    private void VisitObject(PickleObject made, string name, char separator, int depth)
    {
        // Attributes that are passed over count too, because one object may be named many times.
        _visits += made.State.Items?.Count ?? 0;
        Count(name, depth);
        _values.Add(new PlainValue(Member("class_name"), "text", CheckpointException.Sanitize(made.ClassName)));
        foreach (var (key, value) in made.State.Items ?? [])
            switch (key, value)
            {
                case ("_parameters" or "_buffers" or "_modules", PickleDictionary { Items: { } members }):
                    foreach (var (member, held) in members)
                        VisitMember(held, Member(member), depth + 1);
                    break;
                // Hooks, caches and arguments of constructors are passed over.
                case (['_', ..], _) or (_, PickleTensor or PickleDictionary or PickleObject): break;
                default: Visit(value, Member(key), depth + 1); break;
            }

        string Member(string key) => name.Length == 0 ? key : $"{name}{separator}{key}";
    }

    private void VisitMember(object? held, string name, int depth)
    {
        Count(name, depth);
        if (held is PickleObject child)
            VisitObject(child, name, '.', depth);
        else if (held is not null)   // null is, for instance, the bias of a layer without one
            Visit(held, name, depth);
    }

    private void Add(PickleTensor tensor, string name) =>
        _tensors.Add(TensorEntry.Describe(name, ElementsOf(tensor), tensor.Shape, tensor.Strides));

    private StoredElements ElementsOf(PickleTensor tensor) => ElementsOf(tensor.Storage, tensor.First);

    private StoredElements ElementsOf(PickleStorage storage, long first) =>
        new(_file, _fileLength, storage.Type, storage.Offset ?? 0, storage.Offset is null ? 0 : storage.Count, first)
        {
            Content = storage.Content
        };

    private static string Full(string name, string key) => name.Length == 0 ? key : $"{name}{TensorFile.SectionSeparator}{key}";

    private static bool IsContainer(object? value) =>
        value is PickleTensor or PickleDictionary or PickleList or PickleTuple or PickleObject or PickleModule;

    private static PlainValue Plain(object? value, string name) => value switch
    {
        PickleList list => new(name, "list", Text(list.Items)),
        PickleTuple tuple => new(name, "list", Text(tuple.Items)),
        _ => new(name, Kind(value), Text(value)),
    };

    private static string Text(IReadOnlyList<object?> items)
    {
        var more = items.Count > ShownItems ? $", … ({items.Count} items)" : "";
        return $"[{string.Join(", ", items.Take(ShownItems).Select(Text))}{more}]";
    }

    private static string Text(object? value) => value switch
    {
        null => "None",
        string text => CheckpointException.Sanitize(text),
        PickleBytes bytes => $"{bytes.Length} bytes",
        PickleEncodedBytes encoded => $"{encoded.Text?.Length ?? encoded.Place!.Length} bytes",
        PickleLongText text => $"text of {text.Length} bytes",
        PickleDictionary { Items: null, Others: [] } => "{}",
        PickleDictionary dictionary => $"{{…}} ({(dictionary.Items?.Count ?? 0) + dictionary.Others.Count} items)",
        PickleList or PickleTuple => "[…]",
        PickleOpaque opaque => opaque.Global.Name,
        PickleGlobal global => global.Name,
        PickleNumpyType type => type.Code,
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };

    private static string Kind(object? value) => value switch
    {
        null => "none",
        bool => "boolean",
        long or BigInteger => "integer",
        double => "number",
        string or PickleLongText => "text",
        PickleBytes or PickleEncodedBytes => "bytes",
        PickleDictionary => "dictionary",
        _ => "opaque",
    };

    private static string Describe(object? root) => root switch
    {
        PickleTensor => "a single tensor",
        PickleList or PickleTuple => "a list",
        PickleOpaque { Global.Name: var name } => $"a whole object ('{name}')",
        _ => $"a value of kind '{Kind(root)}'",
    };
}
