using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Backend;

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
            policies, set, effective, Terminal.Json,
        };
        command.SetGuardedAction(terminal, (parsed, _) =>
        {
            TorchBackend.PostponeLoading();
            var read = PolicyArguments.Find(parsed.GetRequiredValue(policies), terminal).RequireFiles()
                .Select(file => PolicyFile.Read(file, parsed.GetValue(set) ?? [], terminal)).ToList();
            var isEffective = parsed.GetValue(effective);
            var checkedPolicies = read.ConvertAll(policy => CheckFiles(policy, isEffective, terminal));
            Terminal.WriteJson(new
            {
                policies = checkedPolicies.Select(policy => new
                {
                    policy = policy.File.Result.Policy?.Name,
                    file = policy.File.Path,
                    valid = policy.IsValid,
                    messages = policy.Messages.Select(JsonParts.Message),
                    effective = isEffective && policy.IsValid ? JsonNode.Parse(policy.File.Result.EffectiveJson) : null,
                }),
            });
            return checkedPolicies.TrueForAll(policy => policy.IsValid) ? ExitCodes.Passed : ExitCodes.BadPolicy;
        });
        return command;
    }

    // Checks a policy that was read, and whose own messages were printed, against the files that it names.
    private static CheckedPolicy CheckFiles(PolicyFile policy, bool isEffective, Terminal terminal)
    {
        List<BuildMessage> messages =
            [.. policy.Result.Errors.Concat(policy.Result.Warnings).Select(found => found.ToBuildMessage())];
        var written = messages.Count;
        if (policy.Result.Policy is not null)
            messages.AddRange(ClassifierFilesCheck.Check(policy).Concat(FindLockProblem(policy)));
        var isValid = messages.TrueForAll(message => message.Severity != Severity.Error);
        if (isValid)
            messages.AddRange(FindDoubts(policy));

        foreach (var message in messages.Skip(written))
            terminal.WriteDiagnostic(message);
        if (isValid && isEffective)
            Terminal.WriteResultDocument(policy.Result.EffectiveJson);
        else if (isValid)
            Terminal.WriteResultLine($"{policy.Path}: a valid policy, '{policy.Policy.Name}'");
        if (isValid)
            NoteWarmUp(policy, terminal);
        return new CheckedPolicy(policy, isValid, messages);
    }

    // With arguments, it is another policy than the one that is locked, and nobody asks to measure it.
    private static IEnumerable<BuildMessage> FindLockProblem(PolicyFile policy)
    {
        if (policy.Overrides.Count > 0)
            return [];
        try
        {
            PolicyLocks.Apply(policy, required: false);
            return [];
        }
        catch (BadArgumentException bad)
        {
            return [bad.Diagnostic];
        }
    }

    // Such a policy is valid, but govern refuses it, or its verdict is weak.
    private static IEnumerable<BuildMessage> FindDoubts(PolicyFile policy)
    {
        var hints = policy.Inputs().Hints;
        if (hints.GeneratorAssumption is { } assumed)
            yield return policy.CreateWarning(
                "$.generator.layers", PolicyCodes.AssumedLayers,
                "is missing: weights do not tell what this generator computes, and `atu govern` does not judge an assumption: " +
                $"{assumed}");
        if (hints.FindUnkeptLimit(DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime)) is { } unkept)
            yield return policy.CreateWarning(unkept.JsonPath, unkept.Code, unkept.Problem);
        if (hints.FindImpossibleAttack() is { } impossible)
            yield return policy.CreateWarning(impossible.JsonPath, impossible.Code, impossible.Problem);
        if (hints.FindUnknownTerms() is { } unknown)
            yield return policy.CreateWarning(unknown.JsonPath, unknown.Code, unknown.Problem);
        if (hints.TooFewImages is var (property, problem))
            yield return policy.CreateWarning(property, PolicyCodes.UnknownName, problem);
        if (hints.TooFewSamplesReason is { } few)
            yield return policy.CreateWarning("$.evaluation.samples", PolicyCodes.FewForTheExtractor, few);
    }

    private static void NoteWarmUp(PolicyFile policy, Terminal terminal)
    {
        if (policy.Inputs().Hints.LacksDiscriminator)
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
        var command = new Command("new", "Write a new policy with comments, and the schema for editors beside it")
        {
            file, Terminal.Json,
        };
        command.SetGuardedAction(terminal, (parsed, _) =>
        {
            var target = parsed.GetRequiredValue(file).FullName;
            if (File.Exists(target))
                throw new BadArgumentException($"{target} exists already; nothing was written");
            AtomicFile.Write(target, PolicyTemplate.Starter(Path.GetFileNameWithoutExtension(target)));
            Terminal.WriteResultLine(target);

            // The policy names it; one that is there may be of another version, and stays.
            var schema = Path.Combine(Path.GetDirectoryName(target)!, PolicyTemplate.SchemaFile);
            var isNew = !File.Exists(schema);
            if (isNew)
            {
                AtomicFile.Write(schema, PolicySchema.Export(Vocabulary.Known));
                Terminal.WriteResultLine(schema);
            }

            Terminal.WriteJson(new { policy = target, schema, schemaWritten = isNew });
            return ExitCodes.Passed;
        });
        return command;
    }

    private sealed record CheckedPolicy(PolicyFile File, bool IsValid, IReadOnlyList<BuildMessage> Messages);
}
