using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Runs;

/// <summary>
/// Judges a run again from its record: hashes every file it names, and compares the stored readings with the policy.
/// </summary>
/// <param name="Problems">
/// What does not fit, and which files are missing, in sentences; empty when the record is valid and every file was checked.
/// </param>
/// <param name="Verdict">Of the stored readings under the recorded policy, today.</param>
public sealed record Verification(IReadOnlyList<string> Problems, Verdict Verdict)
{
    /// <summary>
    /// Whether the recorded verdict has the right decisions and other words: the record was edited, or another version wrote it.
    /// </summary>
    public bool IsReworded { get; init; }

    /// <summary>
    /// Whether the recorded policy is valid and the one that its text says; otherwise there is nothing to judge by.
    /// </summary>
    public bool HasPolicy { get; init; } = true;

    /// <summary>Every file that the record names, as it was found; empty where no file was looked for.</summary>
    public IReadOnlyList<FileCheck> Files { get; init; } = [];

    /// <summary>The files that are missing: nothing contradicts the record, and nothing shows that they would fit.</summary>
    public IReadOnlyList<FileCheck> MissingFiles => [.. Files.Where(file => file.State is FileState.NotHere)];

    /// <summary>The problems but for missing files: the record or a file was changed.</summary>
    public IReadOnlyList<string> Contradictions => [.. Problems.Except(MissingFiles.Select(file => file.Problem!))];

    /// <summary>The problems but for files of one role, which are about to be replaced.</summary>
    /// <param name="role">As recorded.</param>
    public IEnumerable<string> ProblemsWithout(string role) =>
        Problems.Except(Files.Where(file => file.Role == role).Select(file => file.Problem).OfType<string>());

    /// <summary>The outcome today; failed where the record is not valid or a file is missing.</summary>
    public Outcome Outcome => Problems.Count == 0 ? Verdict.Outcome : Outcome.Failed;

    /// <summary>Whether the record is valid, no file is missing, and its generator may be released today.</summary>
    public bool Passed => Outcome.IsPass();

    /// <summary>Verifies a record.</summary>
    /// <param name="folder">The run's folder, against which the record's paths are resolved.</param>
    /// <param name="record">As read.</param>
    /// <param name="vocabulary">What policies may name.</param>
    /// <param name="today">UTC day, against which waivers expire.</param>
    /// <param name="cancel">Ends hashing soon, also of a large file.</param>
    public static Verification VerifyRun(
        string folder, RunRecord record, PolicyVocabulary vocabulary, DateOnly today, CancellationToken cancel = default)
    {
        var readings = VerifyReadings(record, vocabulary, today);
        var files = FileCheck.CheckAll(folder, record, cancel).ToList();
        return readings with
        {
            Files = files,
            Problems =
            [
                .. readings.Problems.Union(AuditedRecord.FindProblems(record, folder))
                    .Union(CalibratedRecord.FindProblems(record, folder))
                    .Union(AcceptedRun.FindProblems(record, folder, vocabulary)),
                .. files.Select(file => file.Problem).OfType<string>(),
            ],
        };
    }

