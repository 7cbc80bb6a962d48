using System.Globalization;
using System.Text.Json;

namespace AdaptThenUnlearn.Publishing.Hosts;

/// <summary>GitHub Actions, on github.com, ghe.com and GitHub Enterprise Server.</summary>
/// <remarks>
/// On <c>pull_request</c>, GITHUB_SHA is a trial merge that exists nowhere else. Number and head commit therefore come from the
/// event's file (GITHUB_EVENT_PATH).
/// </remarks>
public sealed class GitHubActions : ICiHost
{
    /// <inheritdoc/>
    public string Name => "GitHub Actions";

    /// <inheritdoc/>
    public bool Matches(EnvironmentSnapshot environment) =>
        environment["GITHUB_ACTIONS"] == "true"
        || environment["GITHUB_EVENT_PATH"] is not null
        || environment["GITHUB_STEP_SUMMARY"] is not null;

    /// <inheritdoc/>
    public CiContext Describe(EnvironmentSnapshot environment)
    {
        var context = DescribeRepository(environment) with
        {
            Host = Name,
            BotLogin = "github-actions[bot]",
            Event = environment["GITHUB_EVENT_NAME"],
            Ref = environment["GITHUB_REF_NAME"],
            Actor = environment["GITHUB_TRIGGERING_ACTOR"] ?? environment["GITHUB_ACTOR"],
            RunUrl = RunUrl(environment),
            JobSummary = environment["GITHUB_STEP_SUMMARY"],
            Workspace = environment["GITHUB_WORKSPACE"],
        };
        return environment["GITHUB_EVENT_PATH"] is { } path ? WithEvent(context, path) : context;
    }

    /// <summary>Repository, commit and server, from the variables that mean the same outside GitHub Actions.</summary>
    public static CiContext DescribeRepository(EnvironmentSnapshot environment) => new()
    {
        Repository = environment["GITHUB_REPOSITORY"],
        HeadSha = environment["GITHUB_SHA"],
        ApiUrl = environment["GITHUB_API_URL"],
        ServerUrl = environment["GITHUB_SERVER_URL"],
    };

    private static string? RunUrl(EnvironmentSnapshot environment)
    {
        if (environment["GITHUB_SERVER_URL"] is not { } server
            || environment["GITHUB_REPOSITORY"] is not { } repository
            || environment["GITHUB_RUN_ID"] is not { } run)
            return null;

        var attempt = environment["GITHUB_RUN_ATTEMPT"] is { } number ? $"/attempts/{number}" : "";
        return $"{server.TrimEnd('/')}/{repository}/actions/runs/{run}{attempt}";
    }

    private static CiContext WithEvent(CiContext context, string path)
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            var root = document.RootElement;
            if (At(root, "pull_request") is { } pull)
                return WithPullRequest(context, pull);
            if (At(root, "workflow_run") is { } run)
                return WithWorkflowRun(context, run);
            if (At(root, "merge_group", "head_sha") is { } queued)
                return context with { HeadSha = Text(queued) };

            // On a comment, GITHUB_SHA is the default branch's head; the commit that was measured is unknown.
            return At(root, "issue", "pull_request") is null
                ? context
                : context with { PullRequest = Number(At(root, "issue", "number")), HeadSha = null, Ref = null };
        }
        catch (Exception failed)
            when (failed is JsonException or InvalidOperationException or IOException or UnauthorizedAccessException)
        {
            return context with
            {
                HeadSha = null,
                Ref = null,
                ReadError = $"the event's file {path} (GITHUB_EVENT_PATH) cannot be read: {failed.Message}",
            };
        }
    }

    private static CiContext WithPullRequest(CiContext context, JsonElement pull)
    {
        var isFork = Text(At(pull, "head", "repo", "full_name")) != context.Repository;
        return context with
        {
            PullRequest = Number(At(pull, "number")),
            HeadSha = Text(At(pull, "head", "sha")),
            Ref = Text(At(pull, "head", isFork ? "label" : "ref")),
            BaseRef = Text(At(pull, "base", "ref")),
            IsFork = isFork,
        };
    }

    // The list of pull requests is empty where the head is in a fork: the pull request is then looked up by owner and branch.
    private static CiContext WithWorkflowRun(CiContext context, JsonElement run)
    {
        var ofPullRequest = Text(At(run, "event")) is "pull_request" or "pull_request_target";
        var pulls = At(run, "pull_requests") is { ValueKind: JsonValueKind.Array } list ? list.EnumerateArray().ToList() : [];
        var (owner, branch) = (Text(At(run, "head_repository", "owner", "login")), Text(At(run, "head_branch")));
        var isFork = Text(At(run, "head_repository", "full_name")) != context.Repository;
        return context with
        {
            PullRequest = ofPullRequest && pulls is [var only] ? Number(At(only, "number")) : null,
            HeadSha = Text(At(run, "head_sha")),
            HeadLabel = ofPullRequest && owner is not null && branch is not null ? $"{owner}:{branch}" : null,
            Ref = isFork && owner is not null && branch is not null ? $"{owner}:{branch}" : branch,
            Actor = Text(At(run, "triggering_actor", "login")) ?? Text(At(run, "actor", "login")),
            IsFork = isFork,
            RunUrl = Text(At(run, "html_url")) ?? context.RunUrl,
        };
    }

    private static JsonElement? At(JsonElement element, params string[] path)
    {
        foreach (var name in path)
        {
            if (element.ValueKind != JsonValueKind.Object || !element.TryGetProperty(name, out element))
                return null;
        }

        return element.ValueKind == JsonValueKind.Null ? null : element;
    }

    private static string? Text(JsonElement? element) =>
        element is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;

    private static int? Number(JsonElement? element) =>
        element is { ValueKind: JsonValueKind.Number } number
        && int.TryParse(number.GetRawText(), NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value > 0
            ? value
            : null;
}
