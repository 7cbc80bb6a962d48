using AdaptThenUnlearn.Publishing.Http;

namespace AdaptThenUnlearn.Publishing.Tests;

/// <summary>Which answers are waited for, how long, and when that ends.</summary>
public sealed class RetryPlanTests
{
    [Theory]
    [InlineData(403, "retry-after", "7", 7.0)]
    [InlineData(429, "Retry-After", "30", 30.0)]
    [InlineData(403, "x-ratelimit-reset", "1000000100", 101.0)]
    [InlineData(429, "x-ratelimit-reset", "1000009999", null)]      // an hour and more is not waited for
    [InlineData(429, "Retry-After", "301", null)]
    [InlineData(429, "none", "", 60.0)]
    [InlineData(403, "none", "", null)]
    [InlineData(404, "Retry-After", "1", null)]
    [InlineData(503, "none", "", 1.0)]
    [InlineData(503, "Retry-After", "5", 5.0)]
    [InlineData(501, "none", "", null)]
    public void Retry_Answers_AreWaitedForAsTheySay(int status, string header, string value, double? seconds)
    {
        var attempt = new Attempt((System.Net.HttpStatusCode)status, new Dictionary<string, string>
        {
            [header] = value,
            ["X-RateLimit-Remaining"] = header == "x-ratelimit-reset" ? "0" : "9"
        }, "", NeverSent: false);

        Assert.Equal(seconds, RetryPlan.DelayAfter(
            attempt, 1, repeatable: true, DateTimeOffset.FromUnixTimeSeconds(1_000_000_000), TimeSpan.Zero)?.TotalSeconds);
    }

    [Fact]
    public void Retry_EndsInNumberAndInTime()
    {
        var gone = new Attempt(null, new Dictionary<string, string>(), "", NeverSent: true);
        var now = DateTimeOffset.UnixEpoch;

        Assert.NotNull(RetryPlan.DelayAfter(gone, 3, false, now, TimeSpan.Zero));
        Assert.Null(RetryPlan.DelayAfter(gone, 4, true, now, TimeSpan.Zero));
        Assert.Null(RetryPlan.DelayAfter(gone, 1, true, now, RetryPlan.MaxTotalWait));
        Assert.Null(RetryPlan.DelayAfter(gone with { NeverSent = false }, 1, repeatable: false, now, TimeSpan.Zero));
    }
}
