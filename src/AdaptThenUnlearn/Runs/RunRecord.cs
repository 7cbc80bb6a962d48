using System.Text.Json.Serialization;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Locking;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Runs;

/// <summary>
/// Everything a report may say about one run; on disk, <c>run.json</c>. It is enough to judge the run again without a tensor.
/// </summary>
/// <param name="SchemaVersion">
/// <see cref="CurrentSchemaVersion"/>, or <see cref="SchemaVersionWithoutErrors"/> in older records.
/// </param>
/// <param name="Tool">Name and version of what made it.</param>
/// <param name="Policy">The policy as it took effect: presets, defaults and overrides applied.</param>
/// <param name="PolicySource">The policy as it was written.</param>
/// <param name="Inputs">Every file the run read, with its digest.</param>
/// <param name="Outputs">Every file the run wrote beside this record, with its digest.</param>
/// <param name="Before">Readings of the original generator.</param>
/// <param name="After">Readings of the released artifact, saved and loaded again; null when nothing was trained.</param>
/// <param name="Training">How it was unlearned; null when nothing was trained.</param>
/// <param name="Verdict">Of the gate, on the day of <paramref name="Times"/>.</param>
/// <param name="Environment">Where it ran.</param>
/// <param name="Times">When it ran.</param>
/// <param name="Remarks">
/// What was assumed about the inputs or noticed in them; null, and left out of the record, where there is nothing to say.
/// </param>
/// <param name="Origin">
/// The build that measured the generator; null, and left out of the record, where nothing is known of one. A record that a later
/// build finds up to date keeps it.
/// </param>
/// <param name="Parts">
/// Where <paramref name="Before"/> was measured in parts; null, and left out of the record, where the run measured it itself.
/// </param>
/// <param name="Lock">The lock under which it was measured; null, and left out of the record, without one.</param>
/// <param name="Baseline">
/// The last accepted run, with which it was compared; null, and left out of the record, without one.
/// </param>
/// <param name="EarlierRuns">
/// The runs that trained the generator before, the oldest first, as its file says; null, and left out of the record, where it
/// names none.
/// </param>
public sealed record RunRecord(
    int SchemaVersion,
    string Tool,
    UnlearningPolicy Policy,
    PolicySource PolicySource,
    IReadOnlyList<InputFile> Inputs,
    IReadOnlyList<OutputFile> Outputs,
    Measurement Before,
    Measurement? After,
    TrainingRecord? Training,
    Verdict Verdict,
    RunEnvironment Environment,
    RunTimes Times,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<Remark>? Remarks = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] BuildOrigin? Origin = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<MeasuredPart>? Parts = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] RunLock? Lock = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] Baseline? Baseline = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    IReadOnlyList<EarlierRun>? EarlierRuns = null)
{
    /// <summary>Of the records that this version writes.</summary>
    public const int CurrentSchemaVersion = 2;

    /// <summary>
    /// Of records from before the auditor's errors were counted; they are read, and verified as they were judged.
    /// </summary>
    public const int SchemaVersionWithoutErrors = 1;

    /// <summary>File name of a record in its run's folder.</summary>
    public const string FileName = "run.json";

    /// <summary>File name of the record's attestation beside it, signed.</summary>
    public const string SignedFileName = "run.dsse.json";

    /// <summary>File name of the record's attestation beside it, unsigned.</summary>
    public const string StatementFileName = "run.intoto.json";

    /// <summary>
    /// The policy that the readings are judged by: the recorded one, and under a lock with the seed that follows from it.
    /// </summary>
    public UnlearningPolicy JudgedPolicy() =>
        LockedSeed.ApplyTo(Policy, Lock?.PolicySha256, (After ?? Before).GeneratorSha256);

    /// <summary>What the generator is compared with, so that it is no worse; null without a <see cref="Baseline"/>.</summary>
    public Ratchet? Ratchet() => AcceptedRun.CreateRatchet(Baseline, Policy, Inputs);

    /// <summary>What a reader must see beside the verdict: its own warnings, then what was noticed about inputs.</summary>
    public IEnumerable<string> Warnings() =>
        [.. Verdict.Warnings, .. WarningRemarks()];

    /// <summary>What was noticed about inputs and must be seen beside the verdict.</summary>
    public IEnumerable<string> WarningRemarks() =>
        (Remarks ?? []).Where(remark => remark.IsWarning).Select(remark => $"{remark.About}: {remark.Text}");
}

/// <summary>The policy as it was written.</summary>
/// <param name="File">Path, relative to the run's folder where that is possible.</param>
/// <param name="Text">Its text.</param>
/// <param name="Sha256">Of the text in UTF-8.</param>
/// <param name="EffectiveSha256">Of the canonical JSON of the policy as it took effect.</param>
/// <param name="Overrides">What was set over it, as <c>path=value</c>.</param>
/// <param name="Bases">
/// The policies that it builds on, the nearest first; null, and left out of the record, where there are none. Their files are
/// among the inputs, in this order.
/// </param>
public sealed record PolicySource(
    string File,
    string Text,
    string Sha256,
    string EffectiveSha256,
    IReadOnlyList<string> Overrides,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<BaseText>? Bases = null);

/// <summary>A policy that another builds on.</summary>
/// <param name="Sha256">Of the text in UTF-8.</param>
/// <param name="Text">Its text.</param>
public sealed record BaseText(string Sha256, string Text);

