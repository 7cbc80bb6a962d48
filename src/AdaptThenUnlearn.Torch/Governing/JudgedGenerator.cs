using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Sources;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Governing;

/// <summary>
/// The file of the generator that a run judges. It has the name under which it is released only once the verdict is a pass; until
/// then, and for ever where it is not, its name says that it was rejected.
/// </summary>
/// <param name="policy">Of the run.</param>
/// <param name="inputs">Its files; they decide the names.</param>
/// <param name="folder">Where it is written.</param>
/// <param name="original">The generator that the policy names; stays the caller's.</param>
/// <param name="tool">Name and version of the tool, for formats that have metadata.</param>
internal sealed class JudgedGenerator(
    UnlearningPolicy policy, InputFiles inputs, RunFolder folder, LoadedGenerator original, string tool)
{
    private bool _isSaved;

    /// <summary>
    /// Saves an unlearned generator in the original's format and reads it back from the disk: what is measured is what was saved.
    /// </summary>
    /// <param name="networks">Stay the caller's.</param>
    /// <param name="runs">The runs that trained it, this one last; kept in its metadata, where the format has it.</param>
    /// <param name="terms">The training terms of this run; kept likewise.</param>
    /// <param name="device">Where the loaded networks go.</param>
    /// <returns>Belongs to the caller.</returns>
    public LoadedGenerator Save(GanPair networks, IReadOnlyList<EarlierRun> runs, AdversarialOptions terms, Device device)
    {
        var path = folder.GetPath(inputs.RejectedName);
        GeneratorCheckpoint.SaveInFormatOf(
            inputs.OriginalFile,
            original,
            path,
            networks,
            new Dictionary<string, string>(TrainedRegime.Write(terms))
            {
                ["policy"] = policy.Name,
                ["tool"] = tool,
                [SafetensorsFile.EarlierRunsKey] = EarlierRun.Write(runs),
            });
        _isSaved = true;
        return GeneratorCheckpoint.Load(
            path,
            original.Format,
            sha256: null,
            discriminatorPath: null,
            device,
            latentSize: original.Generator.LatentSize,
            layers: policy.Generator.Layers);
    }

    /// <summary>
    /// Gives the file the name that its verdict allows. Where nothing was saved, the original is copied; byte for byte where it
    /// is released.
    /// </summary>
    /// <param name="outcome">Of the gate.</param>
    /// <param name="measured">SHA-256 of the file that was measured.</param>
    /// <exception cref="RunException">The file is not the one that was measured.</exception>
    /// <exception cref="FileNotWrittenException">A file cannot be written.</exception>
    public void Conclude(Outcome outcome, string measured)
    {
        if (inputs.FindListing() is { } listing)
        {
            List(listing, outcome, measured);
            return;
        }

        var file = _isSaved ? CheckpointFile.Open(folder.GetPath(inputs.RejectedName)) : inputs.OriginalFile;
        if (file.Sha256 != measured)
            throw NotMeasured();

        if (!outcome.IsPass())
            Reject(file, outcome);
        else if (_isSaved)
            Release(measured);
        else
            ReleaseOriginal();
    }

    // A folder of images is not copied, and a command is no file: their listing stands for them, and has their digest.
    private void List(ReadOnlyMemory<byte> listing, Outcome outcome, string measured)
    {
        if (Sha256Digest.Compute(listing.Span) != measured)
            throw NotMeasured();

        if (inputs.IsCommand)
            folder.Write(OutputRoles.Command, GeneratorSource.CommandFile, listing);
        if (outcome.IsPass())
            folder.Write(OutputRoles.Artifact, inputs.CopyName, listing);
        else
            folder.Write(OutputRoles.Rejected, inputs.RejectedName, listing);
    }

    private RunException NotMeasured() => new(
        RunCodes.ChangedFile,
        $"{folder.Path}: the artifact is not the generator that was measured, so nothing was concluded; run again");

    private void Release(string measured)
    {
        folder.Rename(inputs.RejectedName, inputs.ArtifactName);
        folder.RecordOutput(OutputRoles.Artifact, inputs.ArtifactName);
        if (folder.Outputs[^1].Sha256 == measured)
            return;

        folder.Rename(inputs.ArtifactName, inputs.RejectedName);
        throw new RunException(
            RunCodes.ChangedFile,
            $"{folder.Path}: the artifact was changed while it was given its name, so nothing was concluded; run again");
    }

    // An index comes last: the files that it names are of no use without it.
    private void ReleaseOriginal()
    {
        foreach (var (index, part) in inputs.GeneratorParts.Index())
            folder.Copy(InputRoles.Part(OutputRoles.Artifact, index + 1), Path.GetFileName(part), inputs.OpenHashed(part));
        folder.Copy(OutputRoles.Artifact, inputs.CopyName, inputs.OpenHashed(inputs.Generator));
    }

    // The weights that were measured; where the format has metadata, they say what the verdict was.
    private void Reject(CheckpointFile file, Outcome outcome)
    {
        var format = CheckpointFormats.Named(original.Format);
        if (format.HasMetadata)
            format.Rewrite(
                CheckpointFormats.Read(file, original.Format),
                folder.GetPath(inputs.RejectedName),
                new Dictionary<string, Tensor>(),
                new Dictionary<string, string>
                {
                    ["policy"] = policy.Name,
                    ["tool"] = tool,
                    [SafetensorsFile.VerdictKey] = OutcomeText.Name(outcome),
                });
        if (format.HasMetadata || _isSaved)
            folder.RecordOutput(OutputRoles.Rejected, inputs.RejectedName);
        else
            folder.Copy(OutputRoles.Rejected, inputs.RejectedName, inputs.OpenHashed(inputs.Generator));
    }
}
