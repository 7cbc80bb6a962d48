using TorchSharp;

namespace AdaptThenUnlearn.Torch.Backend;

/// <summary>
/// Makes the <see cref="Scalar"/> of a number and keeps it alive until the operation that takes it has returned.
/// </summary>
/// <remarks>
/// <para>
/// TorchSharp reads the native handle of a scalar and calls libtorch with it, without keeping the scalar alive. A garbage
/// collection on another thread can then finalize the scalar, and libtorch reads freed memory
/// (https://github.com/dotnet/TorchSharp/issues/1434). The implicit conversions from numbers make such scalars: nothing else
/// refers to them. So they are banned (<c>build/BannedSymbols.Scalars.txt</c>): <c>values.clamp_min(Scalars.Of(0.5))</c>.
/// </para>
/// <para>
/// The ban does not see what TorchSharp converts itself: <c>tensor * 0.5</c>, the sum of two tensors, <c>square</c>.
/// </para>
/// <para>
/// Each thread keeps its last 256 scalars, so that memory stays bounded. Pass a scalar to its operation at once, and do not
/// store it. A scalar has the type that the implicit conversion gives it, so results are the same to the bit.
/// </para>
/// </remarks>
public static class Scalars
{
    /// <summary>How many scalars each thread keeps; an operation takes a few at most.</summary>
    internal const int Kept = 256;

    [ThreadStatic]
    private static Scalar[]? _kept;

    [ThreadStatic]
    private static int _next;

#pragma warning disable RS0030 // this class is the home of scalars
    /// <summary>The scalar of a <see cref="double"/>.</summary>
    /// <param name="value">Any number, NaN and infinities included.</param>
    /// <returns>A scalar of type <c>Float64</c>, to be used at once.</returns>
    public static Scalar Of(double value) => Keep(value.ToScalar());

    /// <summary>The scalar of a <see cref="float"/>.</summary>
    /// <param name="value">Any number, NaN and infinities included.</param>
    /// <returns>A scalar of the type of <c>(Scalar)value</c>, to be used at once.</returns>
    public static Scalar Of(float value) => Keep(value.ToScalar());

    /// <summary>The scalar of a <see cref="long"/>.</summary>
    /// <param name="value">Any number.</param>
    /// <returns>A scalar of type <c>Int64</c>, to be used at once.</returns>
    public static Scalar Of(long value) => Keep(value.ToScalar());

    /// <summary>The scalar of an <see cref="int"/>.</summary>
    /// <param name="value">Any number.</param>
    /// <returns>A scalar of the type of <c>(Scalar)value</c>, to be used at once.</returns>
    public static Scalar Of(int value) => Keep(value.ToScalar());

    /// <summary>The scalar of a <see cref="bool"/>.</summary>
    /// <param name="value">True or false.</param>
    /// <returns>A scalar of type <c>Bool</c>, to be used at once.</returns>
    public static Scalar Of(bool value) => Keep(value.ToScalar());
#pragma warning restore RS0030

    private static Scalar Keep(Scalar scalar)
    {
        var kept = _kept ??= new Scalar[Kept];
        kept[_next] = scalar;
        _next = (_next + 1) % Kept;
        return scalar;
    }
}
