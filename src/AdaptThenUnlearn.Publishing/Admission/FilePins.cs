using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Publishing.Admission;

/// <summary>
/// Compares the files that another build measured with to this repository's: by the pins of its policy and by its own copies.
/// </summary>
/// <remarks>
/// The generator is not compared, because it is what is judged. Annotators are not, because only training uses them.
/// </remarks>
/// <param name="policy">This repository's policy.</param>
/// <param name="policyFile">Path of that policy; its paths are relative to its folder.</param>
/// <param name="record">The other build's record.</param>
public sealed class FilePins(UnlearningPolicy policy, string policyFile, RunRecord record)
{
    private sealed record MeasuredFile(string Role, string File, string? Pin, string Property);

    /// <summary>JSON paths of the files without a digest, in whose place a build could measure with any other.</summary>
    /// <remarks>A reference has no pin; this repository's own copy, where it exists, gives the digest.</remarks>
    public IReadOnlyList<string> UnpinnedPaths =>
    [
        .. PinnableFiles().Where(file => file.Pin is null).Select(file => file.Property),
        .. ReferenceFile() is { } reference && LocalDigest(reference) is null ? [reference.Property] : Array.Empty<string>(),
    ];

    /// <summary>
    /// One sentence for each of the record's files that is not pinned and differs from the copy in this checkout.
    /// </summary>
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
                yield return new MeasuredFile(
                    InputRoles.Extractor, weights, quality.ExtractorSha256, "$.quality.extractorSha256");
        }

        foreach (var name in names.Distinct())
            if (policy.Classifiers.TryGetValue(name, out var classifier))
                foreach (var file in ClassifierFile.ListAll(name, classifier))
                    yield return new MeasuredFile(file.Role, file.Path, file.Sha256, file.PinProperty);
    }

    private MeasuredFile? ReferenceFile() =>
        policy.Quality is { } quality && record.Inputs.Any(input => input.Role == InputRoles.Reference)
            ? new MeasuredFile(
                InputRoles.Reference, quality.Reference, null, "$.quality.reference (a copy of it beside this policy)")
            : null;

    private string? LocalDigest(MeasuredFile file) => Sha256Digest.FindAt(
        PackagePath.LocateFrom(Path.GetDirectoryName(Path.GetFullPath(policyFile))!, file.File));
}
