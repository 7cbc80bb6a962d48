namespace AdaptThenUnlearn.Torch.Models.StyleGan3;

/// <summary>Designs the low-pass filters between StyleGAN3's layers, from their cutoff and their transition band.</summary>
/// <remarks>
/// Karras et al. 2021 (arXiv:2106.12423), appendix C: a separable Kaiser filter, and a radially symmetric one for the
/// configuration R. Checked against SciPy's <c>firwin</c>, <c>kaiser</c> and <c>j1</c> by values in the tests.
/// </remarks>
internal static class LowPassDesign
{
    private const double StepsBeyondArgument = 64;

    /// <summary>A filter along one dimension; its taps add up to 1.</summary>
    /// <remarks>
    /// The windowed ideal filter: sin(2π·cutoff·t) / (π·t) at t = (n − (taps − 1) / 2) / rate, times the Kaiser window
    /// (Oppenheim and Schafer, Discrete-Time Signal Processing, section 7.5).
    /// </remarks>
    /// <param name="taps">At least 2.</param>
    /// <param name="cutoff">Cycles per image width, below half the rate.</param>
    /// <param name="halfWidth">Half of the transition band, in the same unit.</param>
    /// <param name="rate">Samples per image width.</param>
    public static double[] Separable(int taps, double cutoff, double halfWidth, double rate)
    {
        var window = KaiserWindow(taps, Beta(taps, halfWidth, rate));
        return Normalised([.. Positions(taps, rate).Select((position, tap) => Sinc(position, cutoff) * window[tap])]);
    }

    /// <summary>A filter that is the same in all directions; its taps add up to 1.</summary>
    /// <remarks>
    /// The ideal filter of a disc, J1(2π·cutoff·r) / r, times the Kaiser window of each dimension (appendix C.1).
    /// </remarks>
    /// <inheritdoc cref="Separable"/>
    /// <returns>Row by row, taps × taps.</returns>
    public static double[] Radial(int taps, double cutoff, double halfWidth, double rate)
    {
        var window = KaiserWindow(taps, Beta(taps, halfWidth, rate));
        var positions = Positions(taps, rate).ToArray();
        return Normalised([.. positions.SelectMany((_, row) => positions.Select((_, column) =>
            Jinc(Math.Sqrt(positions[row] * positions[row] + positions[column] * positions[column]), cutoff)
                * window[row] * window[column]))]);
    }

    /// <summary>Bessel's J0 and J1: (1/π) ∫ cos(n·τ − x·sin τ) dτ over half a turn.</summary>
    /// <remarks>
    /// Abramowitz and Stegun, equation 9.1.21. The integrand is periodic, so that the trapezoidal rule converges faster than any
    /// power of its steps.
    /// </remarks>
    public static double BesselJ(int order, double x) => HalfTurnMean(x, angle => Math.Cos(order * angle - x * Math.Sin(angle)));

    /// <summary>The modified Bessel function I0: (1/π) ∫ exp(x·cos τ) dτ over half a turn.</summary>
    /// <remarks>Abramowitz and Stegun, equation 9.6.16.</remarks>
    public static double BesselI0(double x) => HalfTurnMean(x, angle => Math.Exp(x * Math.Cos(angle)));

    private static double HalfTurnMean(double argument, Func<double, double> integrand)
    {
        var steps = (int)(StepsBeyondArgument + 2 * Math.Abs(argument));
        var inner = Enumerable.Range(1, steps - 1).Sum(step => integrand(Math.PI * step / steps));
        return (inner + (integrand(0) + integrand(Math.PI)) / 2) / steps;
    }

    private static IEnumerable<double> Positions(int taps, double rate) =>
        Enumerable.Range(0, taps).Select(tap => (tap - (taps - 1) / 2.0) / rate);

    private static double Sinc(double position, double cutoff) =>
        position == 0 ? 2 * cutoff : Math.Sin(2 * Math.PI * cutoff * position) / (Math.PI * position);

    private static double Jinc(double radius, double cutoff) => radius == 0
        ? cutoff
        : BesselJ(1, 2 * Math.PI * cutoff * radius) / (Math.PI * radius);

    // Kaiser's estimates: the attenuation that so many taps reach, and the window's parameter for it.
    private static double Beta(int taps, double halfWidth, double rate)
    {
        var width = 2 * halfWidth / (rate / 2);
        return (2.285 * (taps - 1) * Math.PI * width + 7.95) switch
        {
            > 50 and var attenuation => 0.1102 * (attenuation - 8.7),
            > 21 and var attenuation => 0.5842 * Math.Pow(attenuation - 21, 0.4) + 0.07886 * (attenuation - 21),
            _ => 0,
        };
    }

    private static double[] KaiserWindow(int taps, double beta)
    {
        var half = (taps - 1) / 2.0;
        return [.. Enumerable.Range(0, taps).Select(tap =>
            BesselI0(beta * Math.Sqrt(Math.Max(0, 1 - Math.Pow((tap - half) / half, 2)))) / BesselI0(beta))];
    }

    private static double[] Normalised(double[] taps)
    {
        var sum = taps.Sum();
        return [.. taps.Select(tap => tap / sum)];
    }
}
