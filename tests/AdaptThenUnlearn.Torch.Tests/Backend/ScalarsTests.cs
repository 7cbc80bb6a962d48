using System.Runtime.CompilerServices;
using AdaptThenUnlearn.Torch.Backend;
using TorchSharp;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Backend;

/// <summary>
/// Checks that scalars are those of TorchSharp's implicit conversions, and that they live until many others were made.
/// </summary>
public sealed class ScalarsTests
{
    [Theory]
    [InlineData(0.1)]
    [InlineData(-1e300)]
    [InlineData(double.NegativeInfinity)]
    [InlineData(double.NaN)]
    public void Of_Double_IsTheImplicitConversion(double value) => AssertSame(value, Scalars.Of(value), value);

    [Theory]
    [InlineData(0.1f)]
    [InlineData(float.PositiveInfinity)]
    public void Of_Float_IsTheImplicitConversion(float value) => AssertSame(value, Scalars.Of(value), value);

    [Theory]
    [InlineData(0L)]
    [InlineData(long.MinValue)]
    public void Of_Long_IsTheImplicitConversion(long value)
    {
        AssertSame(value, Scalars.Of(value), value);
        Assert.Equal(value, Scalars.Of(value).ToInt64());
    }

    [Theory]
    [InlineData(-7)]
    [InlineData(int.MaxValue)]
    public void Of_Int_IsTheImplicitConversion(int value) => AssertSame(value, Scalars.Of(value), value);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Of_Bool_IsTheImplicitConversion(bool value)
    {
        using Scalar converted = value;

        Assert.Equal(ScalarType.Bool, Scalars.Of(value).Type);
        Assert.Equal(converted.Type, Scalars.Of(value).Type);
        Assert.Equal(value, Scalars.Of(value).ToBoolean());
    }

    // On a thread of its own, whose scalars are those of this test only.
    [Fact]
    public void Of_Scalar_LivesUntilOthersTookItsPlace()
    {
        var (livesAmongLast, livesAfterwards) = (false, true);
        var thread = new Thread(() =>
        {
            var first = Made();
            MakeOthers(Scalars.Kept - 1);
            livesAmongLast = IsAliveAfterCollection(first);
            MakeOthers(1);
            livesAfterwards = IsAliveAfterCollection(first);
        });
        thread.Start();
        thread.Join();

        Assert.True(livesAmongLast, "a scalar was freed that is among the last ones of its thread");
        Assert.False(livesAfterwards, "a scalar was kept although enough others were made");
    }

    private static void AssertSame(Scalar converted, Scalar made, double value)
    {
        Assert.Equal(converted.Type, made.Type);
        Assert.Equal(value, made.ToDouble());
        GC.KeepAlive(converted);
    }

    // Not inlined: no reference to the scalar may stay on the caller's stack.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference Made() => new(Scalars.Of(0.5));

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void MakeOthers(int count)
    {
        for (var made = 0; made < count; made++)
            Scalars.Of(made);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool IsAliveAfterCollection(WeakReference scalar)
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return scalar.IsAlive;
    }
}
