using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Text;

namespace AdaptThenUnlearn.Torch.Checkpoints.Pickle;

/// <summary>Reads a pickle as data: a machine of our own that knows an allow-list of names and has no way to import or call anything.</summary>
/// <remarks>
/// Opcodes as in CPython's <c>Lib/pickletools.py</c>, the subset that protocols 2 to 5 use for dictionaries, lists, tuples, numbers and
/// text. Work and memory are bounded by <see cref="MaximumOperations"/>; every length is checked against the bytes that are there.
/// </remarks>
internal sealed class RestrictedUnpickler
{
    /// <summary>Longest pickle that is read, bytes. A StyleGAN2 with its optimisers takes 50 kB: the tensors' values lie elsewhere.</summary>
    public const int MaximumBytes = 1 << 26;

    /// <summary>Most operations that are carried out; a tensor takes some 45.</summary>
    public const int MaximumOperations = 2_000_000;

    private const int MaximumMarks = 256;
    private const int MaximumIntegerBytes = 32;
    private const string Damaged = "it is damaged or was made to mislead; fetch it again from where it came";

    private static readonly UTF8Encoding _utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly string _path;
    private readonly string _part;
    private readonly byte[] _pickle;
    private readonly Func<object?, object?> _persistent;
    private readonly bool _keepUnknown;
    private readonly List<object?> _stack = [];
    private readonly List<int> _marks = [];
    private readonly Dictionary<long, object?> _memo = [];
    private readonly Dictionary<string, PickleGlobal> _globals = [];
    private int _next;
    private int _opcodeAt;

    private RestrictedUnpickler(string path, string part, byte[] pickle, Func<object?, object?> persistent, bool keepUnknown) =>
        (_path, _part, _pickle, _persistent, _keepUnknown) = (path, part, pickle, persistent, keepUnknown);

    /// <summary>Reads one pickle.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="part">The part of the file, for messages.</param>
    /// <param name="pickle">Its bytes; it may end before they do.</param>
    /// <param name="persistent">What a persistent id stands for; null refuses it.</param>
    /// <param name="keepUnknown">False refuses a global that is not on the allow-list; true lets it stand as an opaque value, for a survey of the file.</param>
    /// <exception cref="CheckpointException">It holds more than data, or is damaged.</exception>
    public static PickleResult Read(string path, string part, byte[] pickle, Func<object?, object?> persistent, bool keepUnknown = false)
    {
        var machine = new RestrictedUnpickler(path, part, pickle, persistent, keepUnknown);
        var value = machine.Run();
        return new PickleResult(value, [.. machine._globals.Values.OrderBy(global => global.Name, StringComparer.Ordinal)], machine._next);
    }

    private object? Run()
    {
        for (var operations = 0; operations < MaximumOperations; operations++)
        {
            _opcodeAt = _next;
            var opcode = Take(1)[0];
            if (opcode == '.')
                return _stack.Count == 1 && _marks.Count == 0 ? _stack[0] : throw Bad("it ends with something left over");

            Do(opcode);
        }

        throw Bad($"it takes more than {MaximumOperations} operations");
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
            case (byte)'C': Push(Take(Take(1)[0]).ToArray()); break;
            case (byte)'B': Push(Take(BinaryPrimitives.ReadUInt32LittleEndian(Take(4))).ToArray()); break;
            case 0x8e: Push(Take(BinaryPrimitives.ReadUInt64LittleEndian(Take(8))).ToArray()); break;

            case (byte)')': Push(new PickleTuple([])); break;
            case 0x85: Push(new PickleTuple(Pop(1))); break;
            case 0x86: Push(new PickleTuple(Pop(2))); break;
            case 0x87: Push(new PickleTuple(Pop(3))); break;
            case (byte)'t': Push(new PickleTuple(PopToMark())); break;
            case (byte)']': Push(new PickleList()); break;
            case (byte)'a': Append(Pop(1)); break;
            case (byte)'e': Append(PopToMark()); break;
            case (byte)'}': Push(new PickleDictionary()); break;
            case (byte)'s': SetItems(Pop(2)); break;
            case (byte)'u': SetItems(PopToMark()); break;

