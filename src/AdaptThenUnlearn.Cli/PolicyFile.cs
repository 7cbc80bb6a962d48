using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Governing;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Measuring;

namespace AdaptThenUnlearn.Cli;

/// <summary>A policy as a command line names it: a file, and values set over it.</summary>
/// <param name="Path">As given.</param>
/// <param name="Text">Of the file.</param>
/// <param name="Overrides">As given, <c>path=value</c>.</param>
/// <param name="Result">What the reader made of it.</param>
public sealed record PolicyFile(string Path, string Text, IReadOnlyList<string> Overrides, PolicyResult Result)
{
    private const long MaxBytes = 4 << 20;

    /// <summary>SHA-256 of the bytes that the text was read from.</summary>
    public required string Sha256 { get; init; }

    /// <summary>The files that the policy names.</summary>
    public InputFiles Inputs() => new(Policy, Path) { PolicySha256 = Sha256 };

    /// <summary>The policy.</summary>
    public UnlearningPolicy Policy => Result.Policy!;

    /// <summary>Reads a policy and tells every error and warning.</summary>
    /// <param name="path">As given.</param>
    /// <param name="overrides">As given, <c>path=value</c>.</param>
    /// <param name="terminal">Told.</param>
    /// <param name="warnings">Whether these are told too; not where the same policy is read over and over.</param>
    /// <exception cref="BadArgumentException">The file cannot be read, or an override cannot be parsed.</exception>
    /// <returns>With a policy or with errors; both have been told.</returns>
    public static PolicyFile Read(string path, IReadOnlyList<string> overrides, Terminal terminal, bool warnings = true)
    {
        byte[] bytes;
        try
        {
            bytes = RegularFile.ReadAllBytes(path, MaxBytes);
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            throw new BadArgumentException(new BuildMessage(Severity.Error, RunCodes.BadArgument, $"the policy cannot be read: {failed.Message}", path));
        }

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

        var result = PolicyReader.Read(RegularFile.DecodeText(bytes), path, Vocabulary.Known, parsed);
        foreach (var found in result.Errors.Concat(warnings ? result.Warnings : []))
            terminal.WriteDiagnostic(found.ToBuildMessage());
        return new PolicyFile(path, RegularFile.DecodeText(bytes), overrides, result) { Sha256 = Sha256Digest.Compute(bytes) };
    }

    /// <summary>Does work with the files that the policy names; what is wrong with one is told at the property that names it.</summary>
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
            throw new DiagnosticException(CreateMessage(property, CommandAction.CodeOf(failed), failed.Message), ExitCodes.NotFinished, failed);
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

    /// <summary>A warning about a property, at its place or, where the policy leaves it out, at the file.</summary>
    /// <param name="property">JSON path.</param>
    /// <param name="code">Of the warning.</param>
    /// <param name="problem">What is questionable.</param>
    public BuildMessage CreateWarning(string property, string code, string problem) => CreateMessage(property, code, problem, Severity.Warning);

    /// <summary>A message about a property, with its line and column.</summary>
    /// <param name="property">JSON path.</param>
    /// <param name="code">Of the diagnostic.</param>
    /// <param name="problem">What is wrong, and how to mend it.</param>
    /// <param name="severity">Error or warning.</param>
    public BuildMessage CreateMessage(string property, string code, string problem, Severity severity = Severity.Error)
    {
        var (line, column) = PolicyReader.Locate(Text, property);
        return new BuildMessage(severity, code, $"{property}: {problem}", Path, line, column);
    }
}
