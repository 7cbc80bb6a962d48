namespace AdaptThenUnlearn.MSBuild;

/// <summary>Lets one project at a time govern into a folder, so that projects which share one wait for each other and find the work done.</summary>
internal static class OutputLock
{
    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(100);

    // ERROR_SHARING_VIOLATION on Windows, EWOULDBLOCK on Linux and on macOS.
    private static readonly int[] _held = [unchecked((int)0x80070020), 11, 35];

    /// <summary>Waits until nobody else holds the folder.</summary>
    /// <param name="folder">Made if it is not there.</param>
    /// <param name="cancelled">Ends the waiting.</param>
    /// <returns>The lock, or null when the build was cancelled meanwhile.</returns>
    /// <exception cref="IOException">The folder cannot be made.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder cannot be written.</exception>
    public static IDisposable? Wait(string folder, WaitHandle cancelled)
    {
        Directory.CreateDirectory(folder);
        do
        {
            try
            {
                return new FileStream(Path.Combine(folder, ".build.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException held) when (_held.Contains(held.HResult))
            {
                // A process that ends lets go of it, however it ends.
            }
        }
        while (!cancelled.WaitOne(_pause));
        return null;
    }
}
