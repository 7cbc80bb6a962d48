using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Governing;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Measuring;

namespace AdaptThenUnlearn.Cli;

/// <summary>A policy file with the values that the command line sets over it.</summary>
/// <param name="Path">As given.</param>
/// <param name="Text">The file's content.</param>
/// <param name="Overrides">As given, <c>path=value</c>.</param>
/// <param name="Result">The policy, or its errors.</param>
public sealed record PolicyFile(string Path, string Text, IReadOnlyList<string> Overrides, PolicyResult Result)
{
    private const long MaxBytes = 4 << 20;

    /// <summary>SHA-256 of the bytes that the text was read from.</summary>
    public required string Sha256 { get; init; }

    /// <summary>The files that the policy names.</summary>
    /// <param name="accepted">The last accepted run, with which a run is compared; null without one.</param>
    public InputFiles Inputs(AcceptedRun? accepted = null) => new(Policy, Path)
    {
        PolicySha256 = Sha256,
        LockFile = Lock?.Path,
        LockSha256 = Lock?.Sha256,
        Accepted = accepted,
        Bases = Result.Bases,
    };

    /// <summary>The lock under which the policy measures and judges; null without one.</summary>
    public FoundLock? Lock { get; init; }

    /// <summary>The policy; only where there are no errors.</summary>
    public UnlearningPolicy Policy => Result.Policy!;

    /// <summary>
    /// SHA-256 of the policy in effect, with preset, defaults and arguments filled in; as <see cref="CanonicalJson.Digest"/>.
    /// Only where there are no errors.
    /// </summary>
    public required string EffectiveSha256 { get; init; }

    /// <summary>What a run record keeps of the policy.</summary>
    /// <param name="path">The file's path as the record has it.</param>
    public PolicySource CreateSource(string path) => new(
        path, Text, Result.TextSha256, EffectiveSha256, Overrides,
        Result.Bases.Count == 0 ? null : [.. Result.Bases.Select(basis => new BaseText(basis.Sha256, basis.Text))]);

    /// <summary>Reads a policy and prints every error and warning.</summary>
    /// <param name="path">As given.</param>
    /// <param name="overrides">As given, <c>path=value</c>.</param>
    /// <param name="terminal">Prints the diagnostics.</param>
    /// <exception cref="BadArgumentException">The file cannot be read, or an override cannot be parsed.</exception>
    /// <returns>With a policy or with errors; both have been printed.</returns>
    public static PolicyFile Read(string path, IReadOnlyList<string> overrides, Terminal terminal)
    {
        byte[] bytes;
        try
        {
            bytes = RegularFile.ReadAllBytes(path, MaxBytes);
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            throw new BadArgumentException(
                new BuildMessage(Severity.Error, RunCodes.BadArgument, $"the policy cannot be read: {failed.Message}", path));
        }

        var sha256 = Sha256Digest.Compute(bytes);
        var file = Parse(path, RegularFile.DecodeText(bytes), sha256, overrides);
        foreach (var found in file.Result.Errors.Concat(file.Result.Warnings))
            terminal.WriteDiagnostic(found.ToBuildMessage());
        return file;
    }

    /// <summary>
    /// The same text with other values set over it. Prints the errors, but not the warnings, which the first reading printed.
    /// </summary>
    /// <param name="overrides">As given, <c>path=value</c>.</param>
    /// <param name="terminal">Prints the errors.</param>
    /// <exception cref="BadArgumentException">An override cannot be parsed.</exception>
    public PolicyFile WithOverrides(IReadOnlyList<string> overrides, Terminal terminal)
    {
        var file = Parse(Path, Text, Sha256, overrides);
        foreach (var error in file.Result.Errors)
            terminal.WriteDiagnostic(error.ToBuildMessage());
        return file;
    }

    private static PolicyFile Parse(string path, string text, string sha256, IReadOnlyList<string> overrides)
    {
        List<PolicyOverride> parsed = [];
        foreach (var each in overrides)
        {
            try
            {
                parsed.Add(PolicyOverride.Parse(each));
            }
            catch (FormatException bad)
            {
                throw new BadArgumentException(bad.Message);
            }
        }

        var result = PolicyReader.Read(text, path, Vocabulary.Known, parsed, ReadBase);
        var effectiveSha256 = Sha256Digest.Compute(result.EffectiveJson);
        return new PolicyFile(path, text, overrides, result) { Sha256 = sha256, EffectiveSha256 = effectiveSha256 };
    }

    private static string ReadBase(string path, string sha256)
    {
        if (PackagePath.WhyMissing(path) is { } missing)
            throw new IOException(missing);
        var bytes = RegularFile.ReadAllBytes(PackagePath.LocateFrom("", path), MaxBytes);
        var text = RegularFile.DecodeText(bytes);
        return Sha256Digest.Compute(text) == Sha256Digest.Compute(bytes)
            ? text
            : throw new IOException($"{path} is not UTF-8 text");
    }

    /// <summary>
    /// Does work with the files that the policy names. An error in one of them points at the property that names it.
    /// </summary>
    /// <exception cref="BadArgumentException">A file does not fit the policy.</exception>
    /// <exception cref="DiagnosticException">A file cannot be read.</exception>
    public T RunWithLocatedErrors<T>(InputFiles inputs, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (PolicyMismatchException mismatch)
        {
            throw new BadArgumentException(CreateMessage(mismatch.JsonPath, mismatch.Code, mismatch.Problem));
        }
        catch (Exception failed) when (FileOf(failed) is { } file && inputs.FindProperty(file) is { } property)
        {
            throw new DiagnosticException(
                CreateMessage(property, CommandAction.CodeOf(failed), failed.Message), ExitCodes.NotFinished, failed);
        }

        static string? FileOf(Exception failed) => failed switch
        {
            CheckpointException checkpoint => checkpoint.Path,
            ImageFileException image => image.Path,
            _ => null,
        };
    }

    /// <inheritdoc cref="RunWithLocatedErrors{T}"/>
    public void RunWithLocatedErrors(InputFiles inputs, Action work) => RunWithLocatedErrors(inputs, () =>
    {
        work();
        return true;
    });

    /// <summary>A warning about a property, with its line and column, or those of the object that lacks it.</summary>
    /// <param name="property">JSON path.</param>
    /// <param name="code">The diagnostic's code.</param>
    /// <param name="problem">What is questionable.</param>
    public BuildMessage CreateWarning(string property, string code, string problem) =>
        CreateMessage(property, code, problem, Severity.Warning);

    /// <summary>A message about a property, with its line and column, or those of the object that lacks it.</summary>
    /// <param name="property">JSON path.</param>
    /// <param name="code">The diagnostic's code.</param>
    /// <param name="problem">What is wrong, and how to mend it.</param>
    /// <param name="severity">Error or warning.</param>
    public BuildMessage CreateMessage(string property, string code, string problem, Severity severity = Severity.Error)
    {
        var (line, column) = PolicyReader.Locate(Text, property);
        return new BuildMessage(severity, code, $"{property}: {problem}", Path, line, column);
    }
}
