using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Runs;

/// <summary>Puts a person's audit into a run's readings, and checks that a record's audits are those of its files.</summary>
public static class AuditedRecord
{
    /// <summary>What remarks about audits name as their subject.</summary>
    public const string RemarkAbout = "audit";

    /// <summary>Why a record cannot be judged with an audit, without a full stop; null where it can.</summary>
    /// <param name="record">As read.</param>
    public static string? FindObstacle(RunRecord record) => record.SchemaVersion == RunRecord.SchemaVersionWithoutErrors
        ? "the record is of an older version, which did not count the auditor's errors"
        : record.Policy.Generator.Command is not null
            ? "its images were made by a command, and nothing proves that the command still makes the images that were judged"
            : null;

    /// <summary>
    /// Warns of audits of the judged generator that lie in a run's folder and are not counted: a person may have seen what the
    /// auditor did not. A file of an audit's name that cannot be read as one may have been such an audit before it was damaged.
    /// </summary>
    /// <param name="record">Of the run.</param>
    /// <param name="folder">The run's folder.</param>
    /// <param name="onlyComplete">Whether to pass over an audit in which an image has no answer.</param>
    /// <returns>Warnings; none of an audit of another generator, which would be refused.</returns>
    public static IEnumerable<Remark> WarnOfLeftOut(RunRecord record, string folder, bool onlyComplete)
    {
        var judged = (record.After ?? record.Before).GeneratorSha256;
        var found =
            from feature in record.Policy.UndesiredFeatures.Select(feature => feature.Name)
            where record.Inputs.All(input => input.Role != InputRoles.Audit(feature))
            from file in new[] { AuditSheetFile.NameFor(feature, isOnly: true), AuditSheetFile.NameFor(feature, isOnly: false) }
            where Path.Exists(Path.Combine(folder, file))
            select WhyLeftOut(feature, file) is { } why
                ? new Remark(
                    RemarkAbout,
                    $"{file} lies beside the record, and was not counted: a person may have seen what the auditor did not; {why}",
                    IsWarning: true)
                : null;
        return found.OfType<Remark>().Distinct();

        // With what to do about it; null for an audit that is of something else, or not yet complete.
        string? WhyLeftOut(string feature, string file)
        {
            try
            {
                var sheet = AuditSheetFile.Read(Path.Combine(folder, file)).Sheet;
                return sheet.Feature != feature || sheet.Artifact != judged
                    || (onlyComplete && sheet.Answered < sheet.Items.Count)
                    ? null
                    : $"`atu govern POLICY --audit {file}` judges with it";
            }
            catch (LabelException)
            {
                return "it is damaged or was edited: restore it, or begin a new audit with `atu label --audit`";
            }
        }
    }

    /// <summary>Adds an audit to the generator that a record judges. The verdict is not changed.</summary>
    /// <param name="record">As read.</param>
    /// <param name="sheet">Complete.</param>
    /// <param name="path">The sheet's file, as the record is to name it: relative to the run's folder.</param>
    /// <param name="sha256">Digest of the sheet's file.</param>
    /// <exception cref="LabelException">The audit is of other images, or is not complete.</exception>
    public static RunRecord Add(RunRecord record, AuditSheet sheet, string path, string sha256)
    {
        if (FindProblem(record, sheet) is { } problem)
            throw new LabelException($"{path}: {problem}; begin an audit of this run with `atu label --audit`");

        HumanAudit audit;
        try
        {
            audit = sheet.Count(sha256);
        }
        catch (LabelException incomplete)
        {
            throw new LabelException($"{path}: {incomplete.Message}", incomplete);
        }

        var judged = record.After ?? record.Before;
        var audited = judged with
        {
            Features =
            [
                .. judged.Features.Select(reading => reading.Feature == sheet.Feature ? reading with { Audit = audit } : reading),
            ],
        };
        var role = InputRoles.Audit(sheet.Feature);
        return record with
        {
            Before = record.After is null ? audited : record.Before,
            After = record.After is null ? null : audited,
            Inputs = [.. record.Inputs.Where(input => input.Role != role), new InputFile(role, path, sha256)],
        };
    }

    /// <summary>What does not fit between a record's audits and the files that it names for them.</summary>
    /// <param name="record">As read.</param>
    /// <param name="folder">The run's folder, to count a file that is there again; null to look at no file.</param>
    internal static IEnumerable<string> FindProblems(RunRecord record, string? folder)
    {
        if (record.After is not null && record.Before.Features.Any(reading => reading.Audit is not null))
            yield return "the record holds an audit of the original, which is not judged";

        var audits = (record.After ?? record.Before).Features.Where(reading => reading.Audit is not null)
            .ToDictionary(reading => InputRoles.Audit(reading.Feature), reading => reading.Audit!);
        foreach (var (role, audit) in audits)
            if (record.Inputs.Where(input => input.Role == role).ToList() is not [var input] || input.Sha256 != audit.Sha256)
                yield return $"the {role} is not one recorded input";
            else if (folder is not null && FindDifference(record, Path.Combine(folder, input.Path), audit) is { } difference)
                yield return $"the {role} {difference}";
        foreach (var input in record.Inputs.Where(input => InputRoles.IsAudit(input.Role) && !audits.ContainsKey(input.Role)))
            yield return $"the {input.Role} is a recorded input, and the readings do not hold it";
    }

    // A file that is missing or has another digest is found by the check of files.
    private static string? FindDifference(RunRecord record, string path, HumanAudit audit)
    {
        if (Sha256Digest.FindAt(path) != audit.Sha256)
            return null;
        try
        {
            var (sheet, sha256) = AuditSheetFile.Read(path);
            if (FindProblem(record, sheet) is { } problem)
                return $"does not fit the run: {problem}";
            var counted = sheet.Count(sha256);
            return counted with { Strata = audit.Strata } == audit && counted.Strata.SequenceEqual(audit.Strata)
                ? null
                : "has other counts than its file";
        }
        catch (LabelException damaged)
        {
            return $"cannot be counted again: {damaged.Message}";
        }
    }

    private static string? FindProblem(RunRecord record, AuditSheet sheet)
    {
        var judged = record.After ?? record.Before;
        var reading = judged.Features.FirstOrDefault(each => each.Feature == sheet.Feature);
        return sheet switch
        {
            _ when reading is null => $"it is of the feature '{sheet.Feature}', which the run did not measure",
            _ when sheet.Artifact != judged.GeneratorSha256 =>
                $"it is of another generator (SHA-256 {sheet.Artifact}) than the run judged ({judged.GeneratorSha256})",
            _ when sheet.Original != record.Before.GeneratorSha256 =>
                "its known positives are of another generator than the original",
            _ when (sheet.Auditor, sheet.Class) != (reading.Classifier, reading.Class) =>
                $"its strata are by '{sheet.Auditor}', and the run's auditor is '{reading.Classifier}'",
            _ when sheet.EvaluationSeed != judged.Seed || sheet.Images != reading.Looks[^1].Samples
                || sheet.Hits.Count != reading.Looks[^1].Hits => FormattableString.Invariant(
                    $"it is of {sheet.Images} images of seed {sheet.EvaluationSeed} with {sheet.Hits.Count} hits, ")
                    + FormattableString.Invariant(
                        $"and the run measured {reading.Looks[^1].Samples} of seed {judged.Seed} with {reading.Looks[^1].Hits}"),
            _ => null,
        };
    }
}
