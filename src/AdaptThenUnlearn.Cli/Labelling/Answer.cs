using System.Net;
using System.Text.Json;

namespace AdaptThenUnlearn.Cli.Labelling;

/// <summary>What a browser gets.</summary>
/// <param name="Status">Of the answer.</param>
/// <param name="Type">Of its content.</param>
/// <param name="Bytes">The content.</param>
/// <param name="Last">Whether nothing is answered after it.</param>
internal sealed record Answer(HttpStatusCode Status, string Type, byte[] Bytes, bool Last = false)
{
    /// <summary>For every address that is none of the page's.</summary>
    public static Answer NotFound { get; } = Refused(HttpStatusCode.NotFound, "there is nothing here");

    /// <summary>Something told, as JSON.</summary>
    public static Answer Of<T>(T told) => new(HttpStatusCode.OK, "application/json", JsonSerializer.SerializeToUtf8Bytes(told, LabelState.Json));

    /// <summary>Why nothing is done.</summary>
    public static Answer Refused(HttpStatusCode status, string problem) => Of(new { problem }) with { Status = status };
}
