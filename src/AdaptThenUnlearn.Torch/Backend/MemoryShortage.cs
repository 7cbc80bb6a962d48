using System.Runtime.InteropServices;
using AdaptThenUnlearn.Diagnostics;

namespace AdaptThenUnlearn.Torch.Backend;

/// <summary>Turns libtorch's various exceptions for too little memory into one message that says what to try.</summary>
public static class MemoryShortage
{
    // Parts of libtorch's messages: "CUDA out of memory", "DefaultCPUAllocator: can't allocate memory" or "not enough memory",
    // and CUBLAS_STATUS_ALLOC_FAILED and CUDNN_STATUS_ALLOC_FAILED. TorchSharp throws ExternalException for all of them.
    private static readonly string[] _signs =
    [
        "out of memory", "can't allocate memory", "not enough memory", "_STATUS_ALLOC_FAILED"
    ];

    /// <summary>Does work that may need more memory than there is.</summary>
    /// <param name="what">Name of the work, for the message.</param>
    /// <param name="batchSize">Number of images in a batch.</param>
    /// <param name="parts">Into how many parts a batch is cut already.</param>
    /// <param name="work">The work.</param>
    /// <exception cref="RunException">There was too little memory; the message names the settings to try.</exception>
    public static T RunOrExplain<T>(string what, int batchSize, int parts, Func<T> work) => Run(
        FormattableString.Invariant($"{what} with batches of {batchSize} images"),
        (batchSize % (2 * parts) == 0
            ? FormattableString.Invariant($"--set unlearning.accumulate={2 * parts} (parts of a batch, one after another), ")
            : "")
            + FormattableString.Invariant($"--set unlearning.batchSize={Math.Max(2, batchSize / 2)}, or "),
        work);

    /// <summary>Does work that may need more memory than there is.</summary>
    /// <param name="what">Name of the work, for the message.</param>
    /// <param name="smaller">Setting to try, as <c>path=value</c>.</param>
    /// <param name="work">The work.</param>
    /// <exception cref="RunException">There was too little memory; the message names the setting to try.</exception>
    public static T RunOrExplain<T>(string what, string smaller, Func<T> work) => Run(what, $"--set {smaller}, or ", work);

    /// <summary>Does work that may need more memory than there is, and that no setting makes smaller.</summary>
    /// <param name="what">Name of the work, for the message.</param>
    /// <param name="work">The work.</param>
    /// <exception cref="RunException">There was too little memory.</exception>
    internal static T RunOrExplain<T>(string what, Func<T> work) => Run(what, "", work);

    private static T Run<T>(string what, string remedy, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception failed) when (IsShortage(failed))
        {
            throw new RunException(
                RunCodes.OutOfMemory, $"out of memory in {what}; try {remedy}a machine with more memory", failed);
        }
    }

    /// <summary>Whether an exception says that there was too little memory.</summary>
    public static bool IsShortage(Exception failed) =>
        failed is OutOfMemoryException
        || (failed is ExternalException && _signs.Any(sign => failed.Message.Contains(sign, StringComparison.OrdinalIgnoreCase)));
}
