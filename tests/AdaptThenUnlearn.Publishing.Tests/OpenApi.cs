using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using AdaptThenUnlearn.Tests;

namespace AdaptThenUnlearn.Publishing.Tests;

/// <summary>GitHub's own API description, served by Prism, which refuses what does not fit it.</summary>
/// <remarks>
/// Both come from the npm registry at the versions of <c>openapi/package-lock.json</c>, once, into the user's cache. Where Node
/// or the registry is missing, <see cref="WhyNot"/> says so and the tests skip.
/// </remarks>
public sealed class OpenApi : IDisposable
{
    /// <summary>The endpoints that publishing uses; the description is cut down to them.</summary>
    private static readonly (string Method, string Path)[] _endpoints =
    [
        ("get", "/user"),
        ("get", "/repos/{owner}/{repo}/issues/{issue_number}/comments"),
        ("post", "/repos/{owner}/{repo}/issues/{issue_number}/comments"),
        ("patch", "/repos/{owner}/{repo}/issues/comments/{comment_id}"),
        ("get", "/repos/{owner}/{repo}/commits/{commit_sha}/pulls"),
        ("get", "/repos/{owner}/{repo}/pulls"),
        ("get", "/repos/{owner}/{repo}/pulls/{pull_number}"),
        ("post", "/repos/{owner}/{repo}/check-runs"),
        ("patch", "/repos/{owner}/{repo}/check-runs/{check_run_id}"),
        ("post", "/repos/{owner}/{repo}/statuses/{sha}"),
    ];

    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(10);

    private readonly string _description = Path.Combine(Path.GetTempPath(), $"atu-github-{Guid.NewGuid():N}.json");
    private readonly Process? _prism;

    public OpenApi()
    {
        try
        {
            var modules = NodePackages.Restore("tests/AdaptThenUnlearn.Publishing.Tests/openapi");
            File.WriteAllText(
                _description, CutDown(Path.Combine(modules, "@octokit", "openapi", "generated", "api.github.com.json")));
            _prism = Serve(modules);
        }
        catch (NodeMissingException reason)
        {
            WhyNot = reason.Message;
        }
    }

    /// <summary>Why it does not run here; null when it does.</summary>
    public string? WhyNot { get; }

    /// <summary>Where it listens.</summary>
    public Uri Address { get; } = new($"http://127.0.0.1:{FreePort()}");

    /// <summary>How many endpoints it knows.</summary>
    public static int Endpoints => _endpoints.Length;

    /// <summary>The endpoint that a request goes to; null when publishing should not use it.</summary>
    internal static string? EndpointOf(Sent sent) => _endpoints
        .Where(
            endpoint => endpoint.Method.Equals(sent.Method, StringComparison.OrdinalIgnoreCase)
                && Fits(endpoint.Path, sent.Path))
        .Select(endpoint => $"{endpoint.Method} {endpoint.Path}").SingleOrDefault();

    public void Dispose()
    {
        if (_prism is { HasExited: false })
            _prism.Kill(entireProcessTree: true);
        _prism?.Dispose();
        File.Delete(_description);
    }

    private static bool Fits(string template, string path)
    {
        var (wanted, given) = (template.Split('/'), path.Split('/'));
        return wanted.Length == given.Length
            && wanted.Zip(given).All(pair => pair.First.StartsWith('{') || pair.First == pair.Second);
    }

    private Process Serve(string modules)
    {
        var prism = NodePackages.Start(
            "node",
            Path.GetTempPath(),
            Path.Combine(modules, "@stoplight", "prism-cli", "dist", "index.js"),
            "mock",
            "--errors",
            "--host",
            "127.0.0.1",
            "--port",
            $"{Address.Port}",
            _description);
        var listening = new TaskCompletionSource();
        var output = new StringBuilder();
        DataReceivedEventHandler listen = (_, line) =>
        {
            lock (output)
                output.AppendLine(line.Data);
            if (line.Data?.Contains("is listening on", StringComparison.Ordinal) == true)
                listening.TrySetResult();
        };
        prism.OutputDataReceived += listen;
        prism.ErrorDataReceived += listen;
        prism.BeginOutputReadLine();
        prism.BeginErrorReadLine();
        if (!listening.Task.Wait(_patience))
        {
            prism.Kill(entireProcessTree: true);
            throw new InvalidOperationException($"Prism did not start: {output}");
        }

        return prism;
    }

    // The whole description is 13 MB, most of which publishing never touches.
    private static string CutDown(string file)
    {
        var whole = JsonNode.Parse(File.ReadAllBytes(file))!.AsObject();
        var paths = new JsonObject();
        foreach (var (method, path) in _endpoints)
        {
            if (!paths.ContainsKey(path))
                paths[path] = new JsonObject();
            paths[path]![method] = whole["paths"]![path]![method]!.DeepClone();
        }

        var components = new JsonObject();
        Collect(paths);
        return new JsonObject
        {
            ["openapi"] = (string)whole["openapi"]!,
            ["info"] = whole["info"]!.DeepClone(),
            ["paths"] = paths,
            ["components"] = components
        }.ToJsonString();

        void Collect(JsonNode? node)
        {
            if (node is JsonArray items)
            {
                foreach (var item in items)
                    Collect(item);
            }

            if (node is not JsonObject named)
                return;
            if (named["$ref"] is JsonValue reference
                && reference.TryGetValue<string>(out var at)
                && at.Split('/') is ["#", "components", var kind, var name])
            {
                if (!components.ContainsKey(kind))
                    components[kind] = new JsonObject();
                if (components[kind]![name] is null)
                    Collect(components[kind]![name] = whole["components"]![kind]![name]!.DeepClone());
            }

            foreach (var (_, value) in named.ToList())
                Collect(value);
        }
    }

    private static int FreePort()
    {
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }
}
