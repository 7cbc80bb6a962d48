namespace AdaptThenUnlearn.Policies;

/// <summary>
/// The names that a policy may use, as the catalogues of this build have them. The composition root fills it in.
/// </summary>
/// <param name="Methods">Names for <c>unlearning.method</c>.</param>
/// <param name="Repulsions">Names for <c>unlearning.repulsion.loss</c>.</param>
/// <param name="CheckpointFormats">
/// Names for <c>format</c> of the generator and the classifiers; <c>auto</c> is always known.
/// </param>
/// <param name="ReportFormats">Names for <c>report.formats</c>.</param>
/// <param name="ClassifierArchitectures">Names for <c>classifiers.NAME.architecture</c>.</param>
/// <param name="Attacks">Names for <c>attack</c> in <c>audits</c>.</param>
public sealed record PolicyVocabulary(
    IReadOnlyList<string> Methods,
    IReadOnlyList<string> Repulsions,
    IReadOnlyList<string> CheckpointFormats,
    IReadOnlyList<string> ReportFormats,
    IReadOnlyList<string> ClassifierArchitectures,
    IReadOnlyList<string> Attacks);
