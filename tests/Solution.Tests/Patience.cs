using System.Diagnostics;

namespace AdaptThenUnlearn.Solution.Tests;

/// <summary>Waiting for other processes: long enough for a machine that is busy, and without keeping it so.</summary>
internal static class Patience
{
    private static readonly TimeSpan _longest = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(50);

    /// <summary>
    /// Returns when something has come to be, or after ten minutes without it; what is asserted then says which.
    /// </summary>
    public static void Until(Func<bool> come)
    {
        for (var waited = Stopwatch.StartNew(); waited.Elapsed < _longest && !come();)
            Thread.Sleep(_pause);
    }
}
