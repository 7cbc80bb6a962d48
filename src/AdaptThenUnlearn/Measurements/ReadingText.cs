using System.Globalization;

namespace AdaptThenUnlearn.Measurements;

/// <summary>How readings are written in everything that people read, whatever the culture.</summary>
public static class ReadingText
{
    /// <summary>A share, 0 to 1, as per cent.</summary>
    /// <remarks>Three decimals; more where three would make a small share look like none.</remarks>
    public static string Percent(double share) =>
        (share * 100).ToString(Math.Abs(share) is > 0 and < 0.000005 ? "0.#########" : "0.###", CultureInfo.InvariantCulture)
            + " %";

    /// <summary>Four significant digits.</summary>
    public static string Plain(double value) => value.ToString("G4", CultureInfo.InvariantCulture);
}