            case (byte)'q': Remember(Take(1)[0]); break;
            case (byte)'r': Remember(BinaryPrimitives.ReadUInt32LittleEndian(Take(4))); break;
            case 0x94: Remember(_memo.Count); break;
            case (byte)'h': Recall(Take(1)[0]); break;
            case (byte)'j': Recall(BinaryPrimitives.ReadUInt32LittleEndian(Take(4))); break;

            case (byte)'c': PushGlobal(Line(), Line()); break;
            case 0x93: PushStackGlobal(); break;
            case (byte)'Q': Push(_persistent(Pop(1)[0]) ?? throw Bad("it refers to something outside of the file that is no storage")); break;
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
        if (BinaryPrimitives.ReadUInt64LittleEndian(Take(8)) > (ulong)(_pickle.Length - _next))
            throw CutOff();
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

        var integer = new BigInteger(Take(bytes));
        Push(integer >= long.MinValue && integer <= long.MaxValue ? (long)integer : (object)integer);
    }

    private string Text(ulong bytes) => Text(Take(bytes));

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
            case PickleList list: list.Items.AddRange(items); break;
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
        var global = PickleGlobal.Of(module, name);
        _globals[global.Name] = global;
        if (global.Role == PickleRole.Unknown && !_keepUnknown)
            throw new CheckpointException(
                _path, $"refused: it asks for '{global.Name}', and only tensors and plain data are read, nothing is ever run",
                "save the state dict alone, torch.save(model.state_dict(), …), and do not load this file in Python unless you trust it", Place);

        Push(global);
    }

    private void Make(bool isCall)
    {
        object made = Pop(2) switch
        {
            [PickleGlobal { Role: PickleRole.Unknown } unknown, _] => new PickleOpaque(unknown),
            [PickleOpaque opaque, _] => opaque,
            [PickleGlobal { Role: PickleRole.Dictionary }, PickleTuple { Items: [] }] => new PickleDictionary(),
            [PickleGlobal { Role: PickleRole.Namespace }, PickleTuple { Items: [] }] => new PickleDictionary(isNamespace: true),
            [PickleGlobal { Role: PickleRole.Parameter }, PickleTuple { Items: [PickleTensor tensor, ..] }] when isCall => tensor,
            [PickleGlobal { Role: PickleRole.Tensor }, PickleTuple { Items: [PickleStorage storage, long first, PickleTuple shape, PickleTuple strides, ..] }] when isCall =>
                new PickleTensor(storage, first, Integers(shape), Integers(strides)),
            [PickleGlobal { Role: PickleRole.Tensor or PickleRole.Parameter }, PickleTuple { Items: [PickleOpaque opaque, ..] }] => opaque,
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
            case (PickleOpaque, _): break;
            default: throw Bad("it sets the state of something that has none");
        }
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

    private ReadOnlySpan<byte> Take(ulong count)
    {
        if (count > (ulong)(_pickle.Length - _next))
            throw CutOff();

        var taken = _pickle.AsSpan(_next, (int)count);
        _next += (int)count;
        return taken;
    }

    private string Line()
    {
        var length = _pickle.AsSpan(_next).IndexOf((byte)'\n');
        if (length < 0)
            throw CutOff();

        var line = Text(Take((ulong)length));
        _next++;
        return line;
    }

    private string Place => $"{_part}, byte {_opcodeAt}";

    private CheckpointException CutOff() => Bad("it is cut off");

    private CheckpointException Bad(string problem, Exception? cause = null) =>
        new(_path, $"its pickle cannot be read: {problem}", Damaged, Place, cause);
}

/// <summary>What a pickle held.</summary>
/// <param name="Value">The root, made of the types in <c>PickleValues.cs</c>.</param>
/// <param name="Globals">Every global it referred to, sorted.</param>
/// <param name="Length">Bytes up to and including its end.</param>
internal sealed record PickleResult(object? Value, IReadOnlyList<PickleGlobal> Globals, int Length);
