using System.Buffers.Binary;
using System.Text;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using ICSharpCode.SharpZipLib.Checksum;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>The directory of a zip archive that PyTorch wrote: where in the file each entry's bytes lie.</summary>
/// <remarks>
/// PKWARE APPNOTE 6.3.9, sections 4.3 and 4.5.3. Entries must be stored without compression, except the source text of programs.
/// Nothing is unpacked, so nothing can expand. Tensors are read by offset, which <see cref="System.IO.Compression"/> does not
/// offer. Checksums are not compared, because PyTorch may leave them unset (<c>torch.serialization.set_crc32_options</c>); a
/// SHA-256 pin guards the whole file.
/// </remarks>
internal sealed class StoredZip
{
    private const uint LocalSignature = 0x04034b50;
    private const uint CentralSignature = 0x02014b50;
    private const uint EndSignature = 0x06054b50;
    private const uint End64Signature = 0x06064b50;
    private const uint Locator64Signature = 0x07064b50;
    private const int EndBytes = 22;
    private const int LocatorBytes = 20;
    private const int MaximumDirectoryBytes = 1 << 26;
    private const string Remedy = "it is damaged or not an archive that torch.save writes; save or fetch it again";

    private readonly Dictionary<string, StoredEntry> _entries;

    private StoredZip(Dictionary<string, StoredEntry> entries) => _entries = entries;

    /// <summary>Every entry, in the directory's order.</summary>
    public IEnumerable<StoredEntry> Entries => _entries.Values;

    /// <summary>Whether <c>torch.jit.save</c> wrote the archive: it holds constants and source text beside the tensors.</summary>
    public bool IsProgram => Entries.Any(entry => entry.Within == "constants.pkl") && Entries.Any(entry => entry.IsSource);

    /// <summary>An entry by name; null where there is none.</summary>
    public StoredEntry? Find(string name) => _entries.GetValueOrDefault(name);

    /// <summary>Reads and checks the directory.</summary>
    /// <exception cref="CheckpointException">The file is not a zip archive, or not one that PyTorch writes.</exception>
    public static StoredZip Read(CheckpointBytes bytes)
    {
        // Read the entries; names must be unique.
        var (offset, size) = FindDirectory(bytes);
        var directory = bytes.Read(offset, size, "zip directory");
        var entries = new Dictionary<string, StoredEntry>();
        for (var at = 0; at < directory.Length;)
        {
            var (entry, next) = ReadEntry(bytes, directory, at, directoryOffset: offset);
            if (!entries.TryAdd(entry.Name, entry))
                throw Bad(bytes, "two entries have the same name", $"entry '{CheckpointException.Sanitize(entry.Name)}'");

            at = next;
        }

        // Refuse entries that overlap, and compressed ones other than a program's source text.
        RefuseOverlaps(bytes, entries.Values);
        var zip = new StoredZip(entries);
        if (entries.Values.FirstOrDefault(entry => entry.IsCompressed && !(zip.IsProgram && entry.IsSource)) is { } compressed)
            throw new CheckpointException(
                bytes.Path,
                "an entry is compressed, which torch.save never does: the archive was packed again",
                "load it in PyTorch and save it again, or pack it without compression (zip -0)",
                $"entry '{CheckpointException.Sanitize(compressed.Name)}'");

        return zip;
    }

    private static (long Offset, int Size) FindDirectory(CheckpointBytes bytes)
    {
        // Find the end record, which is the last thing in the file, except for a comment.
        var tailBytes = (int)Math.Min(bytes.Length, EndBytes + ushort.MaxValue + LocatorBytes);
        var tail = bytes.Read(bytes.Length - tailBytes, tailBytes, "end of the zip archive").AsSpan();
        var end = tail.Length - EndBytes;
        while (end >= 0 && !(UInt32(tail[end..]) == EndSignature && end + EndBytes + UInt16(tail[(end + 20)..]) == tail.Length))
            end--;
        if (end < 0)
            throw Bad(bytes, "its zip directory is missing, so it is cut off or is not a zip archive");

        // Read where the directory lies; in a large archive the zip64 record has it.
        long size = UInt32(tail[(end + 12)..]), offset = UInt32(tail[(end + 16)..]);
        if (end >= LocatorBytes && UInt32(tail[(end - LocatorBytes)..]) == Locator64Signature)
        {
            var record = bytes.Read(Int64(tail[(end - LocatorBytes + 8)..]), 56, "zip64 directory record").AsSpan();
            if (UInt32(record) != End64Signature)
                throw Bad(bytes, "its zip64 directory record is missing");

            (size, offset) = (Int64(record[40..]), Int64(record[48..]));
        }

        return size is >= 0 and <= MaximumDirectoryBytes && offset >= 0 && size <= bytes.Length - EndBytes - offset
            ? (offset, (int)size)
            : throw Bad(bytes, "its zip directory lies outside of the file");
    }

