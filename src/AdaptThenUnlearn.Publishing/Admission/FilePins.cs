using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Publishing.Admission;

/// <summary>What holds the files that somebody else's build measured with to the ones that this repository means: pins of its policy, and its own copies.</summary>
/// <param name="policy">Of this repository.</param>
/// <param name="policyFile">Where it lies; its paths are relative to that.</param>
/// <param name="record">Of somebody else's build.</param>
/// <remarks>The generator is what is judged, and may be another. Annotators are asked during training alone.</remarks>
public sealed class FilePins(UnlearningPolicy policy, string policyFile, RunRecord record)
{
    private sealed record MeasuredFile(string Role, string File, string? Pin, string Property);

    /// <summary>JSON paths of what nothing holds to a digest, so that a build could measure with any file in its place.</summary>
    /// <remarks>A reference has no pin: this repository's own copy holds it, where it is there.</remarks>
    public IReadOnlyList<string> UnpinnedPaths =>
    [
        .. PinnableFiles().Where(file => file.Pin is null).Select(file => file.Property),
        .. ReferenceFile() is { } reference && LocalDigest(reference) is null ? [reference.Property] : Array.Empty<string>(),
    ];

    /// <summary>Files of the record that nobody pins, and that are not the ones that lie in this checkout: a sentence for each.</summary>
    public IEnumerable<string> Mismatches =>
        from file in PinnableFiles().Where(file => file.Pin is null).Concat(ReferenceFile() is { } reference ? [reference] : [])
        let own = LocalDigest(file)
        where own is not null && !record.Inputs.Any(input => input.Role == file.Role && input.Sha256 == own)
        select $"the recorded {file.Role} is not this repository's {file.File} ({own})";

    private IEnumerable<MeasuredFile> PinnableFiles()
    {
        var names = policy.UndesiredFeatures.Select(feature => feature.Auditor ?? feature.Annotator);
        if (policy.Quality is { } quality)
        {
            names = names.Append(quality.CountingClassifier(policy)).Append(quality.Extractor);
            if (quality.ExtractorWeights is { } weights)
                yield return new MeasuredFile(InputRoles.Extractor, weights, quality.ExtractorSha256, "$.quality.extractorSha256");
        }

        foreach (var name in names.Distinct())
            if (policy.Classifiers.TryGetValue(name, out var classifier))
                yield return new MeasuredFile(InputRoles.Classifier(name), classifier.Checkpoint, classifier.Sha256, $"$.classifiers.{name}.sha256");
    }

    private MeasuredFile? ReferenceFile() => policy.Quality is { } quality && record.Inputs.Any(input => input.Role == InputRoles.Reference)
        ? new MeasuredFile(InputRoles.Reference, quality.Reference, null, "$.quality.reference (a copy of it beside this policy)")
        : null;

    private string? LocalDigest(MeasuredFile file) => Sha256Digest.FindAt(Path.Combine(Path.GetDirectoryName(Path.GetFullPath(policyFile))!, file.File));
}
