namespace AdaptThenUnlearn.Labelling;

/// <summary>Labels cannot be used: they are damaged, of other images, or too few to train from.</summary>
/// <param name="message">What is wrong, and how to mend it.</param>
/// <param name="cause">What the system said, if anything.</param>
public sealed class LabelException(string message, Exception? cause = null) : Exception(message, cause);
