using System.CommandLine;
using AdaptThenUnlearn.Torch.Backend;
using TorchSharp;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary><c>atu backend install|show</c>: where libtorch comes from.</summary>
public static class BackendCommands
{
    /// <summary>The command with its two parts.</summary>
    public static Command Build(Terminal terminal) => new("backend", "Bring libtorch, the native library behind the tensors, or say where it comes from")
    {
        Install(terminal),
        Show(terminal),
    };

    private static Command Install(Terminal terminal)
    {
        var kind = new Argument<string>("KIND") { Description = string.Join(" or ", InstalledBackend.Kinds) };
        kind.AcceptOnlyFromAmong([.. InstalledBackend.Kinds]);
        var command = new Command("install", "Restore libtorch with NuGet and keep it for this user (cpu: 130 MB to download, cuda: over 2 GB)") { kind };
        command.SetGuardedAction(terminal, (parsed, cancel) =>
        {
            Terminal.WriteResultLine(new BackendInstallation(terminal).Install(parsed.GetRequiredValue(kind), cancel));
            return ExitCodes.Passed;
        });
        return command;
    }

    private static Command Show(Terminal terminal)
    {
        var command = new Command("show", "Say where libtorch was found, and which devices it sees");
        command.SetGuardedAction(terminal, (_, _) =>
        {
            TorchBackend.Load();
            Terminal.WriteResultLine($"libtorch  {TorchBackend.Folder ?? "found by the system"}");
            Terminal.WriteResultLine($"devices   cpu{string.Concat(Enumerable.Range(0, torch.cuda_is_available() ? torch.cuda.device_count() : 0).Select(number => $", cuda:{number}"))}");
            return ExitCodes.Passed;
        });
        return command;
    }
}
