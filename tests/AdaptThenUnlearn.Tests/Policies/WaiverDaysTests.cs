using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Tests.Policies;

/// <summary>How long a waiver may last: <c>maxWaiverDays</c>, counted from the day of its approval.</summary>
public sealed class WaiverDaysTests
{
    // 2026-10-01 to 2026-12-30 are 90 days: 30 of October, 30 of November, 30 of December.
    [Theory]
    [InlineData("2026-10-01", "2026-12-30", 90)]
    [InlineData("2026-10-01", "2026-12-31", 90, "$.waivers[0].expires: is 91 days after 'approvedOn' (2026-10-01)")]
    [InlineData("2026-10-01", "2026-12-31", 90, "the last day may be 2026-12-30")]
    [InlineData("2026-10-01", "2026-12-31", null)]
    [InlineData("2026-10-01", "2026-10-01", 1)]
    [InlineData("2026-10-01", "2026-09-30", 90, "$.waivers[0].expires: is before 'approvedOn' (2026-10-01)")]
    [InlineData("2026-10-01", "2026-09-30", null, "$.waivers[0].expires: is before 'approvedOn' (2026-10-01)")]
    [InlineData(null, "2026-12-31", 90, "$.waivers[0].approvedOn: is missing: 'maxWaiverDays' counts from")]
    [InlineData(null, "2026-12-31", null)]
    [InlineData("9999-12-30", "9999-12-31", 3650)]
    [InlineData("2026-10-01", "2026-12-31", 0, "$.maxWaiverDays: must be")]
    [InlineData("1.10.2026", "2026-12-31", 90, "$.waivers[0].approvedOn: must be a day such as 2026-12-31")]
    public void Read_WaiverWithDays_IsHeldToThem(string? approvedOn, string expires, int? most, string? error = null)
    {
        var approved = approvedOn is null ? "" : $"\"approvedOn\": \"{approvedOn}\", ";
        var limit = most is null ? "" : FormattableString.Invariant($"\"maxWaiverDays\": {most}, ");
        var waiver =
            $$"""{ "rule": "digit-8/maxRate", "reason": "r", "approvedBy": "a", {{approved}}"expires": "{{expires}}" }""";
        const string Name = "\"name\": \"no-eights\",";

        var result = PolicyReader.Read(
            Records.PolicyText.Replace(Name, $"{Name} {limit}\"waivers\": [{waiver}],", StringComparison.Ordinal), "p.json",
            Records.Vocabulary, []);

        if (error is null)
            Assert.Empty(result.Errors);
        else
            Assert.Contains(error, Assert.Single(result.Errors).ToString(), StringComparison.Ordinal);
    }
}
