using System.Diagnostics;

namespace AdaptThenUnlearn.Torch.Governing;

/// <summary>Time spent: wall time, and processor time of this process on all cores together.</summary>
/// <remarks>
/// Costs are compared by processor time, which hardly depends on what else the machine does. With a GPU it does, because a core
/// waits for the device.
/// </remarks>
/// <param name="Seconds">Wall time, in seconds.</param>
/// <param name="ProcessorSeconds">User and system time of every thread, in seconds.</param>
public readonly record struct ProcessTimes(double Seconds, double ProcessorSeconds)
{
    /// <summary>The times at this moment. Only differences of two of them have a meaning.</summary>
    public static ProcessTimes Now =>
        new(Stopwatch.GetTimestamp() / (double)Stopwatch.Frequency, Environment.CpuUsage.TotalTime.TotalSeconds);

    /// <summary>The sum of two times.</summary>
    public static ProcessTimes operator +(ProcessTimes one, ProcessTimes other) =>
        new(one.Seconds + other.Seconds, one.ProcessorSeconds + other.ProcessorSeconds);

    /// <summary>The time from one moment to another.</summary>
    public static ProcessTimes operator -(ProcessTimes one, ProcessTimes other) =>
        new(one.Seconds - other.Seconds, one.ProcessorSeconds - other.ProcessorSeconds);
}
