using System.Text.Json.Serialization;

namespace AdaptThenUnlearn.Locking;

/// <summary>
/// What a lock file says: which policy was fixed, and when. A generator that is measured under it is judged by this policy alone,
/// on images of a seed that follows from the lock and the generator.
/// </summary>
/// <param name="SchemaVersion"><see cref="CurrentSchemaVersion"/>.</param>
/// <param name="Policy">Name of the policy.</param>
/// <param name="PolicySha256">
/// SHA-256 of the policy in effect, as <see cref="Policies.CanonicalJson.Digest"/>; 64 lower-case hexadecimal digits. It is what
/// is called the lock's digest.
/// </param>
/// <param name="Time">When it was locked, by the clock of whoever did; UTC.</param>
/// <param name="Tool">Name and version of what made it.</param>
/// <param name="TimestampToken">
/// A time-stamp token (RFC 3161, DER, in Base64) of <paramref name="PolicySha256"/>; null, and left out, without one.
/// </param>
public sealed record PolicyLock(
    int SchemaVersion,
    string Policy,
    string PolicySha256,
    DateTimeOffset Time,
    string Tool,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? TimestampToken = null)
{
    /// <summary>Of the locks that this version reads and writes.</summary>
    public const int CurrentSchemaVersion = 1;

    /// <summary>What the file's name ends with, in place of the policy's ending <c>.json</c>.</summary>
    public const string FileEnding = ".lock.json";

    /// <summary>
    /// Where a policy's lock lies: beside the policy. An ending other than <c>.json</c> stays in the name, so that <c>a.json</c>
    /// and <c>a.jsonc</c> have a lock each.
    /// </summary>
    /// <param name="policyFile">Path of the policy.</param>
    public static string PathFor(string policyFile) =>
        (policyFile.EndsWith(".json", StringComparison.Ordinal) ? Path.ChangeExtension(policyFile, null) : policyFile)
        + FileEnding;

    /// <summary>The time-stamp token; null without one.</summary>
    /// <returns>DER.</returns>
    public byte[]? DecodeToken() => TimestampToken is null ? null : Convert.FromBase64String(TimestampToken);
}
