using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Text;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;

namespace AdaptThenUnlearn.Torch.Checkpoints.Pickle;

/// <summary>
/// Reads a pickle as data. This pickle machine knows an allow-list of names, and has no way to import or call anything.
/// </summary>
/// <remarks>
/// Opcodes as in CPython's <c>Lib/pickletools.py</c>: all that protocols 1 to 5 use within one file. A name that is not on the
/// list makes an opaque value, which cannot become part of a tensor. <see cref="PickleSession"/> limits work and memory. Every
/// length is checked against the bytes that are there.
/// </remarks>
internal sealed class RestrictedUnpickler
{
    private const int MaximumMarks = 256;
    private const int MaximumIntegerBytes = 32;
    private const int MaximumIntegerDigits = 100;
    private const int ShownKeyItems = 4;
    private const int MaximumKeyCharacters = 512;   // of keys and globals, which are hashed whenever they are named

    private static readonly UTF8Encoding _utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly string _path;
    private readonly PickleSource _source;
    private readonly PickleSession _session;
    private readonly PickleHost _host;
    private readonly List<object?> _stack = [];
    private readonly List<int> _marks = [];
    private readonly Dictionary<long, object?> _memo = [];
    private long _opcodeAt;

    private RestrictedUnpickler(string path, PickleSource source, PickleSession session, PickleHost host) =>
        (_path, _source, _session, _host) = (path, source, session, host);

    /// <summary>Reads one pickle; the source's position is behind it afterwards.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="source">The bytes of the pickle, and possibly further ones.</param>
    /// <param name="session">Shared by all pickles of a file.</param>
    /// <param name="host">Finds the storages, which lie outside of the pickle.</param>
    /// <returns>The root, made of the types in <c>PickleValues.cs</c>.</returns>
    /// <exception cref="CheckpointException">The pickle holds more than data, or is damaged.</exception>
    public static object? Read(string path, PickleSource source, PickleSession session, PickleHost host) =>
        new RestrictedUnpickler(path, source, session, host).Run();

    private object? Run()
    {
        while (_session.SpendOperations())
        {
            _opcodeAt = _source.Position;
            var opcode = Take(1)[0];
            if (opcode == '.')
                return _stack.Count == 1 && _marks.Count == 0 ? _stack[0] : throw Bad("it ends with something left over");

            Do(opcode);
        }

        throw TooMuchWork();
    }

