namespace AdaptThenUnlearn.Cli;

/// <summary>
/// Steps a second of a stage over the last half minute. The mean since the start would promise the wrong time for as long again
/// as the machine was busy, or idle.
/// </summary>
/// <param name="clock">Tells the time of each step.</param>
internal sealed class StageSpeed(TimeProvider clock)
{
    /// <summary>How far back the speed looks, where the stage has run for so long.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan _interval = TimeSpan.FromSeconds(0.5);   // one moment is kept for each

    private readonly Queue<(long Time, int Step)> _moments = new();
    private long _latest;

    /// <summary>Forgets the stage before. The time of a stage's first step is unknown.</summary>
    public void Restart(int step)
    {
        _moments.Clear();
        _latest = clock.GetTimestamp();
        _moments.Enqueue((_latest, step));
    }

    /// <summary>The speed up to a step that was done just now; null where no time has passed.</summary>
    /// <param name="step">Number of the step.</param>
    public double? At(int step)
    {
        var now = clock.GetTimestamp();
        if (clock.GetElapsedTime(_latest, now) >= _interval)
        {
            _moments.Enqueue((now, step));
            _latest = now;
        }

        // The oldest moment is the last one that lies a whole window back.
        while (_moments.Count > 1 && clock.GetElapsedTime(_moments.ElementAt(1).Time, now) >= Window)
            _moments.Dequeue();
        var (time, first) = _moments.Peek();
        var seconds = clock.GetElapsedTime(time, now).TotalSeconds;
        return seconds > 0 && step > first ? (step - first) / seconds : null;
    }
}
