using AdaptThenUnlearn.Torch.Adaptation;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Unlearning;

/// <summary>
/// A term of the generator's loss that depends on what annotators and students say of its images, and that estimates something
/// of the images of many steps.
/// </summary>
internal interface IDescribedTerm : IDisposable
{
    /// <summary>What it estimates, by name: the state that a resumed run needs. The tensors stay the term's.</summary>
    IReadOnlyDictionary<string, Tensor> State { get; }

    /// <summary>
    /// The sum of the weighted losses of some images, part of a batch; called from several threads at once, each with its part.
    /// </summary>
    /// <param name="images">Part of the graph.</param>
    /// <param name="part">Which part of the batch they are, from 0.</param>
    /// <returns>A scalar that belongs to the caller's scope.</returns>
    Tensor SumLosses(DescribedImages images, int part);

    /// <summary>Moves what it estimates towards the images of a step; called after each step.</summary>
    /// <param name="step">Counted from 1.</param>
    void Update(int step);
}
