using System.Globalization;
using AdaptThenUnlearn.Measurements;

namespace AdaptThenUnlearn.Labelling;

/// <summary>How often a classifier of one feature errs on images that it was not trained on.</summary>
/// <param name="With">Images that show the feature.</param>
/// <param name="Missed">Of those, what it did not see.</param>
/// <param name="Without">Images that do not.</param>
/// <param name="FalseAlarms">Of those, where it saw the feature.</param>
public sealed record HeldOutError(int With, int Missed, int Without, int FalseAlarms)
{
    private const double Confidence = 0.95;

    /// <summary>Images in all.</summary>
    public int Images => With + Without;

    /// <summary>Errors in all.</summary>
    public int Errors => Missed + FalseAlarms;

    /// <summary>Share of errors, 0 to 1.</summary>
    public double Rate => (double)Errors / Images;

    /// <summary>Lower end of the two-sided 95 % interval of <see cref="Rate"/>.</summary>
    public double Lower => ClopperPearson.LowerBound(Errors, Images, (1 + Confidence) / 2);

    /// <summary>Upper end of the two-sided 95 % interval of <see cref="Rate"/>.</summary>
    public double Upper => ClopperPearson.UpperBound(Errors, Images, (1 + Confidence) / 2);

    /// <summary>E.g. <c>held-out error 4.0 % (4 of 100; 95 % interval 1.1 % to 9.9 %): 3 of 40 missed, 1 of 60 false alarms</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"held-out error {100 * Rate:F1} % ({Errors} of {Images}; 95 % interval {100 * Lower:F1} % to {100 * Upper:F1} %): {Missed} of {With} missed, {FalseAlarms} of {Without} false alarms");
}
