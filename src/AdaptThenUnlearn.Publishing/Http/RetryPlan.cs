using System.Globalization;
using System.Net;

namespace AdaptThenUnlearn.Publishing.Http;

/// <summary>The result of sending a request once.</summary>
/// <param name="Status">Status of the answer; null where there was no answer.</param>
/// <param name="Headers">Headers of the answer.</param>
/// <param name="Body">Body of the answer, as text.</param>
/// <param name="NeverSent">Whether the request certainly did nothing, because no connection was made.</param>
public sealed record Attempt(HttpStatusCode? Status, IReadOnlyDictionary<string, string> Headers, string Body, bool NeverSent);

/// <summary>Decides whether a request is sent again, and after how long. Attempts and waiting time are limited.</summary>
/// <remarks>
/// It follows GitHub's best practices: wait as long as Retry-After says; at a primary limit wait until its reset; at a secondary
/// limit without Retry-After wait at least a minute, and longer each time.
/// </remarks>
public static class RetryPlan
{
    /// <summary>Largest number of times that a request is sent.</summary>
    public const int MaxAttempts = 4;

    /// <summary>Longest time that one publish waits in total.</summary>
    public static TimeSpan MaxTotalWait { get; } = TimeSpan.FromMinutes(5);

    private const string RetryAfterHeader = "Retry-After";
    private const string RemainingHeader = "x-ratelimit-remaining";
    private const string ResetHeader = "x-ratelimit-reset";
    private const long MaxUnixSeconds = 100_000_000_000;   // in the year 5138; larger numbers are not times

    private static readonly TimeSpan _secondaryWait = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan _longestSecondaryWait = TimeSpan.FromMinutes(4);

    /// <summary>How long to wait before the request is sent again; null where it must not be sent again.</summary>
    /// <param name="attempt">Result of the last attempt.</param>
    /// <param name="number">Number of that attempt, from 1.</param>
    /// <param name="repeatable">Whether the request may be executed twice without harm.</param>
    /// <param name="now">Current time.</param>
    /// <param name="waited">Time that this publish has waited before.</param>
    public static TimeSpan? DelayAfter(Attempt attempt, int number, bool repeatable, DateTimeOffset now, TimeSpan waited)
    {
        if (number >= MaxAttempts)
            return null;

        var wait = attempt.Status switch
        {
            null => repeatable || attempt.NeverSent ? ExponentialBackoff(TimeSpan.FromSeconds(1), number) : null,
            HttpStatusCode.InternalServerError
                or HttpStatusCode.BadGateway
                or HttpStatusCode.ServiceUnavailable
                or HttpStatusCode.GatewayTimeout =>
                repeatable ? RetryAfter(attempt, now) ?? ExponentialBackoff(TimeSpan.FromSeconds(1), number) : null,
            HttpStatusCode.Forbidden or HttpStatusCode.TooManyRequests => RateLimitWait(attempt, number, now),
            _ => (TimeSpan?)null,
        };
        return wait is { } time && time + waited <= MaxTotalWait ? time : null;
    }

    /// <summary>Whether an answer means that there were too many requests.</summary>
    public static bool IsRateLimit(Attempt attempt) =>
        attempt.Status == HttpStatusCode.TooManyRequests
        || (attempt.Status == HttpStatusCode.Forbidden
            && (IsSecondary(attempt)
                || Header(attempt, RemainingHeader) == "0"
                || Header(attempt, RetryAfterHeader) is not null));

    private static TimeSpan? RateLimitWait(Attempt attempt, int number, DateTimeOffset now)
    {
        if (!IsRateLimit(attempt))
            return null;   // the token has no permission
        if (RetryAfter(attempt, now) is { } retryAfter)
            return retryAfter;
        if (Header(attempt, RemainingHeader) == "0"
            && long.TryParse(Header(attempt, ResetHeader), NumberStyles.None, CultureInfo.InvariantCulture, out var reset)
            && reset < MaxUnixSeconds)
            return Positive(DateTimeOffset.FromUnixTimeSeconds(reset) - now) + TimeSpan.FromSeconds(1);

        var wait = ExponentialBackoff(_secondaryWait, number);
        return wait < _longestSecondaryWait ? wait : _longestSecondaryWait;
    }

    private static TimeSpan? RetryAfter(Attempt attempt, DateTimeOffset now)
    {
        var header = Header(attempt, RetryAfterHeader);
        if (int.TryParse(header, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds))
            return TimeSpan.FromSeconds(seconds);
        return DateTimeOffset.TryParse(header, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            ? Positive(time - now)
            : null;
    }

    private static bool IsSecondary(Attempt attempt) =>
        attempt.Body.Contains("secondary rate limit", StringComparison.OrdinalIgnoreCase)
        || attempt.Body.Contains("abuse detection", StringComparison.OrdinalIgnoreCase);

    private static string? Header(Attempt attempt, string name) =>
        attempt.Headers.FirstOrDefault(header => header.Key.Equals(name, StringComparison.OrdinalIgnoreCase)).Value;

    private static TimeSpan ExponentialBackoff(TimeSpan first, int number) => first * Math.Pow(2, number - 1);

    private static TimeSpan Positive(TimeSpan time) => time > TimeSpan.Zero ? time : TimeSpan.Zero;
}
