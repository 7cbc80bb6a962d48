using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace AdaptThenUnlearn.Files;

/// <summary>
/// What the operating system knows about a file and .NET does not tell: its kind, its identity, and whether it is on the disk.
/// </summary>
/// <remarks>
/// Linux: <c>statx(2)</c>, whose structure is the same on every machine. macOS: <c>stat(2)</c> with 64-bit inodes. Windows: the
/// type and index of an open handle. If none of them can be called, files are treated as .NET reports them.
/// </remarks>
internal static class NativeFiles
{
    private const int NoAccess = 13;           // EACCES
    private const int NotSupportedHere = 22;   // EINVAL: a file system that cannot do this
    private const int ReadOnlyDisk = 30;       // EROFS
    private const int Interrupted = 4;         // EINTR

    /// <summary>What a path leads to, links followed; null if nothing is there, or if it may not be examined.</summary>
    public static FileIdentity? FindIdentity(string path)
    {
        if (path.Length == 0 || path.Contains('\0', StringComparison.Ordinal))
            return null;
        if (OperatingSystem.IsWindows())
            return OnWindows(path);

        try
        {
            var buffer = new byte[256];
            var failed = OperatingSystem.IsMacOS()
                ? (RuntimeInformation.ProcessArchitecture == Architecture.X64
                    ? StatOnOlderMac(Terminated(path), buffer)
                    : StatOnMac(Terminated(path), buffer))
                : Statx(CurrentFolder, Terminated(path), 0, BasicFields, buffer);
            return failed != 0 ? null : Parsed(buffer);
        }
        catch (Exception absent) when (absent is EntryPointNotFoundException or DllNotFoundException)
        {
            return Directory.Exists(path)
                ? new FileIdentity(FileKind.Folder, 0, 0)
                : File.Exists(path) ? new FileIdentity(FileKind.Unknown, 0, 0) : null;
        }
    }

    /// <summary>What an open file is.</summary>
    public static FileIdentity GetIdentity(SafeFileHandle handle)
    {
        if (OperatingSystem.IsWindows())
            return IdentityOnWindows(handle);

        try
        {
            var buffer = new byte[256];
            var descriptor = (int)handle.DangerousGetHandle();
            var failed = OperatingSystem.IsMacOS()
                ? (RuntimeInformation.ProcessArchitecture == Architecture.X64
                    ? FstatOnOlderMac(descriptor, buffer)
                    : FstatOnMac(descriptor, buffer))
                : Statx(descriptor, [0], EmptyPath, BasicFields, buffer);
            return failed != 0 ? default : Parsed(buffer);
        }
        catch (Exception absent) when (absent is EntryPointNotFoundException or DllNotFoundException)
        {
            return default;
        }
    }

    /// <summary>Number of the user whose rights this process has; null on systems where users have no numbers.</summary>
    public static uint? User() => OperatingSystem.IsWindows() ? null : EffectiveUser();

    /// <summary>Flushes an open file to the disk.</summary>
    /// <remarks>.NET's flush does not report a disk that failed. The kernel reports it once.</remarks>
    /// <exception cref="IOException">The disk did not take what was written.</exception>
    public static void Flush(SafeFileHandle handle, string path)
    {
        if (!OperatingSystem.IsWindows())
            Flush((int)handle.DangerousGetHandle(), path);
    }

    /// <summary>
    /// Flushes a folder's list of names to the disk, so that a file that was moved there is found after a power loss.
    /// </summary>
    /// <exception cref="IOException">The disk did not take what was written.</exception>
    public static void FlushFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
            return;   // folders cannot be flushed there

        int descriptor;
        try
        {
            // The flags are O_RDONLY | O_CLOEXEC.
            descriptor = OpenDescriptor(Terminated(folder), OperatingSystem.IsMacOS() ? 0x1000000 : 0x80000);
        }
        catch (Exception absent) when (absent is EntryPointNotFoundException or DllNotFoundException)
        {
            return;
        }

        if (descriptor < 0)
            return;   // the folder may be written but not read, so it cannot be flushed

