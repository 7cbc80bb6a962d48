using System.CommandLine;
using AdaptThenUnlearn.Cli.Sharding;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Files;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary><c>atu plan</c>: writes the file that starts a measurement in parts on many machines.</summary>
public sealed class PlanCommand(Terminal terminal)
{
    private readonly Argument<FileInfo> _policy = new("POLICY") { Description = "A policy file" };
    private readonly Option<int> _shards = new("--shards") { Description = "Number of parts", HelpName = "n", Required = true };
    private readonly Option<string> _engine = new("--for")
    {
        Description = "What starts the processes: " + string.Join(", ", ShardEngines.All.Select(engine => engine.Name)),
        HelpName = "engine",
        Required = true,
    };

    private readonly Option<FileInfo> _out = new("--out") { Description = "File to write (default: print it)" };
    private readonly Option<string> _device = new("--device")
    {
        Description = "Device of each process: cpu, cuda or cuda:n",
        DefaultValueFactory = _ => "cpu",
    };

    private readonly Option<int> _threads = new("--threads")
    {
        Description = "CPU threads of each process; they decide the last bits of the numbers, so all parts need the same number",
        DefaultValueFactory = _ => 1,
    };

    private readonly Option<int> _memory = new("--memory")
    {
        Description = "Memory of each process, in GiB",
        HelpName = "GiB",
        DefaultValueFactory = _ => 4,
    };

    private readonly Option<string> _command = new("--command")
    {
        Description = "What to call in place of atu, as a shell has it; GitHub and GitLab then install nothing",
    };

    private readonly Option<string> _image = new("--image")
    {
        Description = "Container image; for kubernetes one with atu",
    };

    private readonly Option<string[]> _set = new("--set")
    {
        Description = "Replace a value of the policy, in every process",
        HelpName = "path=value",
    };

    /// <summary>Builds the command.</summary>
    public Command Build()
    {
        var command = new Command("plan", "Write the file that measures a policy in parts on many machines, and judges the whole")
        {
            _policy, _shards, _engine, _out, _device, _threads, _memory, _command, _image, _set, OutputFiles.Overwrite,
            Terminal.Json,
        };
        command.SetGuardedAction(terminal, (parsed, _) => Run(parsed));
        return command;
    }

    private int Run(ParseResult parsed)
    {
        var engine = ShardEngines.Find(parsed.GetRequiredValue(_engine));
        var path = parsed.GetRequiredValue(_policy).ToString();
        if (PolicyFile.Read(path, parsed.GetValue(_set) ?? [], terminal).Result.Policy is not { } policy)
            return ExitCodes.BadPolicy;

        var plan = new ShardPlan(
            FindPath(path, engine), policy.Name, Within(_shards, engine.MostShards), Device(parsed), Within(_threads, 1024),
            Within(_memory, 1 << 20))
        {
            Overrides = parsed.GetValue(_set) ?? [],
            Command = parsed.GetValue(_command),
            Image = parsed.GetValue(_image),
        };
        foreach (var text in plan.Overrides.Append(plan.PolicyPath).Append(plan.Command).Append(plan.Image).OfType<string>())
            if (text.Length == 0 || text.Any(LogLine.IsControl))
                throw new BadArgumentException($"'{text}' is empty, or has a line break or another control character");
        var written = engine.Write(plan);

        var target = parsed.GetValue(_out)?.FullName;
        OutputFiles.Require(
            parsed, [target], [("policy", path)], file => OutputFiles.IsPage(file, ShardPlan.Origin));
        if (target is not null)
            AtomicFile.Write(target, written);
        Terminal.WriteJson(new { engine = engine.Name, shards = plan.Shards, file = target, text = written });
        if (target is null)
            Terminal.WriteResult(written);
        else
            Terminal.WriteResultLine(target);
        return ExitCodes.Passed;

        int Within(Option<int> option, int most) => parsed.GetValue(option) is var number && number >= 1 && number <= most
            ? number
            : throw new BadArgumentException(FormattableString.Invariant(
                $"{option.Name} {number} must be from 1 to {most}{(option == _shards ? $" for {engine.Title}" : "")}"));
    }

    private string Device(ParseResult parsed)
    {
        var device = parsed.GetRequiredValue(_device);
        return device is "cpu" or "cuda" || (device.StartsWith("cuda:", StringComparison.Ordinal)
            && device.Length > 5 && device.AsSpan(5).IndexOfAnyExceptInRange('0', '9') < 0)
                ? device
                : throw new BadArgumentException(
                    $"--device {device}: name cpu, cuda or cuda:n. All parts need the same device, so auto is none");
    }

    // With forward slashes. Another machine has only what lies below the current folder.
    private static string FindPath(string path, IShardEngine engine)
    {
        var relative = Path.GetRelativePath(Environment.CurrentDirectory, Path.GetFullPath(path));
        var isBelow = !Path.IsPathRooted(relative) && relative.Split(Path.DirectorySeparatorChar)[0] != "..";
        if (engine.HasOwnCheckout && !isBelow)
            throw new BadArgumentException(
                $"{path} is not below the current folder; on {engine.Title} the paths are relative to the top of the checkout or "
                + "volume: call atu there");
        return (isBelow ? relative : path).Replace('\\', '/');
    }
}
