using System.Diagnostics;

namespace AdaptThenUnlearn.Torch.Tests.Checkpoints;

/// <summary>
/// Honest files, changed a little as damage and malice change them. Whatever reads them reads or refuses each, in little time and
/// memory, and nothing else happens.
/// </summary>
internal static class Mutants
{
    /// <summary>As many as the tests read of each kind.</summary>
    public const int Many = 20_000;

    private const long MostAllocated = 300L << 20;   // bytes for one mutant: a picture of the largest size that is read
    private const long MostGrowth = 1L << 30;        // bytes of the process for all of them
    private const int Tries = 3;                     // another program may have the processor for a while
    private static readonly TimeSpan _mostTime = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(1);

    private static readonly byte[][] _extremes =
        [
            [0xff, 0xff, 0xff, 0xff],
            [0, 0, 0, 0x80],
            [0xff, 0xff, 0xff, 0x7f],
            [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
            [0, 0, 0, 0, 0, 0, 0, 0],
            [0, 0, 0, 0, 0, 0, 0, 0x80]
        ];

    /// <summary>Reads many mutants, and counts those that are refused.</summary>
    /// <param name="original">The honest file.</param>
    /// <param name="count">How many.</param>
    /// <param name="seed">Of the changes.</param>
    /// <param name="refuses">
    /// Reads a mutant; true where it is refused with a documented error. Any other exception goes through.
    /// </param>
    /// <exception cref="InvalidOperationException">A mutant was neither read nor refused, or took too much time or memory.
    /// </exception>
    public static int CountRefused(byte[] original, int count, int seed, Func<byte[], bool> refuses)
    {
        var (before, done, refused) = (Environment.WorkingSet, 0, 0);
        Exception? failed = null;
        var reader = new Thread(ReadAll) { IsBackground = true };
        reader.Start();
        for (var last = -1; !reader.Join(_patience); last = Volatile.Read(ref done))
            if (last == Volatile.Read(ref done))
                throw new InvalidOperationException($"mutant {last} of seed {seed} is still being read after {_patience}");

        if (failed is not null)
            throw new InvalidOperationException($"mutant {done} of seed {seed}: {failed.Message}", failed);
        if (Environment.WorkingSet - before is var growth && growth > MostGrowth)
            throw new InvalidOperationException($"{count} mutants of seed {seed} left {growth} bytes behind");
        return refused;

        void ReadAll()
        {
            try
            {
                var random = new Random(seed);
                for (; done < count; Volatile.Write(ref done, done + 1))
                    refused += IsRefusedAtOnce(Change(original, random), refuses) ? 1 : 0;
            }
            catch (Exception any)
            {
                failed = any;   // told on the thread of the test
            }
        }
    }

    private static bool IsRefusedAtOnce(byte[] mutant, Func<byte[], bool> refuses)
    {
        for (var attempt = 1; ; attempt++)
        {
            var (before, clock) = (GC.GetAllocatedBytesForCurrentThread(), Stopwatch.StartNew());
            var isRefused = refuses(mutant);
            var (time, allocated) = (clock.Elapsed, GC.GetAllocatedBytesForCurrentThread() - before);
            if (time <= _mostTime && allocated <= MostAllocated)
                return isRefused;
            if (attempt == Tries || allocated > MostAllocated)
                throw new InvalidOperationException($"it takes {time} and {allocated} bytes");
        }
    }

    /// <summary>A file with one to four changes.</summary>
    /// <param name="original">The honest file; not changed.</param>
    /// <param name="random">Decides the changes.</param>
    public static byte[] Change(byte[] original, Random random)
    {
        var changed = original.ToList();
        for (var changes = random.Next(1, 5); changes > 0 && changed.Count > 0; changes--)
            Change(changed, random);
        return [.. changed];
    }

    private static void Change(List<byte> file, Random random)
    {
        var at = random.Next(file.Count);
        switch (random.Next(9))
        {
            case 0: file[at] ^= (byte)(1 << random.Next(8)); break;
            case 1 or 2: file[at] = (byte)random.Next(256); break;
            case 3: file.RemoveRange(at, file.Count - at); break;
            case 4: file.RemoveRange(at, Math.Min(random.Next(1, 16), file.Count - at)); break;
            case 5: file.InsertRange(at, file.GetRange(at, Math.Min(random.Next(1, 64), file.Count - at))); break;
            case 6: file.InsertRange(at, Enumerable.Repeat((byte)random.Next(256), random.Next(1, 32))); break;
            case 7: Overwrite(file, at, _extremes[random.Next(_extremes.Length)]); break;
            default: Overwrite(file, at, [.. file.GetRange(random.Next(file.Count), 1), .. file.Take(random.Next(8))]); break;
        }
    }

    private static void Overwrite(List<byte> file, int at, byte[] with)
    {
        for (var index = 0; index < with.Length && at + index < file.Count; index++)
            file[at + index] = with[index];
    }
}
