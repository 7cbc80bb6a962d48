namespace AdaptThenUnlearn.Measurements;

/// <summary>What a reading keeps of the calibration of its auditor.</summary>
/// <param name="Threshold">Smallest probability of the class in an image that counts as showing the feature.</param>
/// <param name="Sha256">Digest of the calibration's file.</param>
/// <param name="Generator">SHA-256 of the generator whose images a person labelled for it.</param>
public sealed record UsedCalibration(double Threshold, string Sha256, string Generator);
