using System.Globalization;
using System.Text;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;

namespace AdaptThenUnlearn.Torch.Checkpoints.Onnx;

/// <summary>Reads the fields of one protobuf message; every length is held against the bytes that are there.</summary>
/// <remarks>
/// The wire format is that of protobuf.dev, "Encoding". Groups, which it calls deprecated, are refused, and so are fields of a
/// known number with another wire type than the message has.
/// </remarks>
/// <param name="path">The file, for messages.</param>
/// <param name="content">The whole file.</param>
/// <param name="start">Offset of the message's first byte.</param>
/// <param name="end">Offset behind its last byte.</param>
internal struct WireReader(string path, byte[] content, int start, int end)
{
    private const int MostVarintBytes = 10;
    private const string Damaged = "it is cut off or damaged; copy or download it again";
    private static readonly UTF8Encoding _text = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: false);

    private int _at = start;
    private int _type;

    /// <summary>Number of the field that <see cref="MoveNext"/> found; at least 1.</summary>
    public int Field { get; private set; }

    /// <summary>Moves to the next field; its value must then be read, or skipped.</summary>
    /// <returns>False at the end of the message.</returns>
    /// <exception cref="CheckpointException">The message is damaged.</exception>
    public bool MoveNext()
    {
        if (_at == end)
            return false;

        var tag = Varint();
        (Field, _type) = tag <= uint.MaxValue ? ((int)(tag >> 3), (int)(tag & 7)) : (0, 0);
        return Field > 0 ? true : throw Bad("holds a field without a number");
    }

    /// <summary>The value of a whole number.</summary>
    public long Integer() => _type == 0 ? (long)Varint() : throw WrongType();

    /// <summary>Where the bytes of a text, of bytes or of a message are.</summary>
    public (int Start, int End) Range()
    {
        if (_type != 2)
            throw WrongType();

        var length = Varint();
        if (length > (ulong)(end - _at))
            throw Bad("ends before its content does");

        var from = _at;
        _at += (int)length;
        return (from, _at);
    }

    /// <summary>A message within this one.</summary>
    public WireReader Message()
    {
        var (from, to) = Range();
        return new WireReader(path, content, from, to);
    }

    /// <summary>The value of a text; bytes that are no text become question marks.</summary>
    /// <param name="most">Longest text that is taken, bytes.</param>
    public string Text(int most)
    {
        var (from, to) = Range();
        return to - from <= most
            ? _text.GetString(content, from, to - from)
            : throw Bad(FormattableString.Invariant($"has a name of {to - from} bytes"));
    }

    /// <summary>Whole numbers, one after another or packed together.</summary>
    /// <param name="into">Gets them.</param>
    /// <param name="most">How many it may have.</param>
    public void Integers(List<long> into, int most)
    {
        var packed = _type == 2 ? Message() : this;
        if (_type != 2)
            into.Add(Integer());
        else
            while (packed._at < packed.RangeEnd && into.Count <= most)
                into.Add((long)packed.Varint());
        if (into.Count > most)
            throw Bad(FormattableString.Invariant($"has a tensor of more than {most} dimensions"));
    }

    /// <summary>Passes over the value.</summary>
    public void Skip()
    {
        switch (_type)
        {
            case 0:
                Varint();
                break;
            case 1:
                Advance(8);
                break;
            case 2:
                Range();
                break;
            case 5:
                Advance(4);
                break;
            default:
                throw WrongType();
        }
    }

    /// <summary>The exception for a message that cannot be read.</summary>
    /// <param name="problem">What is wrong, without a full stop.</param>
    public readonly CheckpointException Bad(string problem) => new(
        path, $"is not a whole ONNX file: it {problem}", Damaged, string.Create(CultureInfo.InvariantCulture, $"byte {_at}"));

    private readonly int RangeEnd => end;

    private readonly CheckpointException WrongType() =>
        Bad(FormattableString.Invariant($"has a value of wire type {_type} in field {Field}"));

    private void Advance(int count) => _at = count <= end - _at ? _at + count : throw Bad("ends before its content does");

    private ulong Varint()
    {
        var value = 0UL;
        for (var number = 0; number < MostVarintBytes && _at < end; number++)
        {
            var next = content[_at++];
            value |= (ulong)(next & 0x7f) << (7 * number);
            if (next < 0x80)
                return value;
        }

        throw Bad("has a number that does not end");
    }
}
