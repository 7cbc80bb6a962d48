using System.Globalization;
using System.Text.Json.Serialization;

namespace AdaptThenUnlearn.Measurements;

/// <summary>How much the images of a sample differ, as 8-bit pictures: many times the same image is one image.</summary>
/// <param name="Images">Images that were compared with each other: the first 100,000 at most.</param>
/// <param name="Distinct">Different ones among them.</param>
/// <param name="Deviation">Root of the variance between all images, mean over pixels, in levels of 255.</param>
public sealed record ImageDiversity(long Images, long Distinct, double Deviation)
{
    private const double LeastDistinct = 0.5;
    private const double LeastDeviation = 1;       // of one level: rounding alone
    private const double FewDistinct = 0.9;
    private const double SmallDeviation = 4;

    /// <summary>Whether the numbers can be.</summary>
    [JsonIgnore]
    public bool IsPossible => Images >= 1 && Distinct >= 1 && Distinct <= Images && Deviation >= 0;

    /// <summary>Why so many images count as one, in a sentence without a full stop; null where they do not.</summary>
    [JsonIgnore]
    public string? WhyOneImage =>
        Distinct < LeastDistinct * Images ? string.Create(
            CultureInfo.InvariantCulture, $"only {Distinct} of {Images} images are different from each other: {Causes}")
        : Deviation < LeastDeviation ? string.Create(
            CultureInfo.InvariantCulture,
            $"{Images} images are all but the same one (they deviate by {Deviation:0.##} of 255 levels): {Causes}")
        : null;

    /// <summary>What makes them few, in a sentence without a full stop; null where nothing does.</summary>
    [JsonIgnore]
    public string? WhyAlike => WhyOneImage is null && (Distinct < FewDistinct * Images || Deviation < SmallDeviation)
        ? string.Create(
            CultureInfo.InvariantCulture,
            $"{Distinct} of {Images} images are different from each other, and they deviate by {Deviation:0.##} of 255 "
                + $"levels: {Causes}")
        : null;

    private const string Causes = "the generator has collapsed, ignores its latents, or evaluation.truncation is too small";
}
