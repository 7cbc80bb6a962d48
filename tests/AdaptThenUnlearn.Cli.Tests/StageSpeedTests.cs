using AdaptThenUnlearn.Torch.Training;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>Checks that the time left is told from the last half minute.</summary>
public sealed class StageSpeedTests
{
    private readonly SteppedClock _clock = new();

    [Fact]
    public void At_TheFirstStep_IsUnknown()
    {
        var speed = new StageSpeed(_clock);
        speed.Restart(1);

        Assert.Null(speed.At(1));
    }

    [Fact]
    public void At_EvenSteps_IsTheirSpeed()
    {
        var speed = new StageSpeed(_clock);
        speed.Restart(1);
        for (var step = 2; step <= 1000; step++)
        {
            _clock.Advance(0.25);
            Assert.Equal(4, speed.At(step)!.Value, 6);
        }
    }

    // Ten minutes at ten steps a second, then one step in four seconds: after half a minute only that counts.
    [Fact]
    public void At_AMachineThatBecameBusy_IsTheLastHalfMinutes()
    {
        var speed = new StageSpeed(_clock);
        speed.Restart(1);
        var step = 1;
        for (; step <= 6000; step++, _clock.Advance(0.1))
            speed.At(step);
        var seen = new List<double>();
        for (var slow = 0; slow < 12; slow++)
        {
            _clock.Advance(4);
            seen.Add(speed.At(++step)!.Value);
        }

        Assert.Equal(0.25, seen[^1], 2);
        Assert.All(seen.Zip(seen.Skip(1)), pair => Assert.True(pair.Second <= pair.First));
        Assert.InRange(seen[3], 0.25, 6);
    }

    // Steps that take longer than the window.
    [Fact]
    public void At_AStepOfTwoMinutes_IsKnownFromItAlone()
    {
        var speed = new StageSpeed(_clock);
        speed.Restart(1);
        for (var step = 2; step < 6; step++)
        {
            _clock.Advance(120);
            Assert.Equal(1.0 / 120, speed.At(step)!.Value, 9);
        }
    }

    [Theory]
    [InlineData(null, "adapting 100/600")]
    [InlineData(10.0, "adapting 100/600, 10.0/s, 0:50 left")]
    [InlineData(0.1, "adapting 100/600, 0.1/s, 1:23:20 left")]
    [InlineData(0.02, "adapting 100/600, 50 s each, 6:56:40 left")]
    [InlineData(1e-9, "adapting 100/600, 1000000000 s each, 23976:00:00 left")]
    public void Line_OfASpeed_SaysWhatIsLeft(double? speed, string expected) =>
        Assert.Equal(expected, Terminal.Line(new StageProgress("adapting", 100, 600, Losses: null), speed));

    private sealed class SteppedClock : TimeProvider
    {
        private long _now;

        public override long TimestampFrequency => 1_000_000;

        public override long GetTimestamp() => _now;

        public void Advance(double seconds) => _now += (long)(seconds * TimestampFrequency);
    }
}
