using System.Text.Json;
using System.Text.Json.Nodes;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Cli;

/// <summary>Parts that the JSON results of several commands have in common.</summary>
internal static class JsonParts
{
    /// <summary>The outcome of a policy whose run could not finish.</summary>
    public const string NotFinished = "error";

    /// <summary>A verdict, as run records have it.</summary>
    public static JsonNode Verdict(Verdict verdict) => JsonSerializer.SerializeToNode(verdict, RunRecordFile.Json)!;

    /// <summary>A diagnostic.</summary>
    public static object Message(BuildMessage message) => new
    {
        severity = message.Severity == Severity.Error ? "error" : "warning",
        code = message.Code,
        text = message.Text,
        file = message.File,
        line = message.Line,
        column = message.Column,
    };
}
