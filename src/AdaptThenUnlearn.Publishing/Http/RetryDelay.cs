namespace AdaptThenUnlearn.Publishing.Http;

/// <summary>The clock and the waiting between attempts, with one time limit for a whole publish.</summary>
/// <param name="clock">The clock.</param>
/// <param name="delay">Waits for a time; null for real waiting.</param>
public sealed class RetryDelay(TimeProvider clock, Func<TimeSpan, CancellationToken, Task>? delay = null)
{
    /// <summary>Time that was waited in total.</summary>
    public TimeSpan TotalWaited { get; private set; }

    /// <summary>Waits for the next attempt, if there is to be one.</summary>
    /// <returns>Whether there is to be another attempt.</returns>
    public async Task<bool> TryWaitAsync(Attempt attempt, int number, bool repeatable, CancellationToken cancel)
    {
        if (RetryPlan.DelayAfter(attempt, number, repeatable, clock.GetUtcNow(), TotalWaited) is not { } wait)
            return false;

        TotalWaited += wait;
        await (delay is null ? Task.Delay(wait, clock, cancel) : delay(wait, cancel)).ConfigureAwait(false);
        return true;
    }
}
