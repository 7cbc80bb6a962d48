using System.Runtime.InteropServices;

namespace AdaptThenUnlearn.Torch.Backend;

/// <summary>Makes glibc keep large freed blocks, because each training step allocates the same large tensors again.</summary>
/// <remarks>
/// By default malloc maps every block of more than some megabytes newly, and unmaps it when it is freed. Each tensor of a 64×64
/// batch then costs its page faults again (mallopt(3): M_MMAP_THRESHOLD, M_TRIM_THRESHOLD). The benchmark <c>scaling</c> shows
/// the difference. Where malloc's own environment variables are set, nothing is changed.
/// </remarks>
internal static class LargeAllocations
{
    private const int TrimThreshold = -1;   // malloc.h: M_TRIM_THRESHOLD
    private const int MapThreshold = -3;    // malloc.h: M_MMAP_THRESHOLD
    private const int MappedFrom = 1 << 30;       // bytes
    private const int KeptUpTo = int.MaxValue;    // bytes

    /// <summary>Sets malloc's thresholds where the C library is glibc; elsewhere nothing happens.</summary>
    public static void KeepFreedBlocks()
    {
        if (!OperatingSystem.IsLinux())
            return;

#pragma warning disable RS0030 // this class is the home of malloc's variables
        if (Environment.GetEnvironmentVariable("MALLOC_MMAP_THRESHOLD_") is not null
            || Environment.GetEnvironmentVariable("MALLOC_TRIM_THRESHOLD_") is not null)
            return;
#pragma warning restore RS0030

        try
        {
            _ = mallopt(MapThreshold, MappedFrom);
            _ = mallopt(TrimThreshold, KeptUpTo);
        }
        catch (EntryPointNotFoundException)
        {
            // musl has no mallopt.
        }
        catch (DllNotFoundException)
        {
            // The C library of this system has another name.
        }
    }

    [DllImport("libc", EntryPoint = "mallopt")]
    private static extern int mallopt(int parameter, int value);
}
