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
                var source = new CheckpointMutants(folder.FullName, seed);
                var refused = 0;
                for (var mutant = 1; mutant <= mutants; mutant++)
                {
                    refused += source.Refused(original) ? 1 : 0;
                    if (mutant % Reported == 0 || mutant == mutants)
                        Terminal.WriteLine(
                            FormattableString.Invariant($"{kind}: {mutant} mutants, {refused} refused, the others read"));
                }
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