/// <summary>A file the run read.</summary>
/// <param name="Role">What it served as: <c>generator</c>, <c>classifier digits</c>, <c>reference</c> …</param>
/// <param name="Path">Relative to the run's folder where that is possible.</param>
/// <param name="Sha256">64 lower-case hexadecimal digits.</param>
public sealed record InputFile(string Role, string Path, string Sha256);

/// <summary>A file the run wrote.</summary>
/// <param name="Role">What it is: <c>artifact</c>, <c>image grid</c>, <c>curves</c> …</param>
/// <param name="Path">Relative to the run's folder, with forward slashes.</param>
/// <param name="Sha256">64 lower-case hexadecimal digits.</param>
public sealed record OutputFile(string Role, string Path, string Sha256);

/// <summary>How a generator was unlearned.</summary>
/// <param name="Method">Name of the method.</param>
/// <param name="Positives">Clean images: samples the annotator found, or those of the policy's folder.</param>
/// <param name="Negatives">
/// Images with an undesired feature: samples the annotator found, and those of the policy's folders.
/// </param>
/// <param name="SelectedStep">Step of the candidate that was kept; the last step of methods without candidates.</param>
/// <param name="Steps">Steps that were taken.</param>
/// <param name="AdaptedDistance">‖θG − θN‖², mean over the adapted generators; null for methods without adaptation.</param>
/// <param name="Distance">
/// ‖θ − θN‖² of the kept generator, mean over the adapted generators; null for methods without adaptation.
/// </param>
/// <param name="DistanceFromOriginal">‖θ − θG‖² of the kept generator.</param>
/// <param name="Selected">What the annotators saw of the kept candidate; null for methods without candidates.</param>
/// <param name="DiscriminatorWarmUp">
/// Where the discriminator came from when the checkpoint had none; null, and left out of the record, when it had one.
/// </param>
/// <param name="CleanBelow">
/// Below which probability of every undesired class a sample counted as clean, where <c>unlearning.cleanBelow</c> would have left
/// too few; else null, and left out of the record.
/// </param>
/// <param name="Adversarial">
/// The training terms in effect where <c>unlearning.adversarial</c> is <c>as-trained</c>: those that the generator's file says.
/// Else null, and left out of the record: the policy has them.
/// </param>
/// <param name="Students">
/// The annotators' students, which looked at images beside them; null, and left out of the record, where there were none.
/// </param>
public sealed record TrainingRecord(
    string Method,
    long Positives,
    long Negatives,
    int SelectedStep,
    int Steps,
    double? AdaptedDistance,
    double? Distance,
    double DistanceFromOriginal,
    SelectedCandidate? Selected = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] WarmedUpDiscriminator? DiscriminatorWarmUp = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? CleanBelow = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] AdversarialOptions? Adversarial = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] TrainedStudents? Students = null);

/// <summary>The classifiers that learned from the annotators in training; they took no part in judging.</summary>
/// <param name="Count">How many, of all annotators.</param>
/// <param name="SmallestAgreement">
/// Of the one that agrees least: the share of samples, which it did not learn from, that it classifies as its annotator does, 0
/// to 1.
/// </param>
public sealed record TrainedStudents(int Count, double SmallestAgreement);

/// <summary>
/// A discriminator that the run made because the generator's checkpoint had none; it is not part of the artifact.
/// </summary>
/// <param name="Steps">Updates.</param>
/// <param name="Samples">The generator's own samples that it was shown as real, each once; no other image was.</param>
public sealed record WarmedUpDiscriminator(int Steps, long Samples);

/// <summary>Why a candidate was kept: the annotators' judgement, in which no auditor takes part.</summary>
/// <param name="Excess">
/// How far the upper bounds of the rates miss the policy's limits, summed, plus how far the smallest share kept does; 0 when all
/// are met.
/// </param>
/// <param name="FrechetDistance">
/// To the original generator's clean images, in the annotator's features; null when it could not be measured.
/// </param>
public sealed record SelectedCandidate(double Excess, double? FrechetDistance);

/// <summary>Where a run ran.</summary>
/// <param name="OperatingSystem">Its description.</param>
/// <param name="Runtime">The .NET runtime.</param>
/// <param name="Torch">
/// Version of TorchSharp; and <c>without oneDNN</c> where its kernels computed wrongly on the machine.
/// </param>
/// <param name="Device">What computed: <c>cpu</c>, <c>cuda:0</c>.</param>
/// <param name="Threads">
/// CPU threads of tensor operations; results are bit-identical for the same number on the same machine.
/// </param>
/// <param name="PeakMemoryBytes">Of the process.</param>
/// <param name="GraphRuntime">
/// What ran the policy's ONNX graphs, with its version and where it ran them; null where there was none.
/// </param>
public sealed record RunEnvironment(
    string OperatingSystem, string Runtime, string Torch, string Device, int Threads, long PeakMemoryBytes,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? GraphRuntime = null);

/// <summary>When a run ran.</summary>
/// <param name="Started">UTC.</param>
/// <param name="Finished">UTC; its day is the one waivers were held against.</param>
/// <param name="Stages">How long each stage took, in order.</param>
public sealed record RunTimes(DateTimeOffset Started, DateTimeOffset Finished, IReadOnlyList<StageTime> Stages);

/// <summary>How long a stage took.</summary>
/// <param name="Stage">Its name.</param>
/// <param name="Seconds">Wall time, with what an interrupted process had spent on it before.</param>
/// <param name="ProcessorSeconds">
/// Time of all cores together that the process used, counted the same way; null where it was not counted.
/// </param>
public sealed record StageTime(string Stage, double Seconds, double? ProcessorSeconds = null);
