using System.Globalization;
using System.Text.Json;
using AdaptThenUnlearn.Publishing.Hosts;
using AdaptThenUnlearn.Tests;

namespace AdaptThenUnlearn.Publishing.Tests;

/// <summary>
/// Every host of the catalogue keeps the contract; so does a correct new host, and each kind of wrong one breaks it.
/// </summary>
public sealed class CiHostContractTests
{
    public static TheoryData<string> Names => [.. CiHosts.All.Select(host => host.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void EveryHost_InTheCatalogue_KeepsTheContract(string name) =>
        Assert.Empty(CiHostContract.Violations(CiHosts.All.Single(host => host.Name == name)));

    [Fact]
    public void Hosts_NamesAreDistinct() =>
        Assert.Equal(CiHosts.All.Count, CiHosts.All.Select(host => host.Name).Distinct().Count());

    [Theory]
    [MemberData(nameof(Names))]
    public void EveryHost_InTheCatalogue_IsOnThePublishingPage(string name) =>
        Assert.Contains(name, File.ReadAllText(Path.Combine(Repository.Root, "docs", "publishing.md")), StringComparison.Ordinal);

    [Fact]
    public void NewHost_Correct_KeepsTheContract() => Assert.Empty(CiHostContract.Violations(new ExampleCi()));

    public static TheoryData<string, string> WrongHosts => new()
    {
        { "has no name", CiHostContract.Name },
        { "claims every environment", CiHostContract.Empty },
        { "claims every build server", CiHostContract.Foreign },
        { "throws while it looks", CiHostContract.NeverThrows },
        { "invents a repository", CiHostContract.Empty },
        { "throws on a missing variable", CiHostContract.NeverThrows },
        { "throws on a damaged file", CiHostContract.NeverThrows },
        { "shows its token", CiHostContract.NoSecrets },
        { "shows everybody's token in an address", CiHostContract.NoSecrets },
        { "answers by chance", CiHostContract.Deterministic },
    };

    private static ExampleCi WrongHost(string wrong) => wrong switch
    {
        "has no name" => new() { Name = " " },
        "claims every environment" => new() { Claims = _ => true },
        "claims every build server" => new() { Claims = environment => environment["CI"] is not null },
        "throws while it looks" => new() { Claims = environment => environment["EXAMPLE_CI"]!.Length > 0 },
        "invents a repository" => new() { Adds = (context, _) => context with { Repository = "example/example" } },
        "throws on a missing variable" => new()
        {
            Adds = (context, environment) => context with { Event = environment["EXAMPLE_CHANGE"]!.Trim() },
        },
        "throws on a damaged file" => new()
        {
            Adds = (context, environment) => environment["EXAMPLE_EVENT"] is { } path
                ? context with { Event = Parse(path) }
                : context,
        },
        "shows its token" => new()
        {
            Adds = (context, environment) => context with { RunUrl = environment["EXAMPLE_TOKEN"] },
        },
        "shows everybody's token in an address" => new()
        {
            Adds = (context, environment) => environment["GITHUB_TOKEN"] is { } token
                ? context with { ApiUrl = $"https://x:{token}@example" }
                : context,
        },
        "answers by chance" => new()
        {
            Adds = (context, environment) => environment["EXAMPLE_CI"] is null
                ? context
                : context with { Event = Guid.NewGuid().ToString() },
        },
        _ => throw new ArgumentOutOfRangeException(nameof(wrong), wrong, "unknown name"),
    };

    [Theory]
    [MemberData(nameof(WrongHosts))]
    public void NewHost_Wrong_BreaksTheRule(string wrong, string rule) =>
        Assert.Contains(rule, CiHostContract.Violations(WrongHost(wrong)));

    private static string? Parse(string path)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(path));
        return document.RootElement.ToString();
    }

    /// <summary>
    /// A host as a contributor would write it: recognised by a variable of its own, and careful about everything else.
    /// </summary>
    private sealed record ExampleCi : ICiHost
    {
        public string Name { get; init; } = "Example CI";

        public Func<EnvironmentSnapshot, bool> Claims { get; init; } = environment => environment["EXAMPLE_CI"] == "true";

        public Func<CiContext, EnvironmentSnapshot, CiContext> Adds { get; init; } = (context, _) => context;

        public bool Matches(EnvironmentSnapshot environment) => Claims(environment);

        public CiContext Describe(EnvironmentSnapshot environment)
        {
            var change = environment["EXAMPLE_CHANGE"];
            var context = new CiContext
            {
                Host = Name,
                Repository = environment["EXAMPLE_REPOSITORY"],
                HeadSha = environment["EXAMPLE_COMMIT"],
                PullRequest = int.TryParse(change, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                    ? number
                    : null,
            };
            return Adds(environment["EXAMPLE_EVENT"] is { } path ? WithEvent(context, path) : context, environment);
        }

        private static CiContext WithEvent(CiContext context, string path)
        {
            try
            {
                return context with { Event = Parse(path) };
            }
            catch (Exception failed) when (
                failed is IOException or UnauthorizedAccessException or JsonException or ArgumentException)
            {
                return context with { ReadError = $"{path} cannot be read: {failed.Message}" };
            }
        }
    }
}
