using System.Runtime.InteropServices;

namespace AdaptThenUnlearn.Torch.Backend;

/// <summary>Lets glibc keep large freed blocks: a training step allocates the same large tensors again and again.</summary>
/// <remarks>
/// By default malloc maps every block over some megabytes afresh and gives it back when it is freed, so that each tensor of a
/// 64×64 batch costs its page faults again (mallopt(3): M_MMAP_THRESHOLD, M_TRIM_THRESHOLD). The benchmark <c>scaling</c> shows
/// the difference. Whoever sets malloc's own environment variables has decided otherwise, and is left alone.
/// </remarks>
internal static class LargeAllocations
{
    private const int TrimThreshold = -1;   // malloc.h: M_TRIM_THRESHOLD
    private const int MapThreshold = -3;    // malloc.h: M_MMAP_THRESHOLD
    private const int MappedFrom = 1 << 30;
    private const int KeptUpTo = int.MaxValue;

    /// <summary>Asks for it, where the C library is glibc; elsewhere nothing happens.</summary>
    public static void KeepFreedBlocks()
    {
        if (!OperatingSystem.IsLinux())
            return;

#pragma warning disable RS0030 // this class is the home of malloc's variables
        if (Environment.GetEnvironmentVariable("MALLOC_MMAP_THRESHOLD_") is not null || Environment.GetEnvironmentVariable("MALLOC_TRIM_THRESHOLD_") is not null)
            return;
#pragma warning restore RS0030

        try
        {
            _ = mallopt(MapThreshold, MappedFrom);
            _ = mallopt(TrimThreshold, KeptUpTo);
        }
        catch (EntryPointNotFoundException)
        {
            // musl has no mallopt, and its own way with large blocks.
        }
        catch (DllNotFoundException)
        {
            // Likewise a system whose C library goes by another name.
        }
    }

    [DllImport("libc", EntryPoint = "mallopt")]
    private static extern int mallopt(int parameter, int value);
}
