namespace AdaptThenUnlearn.Policies;

/// <summary>The names that the catalogues know; the composition root fills it in.</summary>
/// <param name="Methods">Of <c>unlearning.method</c>.</param>
/// <param name="Repulsions">Of <c>unlearning.repulsion.loss</c>.</param>
/// <param name="CheckpointFormats">Of <c>generator.format</c>, besides <c>auto</c>.</param>
/// <param name="ReportFormats">Of <c>report.formats</c>.</param>
public sealed record PolicyVocabulary(
    IReadOnlyList<string> Methods,
    IReadOnlyList<string> Repulsions,
    IReadOnlyList<string> CheckpointFormats,
    IReadOnlyList<string> ReportFormats);
