using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Text;

namespace AdaptThenUnlearn.Torch.Checkpoints.Pickle;

/// <summary>Reads a pickle as data: a machine of our own that knows an allow-list of names and has no way to import or call anything.</summary>
/// <remarks>
/// Opcodes as in CPython's <c>Lib/pickletools.py</c>, the subset that protocols 2 to 5 use for dictionaries, lists, tuples, numbers and
/// text. Work and memory are bounded by the <see cref="PickleSession"/>; every length is checked against the bytes that are there.
/// </remarks>
internal sealed class RestrictedUnpickler
{
    private const int MaximumMarks = 256;
    private const int MaximumIntegerBytes = 32;
    private const int MaximumKeyCharacters = 512;   // of keys and globals, which are hashed each time they are named

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

    /// <summary>Reads one pickle; its source stands behind it afterwards.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="source">Its bytes; it may end before they do.</param>
    /// <param name="session">Shared by all pickles of a file.</param>
    /// <param name="host">What lies outside of the pickle.</param>
    /// <returns>The root, made of the types in <c>PickleValues.cs</c>.</returns>
    /// <exception cref="CheckpointException">It holds more than data, or is damaged.</exception>
    public static object? Read(string path, PickleSource source, PickleSession session, PickleHost host) =>
        new RestrictedUnpickler(path, source, session, host).Run();

    private object? Run()
    {
        while (_session.SpendOperation())
        {
            _opcodeAt = _source.Position;
            var opcode = Take(1)[0];
            if (opcode == '.')
                return _stack.Count == 1 && _marks.Count == 0 ? _stack[0] : throw Bad("it ends with something left over");

            Do(opcode);
        }

        throw Bad($"it takes more than {PickleSession.MaximumOperations} operations");
    }

    private void Do(byte opcode)
    {
        switch (opcode)
        {
            case 0x80: Protocol(Take(1)[0]); break;
            case 0x95: Frame(); break;
            case (byte)'(': Mark(); break;

            case (byte)'N': Push(null); break;
            case 0x88: Push(true); break;
            case 0x89: Push(false); break;
            case (byte)'J': Push((long)BinaryPrimitives.ReadInt32LittleEndian(Take(4))); break;
            case (byte)'K': Push((long)Take(1)[0]); break;
            case (byte)'M': Push((long)BinaryPrimitives.ReadUInt16LittleEndian(Take(2))); break;
            case 0x8a: PushInteger(Take(1)[0]); break;
            case 0x8b: PushInteger(BinaryPrimitives.ReadUInt32LittleEndian(Take(4))); break;
            case (byte)'G': Push(BinaryPrimitives.ReadDoubleBigEndian(Take(8))); break;
            case 0x8c: Push(Text(Take(1)[0])); break;
            case (byte)'X': Push(Text(BinaryPrimitives.ReadUInt32LittleEndian(Take(4)))); break;
            case 0x8d: Push(Text(BinaryPrimitives.ReadUInt64LittleEndian(Take(8)))); break;
            case (byte)'U': Push(OldText(Take(1)[0])); break;
            case (byte)'T': Push(OldText(BinaryPrimitives.ReadUInt32LittleEndian(Take(4)))); break;
            case (byte)'C': Push(_source.Skip(Take(1)[0])); break;
            case (byte)'B': Push(_source.Skip(BinaryPrimitives.ReadUInt32LittleEndian(Take(4)))); break;
            case 0x8e: Push(_source.Skip(BinaryPrimitives.ReadUInt64LittleEndian(Take(8)))); break;

            case (byte)')': Push(new PickleTuple([])); break;
            case 0x85: Push(new PickleTuple(Pop(1))); break;
            case 0x86: Push(new PickleTuple(Pop(2))); break;
            case 0x87: Push(new PickleTuple(Pop(3))); break;
            case (byte)'t': Push(new PickleTuple(PopToMark())); break;
            case (byte)']' or 0x8f: Push(new PickleList()); break;
            case (byte)'a': Append(Pop(1)); break;
            case (byte)'e' or 0x90: Append(PopToMark()); break;
            case 0x91: Push(new PickleTuple(PopToMark())); break;
            case (byte)'}': Push(new PickleDictionary()); break;
            case (byte)'s': SetItems(Pop(2)); break;
            case (byte)'u': SetItems(PopToMark()); break;

            case (byte)'q': Remember(Take(1)[0]); break;
            case (byte)'r': Remember(BinaryPrimitives.ReadUInt32LittleEndian(Take(4))); break;
            case 0x94: Remember(_memo.Count); break;
            case (byte)'h': Recall(Take(1)[0]); break;
            case (byte)'j': Recall(BinaryPrimitives.ReadUInt32LittleEndian(Take(4))); break;

            case (byte)'c': PushGlobal(Text(_source.Line()), Text(_source.Line())); break;
            case 0x93: PushStackGlobal(); break;
            case (byte)'Q': Push(_host.Persistent(Pop(1)[0]) ?? throw Bad("it refers to something outside of the file that is no storage")); break;
            case (byte)'R': Make(isCall: true); break;
            case 0x81: Make(isCall: false); break;
            case (byte)'b': Build(); break;

            default: throw Bad($"it uses opcode 0x{opcode:x2}, which no state dict needs");
        }
    }

