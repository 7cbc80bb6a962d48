using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace AdaptThenUnlearn.Torch.Backend;

/// <summary>Loads a Linux library that does not load only because it requires a symbol version that it never uses.</summary>
/// <remarks>
/// TorchSharp 0.107's wrapper requires <c>GLIBCXX_3.4.32</c> for <c>_ZSt21ios_base_library_initv</c>, a marker symbol that is
/// never called. In a private copy this requirement is made weak (<c>VER_FLG_WEAK</c>, glibc's <c>elf.h</c>; System V gABI,
/// "Symbol Versioning"). The dynamic linker then accepts that the version is missing.
/// </remarks>
internal static class RelaxedElf
{
    /// <summary>The symbol version whose requirement is made weak.</summary>
    public const string Version = "GLIBCXX_3.4.32";

    private const uint VersionNeedSection = 0x6ffffffe;
    private const ushort WeakFlag = 2;

    /// <summary>Loads a relaxed private copy of a library.</summary>
    /// <returns>Null where the copy loaded; otherwise why it did not.</returns>
    public static string? Load(string library)
    {
        try
        {
            var bytes = File.ReadAllBytes(library);
            if (!Relax(bytes))
                return $"{library} demands a newer libstdc++ than this system has, and not in a way that can be relaxed";

            var folder = Directory.CreateTempSubdirectory("atu-torch-");
            try
            {
                var copy = Path.Combine(folder.FullName, Path.GetFileName(library));
                File.WriteAllBytes(copy, bytes);
                NativeLibrary.Load(copy);
                return null;
            }
            finally
            {
                folder.Delete(recursive: true);   // the mapping outlives the file
            }
        }
        catch (Exception refused)
            when (refused is IOException or UnauthorizedAccessException or DllNotFoundException or BadImageFormatException)
        {
            return $"{library} needs {Version}, which this system lacks, and its relaxed copy does not load: {refused.Message}";
        }
    }

    /// <summary>Marks the requirement of <see cref="Version"/> as weak, in place.</summary>
    /// <param name="elf">A little-endian 64-bit ELF file.</param>
    /// <returns>Whether such a requirement was found.</returns>
    public static bool Relax(Span<byte> elf)
    {
        // Check that it is a little-endian 64-bit ELF file.
        if (elf.Length < 64 || !elf[..4].SequenceEqual("\u007fELF"u8) || elf[4] != 2 || elf[5] != 1)
            return false;

        // Find the section of version requirements, and the section of their names.
        var sections = (int)BinaryPrimitives.ReadUInt64LittleEndian(elf[0x28..]);
        var sectionSize = BinaryPrimitives.ReadUInt16LittleEndian(elf[0x3a..]);
        var sectionCount = BinaryPrimitives.ReadUInt16LittleEndian(elf[0x3c..]);
        for (var number = 0; number < sectionCount; number++)
        {
            var section = elf[(sections + number * sectionSize)..];
            if (BinaryPrimitives.ReadUInt32LittleEndian(section[4..]) != VersionNeedSection)
                continue;

            var needs = (int)BinaryPrimitives.ReadUInt64LittleEndian(section[0x18..]);
            var link = (int)BinaryPrimitives.ReadUInt32LittleEndian(section[0x28..]);
            var names = (int)BinaryPrimitives.ReadUInt64LittleEndian(elf[(sections + link * sectionSize + 0x18)..]);
            return RelaxNeeds(elf, needs, names);
        }

        return false;
    }

    // Verneed: version u16, count u16, file u32, aux u32, next u32; Vernaux: hash u32, flags u16, other u16, name u32, next u32.
    private static bool RelaxNeeds(Span<byte> elf, int need, int names)
    {
        var found = false;
        while (true)
        {
            var count = BinaryPrimitives.ReadUInt16LittleEndian(elf[(need + 2)..]);
            var aux = need + (int)BinaryPrimitives.ReadUInt32LittleEndian(elf[(need + 8)..]);
            for (var number = 0; number < count; number++)
            {
                var name = elf[(names + (int)BinaryPrimitives.ReadUInt32LittleEndian(elf[(aux + 8)..]))..];
                if (Encoding.ASCII.GetString(name[..name.IndexOf((byte)0)]) == Version)
                {
                    var flags = BinaryPrimitives.ReadUInt16LittleEndian(elf[(aux + 4)..]);
                    BinaryPrimitives.WriteUInt16LittleEndian(elf[(aux + 4)..], (ushort)(flags | WeakFlag));
                    found = true;
                }

                aux += (int)BinaryPrimitives.ReadUInt32LittleEndian(elf[(aux + 12)..]);
            }

            var next = (int)BinaryPrimitives.ReadUInt32LittleEndian(elf[(need + 12)..]);
            if (next == 0)
                return found;

            need += next;
        }
    }
}