    private void Do(byte opcode)
    {
        switch (opcode)
        {
            // Structure: protocol, frames and marks.
            case 0x80: Protocol(Take(1)[0]); break;
            case 0x95: Frame(); break;
            case (byte)'(': Mark(); break;

            // Plain values: None, Booleans, numbers, text and bytes.
            case (byte)'N': Push(null); break;
            case 0x88: Push(true); break;
            case 0x89: Push(false); break;
            case (byte)'J': Push((long)BinaryPrimitives.ReadInt32LittleEndian(Take(4))); break;
            case (byte)'K': Push((long)Take(1)[0]); break;
            case (byte)'M': Push((long)BinaryPrimitives.ReadUInt16LittleEndian(Take(2))); break;
            case 0x8a: PushInteger(Take(1)[0]); break;
            case 0x8b: PushInteger(BinaryPrimitives.ReadUInt32LittleEndian(Take(4))); break;
            case (byte)'G': Push(BinaryPrimitives.ReadDoubleBigEndian(Take(8))); break;
            case 0x8c: PushText(Take(1)[0]); break;
            case (byte)'X': PushText(BinaryPrimitives.ReadUInt32LittleEndian(Take(4))); break;
            case 0x8d: PushText(BinaryPrimitives.ReadUInt64LittleEndian(Take(8))); break;
            case (byte)'U': Push(OldText(Take(1)[0])); break;
            case (byte)'T': Push(OldText(BinaryPrimitives.ReadUInt32LittleEndian(Take(4)))); break;
            case (byte)'C': Push(_source.Skip(Take(1)[0])); break;
            case (byte)'B': Push(_source.Skip(BinaryPrimitives.ReadUInt32LittleEndian(Take(4)))); break;
            case 0x8e or 0x96: Push(_source.Skip(BinaryPrimitives.ReadUInt64LittleEndian(Take(8)))); break;

            // Plain values as lines of text, as before protocol 2.
            case (byte)'I': PushOldInteger(Line()); break;
            case (byte)'L': PushOldInteger(Line().TrimEnd('L')); break;
            case (byte)'F': Push(OldReal(Line())); break;
            case (byte)'S': Push(Unescaped(Line())); break;
            case (byte)'V': Push(Unescaped(Line())); break;

            // Containers.
            case (byte)')': Push(new PickleTuple([])); break;
            case 0x85: Push(new PickleTuple(Pop(1))); break;
            case 0x86: Push(new PickleTuple(Pop(2))); break;
            case 0x87: Push(new PickleTuple(Pop(3))); break;
            case (byte)'t': Push(new PickleTuple(PopToMark())); break;
            case (byte)'l': PushList(PopToMark()); break;
            case (byte)'d': PushDictionary(PopToMark()); break;
            case (byte)']' or 0x8f: Push(new PickleList()); break;
            case (byte)'a': Append(Pop(1)); break;
            case (byte)'e' or 0x90: Append(PopToMark()); break;
            case 0x91: Push(new PickleTuple(PopToMark())); break;
            case (byte)'}': Push(new PickleDictionary()); break;
            case (byte)'s': SetItems(Pop(2)); break;
            case (byte)'u': SetItems(PopToMark()); break;

            // Memo and stack.
            case (byte)'q': Remember(Take(1)[0]); break;
            case (byte)'r': Remember(BinaryPrimitives.ReadUInt32LittleEndian(Take(4))); break;
            case 0x94: Remember(_memo.Count); break;
            case (byte)'h': Recall(Take(1)[0]); break;
            case (byte)'j': Recall(BinaryPrimitives.ReadUInt32LittleEndian(Take(4))); break;
            case (byte)'p': Remember(OldIndex(Line())); break;
            case (byte)'g': Recall(OldIndex(Line())); break;
            case (byte)'0': Drop(); break;
            case (byte)'1': PopToMark(); break;
            case (byte)'2': Push(Top()); break;

            // Globals, persistent ids, and what is made of them.
            case (byte)'c': PushGlobal(Line(), Line()); break;
            case 0x93: PushStackGlobal(); break;
            case (byte)'Q':
                Push(_host.Persistent(Pop(1)[0])
                    ?? throw Unsupported("it refers to something outside of it that is not a storage"));
                break;
            case (byte)'R': Make(isCall: true); break;
            case 0x81: Make(isCall: false); break;
            case 0x92: MakeWithKeywords(); break;
            case (byte)'i': PushGlobal(Line(), Line()); PushInstance(Pop(1)[0], PopToMark()); break;
            case (byte)'o': PushInstance(PopToMark()); break;
            case (byte)'b': Build(); break;

            // Opcodes that are not read.
            case 0x97 or 0x98: throw Unsupported("parts of it lie in another file (out-of-band buffers of protocol 5)");
            case 0x82 or 0x83 or 0x84: throw Unsupported("it names a class by a number of Python's extension registry");
            case (byte)'P': throw Unsupported("it refers to something outside of the pickle by a line of text");
            default: throw Bad($"it uses opcode 0x{opcode:x2}, which does not exist");
        }
    }

    private void Protocol(byte version)
    {
        if (version is < 2 or > 5)
            throw Unsupported($"it is written in pickle protocol {version}; 1 to 5 are read");
    }

    // A frame only says how many bytes a stream may read ahead.
    private void Frame()
    {
        if (BinaryPrimitives.ReadUInt64LittleEndian(Take(8)) > (ulong)_source.Left)
            throw Bad("it is cut off");
    }

    private void Mark()
    {
        if (_marks.Count == MaximumMarks)
            throw Unsupported($"it is nested more than {MaximumMarks} deep");

        _marks.Add(_stack.Count);
    }

