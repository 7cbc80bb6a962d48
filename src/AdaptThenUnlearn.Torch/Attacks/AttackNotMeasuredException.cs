namespace AdaptThenUnlearn.Torch.Attacks;

/// <summary>
/// What an attack tries cannot be measured on this generator. The message says why, as a sentence without a full stop.
/// </summary>
/// <param name="why">The message.</param>
public sealed class AttackNotMeasuredException(string why) : Exception(why);
