using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Unlearning;

/// <summary>A term that estimates something of the images of many steps.</summary>
internal interface IEstimatingTerm : IImageTerm, IDisposable
{
    /// <summary>What it estimates, by name: the state that a resumed run needs. The tensors stay the term's.</summary>
    IReadOnlyDictionary<string, Tensor> State { get; }

    /// <summary>Moves what it estimates towards the images of a step; called after each step.</summary>
    /// <param name="step">Counted from 1.</param>
    void Update(int step);
}