        try
        {
            Flush(descriptor, folder);
        }
        finally
        {
            _ = CloseDescriptor(descriptor);
        }
    }

    private static void Flush(int descriptor, string path)
    {
        try
        {
            while (Fsync(descriptor) != 0)
            {
                var error = Marshal.GetLastPInvokeError();
                if (error is NotSupportedHere or ReadOnlyDisk or NoAccess)
                    return;
                if (error != Interrupted)
                    throw new IOException(
                        $"{path}: the disk did not take what was written ({Marshal.GetPInvokeErrorMessage(error)})", error);
            }
        }
        catch (Exception absent) when (absent is EntryPointNotFoundException or DllNotFoundException)
        {
            // .NET's own flush has been called.
        }
    }

    private static byte[] Terminated(string path) => Encoding.UTF8.GetBytes(path + "\0");

    // struct statx: owner at 20, mode at 28, inode at 32, device at 136 and 140. struct stat of macOS: device at 0, mode at 4,
    // inode at 8, owner at 16.
    private static FileIdentity Parsed(ReadOnlySpan<byte> stat)
    {
        var mac = OperatingSystem.IsMacOS();
        var mode = BinaryPrimitives.ReadUInt16LittleEndian(stat[(mac ? 4 : 28)..]);
        var inode = BinaryPrimitives.ReadUInt64LittleEndian(stat[(mac ? 8 : 32)..]);
        var device = mac ? BinaryPrimitives.ReadUInt32LittleEndian(stat) : BinaryPrimitives.ReadUInt64LittleEndian(stat[136..]);
        var owner = BinaryPrimitives.ReadUInt32LittleEndian(stat[(mac ? 16 : 20)..]);
        return new FileIdentity(
            (mode & 0xF000) switch { 0x8000 => FileKind.Regular, 0x4000 => FileKind.Folder, _ => FileKind.Other },
            device,
            inode,
            owner);
    }

    private static FileIdentity? OnWindows(string path)
    {
        if (Directory.Exists(path))
            return new FileIdentity(FileKind.Folder, 0, 0);
        if (!File.Exists(path))
            return null;

        try
        {
            using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            return IdentityOnWindows(handle);
        }
        catch (Exception refused)
            when (refused is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            return new FileIdentity(FileKind.Unknown, 0, 0);
        }
    }

    private static FileIdentity IdentityOnWindows(SafeFileHandle handle)
    {
        const uint Disk = 1;
        if (GetFileType(handle) != Disk)
            return new FileIdentity(FileKind.Other, 0, 0);

        // BY_HANDLE_FILE_INFORMATION: volume at 28, index at 44 (high) and 48 (low).
        var buffer = new byte[52];
        return GetFileInformationByHandle(handle, buffer)
            ? new FileIdentity(
                FileKind.Regular, BinaryPrimitives.ReadUInt32LittleEndian(buffer.AsSpan(28)),
                (ulong)BinaryPrimitives.ReadUInt32LittleEndian(buffer.AsSpan(44)) << 32
                    | BinaryPrimitives.ReadUInt32LittleEndian(buffer.AsSpan(48)))
            : new FileIdentity(FileKind.Regular, 0, 0);
    }

    private const int CurrentFolder = -100;     // AT_FDCWD
    private const int EmptyPath = 0x1000;       // AT_EMPTY_PATH
    private const uint BasicFields = 0x7ff;     // STATX_BASIC_STATS

    [DllImport("libc", EntryPoint = "statx", SetLastError = true)]
    private static extern int Statx(int folder, byte[] path, int flags, uint mask, [Out] byte[] buffer);

    [DllImport("libc", EntryPoint = "stat", SetLastError = true)]
    private static extern int StatOnMac(byte[] path, [Out] byte[] buffer);

    [DllImport("libc", EntryPoint = "stat$INODE64", SetLastError = true)]
    private static extern int StatOnOlderMac(byte[] path, [Out] byte[] buffer);

    [DllImport("libc", EntryPoint = "fstat", SetLastError = true)]
    private static extern int FstatOnMac(int descriptor, [Out] byte[] buffer);

    [DllImport("libc", EntryPoint = "fstat$INODE64", SetLastError = true)]
    private static extern int FstatOnOlderMac(int descriptor, [Out] byte[] buffer);

    [DllImport("libc", EntryPoint = "geteuid")]
    private static extern uint EffectiveUser();

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static extern int Fsync(int descriptor);

    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    private static extern int OpenDescriptor(byte[] path, int flags);

    [DllImport("libc", EntryPoint = "close", SetLastError = true)]
    private static extern int CloseDescriptor(int descriptor);

    [DllImport("kernel32", EntryPoint = "GetFileType", SetLastError = true)]
    private static extern uint GetFileType(SafeFileHandle handle);

    [DllImport("kernel32", EntryPoint = "GetFileInformationByHandle", SetLastError = true)]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static extern bool GetFileInformationByHandle(SafeFileHandle handle, [Out] byte[] buffer);
}

/// <summary>What kind of entry a path leads to.</summary>
internal enum FileKind
{
    /// <summary>The system does not say.</summary>
    Unknown,

    /// <summary>A file with bytes.</summary>
    Regular,

    /// <summary>A folder.</summary>
    Folder,

    /// <summary>A device, a pipe or a socket: reading it may block, or never end.</summary>
    Other,
}

/// <summary>The identity of a file: two paths with the same device and inode are one file under two names.</summary>
/// <param name="Kind">Its kind.</param>
/// <param name="Device">The disk; 0 if it is not known.</param>
/// <param name="Inode">The file on that disk; 0 if it is not known.</param>
/// <param name="Owner">Number of the user who owns it; null if there is none, or if it is not known.</param>
internal readonly record struct FileIdentity(FileKind Kind, ulong Device, ulong Inode, uint? Owner = null)
{
    /// <summary>Whether the system gave the file's identity.</summary>
    public bool IsKnown => Device != 0 || Inode != 0;
}