    private static (StoredEntry Entry, int Next) ReadEntry(CheckpointBytes bytes, byte[] directory, int at, long directoryOffset)
    {
        // Check the header, and that its name and extra fields lie within the directory.
        const int HeaderBytes = 46;
        var header = directory.AsSpan(at);
        if (header.Length < HeaderBytes || UInt32(header) != CentralSignature)
            throw Bad(bytes, "its zip directory is damaged", $"byte {directoryOffset + at}");

        int nameBytes = UInt16(header[28..]), extraBytes = UInt16(header[30..]), commentBytes = UInt16(header[32..]);
        var next = HeaderBytes + nameBytes + extraBytes + commentBytes;
        if (next > header.Length)
            throw Bad(bytes, "its zip directory is damaged", $"byte {directoryOffset + at}");

        // Read the name, and refuse an encrypted entry.
        var rawName = header.Slice(HeaderBytes, nameBytes);
        var name = NameOf(bytes, rawName);
        var where = $"entry '{CheckpointException.Sanitize(name)}'";
        if ((UInt16(header[8..]) & 1) != 0)
            throw Bad(bytes, "an entry is encrypted", where);

        // Read the sizes; those of a compressed entry differ.
        long stored = UInt32(header[20..]), size = UInt32(header[24..]), local = UInt32(header[42..]);
        Widen(header.Slice(HeaderBytes + nameBytes, extraBytes), ref size, ref stored, ref local);
        var isCompressed = UInt16(header[10..]) != 0;
        if (stored != size && !isCompressed)
            throw Bad(bytes, "an entry's two sizes differ", where);

        // Find the content, which must end before the directory begins.
        var data = DataOffset(bytes, local, rawName, where);
        if (stored < 0 || stored > directoryOffset - data)
            throw Bad(bytes, "an entry reaches out of the file", where);

        return (new StoredEntry(name, data, stored, local, directoryOffset + at, isCompressed), at + next);
    }

    // Names become keys, never paths. A name that could lead out of a folder is refused all the same.
    private static string NameOf(CheckpointBytes bytes, ReadOnlySpan<byte> raw)
    {
        var name = Encoding.UTF8.GetString(raw);
        var isPath = name.Length == 0 || name[0] == '/'
            || name.Contains('\\') || name.Contains(':') || name.Contains('\0') || name.Split('/').Contains("..");
        return isPath
            ? throw Bad(bytes, "an entry's name could lead out of a folder", $"entry '{CheckpointException.Sanitize(name)}'")
            : name;
    }

    // Zip64: the extra field has eight-byte values, in this order, for the fields whose bits are all ones.
    private static void Widen(ReadOnlySpan<byte> extra, ref long size, ref long stored, ref long local)
    {
        for (; extra.Length >= 4; extra = extra[(4 + UInt16(extra[2..]))..])
        {
            var bytes = UInt16(extra[2..]);
            if (bytes > extra.Length - 4)
                return;
            if (UInt16(extra) != 1)
                continue;

            var wide = extra.Slice(4, bytes);
            Take(ref wide, ref size);
            Take(ref wide, ref stored);
            Take(ref wide, ref local);
            return;
        }

        static void Take(ref ReadOnlySpan<byte> wide, ref long field)
        {
            if (field != uint.MaxValue || wide.Length < 8)
                return;

            field = Int64(wide);
            wide = wide[8..];
        }
    }

    private static long DataOffset(CheckpointBytes bytes, long local, ReadOnlySpan<byte> rawName, string where)
    {
        const int HeaderBytes = 30;
        var header = bytes.Read(local, HeaderBytes + rawName.Length, where).AsSpan();
        if (UInt32(header) != LocalSignature
            || UInt16(header[26..]) != rawName.Length
            || !header[HeaderBytes..].SequenceEqual(rawName))
            throw Bad(bytes, "an entry's own header contradicts the zip directory", where);

        return local + HeaderBytes + rawName.Length + UInt16(header[28..]);
    }

