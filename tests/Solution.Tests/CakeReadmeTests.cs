using System.Text.Json;
using AdaptThenUnlearn.Cli.Tests;
using AdaptThenUnlearn.Publishing.Tests;

namespace AdaptThenUnlearn.Solution.Tests;

/// <summary>The README's Cake script, run from the packages as its reader runs it, in a build of a pull request.</summary>
public sealed class CakeReadmeTests(LocalFeed feed, SmallHouse house) : IClassFixture<SmallHouse>
{
    // What failed is what a reviewer needs to read most.
    [Theory]
    [InlineData("0.9", 0, "✅\u00a0Passed: readme")]
    [InlineData("0.001", 1, "❌\u00a0Failed: readme")]
    public void Readme_Script_PublishesEachVerdictAndEndsWithTheToolsExitCode(string limit, int expected, string heading)
    {
        using var github = new FakeGitHub();
        var consumer = feed.NewConsumer();
        house.Policy("readme", $"\"maxRate\": {limit}");
        consumer.CopyPolicies(house.Folder);
        consumer.Write("build.cake", PageText.Block("README.md", "In a Cake script, or a Cake.Frosting host", "csharp"));
        consumer.Write("event.json", JsonSerializer.Serialize(new
        {
            pull_request = new
            {
                number = 7,
                head = new { sha = FakeGitHub.Head, repo = new { full_name = FakeGitHub.Repository } }
            }
        }));

        using var cake = consumer.Start(
            new Dictionary<string, string?>
            {
                ["GITHUB_ACTIONS"] = "true",
                ["GITHUB_EVENT_NAME"] = "pull_request",
                ["GITHUB_EVENT_PATH"] = consumer.At("event.json"),
                ["GITHUB_REPOSITORY"] = FakeGitHub.Repository,
                ["GITHUB_API_URL"] = github.Api,
                ["GITHUB_SERVER_URL"] = github.Server,
                ["GITHUB_WORKSPACE"] = consumer.Folder,
                ["GITHUB_STEP_SUMMARY"] = consumer.At("summary.md"),
                ["GITHUB_TOKEN"] = FakeGitHub.Token,
            },
            Path.Combine(CakeProcess.Folder, "Cake.dll"),
            "build.cake");
        var (exitCode, output) = cake.Finish();

        Assert.True(exitCode == expected, output);
        Assert.True(github.Comments.Count == 1, output);
        Assert.Contains(heading, github.Comments[0].Body, StringComparison.Ordinal);
        Assert.True(File.Exists(consumer.At("artifacts/readme/run.json")));
    }
}
