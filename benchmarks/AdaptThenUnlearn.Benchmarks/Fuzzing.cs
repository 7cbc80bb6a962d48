using AdaptThenUnlearn.Torch.Tests.Checkpoints;

namespace AdaptThenUnlearn.Benchmarks;

/// <summary>
/// Reads mutants of small checkpoints. The command ends at one that is neither read nor refused with the documented error.
/// </summary>
internal static class Fuzzing
{
    private const int Reported = 10_000;

    public static void Run(int mutants, int seed = 1)
    {
        var folder = Directory.CreateTempSubdirectory("atu-fuzzing-");
        try
        {
            CheckpointMutants.Prepare(folder.FullName);
            foreach (var (kind, original) in CheckpointMutants.Originals)
            {
                var refused = 0;
                for (var done = 0; done < mutants; done += Reported)
                {
                    var some = Math.Min(Reported, mutants - done);
                    refused += new CheckpointMutants(folder.FullName, seed + done).CountRefused(original, some);
                    Terminal.WriteLine(
                        FormattableString.Invariant($"{kind}: {done + some} mutants, {refused} refused, the others read"));
                }
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
