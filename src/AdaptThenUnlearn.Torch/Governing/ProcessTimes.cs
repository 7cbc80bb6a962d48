using System.Diagnostics;

namespace AdaptThenUnlearn.Torch.Governing;

/// <summary>Time spent: by the clock on the wall, and by this process on all cores together.</summary>
/// <remarks>The second hardly depends on what else the machine did, so costs are compared by it. (On a GPU it does: a core waits for the device.)</remarks>
/// <param name="Seconds">Wall time.</param>
/// <param name="ProcessorSeconds">Of every thread, user and system.</param>
public readonly record struct ProcessTimes(double Seconds, double ProcessorSeconds)
{
    /// <summary>Spent by this process so far; only differences mean something.</summary>
    public static ProcessTimes Now => new(Stopwatch.GetTimestamp() / (double)Stopwatch.Frequency, Environment.CpuUsage.TotalTime.TotalSeconds);

    /// <summary>Both together.</summary>
    public static ProcessTimes operator +(ProcessTimes one, ProcessTimes other) => new(one.Seconds + other.Seconds, one.ProcessorSeconds + other.ProcessorSeconds);

    /// <summary>From one moment to another.</summary>
    public static ProcessTimes operator -(ProcessTimes one, ProcessTimes other) => new(one.Seconds - other.Seconds, one.ProcessorSeconds - other.ProcessorSeconds);
}
