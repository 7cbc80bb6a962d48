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

    /// <summary>The state after the answers in a request; a problem where the request holds none.</summary>
    /// <param name="body">As <see cref="LabelChanges.Parse"/>.</param>
    /// <param name="change">Keeps the answers: for each image its label, or null to remove it.</param>
    /// <param name="state">Gives the state to show.</param>
    public static PageResponse AfterChanges(byte[] body, Action<Dictionary<int, bool?>> change, Func<LabelState> state)
    {
        try
        {
            change(LabelChanges.Parse(body));
            return CreateJson(state());
        }
        catch (Exception wrong) when (wrong is JsonException or ArgumentException)
        {
            return CreateProblem(HttpStatusCode.BadRequest, wrong.Message);
        }
    }

    /// <summary>An error, with its message as JSON.</summary>
    public static PageResponse CreateProblem(HttpStatusCode status, string problem) =>
        CreateJson(new { problem }) with { Status = status };
}
