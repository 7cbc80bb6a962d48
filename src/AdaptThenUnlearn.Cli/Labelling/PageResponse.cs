using System.Net;
using System.Text.Json;

namespace AdaptThenUnlearn.Cli.Labelling;

/// <summary>What a browser gets.</summary>
/// <param name="Status">Of the answer.</param>
/// <param name="Type">Of its content.</param>
/// <param name="Bytes">The content.</param>
/// <param name="EndsSession">Whether nothing is answered after it.</param>
internal sealed record PageResponse(HttpStatusCode Status, string Type, byte[] Bytes, bool EndsSession = false)
{
    /// <summary>For every address that is none of the page's.</summary>
    public static PageResponse NotFound { get; } = CreateProblem(HttpStatusCode.NotFound, "there is nothing here");

    /// <summary>Something told, as JSON.</summary>
    public static PageResponse CreateJson<T>(T value) => new(HttpStatusCode.OK, "application/json", JsonSerializer.SerializeToUtf8Bytes(value, LabelState.Json));

    /// <summary>Why nothing is done.</summary>
    public static PageResponse CreateProblem(HttpStatusCode status, string problem) => CreateJson(new { problem }) with { Status = status };
}
