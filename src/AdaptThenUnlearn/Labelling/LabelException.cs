namespace AdaptThenUnlearn.Labelling;

/// <summary>Labels cannot be used: they are damaged, of other images, or too few to train from.</summary>
/// <param name="message">What is wrong, and what to do.</param>
/// <param name="cause">The error that caused it, if there was one.</param>
public sealed class LabelException(string message, Exception? cause = null) : Exception(message, cause);
