using System.CommandLine;
using AdaptThenUnlearn.Torch.Backend;
using TorchSharp;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary><c>atu backend install|show</c>: installs libtorch, or shows where it was found.</summary>
public static class BackendCommands
{
    /// <summary>Builds the command with its two subcommands.</summary>
    public static Command Build(Terminal terminal) =>
        new("backend", "Install libtorch, the native tensor library, or show where it was found")
    {
        Install(terminal),
        Show(terminal),
    };

    private static Command Install(Terminal terminal)
    {
        var kind = new Argument<string>("KIND")
        {
            Description = $"Which libtorch to install: {string.Join(" or ", InstalledBackend.Kinds)}",
        };
        kind.AcceptOnlyFromAmong([.. InstalledBackend.Kinds]);
        var command = new Command("install", "Download libtorch with NuGet and install it for this user (cpu: 130 MB, cuda: " +
            "over 2 GB)")
        {
            kind,
        };
        command.SetGuardedAction(terminal, (parsed, cancel) =>
        {
            Terminal.WriteResultLine(new BackendInstallation(terminal).Install(parsed.GetRequiredValue(kind), cancel));
            return ExitCodes.Passed;
        });
        return command;
    }

    private static Command Show(Terminal terminal)
    {
        var command = new Command("show", "Show where libtorch was found, and which devices it can use");
        command.SetGuardedAction(terminal, (_, _) =>
        {
            TorchBackend.Load();
            Terminal.WriteResultLine($"libtorch  {TorchBackend.Folder ?? "found by the system"}");
            var gpus = Enumerable.Range(0, torch.cuda_is_available() ? torch.cuda.device_count() : 0);
            Terminal.WriteResultLine($"devices   cpu{string.Concat(gpus.Select(number => $", cuda:{number}"))}");
            return ExitCodes.Passed;
        });
        return command;
    }
}
