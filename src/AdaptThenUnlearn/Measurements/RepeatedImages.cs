using System.Globalization;
using System.Text.Json.Serialization;

namespace AdaptThenUnlearn.Measurements;

/// <summary>
/// How many images of a folder, or of a command, repeat others: a bound holds for images that were drawn independently.
/// </summary>
/// <remarks>
/// Two images are taken for nearly the same where their grey copies of 16×16 pixels differ by at most 2 of 255 levels, as a root
/// mean square. The same pixels give the same copies.
/// </remarks>
/// <param name="Images">All that were looked at.</param>
/// <param name="Repeated">Those that are the same as one counted before, or nearly so.</param>
/// <param name="MaxShare">The largest share of them that may be, 0 to 1: <c>generator.maxDuplicates</c> of the policy.</param>
public sealed record RepeatedImages(long Images, long Repeated, double MaxShare)
{
    /// <summary>For a measurement that did not count them: nothing is known, so nothing was measured.</summary>
    public static RepeatedImages NotCounted { get; } = new(0, 0, 0);

    /// <summary>Whether the numbers can be.</summary>
    [JsonIgnore]
    public bool IsPossible => Images >= 1 && Repeated >= 0 && Repeated < Images && MaxShare is >= 0 and <= 1;

    /// <summary>Why so many repeated images measure nothing, in a sentence without a full stop; null where they do not.</summary>
    [JsonIgnore]
    public string? WhyTooMany =>
        Images < 1 ? "the images were not compared with one another, and they may be few that repeat"
        : Repeated <= MaxShare * Images ? null
        : string.Create(
            CultureInfo.InvariantCulture,
            $"{Repeated} of {Images} images are the same as another one, or nearly so, and at most {MaxShare * 100:0.###} % may "
                + $"be (generator.maxDuplicates): the bound holds for images that were drawn independently");
}