    private void PushInteger(uint bytes)
    {
        if (bytes > MaximumIntegerBytes)
            throw Unsupported($"it holds an integer of {bytes} bytes");

        PushInteger(new BigInteger(Take((int)bytes)));
    }

    private void PushInteger(BigInteger integer)
    {
        if (integer >= long.MinValue && integer <= long.MaxValue)
            Push((long)integer);
        else
            Push(integer);
    }

    // Long text is passed over: names are short, and a description of a model may have any length.
    private void PushText(ulong bytes)
    {
        if (bytes <= PickleSession.LongestText)
        {
            Push(Text(TakeText(bytes)));
            return;
        }

        var (offset, length) = _source.Skip(bytes);
        Push(new PickleLongText(offset, length));
    }

    // Before protocol 2 Python wrote numbers and text as lines, and true and false as the numbers 01 and 00.
    private void PushOldInteger(string line)
    {
        if (line is "00" or "01")
            Push(line == "01");
        else if (line.Length <= MaximumIntegerDigits
            && BigInteger.TryParse(line, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var integer))
            PushInteger(integer);
        else
            throw Bad("it holds text where an integer is expected");
    }

    private double OldReal(string line) =>
        double.TryParse(line, CultureInfo.InvariantCulture, out var real)
            ? real
            : throw Bad("it holds text where a number is expected");

    private long OldIndex(string line) => long.TryParse(line, NumberStyles.None, CultureInfo.InvariantCulture, out var index)
        ? index
        : throw Bad("it refers to a memo by text that is not a number");

    // Escapes stay as they are: names have none, and other text is not interpreted.
    private static string Unescaped(string line) =>
        line is [('\'' or '"') and var quote, .. var inner, var last] && quote == last ? inner : line;

    private string Line()
    {
        var line = _source.Line();
        return _session.SpendText((ulong)line.Length) ? Text(line) : throw TooMuchText((ulong)line.Length);
    }

    // Byte strings of Python 2; the names in a state dict are ASCII.
    private string OldText(ulong bytes) => Encoding.Latin1.GetString(TakeText(bytes));

    private ReadOnlySpan<byte> TakeText(ulong bytes) =>
        _session.SpendText(bytes) ? Take((int)bytes) : throw TooMuchText(bytes);

    private CheckpointException TooMuchText(ulong bytes) =>
        Unsupported($"it holds more text than a checkpoint needs ({bytes} bytes here)");

    private CheckpointException TooMuchWork() => Unsupported($"it takes more than {PickleSession.MaximumOperations} operations");