    /// <summary>
    /// Verifies what can be verified where the files are not: the policy, the readings, and that they fit together.
    /// </summary>
    /// <remarks>Never throws for what a record holds: a record may come from anyone.</remarks>
    /// <param name="record">As read.</param>
    /// <param name="vocabulary">What policies may name.</param>
    /// <param name="today">UTC day, against which waivers expire.</param>
    public static Verification VerifyReadings(RunRecord record, PolicyVocabulary vocabulary, DateOnly today)
    {
        if (PolicyProblem(record, vocabulary) is { } problem)
            return new Verification([problem], new Verdict(Passed: false, [], [])) { HasPolicy = false };

        List<string> problems = [];
        var judged = (record.After ?? record.Before).GeneratorSha256;
        var artifacts = record.Outputs.Where(output => OutputRoles.IsGenerator(output.Role)).ToList();
        if (artifacts.Count != 1)
            problems.Add(artifacts.Count == 0 ? "the record names no artifact" : "the record names more than one artifact");

        // A rejected file may say so in its metadata, so its digest need not be that of the file that was measured.
        problems.AddRange(artifacts.Where(artifact => artifact.Role == OutputRoles.Artifact && artifact.Sha256 != judged)
            .Select(artifact => $"the artifact {artifact.Path} is not the generator that was measured ({judged})"));

        if (record.Inputs.Where(input => input.Role == InputRoles.Generator).ToList() is not [var original]
            || original.Sha256 != record.Before.GeneratorSha256)
            problems.Add("the generator that was measured before is not the recorded input");
        if (record.Policy.Generator.Command is not null && !IsRecordedCommand(record))
            problems.Add("the generator that was measured before is not the policy's command with the recorded files");
        problems.AddRange(PinProblems(record.Policy, record));
        problems.AddRange(AuditedRecord.FindProblems(record, folder: null));
        problems.AddRange(CalibratedRecord.FindProblems(record, folder: null));
        problems.AddRange(RunLock.FindProblems(record));
        problems.AddRange(AcceptedRun.FindProblems(record, folder: null, vocabulary));
        problems.AddRange(EarlierRun.FindProblems(record));
        problems.AddRange(RegimeProblems(record));

        foreach (var reading in (record.After ?? record.Before).Shipped ?? [])
            if (!record.Inputs.Any(
                input => input.Role == InputRoles.ShippedForm(reading.Form) && input.Sha256 == reading.Sha256))
                problems.Add($"the shipped file '{reading.Form}' that was measured ({reading.Sha256}) is not a recorded input");
        foreach (var reading in new[] { record.Before.Quality, record.After?.Quality }.OfType<QualityReading>())
            problems.AddRange(UnknownFileProblems(record, reading));

        var then = Gate.Judge(
            AsJudgedThen(record), record.Before, record.After, DateOnly.FromDateTime(record.Times.Finished.UtcDateTime),
            record.Ratchet());
        if (!HasSameDecisions(record.Verdict, then))
            problems.Add(
                new[] { record.Before, record.After }
                    .OfType<Measurement>()
                    .Select(measured => Gate.WhyOtherRange(record.Policy.Evaluation, measured))
                    .FirstOrDefault(why => why is not null)
                ?? "the recorded verdict is not what the recorded readings give");

        var now = Gate.Judge(record.JudgedPolicy(), record.Before, record.After, today, record.Ratchet());
        if (artifacts.Exists(artifact => artifact.Role == OutputRoles.Rejected)
            && (then.Outcome.IsPass() || now.Outcome.IsPass()))
            problems.Add("the record names a rejected artifact, and the recorded readings pass");
        return new Verification(problems, now)
        {
            IsReworded = !HasSameWording(record.Verdict, then)
        };
    }

    // The policy has the training terms, or leaves them to the generator's file. Then the record of the training has them.
    private static IEnumerable<string> RegimeProblems(RunRecord record)
    {
        if (record.Training is not { } training)
            yield break;
        var isAsTrained = record.Policy.Unlearning.Adversarial.IsAsTrained;
        if (isAsTrained && training.Adversarial is null or { IsAsTrained: true })
            yield return "the policy leaves the training terms to the generator's file ('unlearning.adversarial' is "
                + $"'{AdversarialOptions.AsTrainedWord}'), and the record does not hold them";
        else if (!isAsTrained && training.Adversarial is not null)
            yield return "the record holds other training terms beside those of the policy's 'unlearning.adversarial'";
    }

    /// <summary>Why the recorded policy is not the one that its text says; null when it is.</summary>
    private static string? PolicyProblem(RunRecord record, PolicyVocabulary vocabulary)
    {
        var source = record.PolicySource;
        if (Sha256Digest.Compute(source.Text) != source.Sha256)
            return "the recorded policy text does not have the recorded digest";

        try
        {
            var read =
                PolicyReader.Read(
                    source.Text, source.File, vocabulary, [.. source.Overrides.Select(PolicyOverride.Parse)], ReadBase);
            if (read.Policy is null)
                return $"the recorded policy text is not a valid policy: {read.Errors[0]}";

            if (!read.Bases.Select(found => new BaseText(found.Sha256, found.Text)).SequenceEqual(source.Bases ?? []))
                return "the recorded policy builds on other policies than the record holds";
            if (read.Bases.Index().Any(found => record.Inputs.Count(input =>
                input.Role == InputRoles.PolicyBase(found.Index + 1) && input.Sha256 == found.Item.Sha256) != 1))
                return "a policy that the recorded one builds on is not one recorded input";

            return CanonicalJson.Digest(read.Policy) == source.EffectiveSha256
                && CanonicalJson.Digest(record.Policy) == source.EffectiveSha256
                ? null
                : "the recorded policy is not what its text says to this version, whose presets may be others";
        }
        catch (FormatException bad)
        {
            return $"the record holds an override that cannot be: {bad.Message}";
        }

        string ReadBase(string path, string sha256) =>
            source.Bases?.FirstOrDefault(held => held.Sha256.Equals(sha256, StringComparison.OrdinalIgnoreCase))?.Text
                ?? throw new FileNotFoundException("the record does not hold it");
    }

