using System.Globalization;
using System.Net;

namespace AdaptThenUnlearn.Publishing.GitHub;

/// <summary>What came of sending a request once.</summary>
/// <param name="Status">Null when there was no answer.</param>
/// <param name="Headers">Of the answer.</param>
/// <param name="Body">Of the answer, as text.</param>
/// <param name="NeverSent">Whether it certainly did nothing, such as when no connection was made.</param>
public sealed record Attempt(HttpStatusCode? Status, IReadOnlyDictionary<string, string> Headers, string Body, bool NeverSent);

/// <summary>Whether, and after how long, a request is worth sending again; bounded in number and in time.</summary>
/// <remarks>
/// GitHub's best practices: heed Retry-After; at a primary limit wait until its reset; at a secondary limit without Retry-After
/// wait at least a minute, longer each time.
/// </remarks>
public static class RetryPlan
{
    /// <summary>Times a request is sent at most.</summary>
    public const int MaxAttempts = 4;

    /// <summary>Time that all waiting of one publish may take together.</summary>
    public static TimeSpan MaxTotalWait { get; } = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan _secondaryWait = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan _longestSecondaryWait = TimeSpan.FromMinutes(4);

    /// <summary>How long to wait before sending it again; null when it is not to be sent again.</summary>
    /// <param name="attempt">What came of it.</param>
    /// <param name="number">Which attempt that was, from 1.</param>
    /// <param name="repeatable">Whether it may be done twice without harm.</param>
    /// <param name="now">The time.</param>
    /// <param name="waited">Time that was waited before.</param>
    public static TimeSpan? DelayAfter(Attempt attempt, int number, bool repeatable, DateTimeOffset now, TimeSpan waited)
    {
        if (number >= MaxAttempts)
            return null;

        var wait = attempt.Status switch
        {
            null => repeatable || attempt.NeverSent ? ExponentialBackoff(TimeSpan.FromSeconds(1), number) : null,
            HttpStatusCode.InternalServerError or HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout =>
                repeatable ? RetryAfter(attempt, now) ?? ExponentialBackoff(TimeSpan.FromSeconds(1), number) : null,
            HttpStatusCode.Forbidden or HttpStatusCode.TooManyRequests => RateLimitWait(attempt, number, now),
            _ => (TimeSpan?)null,
        };
        return wait is { } time && time + waited <= MaxTotalWait ? time : null;
    }

    /// <summary>Whether an answer means: too many requests.</summary>
    public static bool IsRateLimit(Attempt attempt) =>
        attempt.Status == HttpStatusCode.TooManyRequests || (attempt.Status == HttpStatusCode.Forbidden && (IsSecondary(attempt) || Header(attempt, "x-ratelimit-remaining") == "0" || Header(attempt, "Retry-After") is not null));

    private static TimeSpan? RateLimitWait(Attempt attempt, int number, DateTimeOffset now)
    {
        if (!IsRateLimit(attempt))
            return null;   // simply not permitted
        if (RetryAfter(attempt, now) is { } retryAfter)
            return retryAfter;
        if (Header(attempt, "x-ratelimit-remaining") == "0" && long.TryParse(Header(attempt, "x-ratelimit-reset"), NumberStyles.None, CultureInfo.InvariantCulture, out var reset) && reset < 100_000_000_000)
            return Positive(DateTimeOffset.FromUnixTimeSeconds(reset) - now) + TimeSpan.FromSeconds(1);

        var wait = ExponentialBackoff(_secondaryWait, number);
        return wait < _longestSecondaryWait ? wait : _longestSecondaryWait;
    }

    private static TimeSpan? RetryAfter(Attempt attempt, DateTimeOffset now)
    {
        var header = Header(attempt, "Retry-After");
        if (int.TryParse(header, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds))
            return TimeSpan.FromSeconds(seconds);
        return DateTimeOffset.TryParse(header, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? Positive(time - now) : null;
    }

    private static bool IsSecondary(Attempt attempt) =>
        attempt.Body.Contains("secondary rate limit", StringComparison.OrdinalIgnoreCase) || attempt.Body.Contains("abuse detection", StringComparison.OrdinalIgnoreCase);

    private static string? Header(Attempt attempt, string name) =>
        attempt.Headers.FirstOrDefault(header => header.Key.Equals(name, StringComparison.OrdinalIgnoreCase)).Value;

    private static TimeSpan ExponentialBackoff(TimeSpan first, int number) => first * Math.Pow(2, number - 1);

    private static TimeSpan Positive(TimeSpan time) => time > TimeSpan.Zero ? time : TimeSpan.Zero;
}
