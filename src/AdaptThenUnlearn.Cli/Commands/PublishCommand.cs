using System.CommandLine;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Publishing.Admission;
using AdaptThenUnlearn.Publishing.Targets;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary><c>atu publish</c>: publishes run records on the pull request they were made for.</summary>
public sealed class PublishCommand(Terminal terminal)
{
    private readonly Argument<FileInfo[]> _records =
        new("RECORD") { Description = "The run.json of each run", Arity = ArgumentArity.OneOrMore };
    private readonly Option<bool> _advisory = new("--advisory")
    {
        Description = "Publish a failed gate as advice, with a neutral check",
    };

    private readonly Option<bool> _untrusted = new("--untrusted")
    {
        Description = "The records come from a build that its author controls, such as a fork's. Publish only on the pull " +
            "request whose head commit they were made from, and judge by --policy",
    };

    private readonly Option<FileInfo[]> _policies = new("--policy")
    {
        Description = "Judge by this policy instead of the recorded one of the same name",
        AllowMultipleArgumentsPerToken = true,
    };

    private readonly Publication _publication = new(terminal);

    /// <summary>Builds the command.</summary>
    public Command Build()
    {
        var command = new Command("publish", "Publish runs on their pull request as a comment, a check run and a job summary")
        {
            _records, _advisory, _untrusted, _policies, Terminal.Json,
        };
        _publication.AddTo(command);
        command.SetGuardedAction(terminal, Run);
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken cancel)
    {
        var policies = PolicyArguments.Find(parsed.GetValue(_policies) ?? [], terminal).RequireFiles()
            .Select(file => PolicyFile.Read(file, [], terminal)).ToList();
        if (parsed.GetValue(_untrusted) && policies.Count == 0)
            throw new BadArgumentException(new BuildMessage(
                Severity.Error, PublishCodes.NoTrustedPolicy,
                "--untrusted needs --policy: an untrusted record is judged only by a policy of this repository. The author of " +
                "the record may have raised the limits in its own policy"));
        if (policies.Exists(policy => policy.Result.Policy is null))
            return ExitCodes.BadPolicy;
        var isLockRequired = PolicyLocks.AreRequired(parsed);

        var exitCode = _publication.Publish(
            [.. FilePattern.ExpandAll(parsed.GetRequiredValue(_records)).Select(Path.GetFullPath)],
            parsed,
            parsed.GetValue(_advisory),
            parsed.GetValue(_untrusted),
            [.. policies.Select(policy => new TrustedPolicy(policy.Path, policy.Text, policy.Policy)
            {
                LockSha256 = PolicyLocks.Apply(policy, isLockRequired).Lock?.Lock.PolicySha256,
            })],
            cancel);
        if (_publication.Result is { } result)
            Terminal.WriteJson(result);
        return exitCode;
    }
}
