using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;

namespace AdaptThenUnlearn.Cli;

/// <summary>
/// Checks the training terms of a run whose policy leaves them to the generator's file: they are those of the file, where it is
/// here.
/// </summary>
internal static class RecordedTerms
{
    /// <summary>What does not fit, in sentences; that the record holds terms at all is checked elsewhere.</summary>
    /// <param name="folder">The run's folder.</param>
    /// <param name="record">As read.</param>
    /// <param name="cancel">Ends hashing soon.</param>
    public static IEnumerable<string> FindProblems(string folder, RunRecord record, CancellationToken cancel)
    {
        if (record.Training?.Adversarial is not { IsAsTrained: false } recorded
            || record.Inputs.FirstOrDefault(input => input.Role == InputRoles.Generator) is not { } generator
            || GeneratorChoice.IsProgram(record.Policy.Generator.Format))
            return [];

        try
        {
            // The check of files reports a missing or changed file.
            var file = CheckpointFile.Open(Path.Combine(folder, generator.Path), cancel);
            return file.Sha256 != generator.Sha256
                || TrainedRegime.Read(CheckpointFormats.Read(file, record.Policy.Generator.Format).Metadata).Terms == recorded
                    ? []
                    : ["the recorded training terms are not those in the metadata of the generator's file"];
        }
        catch (CheckpointException)
        {
            return [];
        }
    }
}
