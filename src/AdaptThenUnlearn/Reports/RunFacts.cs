using System.Globalization;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Reports;

/// <summary>Who measured what, and when: the dated line under a report's title.</summary>
public static class RunFacts
{
    private const int ShortDigest = 12;

    /// <summary>The facts of a run, in reading order; those that are unknown are left out.</summary>
    /// <param name="record">Any record, a hostile one too.</param>
    public static IReadOnlyList<RunFact> List(RunRecord record)
    {
        var origin = record.Origin?.Clean() ?? new BuildOrigin();
        List<RunFact?> facts =
        [
            record.Inputs.FirstOrDefault(input => input.Role == InputRoles.Generator) is { } generator
                ? new("Generator", FileName(generator.Path)) { Digest = Short(generator.Sha256) }
                : null,
            JudgedFile(record),
            new("Policy", FileName(record.PolicySource.File)) { Digest = Short(record.PolicySource.Sha256) },
            record.Lock is { } made
                ? new("Locked", Minute(made.Stamped ?? made.Time) + (made.Stamped is null ? "" : ", time-stamped"))
                : null,
            new("Measured", Minute(record.Times.Finished)),
            Fact("Owner", record.Policy.Owner),
            Fact("Repository", origin.Repository),
            Fact("Branch or tag", origin.Ref),
            origin.Commit is { } commit ? new("Commit", "") { Digest = Short(commit) } : null,
            Fact("Pull request", origin.PullRequest is { } number ? FormattableString.Invariant($"#{number}") : null),
            Fact("Build", origin.BuildUrl is null ? origin.Host : origin.Host ?? "page") is { } build
                ? build with { Address = origin.BuildUrl }
                : null,
            Fact("Started by", origin.Actor),
            new("Tool", record.Tool),
        ];
        return [.. facts.OfType<RunFact>()];

        static RunFact? Fact(string name, string? text) => text is null ? null : new(name, text);
    }

    // Records of earlier versions call a rejected file an artifact too.
    private static RunFact? JudgedFile(RunRecord record) =>
        record.Outputs.FirstOrDefault(output => OutputRoles.IsGenerator(output.Role)) is { } file
            ? new(
                file.Role == OutputRoles.Artifact && record.Verdict.Outcome.IsPass() ? "Released" : "Rejected",
                FileName(file.Path))
            { Digest = Short(file.Sha256) }
            : null;

    // As recorded, paths have forward slashes; a record from elsewhere may have others.
    private static string FileName(string path) => path[(path.LastIndexOfAny(['/', '\\']) + 1)..];

    internal static string Minute(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);

    private static string Short(string digest) => digest.Length <= ShortDigest ? digest : digest[..ShortDigest];
}

/// <summary>One fact about a run, as plain text without markup.</summary>
/// <param name="Name">What it is; the tool's own word.</param>
/// <param name="Text">
/// Its value; may be anybody's text, so each format escapes it. Empty where <see cref="Digest"/> is all there is to say.
/// </param>
public sealed record RunFact(string Name, string Text)
{
    /// <summary>First digits of the file's SHA-256 or of the commit; null where the fact is neither.</summary>
    public string? Digest { get; init; }

    /// <summary>A web page about it, http or https; null where there is none.</summary>
    public string? Address { get; init; }
}