    /// <summary>
    /// What of a policy's generator, classifiers, calibrations and extractor is not among the files that a record names, or not
    /// the pinned one where it is pinned; the record is unsigned, and pins are what holds it to files.
    /// </summary>
    /// <param name="policy">The record's own, or one that it is to be judged by.</param>
    /// <param name="record">Of the run.</param>
    public static IEnumerable<string> PinProblems(UnlearningPolicy policy, RunRecord record)
    {
        var named = policy.Classifiers.SelectMany(each => ClassifierFile.ListAll(each.Key, each.Value))
            .Select(file => (file.Role, Pin: file.Sha256))
            .Prepend((InputRoles.Generator, policy.Generator.Sha256))
            .Concat((policy.Generator.ShippedAs ?? []).Select(
                form => (InputRoles.ShippedForm(form.NameInEffect), form.Sha256)));
        if (policy.Quality?.ExtractorWeights is not null)
            named = named.Append((InputRoles.Extractor, policy.Quality.ExtractorSha256));
        foreach (var (role, pin) in named)
        {
            if (record.Inputs.Where(input => input.Role == role).ToList() is not [var input])
                yield return $"the policy's {role} is not one recorded input";
            else if (pin is not null && !pin.Equals(input.Sha256, StringComparison.OrdinalIgnoreCase))
                yield return $"the recorded {role} ({input.Sha256}) is not the one that the policy pins ({pin})";
        }
    }

    // The digest of a command follows from the policy and from its files, each of which is a recorded input.
    private static bool IsRecordedCommand(RunRecord record)
    {
        var choice = record.Policy.Generator;
        var files = choice.Files ?? [];
        List<string?> digests =
        [
            .. files.Select((_, index) => record.Inputs
                .Where(input => input.Role == InputRoles.Part(InputRoles.Generator, index + 1))
                .Select(input => input.Sha256).ToList() is [var only] ? only : null),
        ];
        var description = CommandDescription.Write(choice, file => digests[files.ToList().IndexOf(file)]);
        return !digests.Contains(null) && Sha256Digest.Compute(description.Span) == record.Before.GeneratorSha256;
    }

    // The extractor and the reference must be among the files that the record names, or be its original generator.
    private static IEnumerable<string> UnknownFileProblems(RunRecord record, QualityReading reading)
    {
        if (!Named(reading.ExtractorSha256, InputRoles.Extractor, InputRoles.Classifier(reading.Extractor)))
            yield return $"the extractor that the images were measured with ({reading.ExtractorSha256}) is not a recorded input";
        if (reading.ReferenceSha256 != QualityReading.OriginalReference(record.Before.GeneratorSha256)
            && !Named(reading.ReferenceSha256, InputRoles.Reference))
            yield return $"the reference that the images were compared with ({reading.ReferenceSha256}) is not a recorded input";

        bool Named(string sha256, params string[] roles) =>
            record.Inputs.Any(input => roles.Contains(input.Role) && input.Sha256 == sha256);
    }

    internal static bool IsWithin(string path) => !Path.IsPathRooted(path) && !path.Split('/', '\\').Contains("..");

    // Today's verdict counts the auditor's errors all the same.
    private static UnlearningPolicy AsJudgedThen(RunRecord record)
    {
        var policy = record.JudgedPolicy();
        return record.SchemaVersion == RunRecord.SchemaVersionWithoutErrors
            ? policy with { Evaluation = policy.Evaluation with { AuditorErrors = EvaluationOptions.IgnoreErrors } }
            : policy;
    }

    private static bool HasSameDecisions(Verdict recorded, Verdict judged) =>
        recorded.Passed == judged.Passed
        && (recorded.Recorded is null || recorded.Recorded == judged.Outcome)
        && recorded.Findings.Select(Decision).SequenceEqual(ComparableFindings(recorded, judged).Select(Decision));

    private static bool HasSameWording(Verdict recorded, Verdict judged) =>
        recorded.Findings.SequenceEqual(ComparableFindings(recorded, judged)) && recorded.Warnings.SequenceEqual(judged.Warnings);

    // Records without an outcome are from before rules that do not apply had findings.
    private static IEnumerable<Finding> ComparableFindings(Verdict recorded, Verdict judged) =>
        recorded.Recorded is null
            ? judged.Findings.Where(finding => finding.State is not FindingState.NotApplicable)
            : judged.Findings;

    private static Finding Decision(Finding finding) => finding with { Explanation = "" };
}
