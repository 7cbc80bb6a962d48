using AdaptThenUnlearn.Attestation;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Cli;

/// <summary>Attestations of a run, held today against its record and the reports beside it.</summary>
/// <param name="Diagnostics">What does not hold.</param>
/// <param name="MissingReports">Reports that a statement names and that are not there.</param>
/// <param name="SignedReports">File names of the reports that a signed statement names and that have its digest.</param>
internal sealed record CheckedAttestations(
    IReadOnlyList<BuildMessage> Diagnostics, IReadOnlyList<FileCheck> MissingReports, IReadOnlySet<string> SignedReports)
{
    /// <summary>Reads and checks attestations.</summary>
    /// <param name="given">Attestations, or folders with them; empty where none was named.</param>
    /// <param name="keyFile">The public key that must have signed them; null for unsigned ones.</param>
    /// <param name="run">As verified.</param>
    /// <param name="cancel">Ends hashing soon.</param>
    /// <exception cref="BadArgumentException">The arguments do not fit together, or a folder has no attestation.</exception>
    /// <exception cref="AttestationException">A file cannot be read.</exception>
    public static CheckedAttestations Read(FileInfo[] given, string? keyFile, CheckedRecord run, CancellationToken cancel)
    {
        if (given.Length == 0)
            return keyFile is null
                ? new([], [], new HashSet<string>())
                : throw new BadArgumentException("--key is for --attestation; name the attestation too");

        var attestations = given.SelectMany(file => FindIn(file.FullName))
            .Select(path => (Path: path, File: AttestationFile.Read(path))).ToList();
        if (keyFile is null && attestations.Find(each => each.File.IsSigned).Path is { } signed)
            throw new BadArgumentException($"{signed} is signed; name the signer's public key with --key");
        using var key = keyFile is null ? null : SigningKey.ReadPublic(keyFile);

        var attested = run.ToAttested(cancel);
        List<BuildMessage> messages = [];
        List<(FileCheck Report, bool IsSigned)> reports = [];
        foreach (var (path, file) in attestations)
            if (file.FindProblem(attested, key) is { } problem)
            {
                messages.Add(Error($"the attestation {problem}", path));
            }
            else
            {
                var found = FileCheck.CheckReports(run.Folder, file.ReadReports(), cancel).ToList();
                messages.AddRange(found.Where(report => report.State == FileState.Differs).Select(report => Error(
                    $"the attestation names another file: {report.Problem}. Put the stated one back; if the record is to be "
                        + $"stated with this one, `atu attest {run.Path} --key KEY` states it",
                    path)));
                reports.AddRange(found.Select(report => (report, file.IsSigned)));
            }

        messages.AddRange(FindUnsigned(attestations, key is not null, run.Path));
        return new(
            messages,
            [.. reports.Select(each => each.Report).Where(report => report.State == FileState.NotHere)
                .DistinctBy(report => report.Path)],
            reports.Where(each => each.IsSigned && each.Report.State == FileState.Fits)
                .Select(each => each.Report.Path).ToHashSet());
    }

    // A key asks for a signature that covers the record, of which every unsigned file is made. Only the signed statement names
    // it; a signature over the generator's files says nothing of what was measured.
    private static IEnumerable<BuildMessage> FindUnsigned(
        List<(string Path, AttestationFile File)> attestations, bool hasKey, string record)
    {
        var statement = AttestationFormats.Default;
        if (attestations.Exists(each => each.File.IsSigned && each.File.Format == statement))
            return [];
        return hasKey
            ?
            [
                Error(
                    $"no signed {statement.Name} statement is among the attestations, and --key asks for a signature that covers "
                        + $"the record; `atu attest {record} --key KEY` writes it ({statement.SignedFileName})",
                    attestations[0].Path),
            ]
            : attestations.Where(each => !each.File.IsSigned).Select(each => new BuildMessage(
                Severity.Warning, GateCodes.Attestation, "the attestation is unsigned: it does not show who made it", each.Path));
    }

    // A folder stands for the files that atu attest writes: of each format the signed one, or else the unsigned.
    private static List<string> FindIn(string path)
    {
        if (!Directory.Exists(path))
            return [path];
        var found = AttestationFormats.All
            .Select(format => new[] { format.SignedFileName, format.UnsignedFileName }.OfType<string>()
                .Select(name => Path.Combine(path, name)).FirstOrDefault(File.Exists))
            .OfType<string>().ToList();
        return found.Count > 0
            ? found
            : throw new BadArgumentException(
                $"{path} has no attestation ({string.Join(", ", AttestationFormats.FileNames)}); `atu attest` writes them");
    }

    private static BuildMessage Error(string text, string path) => new(Severity.Error, GateCodes.Attestation, text, path);
}
