namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>Images can be read, but not used for what was asked: their size, their labels or their type does not fit.</summary>
/// <param name="problem">What does not fit, and what to do; one line.</param>
public sealed class UnsuitableImagesException(string problem) : Exception(problem);
