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
            kind, Terminal.Json,
        };
        command.SetGuardedAction(terminal, (parsed, cancel) =>
        {
            var wanted = parsed.GetRequiredValue(kind);
            var folder = new BackendInstallation(terminal).Install(wanted, cancel);

            // A libtorch that atu finds before that of the user stays in use.
            var first =
                TorchBackend.Folder is { } loaded && Path.GetDirectoryName(loaded) != InstalledBackend.Root ? loaded : null;
            Terminal.WriteJson(new { kind = wanted, version = InstalledBackend.LibtorchVersion, folder, used = first ?? folder });
            Terminal.WriteResultLine($"{DescribeKind(wanted)} is installed in {folder}; " +
                (first is null ? "atu uses it from now on" : $"atu goes on using the one in {first}, which it finds first"));
            return ExitCodes.Passed;
        });
        return command;
    }

    /// <summary>E.g. <c>libtorch 2.10 for the CPU</c>.</summary>
    internal static string DescribeKind(string kind) =>
        $"libtorch {Version.Parse(InstalledBackend.LibtorchVersion).ToString(2)} for {(kind == "cpu" ? "the CPU" : "CUDA")}";

    private static Command Show(Terminal terminal)
    {
        var command = new Command("show", "Show where libtorch was found, and which devices it can use") { Terminal.Json };
        command.SetGuardedAction(terminal, (_, _) =>
        {
            TorchBackend.Load();
            var gpus = Enumerable.Range(0, torch.cuda_is_available() ? torch.cuda.device_count() : 0);
            IReadOnlyList<string> devices = ["cpu", .. gpus.Select(number => $"cuda:{number}")];
            Terminal.WriteJson(new { libtorch = TorchBackend.Folder, devices });
            Terminal.WriteResultLine($"libtorch  {TorchBackend.Folder ?? "found by the system"}");
            Terminal.WriteResultLine($"devices   {string.Join(", ", devices)}");
            return ExitCodes.Passed;
        });
        return command;
    }
}
