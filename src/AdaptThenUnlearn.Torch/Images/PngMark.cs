using System.Buffers.Binary;
using System.Text;
using AdaptThenUnlearn.Files;
using ICSharpCode.SharpZipLib.Checksum;

namespace AdaptThenUnlearn.Torch.Images;

/// <summary>Marks PNG files that this tool made, so that it recognises its own pictures and replaces no others.</summary>
/// <remarks>
/// The mark is a <c>tEXt</c> chunk <c>Software</c> behind the header; PNG specification (third edition), sections 11.2.1 and
/// 11.3.3.2.
/// </remarks>
internal static class PngMark
{
    private const int SignatureAndHeader = 8 + 25;   // the header chunk is always 25 bytes long
    private static readonly byte[] _chunk = Chunk("tEXt", Encoding.Latin1.GetBytes("Software\0AdaptThenUnlearn"));

    /// <summary>Adds the mark to a picture; nothing else changes.</summary>
    /// <param name="png">A PNG file's bytes, without the mark.</param>
    public static byte[] AddMark(ReadOnlySpan<byte> png) =>
        [.. png[..SignatureAndHeader], .. _chunk, .. png[SignatureAndHeader..]];

    /// <summary>Whether a file is a picture with the mark.</summary>
    /// <param name="path">Any path.</param>
    public static bool HasMark(string path)
    {
        try
        {
            using var file = RegularFile.OpenRead(path);
            var start = new byte[SignatureAndHeader + _chunk.Length];
            return file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) == start.Length
                && start.AsSpan(SignatureAndHeader).SequenceEqual(_chunk);
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static byte[] Chunk(string type, byte[] data)
    {
        byte[] named = [.. Encoding.ASCII.GetBytes(type), .. data];
        var checksum = new Crc32();
        checksum.Update(named);
        var chunk = new byte[named.Length + 8];
        BinaryPrimitives.WriteInt32BigEndian(chunk, data.Length);
        named.CopyTo(chunk, 4);
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(named.Length + 4), (uint)checksum.Value);
        return chunk;
    }
}
