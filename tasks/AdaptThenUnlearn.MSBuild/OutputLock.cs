namespace AdaptThenUnlearn.MSBuild;

/// <summary>
/// Lets one project at a time govern into a folder. Projects that share a folder wait for each other and find the work done.
/// </summary>
internal static class OutputLock
{
    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(100);

    // ERROR_SHARING_VIOLATION on Windows, EWOULDBLOCK on Linux and on macOS.
    private static readonly int[] _lockedCodes = [unchecked((int)0x80070020), 11, 35];

    /// <summary>Waits until no other project uses the folder, and locks it.</summary>
    /// <param name="folder">The folder; it is created where it does not exist.</param>
    /// <param name="cancelled">Ends the waiting.</param>
    /// <returns>The lock; null where the build was cancelled meanwhile.</returns>
    /// <exception cref="IOException">The folder cannot be created.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder cannot be written.</exception>
    public static IDisposable? Wait(string folder, WaitHandle cancelled)
    {
        Directory.CreateDirectory(folder);
        do
        {
            try
            {
                return new FileStream(
                    Path.Combine(folder, ".build.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException locked) when (_lockedCodes.Contains(locked.HResult))
            {
                // The system releases the lock of a process that ends in any way.
            }
        }
        while (!cancelled.WaitOne(_pause));
        return null;
    }
}
