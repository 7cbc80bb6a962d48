using System.Globalization;
using System.Numerics;

namespace AdaptThenUnlearn.Torch.Checkpoints.Pickle;

/// <summary>Lays a pickle's nested dictionaries out flat: tensors by name, and the plain values beside them.</summary>
/// <remarks>What is shared is visited once for every way that leads to it, so visits, depth and names are bounded.</remarks>
internal sealed class PickleState
{
    private const int MaximumDepth = 64;
    private const int MaximumVisits = 1_000_000;
    private const int MaximumNameLength = 512;
    private const long MaximumNameCharacters = 1 << 23;
    private const int ShownItems = 16;
    private const string Remedy = "save the state dict alone: torch.save(model.state_dict(), …)";

    private readonly string _path;
    private readonly long _fileLength;
    private readonly List<TensorEntry> _tensors = [];
    private readonly List<PlainValue> _values = [];
    private int _visits;
    private long _nameCharacters;

    private PickleState(string path, long fileLength) => (_path, _fileLength) = (path, fileLength);

    /// <summary>Lays out what a pickle held.</summary>
    /// <param name="path">The file.</param>
    /// <param name="fileLength">Its length, bytes.</param>
    /// <param name="root">The pickle's value.</param>
    /// <param name="anyRoot">Whether the root may be anything, for a survey of the file; otherwise it must be a dictionary.</param>
    /// <exception cref="CheckpointException">The root is no dictionary, a tensor is impossible, or there is too much of something.</exception>
    public static (IReadOnlyList<TensorEntry> Tensors, IReadOnlyList<PlainValue> Values) Flatten(string path, long fileLength, object? root, bool anyRoot)
    {
        if (root is not (PickleDictionary or PickleObject or PickleModule) && !anyRoot)
            throw new CheckpointException(path, $"holds {Describe(root)} where a dictionary of tensors is expected", Remedy);

        var state = new PickleState(path, fileLength);
        state.Visit(root, "", depth: 0);
        return (state._tensors, state._values);
    }

    private void Visit(object? value, string name, int depth)
    {
        Count(name, depth);
        switch (value)
        {
            case PickleTensor tensor: Add(tensor, name); break;
            case PickleObject made: VisitObject(made, name, TensorFile.SectionSeparator, depth); break;
            case PickleModule { State.Items: var attributes }:
                foreach (var (key, held) in attributes ?? [])
                    Visit(held, name.Length == 0 ? key : $"{name}.{key}", depth + 1);
                break;
            case PickleDictionary { Items: { } items }:
                foreach (var (key, item) in items)
                    Visit(item, Within(name, key), depth + 1);
                break;
            case PickleList list: VisitItems(list, list.Items, name, depth); break;
            case PickleTuple tuple: VisitItems(tuple, tuple.Items, name, depth); break;
            default: _values.Add(Plain(value, name)); break;
        }
    }

    private void Count(string name, int depth)
    {
        if (depth > MaximumDepth || ++_visits > MaximumVisits || name.Length > MaximumNameLength || (_nameCharacters += name.Length) > MaximumNameCharacters
            || _tensors.Count + _values.Count > TensorFile.MaximumNames)
            throw new CheckpointException(
                _path, $"its content is nested more than {MaximumDepth} deep, has more than {TensorFile.MaximumNames} names, or names over {MaximumNameLength} characters",
                Remedy, CheckpointException.Shown(name));
    }

    // Looking at every item is work too, and one long list may be named again and again.
    private void VisitItems(object list, IReadOnlyList<object?> items, string name, int depth)
    {
        _visits += items.Count;
        Count(name, depth);
        if (!items.Any(IsContainer))
        {
            _values.Add(Plain(list, name));
            return;
        }

        for (var index = 0; index < items.Count; index++)
            Visit(items[index], Within(name, index.ToString(CultureInfo.InvariantCulture)), depth + 1);
    }

    // Named as torch's state_dict() names what a module holds; the attributes beside it are plain values.
    private void VisitObject(PickleObject made, string name, char separator, int depth)
    {
        _visits += made.State.Items?.Count ?? 0;   // what is passed over is looked at too, and one object may be named again and again
        Count(name, depth);
        _values.Add(new PlainValue(Member("class_name"), "text", CheckpointException.Shown(made.ClassName)));
        foreach (var (key, value) in made.State.Items ?? [])
            switch (key, value)
            {
                case ("_parameters" or "_buffers" or "_modules", PickleDictionary { Items: { } members }):
                    foreach (var (member, held) in members)
                        VisitMember(held, Member(member), depth + 1);
                    break;
                case (['_', ..], _) or (_, PickleTensor or PickleDictionary or PickleObject): break;   // hooks, caches, arguments of constructors
                default: Visit(value, Member(key), depth + 1); break;
            }

        string Member(string key) => name.Length == 0 ? key : $"{name}{separator}{key}";
    }

    private void VisitMember(object? held, string name, int depth)
    {
        Count(name, depth);
        if (held is PickleObject child)
            VisitObject(child, name, '.', depth);
        else if (held is not null)   // a bias that a layer does without
            Visit(held, name, depth);
    }

    private void Add(PickleTensor tensor, string name)
    {
        var storage = tensor.Storage;
        _tensors.Add(TensorEntry.Describe(
            name, new StoredElements(_path, _fileLength, storage.Type, storage.Offset ?? 0, storage.Offset is null ? 0 : storage.Count, tensor.First), tensor.Shape, tensor.Strides));
    }

    private static string Within(string name, string key) => name.Length == 0 ? key : $"{name}{TensorFile.SectionSeparator}{key}";

    private static bool IsContainer(object? value) => value is PickleTensor or PickleDictionary or PickleList or PickleTuple or PickleObject or PickleModule;

    private static PlainValue Plain(object? value, string name) => value switch
    {
        PickleList list => new(name, "list", Text(list.Items)),
        PickleTuple tuple => new(name, "list", Text(tuple.Items)),
        _ => new(name, Kind(value), Text(value)),
    };

    private static string Text(IReadOnlyList<object?> items) =>
        $"[{string.Join(", ", items.Take(ShownItems).Select(Text))}{(items.Count > ShownItems ? $", … ({items.Count} items)" : "")}]";

    private static string Text(object? value) => value switch
    {
        null => "None",
        string text => CheckpointException.Shown(text),
        PickleBytes bytes => $"{bytes.Length} bytes",
        PickleDictionary => "{}",
        PickleOpaque opaque => opaque.Global.Name,
        PickleGlobal global => global.Name,
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };

    private static string Kind(object? value) => value switch
    {
        null => "none",
        bool => "boolean",
        long or BigInteger => "integer",
        double => "number",
        string => "text",
        PickleBytes => "bytes",
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
