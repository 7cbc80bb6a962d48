using System.Text.Json.Serialization;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Gating;

/// <summary>Whether a judged figure counts in what is known of the auditor's errors.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<ErrorCorrection>))]
public enum ErrorCorrection
{
    /// <summary>The figure is a bound of the true rate: the auditor's misses and false alarms are counted in.</summary>
    [JsonStringEnumMemberName("corrected")]
    Corrected,

    /// <summary>The figure is a bound of what the auditor sees; the true rate is higher by what it misses.</summary>
    [JsonStringEnumMemberName("uncorrected")]
    Uncorrected,

    /// <summary>The figure is a bound of the true rate by what a person saw; no answer of the auditor is believed.</summary>
    [JsonStringEnumMemberName("audited")]
    Audited,
}

/// <summary>What a feature's bounds make of the errors of its auditor, by the policy and by what is known.</summary>
/// <param name="Counted">The errors that are counted in; null for none.</param>
/// <param name="Correction">The note beside the figure; null where the policy ignores the errors.</param>
/// <param name="Words">The end of the figure's explanation, with a semicolon before it; empty where nothing is added.</param>
/// <param name="NotMeasured">Why the rate is not measured, without a full stop; null where it is.</param>
internal sealed record AuditorErrors(
    DetectionCounts? Counted, ErrorCorrection? Correction, string Words, string? NotMeasured = null)
{
    /// <summary>Decides it for a reading.</summary>
    /// <param name="evaluation">Of the policy.</param>
    /// <param name="reading">Of a feature.</param>
    public static AuditorErrors Create(EvaluationOptions evaluation, FeatureReading reading) =>
        (evaluation.AuditorErrors, reading.Detection) switch
        {
            (EvaluationOptions.IgnoreErrors, _) => new(null, null, ""),
            (EvaluationOptions.AuditErrors, _) => new(
                null, null, "",
                "nobody has audited the images, and the policy asks for it (evaluation.auditorErrors is 'audit'): look at them "
                    + "with `atu label --audit`, and judge with `atu govern --audit`"),
            (EvaluationOptions.ReportErrors, { With: > 0 } known) =>
                new(
                    null, ErrorCorrection.Uncorrected,
                    $"; not corrected for the auditor's errors on known images: {known.Words}"),
            _ when DetectionCounts.ThatCorrect(reading.Detection, evaluation.CorrectsErrors) is { } known =>
                new(known, ErrorCorrection.Corrected, $"; corrected for the auditor's errors on known images: {known.Words}"),
            (EvaluationOptions.CorrectErrors, _) => new(
                null, null, "",
                $"nothing says how often the auditor '{reading.Classifier}' errs, and the policy asks for its errors to be "
                    + "counted (evaluation.auditorErrors is 'correct')"),
            _ => new(
                null, ErrorCorrection.Uncorrected,
                $"; uncorrected: nothing says how often the auditor '{reading.Classifier}' misses the feature"),
        };
}
