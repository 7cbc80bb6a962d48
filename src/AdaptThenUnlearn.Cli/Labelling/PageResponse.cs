using System.Net;
using System.Text.Json;

namespace AdaptThenUnlearn.Cli.Labelling;

/// <summary>A response to the browser.</summary>
/// <param name="Status">HTTP status.</param>
/// <param name="Type">Content type.</param>
/// <param name="Bytes">Content.</param>
/// <param name="EndsSession">Whether the session ends after this response.</param>
internal sealed record PageResponse(HttpStatusCode Status, string Type, byte[] Bytes, bool EndsSession = false)
{
    /// <summary>The response for every unknown address.</summary>
    public static PageResponse NotFound { get; } = CreateProblem(HttpStatusCode.NotFound, "there is nothing here");

    /// <summary>A value as JSON.</summary>
    public static PageResponse CreateJson<T>(T value) =>
        new(HttpStatusCode.OK, "application/json", JsonSerializer.SerializeToUtf8Bytes(value, LabelState.Json));

    /// <summary>An error, with its message as JSON.</summary>
    public static PageResponse CreateProblem(HttpStatusCode status, string problem) =>
        CreateJson(new { problem }) with { Status = status };
}
