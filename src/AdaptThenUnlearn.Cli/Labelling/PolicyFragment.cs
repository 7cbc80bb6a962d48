using System.Text.Encodings.Web;
using System.Text.Json;

namespace AdaptThenUnlearn.Cli.Labelling;

/// <summary>
/// The part of a policy that uses what was made of labels: a classifier with a second one as auditor, or a calibration.
/// </summary>
/// <param name="Folder">The policy's folder in words, or the policy; the paths are relative to the folder.</param>
/// <param name="Text">JSON with comments.</param>
/// <remarks>
/// The auditor is a classifier of the same feature from the folder whose name ends in <c>-auditor</c>. A comment says how to make
/// the one of the two that does not exist yet.
/// </remarks>
internal sealed record PolicyFragment(string Folder, string Text)
{
    private const string Auditor = "-auditor";
    private const string Policies = "policies";
    private const int LongestKey = 64;
    private static readonly JsonSerializerOptions _readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Creates the fragment.</summary>
    /// <param name="feature">The feature.</param>
    /// <param name="classifier">Path of the classifier's file, in the folder of its labels.</param>
    /// <param name="seed">Seed of the labelled images.</param>
    /// <param name="current">The folder where <c>atu</c> was started.</param>
    public static PolicyFragment Create(string feature, string classifier, long seed, string current)
    {
        // Of the two folders one ends in -auditor.
        var file = Path.GetFileName(classifier);
        var folder = Path.GetDirectoryName(Path.GetFullPath(classifier))!;
        var (annotates, audits) = folder.EndsWith(Auditor, StringComparison.Ordinal)
            ? (folder[..^Auditor.Length], folder)
            : (folder, folder + Auditor);

        // A policy lies in the folder 'policies' where there is one. On another drive no path leads to the classifier.
        var home = Path.Combine(current, Policies) is var usual && Directory.Exists(usual) ? usual : current;
        if (Path.IsPathRooted(Path.GetRelativePath(home, folder)))
            home = folder;
        var key = $"{feature[..Math.Min(feature.Length, LongestKey - Auditor.Length)]}{Auditor}";
        return new PolicyFragment(
            home == current ? "the current folder" : Slashes(Path.GetRelativePath(current, home)),
            $$"""
            "classifiers": {
            {{Line(feature, annotates)}},
            {{Line(key, audits)}}
            },
            "undesiredFeatures": [
              { "name": "{{feature}}", "annotator": "{{feature}}", "auditor": "{{key}}", "class": "{{feature}}", "maxRate": 0.01 }
            ]
            """);

        string Line(string name, string place)
        {
            var path = Path.Combine(place, file);
            var labels = Quote(Path.GetRelativePath(current, place));
            var missing = File.Exists(path) ? "" : FormattableString.Invariant(
                $"  // Missing: label other images for it, with --seed {seed + 1} --out {labels}\n");
            return $"{missing}  \"{name}\": {{ \"checkpoint\": {Quote(Path.GetRelativePath(home, path))} }}";
        }
    }

    /// <summary>Creates the part of a policy that names a calibration.</summary>
    /// <param name="classifier">The classifier's name in the policy.</param>
    /// <param name="calibration">Path of the calibration.</param>
    /// <param name="sha256">Digest of its file.</param>
    /// <param name="policy">The policy as it was named; paths in it are relative to its folder.</param>
    public static PolicyFragment ForCalibration(string classifier, string calibration, string sha256, string policy)
    {
        var home = Path.GetDirectoryName(Path.GetFullPath(policy))!;
        return new PolicyFragment(
            Slashes(policy),
            $$"""
            // in classifiers.{{classifier}}, and without a threshold of the feature for it:
            "calibration": {{Quote(Path.GetRelativePath(home, Path.GetFullPath(calibration)))}},
            "calibrationSha256": "{{sha256}}"
            """);
    }

    private static string Quote(string path) => JsonSerializer.Serialize(Slashes(path), _readable);

    private static string Slashes(string path) => path.Replace('\\', '/');
}