    private string Text(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return _utf8.GetString(bytes);
        }
        catch (DecoderFallbackException notUtf8)
        {
            throw Bad("it holds text that is not UTF-8", notUtf8);
        }
    }

    private void Append(object?[] items)
    {
        switch (Top())
        {
            case PickleList list: list.Append(items); break;
            case PickleOpaque opaque: opaque.AddParts(items); break;
            default: throw Bad("it appends to something that is not a list");
        }
    }

    private void SetItems(object?[] keysAndValues)
    {
        if (keysAndValues.Length % 2 != 0)
            throw Bad("it sets a key without a value");

        switch (Top())
        {
            case PickleDictionary dictionary: SetItems(dictionary, keysAndValues); break;
            case PickleOpaque opaque: opaque.AddParts(keysAndValues); break;
            default: throw Bad("it sets items of something that is not a dictionary");
        }
    }

    private void SetItems(PickleDictionary dictionary, object?[] keysAndValues)
    {
        for (var index = 0; index < keysAndValues.Length; index += 2)
            SetItem(dictionary, keysAndValues[index], keysAndValues[index + 1]);
    }

    private void SetItem(PickleDictionary dictionary, object? key, object? value)
    {
        if (key is not string text)
        {
            dictionary.AddOther(KeyText(key), value);
            return;
        }

        if (text.Length > MaximumKeyCharacters)
            throw Unsupported($"a dictionary has a key of {text.Length} characters");
        if (!dictionary.TryAdd(text, value))
            throw Bad($"a dictionary has the key '{CheckpointException.Sanitize(text)}' twice");
    }

    private static string KeyText(object? key)
    {
        if (key is not PickleTuple { Items: var items })
            return SingleKeyText(key);

        var more = items.Length > ShownKeyItems ? ", …" : "";
        return $"({string.Join(", ", items.Take(ShownKeyItems).Select(SingleKeyText))}{more})";
    }

    private static string SingleKeyText(object? key) => key switch
    {
        null => "None",
        string text => CheckpointException.Sanitize(text),
        bool truth => truth ? "True" : "False",
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        PickleOpaque opaque => opaque.Global.Name,
        PickleGlobal global => global.Name,
        _ => "…",
    };

    private void PushList(object?[] items)
    {
        var list = new PickleList();
        list.Append(items);
        Push(list);
    }

    private void PushDictionary(object?[] keysAndValues)
    {
        Push(new PickleDictionary());
        SetItems(keysAndValues);
    }

    private void Remember(long index) => _memo[index] = Top();

    private void Recall(long index) =>
        Push(_memo.TryGetValue(index, out var value) ? value : throw Bad($"it recalls memo {index}, which was never set"));

    private void PushStackGlobal()
    {
        if (Pop(2) is not [string module, string name])
            throw Bad("it names a global by something that is not text");

        PushGlobal(module, name);
    }

    private void PushGlobal(string module, string name)
    {
        if (module.Length + name.Length > MaximumKeyCharacters)
            throw Unsupported($"it names a global of {module.Length + name.Length} characters");

        var global = PickleGlobal.Resolve(module, name, _session.OfProgram);
        if (!_session.Note(global))
            throw Unsupported("it names more globals than any checkpoint needs");
        if (global.Role == PickleRole.Forbidden && !_session.InspectOnly)
            throw new CheckpointException(
                _path,
                $"refused: it asks for '{global.Name}', which runs code where Python loads the file; only data is read here, "
                    + "nothing is ever run",
                "do not load this file in Python unless you trust it; if you do, save the weights alone: "
                    + "torch.save(model.state_dict(), …)",
                _source.Place(_opcodeAt));

        Push(global);
    }

    private void Make(bool isCall)
    {
        var callee = Pop(2);
        Push((callee[0], callee[1]) switch
        {
            (PickleGlobal global, PickleTuple { Items: var arguments }) => Construct(global, arguments, isCall),
            (PickleOpaque opaque, var arguments) => new PickleOpaque(opaque.Global, opaque, arguments),
            (PickleGlobal global, _) => throw Bad($"'{global.Name}' is given arguments that are not a tuple"),
            _ => throw Bad("it calls something that is not a global"),
        });
    }

    // NEWOBJ_EX: a class, its arguments, and its keyword arguments.
    private void MakeWithKeywords()
    {
        var callee = Pop(3);
        Push(callee[0] switch
        {
            PickleGlobal global => new PickleOpaque(global, callee[1], callee[2]),
            PickleOpaque opaque => new PickleOpaque(opaque.Global, opaque, callee[1], callee[2]),
            _ => throw Bad("it makes an instance of something that is not a global"),
        });
    }

    // OBJ and INST: instances of Python 2's classes. The class comes first among the arguments, or separately.
    private void PushInstance(object?[] classAndArguments)
    {
        if (classAndArguments is not [var type, .. var arguments])
            throw Bad("it makes an instance of nothing");

        PushInstance(type, arguments);
    }

    private void PushInstance(object? type, object?[] arguments) => Push(type is PickleGlobal global
        ? Construct(global, arguments, isCall: false)
        : throw Bad("it makes an instance of something that is not a global"));

    // A known global with unexpected arguments makes an opaque value, like an unknown one.
    private object? Construct(PickleGlobal global, object?[] arguments, bool isCall) => (global.Role, arguments) switch
    {
        (PickleRole.Module, []) when !isCall => new PickleModule(),
        (PickleRole.Dictionary, [] or [PickleGlobal or null]) => new PickleDictionary(),
        (PickleRole.Dictionary, [PickleDictionary given]) => new PickleDictionary().Sharing(given),
        (PickleRole.Dictionary, [PickleList { Items: var pairs }])
            when pairs.All(pair => PairOf(pair) is not null) => DictionaryOf(pairs),
        (PickleRole.Namespace, []) => new PickleDictionary(isNamespace: true),
        (PickleRole.Parameter, [PickleTensor tensor, ..]) when isCall => tensor,
        (PickleRole.Tensor, [PickleStorage storage, long first, PickleTuple shape, PickleTuple strides, ..]) when isCall =>
            new PickleTensor(storage, first, Integers(shape), Integers(strides)),
        (PickleRole.TensorOfType,
            [PickleGlobal maker, PickleGlobal { Role: PickleRole.TensorType }, PickleTuple { Items: var given }, ..])
            when isCall && maker.Role is PickleRole.Tensor or PickleRole.Parameter => Construct(maker, given, isCall),
        (PickleRole.StoredBytes, [PickleBytes bytes]) when isCall => StorageIn(bytes, content: null),
        (PickleRole.StoredBytes, [PickleEncodedBytes encoded]) when isCall => StorageIn(Decoded(encoded)),
        (PickleRole.PersistentObject, [PickleDictionary description])
            when isCall && ObjectOf(description) is { } described => described,
        (PickleRole.Encoding, [string text, string encoding, ..])
            when isCall && IsLatin1(encoding) => new PickleEncodedBytes(text, Place: null),
        (PickleRole.Encoding, [PickleLongText text, string encoding, ..])
            when isCall && IsLatin1(encoding) => new PickleEncodedBytes(Text: null, text),
        (PickleRole.Tuple, [PickleTuple tuple]) => tuple,
        (PickleRole.Set, []) => new PickleList(),
        (PickleRole.Set, [PickleList list]) => list,
        (PickleRole.NumpyType, [string code, ..]) when isCall => new PickleNumpyType(code),
        (PickleRole.NumpyScalar, [PickleNumpyType type, var value]) when isCall && NumberOf(type, value) is { } number => number,
        _ => new PickleOpaque(global, arguments),
    };

    private PickleStorage StorageIn(byte[] content) => StorageIn(new PickleBytes(0, content.Length), content);

    private PickleStorage StorageIn(PickleBytes bytes, byte[]? content) =>
        _host.Stored(bytes, content) ?? throw Unsupported("bytes in which a storage is expected hold something else");

    // A dictionary from a list of pairs, as Python 2 pickles an ordered dictionary.
    private PickleDictionary DictionaryOf(IReadOnlyList<object?> pairs)
    {
        if (!_session.SpendOperations(pairs.Count))
            throw TooMuchWork();

        var dictionary = new PickleDictionary();
        foreach (var pair in pairs.Select(PairOf))
            SetItem(dictionary, pair![0], pair[1]);
        return dictionary;
    }

    private static IReadOnlyList<object?>? PairOf(object? pair) => pair switch
    {
        PickleTuple { Items: [_, _] items } => items,
        PickleList { Items: [_, _] items } => items,
        _ => null,
    };

    private static bool IsLatin1(string encoding) => encoding is "latin1" or "latin-1" or "iso-8859-1";

    private byte[] Decoded(PickleEncodedBytes encoded)
    {
        if (!_session.SpendDecoded(encoded.Text?.Length ?? encoded.Place!.Length))
            throw Unsupported(
                "too many of its tensors lie in it as text, as pickle protocol 2 has it; pickle it again with protocol 4");

        var text = encoded.Text ?? Text(_source.Read(new PickleBytes(encoded.Place!.Offset, encoded.Place.Length)));
        return text.AsSpan().ContainsAnyExceptInRange('\0', '\u00ff')
            ? throw Bad("text that represents bytes has a character beyond 255")
            : Encoding.Latin1.GetBytes(text);
    }

    private void Build()
    {
        var state = Pop(1)[0];
        switch (Top(), state)
        {
            case (PickleDictionary target, _): target.Build(state); break;
            case (PickleModule target, PickleDictionary given): target.State = given; break;
            case (PickleModule or PickleList or PickleTensor, _): break;
            case (PickleNumpyType target, PickleTuple { Items: [_, string order, ..] }): target.IsBigEndian = order == ">"; break;
            case (PickleOpaque opaque, _): opaque.AddParts([state]); break;
            default: throw Bad("it sets the state of something that has none");
        }
    }

    private static PickleObject? ObjectOf(PickleDictionary description) =>
        description is { Items: { } items } && items.TryGetValue("type", out var type) && type is "class"
            && items.TryGetValue("class_name", out var name) && name is string className
            && items.TryGetValue("state", out var state) && state is PickleDictionary attributes
            ? new PickleObject(className, attributes)
            : null;

    // Null for a type of number, or an order of bytes, that is not read.
    private object? NumberOf(PickleNumpyType type, object? value)
    {
        var size = type.Code switch { "f8" or "i8" => 8, "f4" or "i4" => 4, "b1" => 1, _ => 0 };
        var raw = value switch
        {
            PickleBytes { Length: var length } bytes when length == size => _source.Read(bytes),
            PickleEncodedBytes { Text: { } text } encoded when text.Length == size => Decoded(encoded),
            _ => [],
        };
        return type.IsBigEndian || size == 0 || raw.Length != size ? null : type.Code switch
        {
            "f8" => BinaryPrimitives.ReadDoubleLittleEndian(raw),
            "f4" => (double)BinaryPrimitives.ReadSingleLittleEndian(raw),
            "i8" => BinaryPrimitives.ReadInt64LittleEndian(raw),
            "i4" => (long)BinaryPrimitives.ReadInt32LittleEndian(raw),
            _ => (object)(raw[0] != 0),
        };
    }

    // The length is checked first, because a pickle may name one huge tuple many times.
    private long[] Integers(PickleTuple tuple) => tuple.Items.Length > TensorEntry.MaximumRank
        ? throw Unsupported($"a tensor has more than {TensorEntry.MaximumRank} dimensions")
        : [.. tuple.Items.Select(
            item => item is long number
                ? number
                : throw Bad("a tensor's shape or strides are not integers"))];

    private void Drop() => Pop(1);

    private object? Top() => _stack.Count > Floor ? _stack[^1] : throw Bad("its stack is empty");

    private void Push(object? value) => _stack.Add(value);

    private object?[] Pop(int count)
    {
        if (_stack.Count - count < Floor)
            throw Bad("its stack is empty");

        var popped = _stack.GetRange(_stack.Count - count, count).ToArray();
        _stack.RemoveRange(_stack.Count - count, count);
        return popped;
    }

    private object?[] PopToMark()
    {
        if (_marks.Count == 0)
            throw Bad("it closes what was never opened");

        var popped = Pop(_stack.Count - _marks[^1]);
        _marks.RemoveAt(_marks.Count - 1);
        return popped;
    }

    private int Floor => _marks.Count == 0 ? 0 : _marks[^1];

    private ReadOnlySpan<byte> Take(int count) => _source.Take(count);

    private CheckpointException Bad(string problem, Exception? cause = null) => _source.Bad(problem, _opcodeAt, cause);

    private CheckpointException Unsupported(string problem) => _source.Unsupported(problem, _opcodeAt);
}

/// <summary>Finds the storages that lie outside of a pickle and that it refers to.</summary>
/// <param name="Persistent">Finds the storage of a persistent id; null where there is none.</param>
/// <param name="Stored">
/// Reads the storage that was saved as these bytes of the file, or of the decoded content beside them; null where they are not
/// one.
/// </param>
internal sealed record PickleHost(Func<object?, object?> Persistent, Func<PickleBytes, byte[]?, PickleStorage?> Stored)
{
    /// <summary>A host without storages.</summary>
    public static PickleHost None { get; } = new(_ => null, (_, _) => null);
}
