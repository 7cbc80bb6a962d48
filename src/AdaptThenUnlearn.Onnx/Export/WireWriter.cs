using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace AdaptThenUnlearn.Onnx.Export;

/// <summary>Writes one protobuf message, field by field (protobuf.dev, "Encoding").</summary>
internal sealed class WireWriter
{
    private const int Varint = 0;
    private const int Bytes = 2;
    private const int Fixed32 = 5;

    private readonly ArrayBufferWriter<byte> _bytes = new();

    /// <summary>Writes a whole number.</summary>
    public WireWriter Integer(int field, long value)
    {
        WriteVarint(((ulong)field << 3) | Varint);
        WriteVarint((ulong)value);
        return this;
    }

    /// <summary>Writes a number in single precision.</summary>
    public WireWriter Single(int field, float value)
    {
        WriteVarint(((ulong)field << 3) | Fixed32);
        Span<byte> bytes = stackalloc byte[sizeof(float)];
        BinaryPrimitives.WriteSingleLittleEndian(bytes, value);
        _bytes.Write(bytes);
        return this;
    }

    /// <summary>Writes a text.</summary>
    public WireWriter Text(int field, string value) => Data(field, Encoding.UTF8.GetBytes(value));

    /// <summary>Writes a message.</summary>
    public WireWriter Message(int field, WireWriter message) => Data(field, message.ToArray());

    /// <summary>Writes bytes.</summary>
    public WireWriter Data(int field, ReadOnlySpan<byte> value)
    {
        WriteVarint(((ulong)field << 3) | Bytes);
        WriteVarint((ulong)value.Length);
        _bytes.Write(value);
        return this;
    }

    /// <summary>The message.</summary>
    public byte[] ToArray() => _bytes.WrittenSpan.ToArray();

    private void WriteVarint(ulong value)
    {
        for (; value >= 0x80; value >>= 7)
            _bytes.Write([(byte)(value | 0x80)]);
        _bytes.Write([(byte)value]);
    }
}
