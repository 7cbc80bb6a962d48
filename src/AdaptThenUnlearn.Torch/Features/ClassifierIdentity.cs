using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>Says which classifier it is, so that a calibration is used with no other.</summary>
public static class ClassifierIdentity
{
    /// <summary>
    /// Digest of everything that changes a classifier's answers: its files, further files of its checkpoint, and what the policy
    /// says of its classes, outputs, preprocessing, architecture, output and prompts (<see cref="CanonicalJson.DigestAsUsed"/>).
    /// </summary>
    /// <param name="files">As they were hashed, in the order of <see cref="ClassifierFile.ListFor"/>.</param>
    /// <param name="choice">Of the policy.</param>
    /// <returns>64 lower-case hexadecimal digits.</returns>
    /// <exception cref="CheckpointException">A further file of the checkpoint cannot be read.</exception>
    public static string Compute(IReadOnlyList<CheckpointFile> files, ClassifierChoice choice)
    {
        var checkpoint = files[0];
        var parts = CheckpointFormats.FurtherFiles(checkpoint).Select(part => checkpoint.OpenSibling(part).Sha256);
        var whole = Sha256Digest.ComputeWhole(checkpoint.Sha256, [.. parts]);
        return CanonicalJson.DigestAsUsed(choice, [whole, .. files.Skip(1).Select(file => file.Sha256)]);
    }
}
