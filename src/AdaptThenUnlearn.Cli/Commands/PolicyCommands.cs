using System.CommandLine;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Cli.Commands;

/// <summary><c>atu policy check|schema|new</c>.</summary>
public static class PolicyCommands
{
    /// <summary>The command with its three parts.</summary>
    public static Command Build(Terminal terminal) => new("policy", "Check policies, export their schema, start a new one")
    {
        Check(terminal),
        Schema(terminal),
        New(terminal),
    };

    private static Command Check(Terminal terminal)
    {
        var policies = new Argument<FileInfo[]>("POLICY") { Description = "Policy files", Arity = ArgumentArity.OneOrMore };
        var set = new Option<string[]>("--set") { Description = "Set a value over the policy", HelpName = "path=value" };
        var effective = new Option<bool>("--effective") { Description = "Print the policy as it would take effect, preset and defaults filled in, as canonical JSON" };
        var command = new Command("check", "Report every mistake in the policies, each with its place") { policies, set, effective };
        command.SetGuardedAction(terminal, (parsed, _) =>
        {
            var read = parsed.GetRequiredValue(policies).Select(file => PolicyFile.Read(file.ToString(), parsed.GetValue(set) ?? [], terminal)).ToList();
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

            return !refused && read.TrueForAll(policy => policy.Result.Policy is not null) ? ExitCodes.Passed : ExitCodes.BadPolicy;
        });
        return command;
    }

    // Nothing is wrong with such a policy; a run takes longer, and the report will say why.
    private static void WarnAboutMissingInputs(PolicyFile policy, Terminal terminal)
    {
        var inputs = policy.Inputs();
        if (inputs.Hints.GeneratorAssumption is { } assumed)
            terminal.WriteDiagnostic(policy.CreateWarning(
                "$.generator.layers", PolicyCodes.AssumedLayers,
                $"is missing: weights do not tell what this generator computes, and `atu govern` will not judge a guess: {assumed}"));
        if (inputs.Hints.LacksDiscriminator)
            terminal.WriteStatus(FormattableString.Invariant(
                $"{policy.Path}: the generator's checkpoint has no discriminator: should it have to be unlearned, one is warmed up first, in {policy.Policy.Unlearning.WarmUp.Steps} steps on the generator's own samples (unlearning.discriminatorWarmUp); or name a file that has one as generator.discriminator"));
    }

    private static Command Schema(Terminal terminal)
    {
        var command = new Command("schema", "Print the JSON schema of policies");
        command.SetGuardedAction(terminal, (_, _) =>
        {
            Terminal.WriteResult(PolicySchema.Export());
            return ExitCodes.Passed;
        });
        return command;
    }

    private static Command New(Terminal terminal)
    {
        var file = new Argument<FileInfo>("FILE") { Description = "The policy file to write; its name is the policy's" };
        var command = new Command("new", "Write a commented starter policy") { file };
        command.SetGuardedAction(terminal, (parsed, _) =>
        {
            var target = parsed.GetRequiredValue(file).FullName;
            if (File.Exists(target))
                throw new BadArgumentException($"{target} is there already; nothing was written");
            AtomicFile.Write(target, PolicyTemplate.Starter(Path.GetFileNameWithoutExtension(target)));
            Terminal.WriteResultLine(target);
            return ExitCodes.Passed;
        });
        return command;
    }
}
