using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Publishing.Admission;
using AdaptThenUnlearn.Publishing.Http;
using AdaptThenUnlearn.Publishing.Hosts;
using AdaptThenUnlearn.Publishing.Targets;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Tests;

namespace AdaptThenUnlearn.Publishing.Tests;

/// <summary>
/// The example of <c>docs/library.md</c> that publishes a record; the solution's tests hold it against the page.
/// </summary>
public sealed class LibraryPageTests
{
    [Fact]
    public async Task Example_RecordOfAPullRequest_CommentsChecksAndSummarises()
    {
        using var github = new FakeGitHub();
        using var desk = new Desk(github);
        var record = desk.At("artifacts/no-eights/run.json");
        RunRecordFile.Write(record, Desk.MakeRecord());

        var result = await PublishRecordAsync(
            record, Records.Vocabulary, new EnvironmentSnapshot(desk.Variables), TestContext.Current.CancellationToken);

        Assert.Empty(result.Problems);
        Assert.Contains("✅\u00a0Passed: no-eights", Assert.Single(github.Comments).Body, StringComparison.Ordinal);
        Assert.Equal(3, result.Done.Count);
    }

    // Begin docs/library.md
    private static async Task<PublishResult> PublishRecordAsync(
        string recordPath, PolicyVocabulary vocabulary, EnvironmentSnapshot environment, CancellationToken cancel)
    {
        // The environment says which repository, commit and pull request the pipeline builds.
        var context = CiHosts.Describe(environment);

        // Read the record and judge its readings again, with today's waivers.
        var today = DateOnly.FromDateTime(DateTime.UtcNow);
        var reader = new PublishedRunReader(vocabulary, today, context.Workspace, trusted: [], untrusted: false);
        var run = reader.Read(recordPath);

        // Write the comment, the check run and the job summary.
        var token = PublishToken.Find(environment, context.CodeHost);
        var waiting = new RetryDelay(TimeProvider.System);   // how requests wait before they are repeated
        var publisher = new Publisher(context, token, new PublishFlags(), version: "1.0.0", waiting);
        return await publisher.PublishAsync([run], cancel);
    }

    // End docs/library.md
}
