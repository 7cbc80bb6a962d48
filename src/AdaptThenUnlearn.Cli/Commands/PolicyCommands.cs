using System.CommandLine;
using System.Globalization;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary><c>atu policy check|schema|new</c>: checks policies, prints their schema, writes a new one.</summary>
public static class PolicyCommands
{
    /// <summary>Builds the command with its three subcommands.</summary>
    public static Command Build(Terminal terminal) =>
        new("policy", "Check policies, print their JSON schema, or write a new policy")
    {
        Check(terminal),
        Schema(terminal),
        New(terminal),
    };

    private static Command Check(Terminal terminal)
    {
        var policies = PolicyArguments.CreateArgument();
        var set = new Option<string[]>("--set") { Description = "Replace a value of the policy", HelpName = "path=value" };
        var effective = new Option<bool>("--effective")
        {
            Description = "Print the policy in effect, with preset and defaults filled in, as canonical JSON",
        };
        var command = new Command("check", "Report every error in the policies, with line and column")
        {
            policies, set, effective,
        };
        command.SetGuardedAction(terminal, (parsed, _) =>
        {
            var read = PolicyArguments.Find(parsed.GetRequiredValue(policies), terminal).RequireFiles()
                .Select(file => PolicyFile.Read(file, parsed.GetValue(set) ?? [], terminal)).ToList();
            var refused = false;
            foreach (var policy in read.Where(policy => policy.Result.Policy is not null))
            {
                var found = ClassifierFilesCheck.Check(policy);
                foreach (var message in found)
                    terminal.WriteDiagnostic(message);
                if (found.Any(message => message.Severity == Severity.Error))
                {
                    refused = true;
                    continue;
                }

                if (parsed.GetValue(effective))
                    Terminal.WriteResultDocument(policy.Result.EffectiveJson);
                else
                    Terminal.WriteResultLine($"{policy.Path}: a valid policy, '{policy.Policy.Name}'");
                WarnAboutMissingInputs(policy, terminal);
                if (policy.Inputs().Hints.TooFewSamplesReason is { } few)
                    terminal.WriteDiagnostic(policy.CreateWarning("$.evaluation.samples", PolicyCodes.FewForTheExtractor, few));
            }

            return !refused && read.TrueForAll(policy => policy.Result.Policy is not null)
                ? ExitCodes.Passed
                : ExitCodes.BadPolicy;
        });
        return command;
    }

    // Such a policy is valid, but govern refuses it or takes longer.
    private static void WarnAboutMissingInputs(PolicyFile policy, Terminal terminal)
    {
        var inputs = policy.Inputs();
        if (inputs.Hints.GeneratorAssumption is { } assumed)
            terminal.WriteDiagnostic(policy.CreateWarning(
                "$.generator.layers", PolicyCodes.AssumedLayers,
                "is missing: weights do not tell what this generator computes, and `atu govern` does not judge an assumption: " +
                $"{assumed}"));
        if (inputs.Hints.LacksDiscriminator)
            terminal.WriteStatus(string.Create(CultureInfo.InvariantCulture,
                $"{policy.Path}: the generator's checkpoint has no discriminator. If training is needed, one is first warmed " +
                $"up in {policy.Policy.Unlearning.WarmUp.Steps} steps on the generator's own samples " +
                $"(unlearning.discriminatorWarmUp). To avoid that, name a file with a discriminator as generator.discriminator"));
    }

    private static Command Schema(Terminal terminal)
    {
        var command = new Command("schema", "Print the JSON schema of policies");
        command.SetGuardedAction(terminal, (_, _) =>
        {
            Terminal.WriteResult(PolicySchema.Export(Vocabulary.Known));
            return ExitCodes.Passed;
        });
        return command;
    }

    private static Command New(Terminal terminal)
    {
        var file = new Argument<FileInfo>("FILE")
        {
            Description = "The policy file to write; its name becomes the policy's name",
        };
        var command = new Command("new", "Write a new policy with comments") { file };
        command.SetGuardedAction(terminal, (parsed, _) =>
        {
            var target = parsed.GetRequiredValue(file).FullName;
            if (File.Exists(target))
                throw new BadArgumentException($"{target} exists already; nothing was written");
            AtomicFile.Write(target, PolicyTemplate.Starter(Path.GetFileNameWithoutExtension(target)));
            Terminal.WriteResultLine(target);
            return ExitCodes.Passed;
        });
        return command;
    }
}