    private static void RefuseOverlaps(CheckpointBytes bytes, IEnumerable<StoredEntry> entries)
    {
        var free = 0L;
        foreach (var entry in entries.OrderBy(entry => entry.Offset).ThenBy(entry => entry.Bytes))
        {
            if (entry.Offset < free)
                throw Bad(bytes, "two entries overlap", $"entry '{CheckpointException.Sanitize(entry.Name)}'");

            free = entry.Offset + entry.Bytes;
        }
    }

    private static CheckpointException Bad(CheckpointBytes bytes, string problem, string? at = null) =>
        new(bytes.Path, problem, Remedy, at);

    private static ushort UInt16(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt16LittleEndian(bytes);

    private static uint UInt32(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadUInt32LittleEndian(bytes);

    private static long Int64(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadInt64LittleEndian(bytes);
}

/// <summary>One entry of a <see cref="StoredZip"/>.</summary>
/// <param name="Name">Its name in the archive, with forward slashes.</param>
/// <param name="Offset">Offset of its content in the file, bytes.</param>
/// <param name="Bytes">Length of its content as stored, bytes.</param>
/// <param name="LocalHeader">Offset of its own header in the file, bytes.</param>
/// <param name="DirectoryEntry">Offset of its directory entry in the file, bytes.</param>
/// <param name="IsCompressed">Whether its content is compressed; such content is never unpacked here.</param>
internal sealed record StoredEntry(string Name, long Offset, long Bytes, long LocalHeader, long DirectoryEntry, bool IsCompressed)
{
    private const int ChecksumBytes = 4;
    private const int PieceBytes = 1 << 20;
    private const uint DescriptorSignature = 0x08074b50;

    /// <summary>Its name within the archive's one folder.</summary>
    public string Within => Name[(Name.IndexOf('/', StringComparison.Ordinal) + 1)..];

    /// <summary>Whether it is a program's source text.</summary>
    public bool IsSource => Within.StartsWith("code/", StringComparison.Ordinal);

    /// <summary>Updates the checksum in a copy of the archive in which this entry's content was overwritten.</summary>
    /// <remarks>
    /// The checksum is in the directory, and in the entry's own header or behind its content. Where PyTorch left it at zero, it
    /// stays zero.
    /// </remarks>
    public void UpdateChecksum(CheckpointBytes original, Stream copy)
    {
        var old = original.Read(DirectoryEntry + 16, ChecksumBytes, Name);
        if (old.AsSpan().IndexOfAnyExcept((byte)0) < 0)
            return;

        var checksum = new byte[ChecksumBytes];
        BinaryPrimitives.WriteUInt32LittleEndian(checksum, ChecksumOf(copy));
        foreach (var place in Places(original, old))
        {
            copy.Position = place;
            copy.Write(checksum);
        }
    }

    private IEnumerable<long> Places(CheckpointBytes original, byte[] old)
    {
        yield return DirectoryEntry + 16;
        if (original.Read(LocalHeader + 14, ChecksumBytes, Name).AsSpan().SequenceEqual(old))
            yield return LocalHeader + 14;

        // A data descriptor may or may not begin with a signature.
        var behind = original.Read(Offset + Bytes, 2 * ChecksumBytes, Name);
        if (BinaryPrimitives.ReadUInt32LittleEndian(behind) == DescriptorSignature
            && behind.AsSpan(ChecksumBytes).SequenceEqual(old))
            yield return Offset + Bytes + ChecksumBytes;
        else if ((original.Read(LocalHeader + 6, 1, Name)[0] & 8) != 0 && behind.AsSpan(0, ChecksumBytes).SequenceEqual(old))
            yield return Offset + Bytes;
    }

    private uint ChecksumOf(Stream copy)
    {
        var checksum = new Crc32();
        var piece = new byte[Math.Min(Bytes, PieceBytes)];
        copy.Position = Offset;
        for (var left = Bytes; left > 0;)
        {
            var part = new ArraySegment<byte>(piece, 0, (int)Math.Min(left, piece.Length));
            copy.ReadExactly(part);
            checksum.Update(part);
            left -= part.Count;
        }

        return (uint)checksum.Value;
    }
}
