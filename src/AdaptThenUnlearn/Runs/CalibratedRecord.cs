using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Runs;

/// <summary>Checks that the readings of a record were taken with the calibrations that its policy names.</summary>
internal static class CalibratedRecord
{
    /// <summary>What does not fit between a record's readings and the calibrations of its policy.</summary>
    /// <param name="record">As read.</param>
    /// <param name="folder">The run's folder, to read a file that is there again; null to look at no file.</param>
    public static IEnumerable<string> FindProblems(RunRecord record, string? folder) =>
        new[] { record.Before, record.After }.OfType<Measurement>()
            .SelectMany(measured => measured.Features.Concat(
                (measured.Shipped ?? []).SelectMany(shipped => shipped.Measured?.Features ?? [])))
            .Select(reading => FindProblem(record, reading, folder)).OfType<string>().Distinct();

    private static string? FindProblem(RunRecord record, FeatureReading reading, string? folder)
    {
        var role = InputRoles.Calibration(reading.Classifier);
        var isNamed = record.Policy.Classifiers.GetValueOrDefault(reading.Classifier)?.Calibration is not null;
        return (isNamed, reading.Calibration) switch
        {
            (false, null) when reading.NotMeasured is null && record.Policy.Classifiers.GetValueOrDefault(reading.Classifier)
                ?.WhyUncalibrated(reading.Classifier) is { } guess => $"'{reading.Feature}' was measured, and {guess}",
            (false, null) => null,
            (false, _) =>
                $"'{reading.Feature}' was measured with a calibration, and the policy names none for '{reading.Classifier}'",
            (true, null) => $"'{reading.Feature}' was measured without the {role} that the policy names",
            (true, { } used) => record.Inputs.Where(input => input.Role == role).ToList() is not [var input]
                || input.Sha256 != used.Sha256
                    ? $"the {role} that '{reading.Feature}' was measured with ({used.Sha256}) is not one recorded input"
                    : folder is null ? null
                    : FindDifference(record, reading, used, role, Path.Combine(folder, input.Path)),
        };
    }

    // The images that show a feature by the policy take the place of the labelled ones.
    private static bool IsTried(RunRecord record, FeatureReading reading) =>
        record.Policy.UndesiredFeatures.Any(feature => feature.Name == reading.Feature && feature.Negatives is not null);

    // A file that is missing or has another digest is found by the check of files.
    private static string? FindDifference(
        RunRecord record, FeatureReading reading, UsedCalibration used, string role, string path)
    {
        if (Sha256Digest.FindAt(path) != used.Sha256)
            return null;
        try
        {
            var (calibration, sha256) = ClassifierCalibrationFile.Read(path);
            return calibration.Class != reading.Class ? $"the {role} is of the class '{calibration.Class}', not '{reading.Class}'"
                : calibration.Used(sha256) != used
                    || !(IsTried(record, reading) || IsSame(reading.Detection, calibration.Counts()))
                    ? $"'{reading.Feature}' has another threshold or other counts than the {role}"
                : calibration.WhyNotOf(
                    reading.Classifier,
                    AcceptedRun.DigestWithoutCalibration(reading.Classifier, record.Policy, record.Inputs) ?? "",
                    record.Policy.ClassesAskedOf(reading.Classifier)) is { } other
                    ? $"the {role} {other}"
                : null;
        }
        catch (LabelException damaged)
        {
            return $"the {role} cannot be read again: {damaged.Message}";
        }
    }

    // Another version may say it in other words.
    private static bool IsSame(DetectionCounts? known, DetectionCounts counts) =>
        known is not null && known with { Source = "" } == counts with { Source = "" };
}
