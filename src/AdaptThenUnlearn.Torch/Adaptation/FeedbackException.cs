namespace AdaptThenUnlearn.Torch.Adaptation;

/// <summary>The generator's samples do not hold what training needs.</summary>
public sealed class FeedbackException(string message) : Exception(message);
