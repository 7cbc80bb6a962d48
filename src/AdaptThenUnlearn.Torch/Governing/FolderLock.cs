using AdaptThenUnlearn.Diagnostics;

namespace AdaptThenUnlearn.Torch.Governing;

/// <summary>Keeps a folder for one process: a file in it is held open until the lock is disposed.</summary>
public sealed class FolderLock : IDisposable
{
    /// <summary>The file that is held open; it is deleted with the lock.</summary>
    public const string FileName = ".lock";

    // HResult in .NET of a file that another process holds: EWOULDBLOCK, or ERROR_SHARING_VIOLATION.
    private const int WouldBlockOnLinux = 11;
    private const int WouldBlockOnMac = 35;
    private const int SharingViolationOnWindows = unchecked((int)0x80070020);

    private readonly FileStream _file;

    private FolderLock(FileStream file) => _file = file;

    /// <summary>Locks a folder.</summary>
    /// <param name="folder">Created if it does not exist.</param>
    /// <param name="user">What uses it, for the message to a second process: <c>run</c>.</param>
    /// <exception cref="FolderInUseException">Another process holds the lock.</exception>
    /// <exception cref="RunException">The folder cannot be written.</exception>
    public static FolderLock Acquire(string folder, string user)
    {
        try
        {
            Directory.CreateDirectory(folder);
            var path = Path.Combine(folder, FileName);
            return new FolderLock(
                new FileStream(
                    path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.None, bufferSize: 1, FileOptions.DeleteOnClose));
        }
        catch (IOException shared) when (shared.HResult is WouldBlockOnLinux or WouldBlockOnMac or SharingViolationOnWindows)
        {
            throw new FolderInUseException(folder, user, shared);
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            throw new RunException(
                RunCodes.OutputFolder, $"{folder}: the folder cannot be written: {failed.Message}; name another one", failed);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();
}
