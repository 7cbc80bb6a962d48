namespace AdaptThenUnlearn.Torch.Measuring;

/// <summary>Parts of a measurement do not make a whole: one is missing, is there twice, or is of another measurement.</summary>
/// <param name="message">Says which.</param>
public sealed class MeasurementPartsException(string message) : Exception(message);