    private void Protocol(byte version)
    {
        if (version is < 2 or > 5)
            throw Bad($"it is written in pickle protocol {version}; 2 to 5 are read");
    }

    // Frames only tell a stream how far to read ahead.
    private void Frame()
    {
        if (BinaryPrimitives.ReadUInt64LittleEndian(Take(8)) > (ulong)_source.Left)
            throw Bad("it is cut off");
    }

    private void Mark()
    {
        if (_marks.Count == MaximumMarks)
            throw Bad($"it is nested more than {MaximumMarks} deep");

        _marks.Add(_stack.Count);
    }

    private void PushInteger(uint bytes)
    {
        if (bytes > MaximumIntegerBytes)
            throw Bad($"it holds an integer of {bytes} bytes");

        var integer = new BigInteger(Take((int)bytes));
        Push(integer >= long.MinValue && integer <= long.MaxValue ? (long)integer : (object)integer);
    }

    private string Text(ulong bytes) => Text(TakeText(bytes));

    // Python 2 wrote its byte strings so; the names in a state dict are ASCII.
    private string OldText(ulong bytes) => Encoding.Latin1.GetString(TakeText(bytes));

    private ReadOnlySpan<byte> TakeText(ulong bytes) =>
        _session.SpendText(bytes) ? Take((int)bytes) : throw Bad($"it holds text that is too long for a checkpoint ({bytes} bytes here)");

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
            case PickleOpaque: break;
            default: throw Bad("it appends to something that is no list");
        }
    }

    private void SetItems(object?[] keysAndValues)
    {
        if (keysAndValues.Length % 2 != 0)
            throw Bad("it sets a key without a value");

        switch (Top())
        {
            case PickleDictionary dictionary: SetItems(dictionary, keysAndValues); break;
            case PickleOpaque: break;
            default: throw Bad("it sets items of something that is no dictionary");
        }
    }

    private void SetItems(PickleDictionary dictionary, object?[] keysAndValues)
    {
        for (var index = 0; index < keysAndValues.Length; index += 2)
        {
            var key = keysAndValues[index] switch
            {
                string text => text,
                long number => number.ToString(CultureInfo.InvariantCulture),
                _ => throw Bad("a dictionary's key is neither text nor an integer"),
            };
            if (key.Length > MaximumKeyCharacters)
                throw Bad($"a dictionary has a key of {key.Length} characters");
            if (!dictionary.TryAdd(key, keysAndValues[index + 1]))
                throw Bad($"a dictionary has the key '{CheckpointException.Shown(key)}' twice");
        }
    }

    private void Remember(long index) => _memo[index] = Top();

    private void Recall(long index) =>
        Push(_memo.TryGetValue(index, out var value) ? value : throw Bad($"it recalls memo {index}, which was never set"));

    private void PushStackGlobal()
    {
        if (Pop(2) is not [string module, string name])
            throw Bad("it names a global by something that is no text");

        PushGlobal(module, name);
    }

    private void PushGlobal(string module, string name)
    {
        if (module.Length + name.Length > MaximumKeyCharacters)
            throw Bad($"it names a global of {module.Length + name.Length} characters");

        var global = PickleGlobal.Of(module, name, _session.OfProgram);
        if (!_session.Note(global))
            throw Bad("it names more globals than any checkpoint needs");
        if (global.Role == PickleRole.Unknown && !_session.KeepUnknown)
            throw new CheckpointException(
                _path, $"refused: it asks for '{global.Name}', and only tensors and plain data are read, nothing is ever run",
                "save the state dict alone, torch.save(model.state_dict(), …), and do not load this file in Python unless you trust it", _source.Place(_opcodeAt));

        Push(global);
    }

    private void Make(bool isCall)
    {
        object made = Pop(2) switch
        {
            [PickleGlobal { Role: PickleRole.Module }, PickleTuple { Items: [] }] when !isCall => new PickleModule(),
            [PickleGlobal { Role: PickleRole.Unknown or PickleRole.Opaque or PickleRole.Module } unknown, _] => new PickleOpaque(unknown),
            [PickleOpaque opaque, _] => opaque,
            [PickleGlobal { Role: PickleRole.Dictionary }, PickleTuple { Items: [] }] => new PickleDictionary(),
            [PickleGlobal { Role: PickleRole.Namespace }, PickleTuple { Items: [] }] => new PickleDictionary(isNamespace: true),
            [PickleGlobal { Role: PickleRole.Parameter }, PickleTuple { Items: [PickleTensor tensor, ..] }] when isCall => tensor,
            [PickleGlobal { Role: PickleRole.Tensor }, PickleTuple { Items: [PickleStorage storage, long first, PickleTuple shape, PickleTuple strides, ..] }] when isCall =>
                new PickleTensor(storage, first, Integers(shape), Integers(strides)),
            [PickleGlobal { Role: PickleRole.Tensor or PickleRole.Parameter }, PickleTuple { Items: [PickleOpaque opaque, ..] }] => opaque,
            [PickleGlobal { Role: PickleRole.StoredBytes }, PickleTuple { Items: [PickleBytes bytes] }] when isCall =>
                _host.Stored(bytes) ?? throw Bad("a storage's own bytes hold no storage"),
            [PickleGlobal { Role: PickleRole.PersistentObject }, PickleTuple { Items: [PickleDictionary description] }] when isCall => ObjectOf(description),
            [PickleGlobal { Role: PickleRole.Tuple }, PickleTuple { Items: [PickleTuple tuple] }] => tuple,
            [PickleGlobal { Role: PickleRole.Set }, PickleTuple { Items: [] }] => new PickleList(),
            [PickleGlobal { Role: PickleRole.Set }, PickleTuple { Items: [PickleList list] }] => list,
            [PickleGlobal { Role: PickleRole.NumpyType }, PickleTuple { Items: [string code, ..] }] when isCall => new PickleNumpyType(code),
            [PickleGlobal { Role: PickleRole.NumpyScalar }, PickleTuple { Items: [PickleNumpyType type, PickleBytes bytes] }] when isCall => NumberOf(type, bytes),
            [PickleGlobal global, _] => throw Bad($"'{global.Name}' is given arguments that it does not take"),
            _ => throw Bad("it calls something that is no global"),
        };
        Push(made);
    }

    private void Build()
    {
        var state = Pop(1)[0];
        switch (Top(), state)
        {
            case (PickleDictionary target, PickleDictionary given): target.Build(given); break;
            case (PickleDictionary, null): break;
            case (PickleModule target, PickleDictionary given): target.State = given; break;
            case (PickleModule, _): break;
            case (PickleNumpyType, PickleTuple { Items: [long, "<" or "|", ..] }): break;
            case (PickleOpaque, _): break;
            default: throw Bad("it sets the state of something that has none");
        }
    }

    private PickleObject ObjectOf(PickleDictionary description) =>
        description is { Items: { } items } && items.TryGetValue("type", out var type) && type is "class"
            && items.TryGetValue("class_name", out var name) && name is string className
            && items.TryGetValue("state", out var state) && state is PickleDictionary attributes
            ? new PickleObject(className, attributes)
            : throw Bad("a persistent object is not described as NVIDIA's code does it");

    private object NumberOf(PickleNumpyType type, PickleBytes bytes)
    {
        var size = type.Code switch { "f8" or "i8" => 8, "f4" or "i4" => 4, "b1" => 1, _ => throw Bad($"it holds a NumPy number of type '{CheckpointException.Shown(type.Code)}'") };
        if (bytes.Length != size)
            throw Bad("a NumPy number has the wrong length");

        var raw = _source.Read(bytes);
        return type.Code switch
        {
            "f8" => BinaryPrimitives.ReadDoubleLittleEndian(raw),
            "f4" => (double)BinaryPrimitives.ReadSingleLittleEndian(raw),
            "i8" => BinaryPrimitives.ReadInt64LittleEndian(raw),
            "i4" => (long)BinaryPrimitives.ReadInt32LittleEndian(raw),
            _ => raw[0] != 0,
        };
    }

    // The length is checked first: a pickle may name one huge tuple again and again.
    private long[] Integers(PickleTuple tuple) => tuple.Items.Length > TensorEntry.MaximumRank
        ? throw Bad($"a tensor has more than {TensorEntry.MaximumRank} dimensions")
        : [.. tuple.Items.Select(item => item is long number ? number : throw Bad("a tensor's shape or strides are not integers"))];

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
}

/// <summary>What lies outside of a pickle and may be referred to from within.</summary>
/// <param name="Persistent">The storage that a persistent id stands for, or null where it stands for nothing.</param>
/// <param name="Stored">The storage that was saved into these bytes, or null where there is none.</param>
internal sealed record PickleHost(Func<object?, object?> Persistent, Func<PickleBytes, PickleStorage?> Stored)
{
    /// <summary>Nothing outside.</summary>
    public static PickleHost None { get; } = new(_ => null, _ => null);
}
