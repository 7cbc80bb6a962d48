using System.Globalization;

namespace AdaptThenUnlearn.Torch.Images;

/// <summary>Where an axis of a plot has which value.</summary>
/// <param name="Label">With the unit.</param>
/// <param name="Place">Of a value along the axis, in any unit that grows with it; not finite for values that have none.</param>
/// <param name="Marks">Values that are written at it, as far as they are within its limits.</param>
/// <param name="Text">How they are written.</param>
public sealed record ScatterAxis(string Label, Func<double, double> Place, IReadOnlyList<double> Marks, Func<double, string> Text)
{
    private const double MostOf = 0.9999;

    /// <summary>Equal ratios are equally far apart: for values above 0 that span much.</summary>
    public static ScatterAxis Logarithmic(string label) => new(
        label, Math.Log10, [.. from power in Enumerable.Range(-4, 12) from digit in new[] { 1, 1.5, 2, 3, 5, 7 } select digit * Math.Pow(10, power)], value => value.ToString("0.####", CultureInfo.InvariantCulture));

    /// <summary>Equal ratios of what is left of the whole are equally far apart: for shares up to 1, of which 0.99 is as much better than 0.9 as that is than 0. What is above 0.9999 stands there.</summary>
    public static ScatterAxis Removed(string label) => new(
        label, share => -Math.Log10(1 - Math.Min(share, MostOf)), [-9, -4, -1, 0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, MostOf], share => (share >= MostOf ? "≥ " : "") + (100 * share).ToString("0.##", CultureInfo.InvariantCulture));
}
