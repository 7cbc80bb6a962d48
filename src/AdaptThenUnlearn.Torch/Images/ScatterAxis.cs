using System.Globalization;

namespace AdaptThenUnlearn.Torch.Images;

/// <summary>An axis of a plot: where each value lies, and which values are written beside it.</summary>
/// <param name="Label">Label, with the unit.</param>
/// <param name="Place">
/// Maps a value to its place along the axis, in any unit that grows with the value; not finite for a value without a place.
/// </param>
/// <param name="Marks">Values to write beside the axis, where they are within its limits.</param>
/// <param name="Text">Formats such a value.</param>
public sealed record ScatterAxis(string Label, Func<double, double> Place, IReadOnlyList<double> Marks, Func<double, string> Text)
{
    private const double MostOf = 0.9999;   // larger shares are drawn here

    /// <summary>A logarithmic axis: equal ratios are equally far apart. For values above 0 with a wide range.</summary>
    public static ScatterAxis Logarithmic(string label) => new(
        label,
        Math.Log10,
        [.. from power in Enumerable.Range(-4, 12) from digit in new[] { 1, 1.5, 2, 3, 5, 7 } select digit * Math.Pow(10, power)],
        value => value.ToString("0.####", CultureInfo.InvariantCulture));

    /// <summary>An axis for removed shares up to 1: equal ratios of the remaining share are equally far apart.</summary>
    /// <remarks>The step from 0.9 to 0.99 is as long as the one from 0 to 0.9. Shares above 0.9999 are drawn at 0.9999.</remarks>
    public static ScatterAxis Removed(string label) => new(
        label,
        share => -Math.Log10(1 - Math.Min(share, MostOf)),
        [-9, -4, -1, 0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, MostOf],
        share => (share >= MostOf ? "≥ " : "") + (100 * share).ToString("0.##", CultureInfo.InvariantCulture));
}
