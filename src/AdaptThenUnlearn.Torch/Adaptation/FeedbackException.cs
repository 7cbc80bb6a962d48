namespace AdaptThenUnlearn.Torch.Adaptation;

/// <summary>The images that training learns from are too few.</summary>
public sealed class FeedbackException(string message) : Exception(message);
