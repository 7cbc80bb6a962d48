using System.CommandLine;
using AdaptThenUnlearn.Attestation;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Images;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Training;

namespace AdaptThenUnlearn.Cli;

/// <summary>Runs every command so that a failure becomes one diagnostic line and an exit code, never a stack trace.</summary>
public static class CommandAction
{
    /// <summary>Sets what a command does.</summary>
    /// <param name="command">The command.</param>
    /// <param name="terminal">Prints diagnostics.</param>
    /// <param name="action">
    /// Does the work and returns the exit code. It runs on another thread than the one that listens for Ctrl-C.
    /// Ctrl-C and the end of the parent process cancel it.
    /// </param>
    public static void SetGuardedAction(
        this Command command, Terminal terminal, Func<ParseResult, CancellationToken, int> action) =>
        command.SetAction((parsed, cancel) => Task.Run(
            () =>
            {
                terminal.Configure(parsed);
                using var ending = ParentProcess.Watch(parsed, cancel);
                return RunGuarded(terminal, () => action(parsed, ending.Token));
            },
            CancellationToken.None));

    private static int RunGuarded(Terminal terminal, Func<int> work)
    {
        try
        {
            return work();
        }
        catch (OperationCanceledException)
        {
            terminal.WriteStatus("cancelled; finished work is kept. Commands with --resume can continue from it");
            return ExitCodes.Cancelled;
        }
        catch (DiagnosticException diagnosed)
        {
            terminal.WriteDiagnostic(diagnosed.Diagnostic);
            return diagnosed.ExitCode;
        }
        catch (Exception unsuitable) when (unsuitable is UnsuitableImagesException or MeasurementPartsException)
        {
            terminal.WriteDiagnostic(new BadArgumentException(unsuitable.Message).Diagnostic);
            return ExitCodes.BadPolicy;
        }
        catch (Exception failed)
        {
            terminal.WriteDiagnostic(new BuildMessage(Severity.Error, CodeOf(failed), MessageOf(failed)));
            return ExitCodes.NotFinished;
        }
    }

    /// <summary>The diagnostic of an exception that ends a command.</summary>
    public static string CodeOf(Exception failed) => failed switch
    {
        RunException run => run.Code,
        CheckpointException or ImageFileException or AttestationException => RunCodes.UnreadableInput,
        FileNotWrittenException => RunCodes.NotWritten,
        FeedbackException => RunCodes.TooLittleFeedback,
        TrainingDivergedException => RunCodes.Diverged,
        TorchBackendException => RunCodes.Backend,
        RunRecordException => RunCodes.UnreadableRecord,
        InvalidDataException => RunCodes.TrainingData,
        LabelException => RunCodes.Labels,
        OutputException => RunCodes.StandardOutput,
        ChangedFileException => RunCodes.ChangedFile,
        _ when MemoryShortage.IsShortage(failed) => RunCodes.OutOfMemory,
        IOException or UnauthorizedAccessException => RunCodes.FileAccess,
        _ => RunCodes.Unexpected,
    };

    private static string MessageOf(Exception failed)
    {
        if (MemoryShortage.IsShortage(failed))
            return "out of memory; try --threads 1 (each thread has a batch of its own in memory), smaller batches "
                + "(--set unlearning.batchSize=8) or a machine with more memory";
        return CodeOf(failed) == RunCodes.Unexpected ? $"{failed.GetType().Name}: {failed.Message}" : failed.Message;
    }
}
