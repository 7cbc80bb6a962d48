using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>Says which classifier it is, so that a calibration is used with no other.</summary>
public static class ClassifierIdentity
{
    /// <summary>
    /// Digest of everything that changes a classifier's answers: its checkpoint, the further files of it, and what the policy
    /// says of its classes, outputs, preprocessing, architecture and output (<see cref="CanonicalJson.DigestAsUsed"/>).
    /// </summary>
    /// <param name="choice">Of the policy.</param>
    /// <param name="checkpoint">As it was hashed.</param>
    /// <returns>64 lower-case hexadecimal digits.</returns>
    /// <exception cref="CheckpointException">A further file of the checkpoint cannot be read.</exception>
    public static string Compute(ClassifierChoice choice, CheckpointFile checkpoint)
    {
        // The index of several files does not tell what is in them.
        var parts = CheckpointFormats.FurtherFiles(checkpoint).Select(part => checkpoint.OpenSibling(part).Sha256).ToList();
        return CanonicalJson.DigestAsUsed(
            choice,
            parts.Count == 0 ? checkpoint.Sha256 : Sha256Digest.Compute(string.Join('\n', parts.Prepend(checkpoint.Sha256))));
    }
}
