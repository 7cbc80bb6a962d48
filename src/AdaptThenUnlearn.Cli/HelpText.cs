using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.Globalization;
using System.Reflection;

namespace AdaptThenUnlearn.Cli;

/// <summary>What <c>--help</c> says after the options: examples, exit codes, variables, and where the manual is.</summary>
/// <param name="options">Prints what the library knows: usage, arguments, options, subcommands.</param>
internal sealed class HelpText(HelpAction options) : SynchronousCommandLineAction
{
    private const string RootName = "";   // the tool itself

    /// <summary>Examples of each command, by its words after <c>atu</c>.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<string>> Examples { get; } =
        new Dictionary<string, IReadOnlyList<string>>
        {
            [RootName] =
            [
                "atu policy new policies/my-policy.json",
                "atu govern 'policies/*.json'",
                "atu verify artifacts/my-policy/run.json",
            ],
            ["govern"] =
            [
                "atu govern policies/my-policy.json",
                "atu govern 'policies/*.json' --no-train --out evidence",
                "atu govern policies/my-policy.json --set unlearning.steps=600 --threads 4",
                "atu govern 'policies/*.json' --locked",
                "atu govern 'policies/*.json' --quiet --json",
                "atu govern policies/my-policy.json --audit artifacts/my-policy/audit.json",
            ],
            ["measure"] =
            [
                "atu measure policies/my-policy.json --json",
                "atu measure policies/my-policy.json --shard 1/4 --out part-1.safetensors",
            ],
            ["merge"] = ["atu merge policies/my-policy.json part-1.safetensors part-2.safetensors"],
            ["plan"] =
            [
                "atu plan policies/my-policy.json --shards 16 --for slurm --out measure.sh",
                "atu plan policies/my-policy.json --shards 16 --for kubernetes --image registry/atu:1.0 --out measure.yaml",
            ],
            ["lock"] =
            [
                "atu lock policies/my-policy.json",
                "atu lock policies/my-policy.json --timestamp https://authority.example/tsr",
            ],
            ["verify"] =
            [
                "atu verify artifacts/my-policy/run.json",
                "atu verify artifacts/my-policy/run.json --attestation artifacts/my-policy/run.dsse.json --key public.pem",
            ],
            ["verify-model"] =
            [
                "atu verify-model my-policy.safetensors --signature model.sig --key public.pem",
                "atu verify-model downloads/my-model --signature downloads/my-model/model.sig --certificate ca.pem",
            ],
            ["attest"] =
            [
                "atu attest artifacts/my-policy/run.json --key key.pem",
                "atu attest artifacts/my-policy/run.json --format in-toto,model-signing --key key.pem",
                "atu attest artifacts/my-policy/run.json --out statement.json",
            ],
            ["report"] =
            [
                "atu report 'artifacts/*/run.json' --format html,junit",
                "atu report artifacts/my-policy/run.json --out site",
            ],
            ["publish"] =
            [
                "atu publish 'artifacts/*/run.json'",
                "atu publish artifacts/my-policy/run.json --only comment --require-publish",
            ],
            ["policy check"] = ["atu policy check 'policies/**/*.json'", "atu policy check policies/my-policy.json --effective"],
            ["policy new"] = ["atu policy new policies/my-policy.json"],
            ["policy schema"] = ["atu policy schema > policies/policy.schema.json"],
            ["inspect"] = ["atu inspect models/generator.safetensors --tensors"],
            ["sample"] = ["atu sample models/generator.safetensors --out grid.png --count 64 --seed 1"],
            ["distance"] = ["atu distance generated/ real/ --extractor models/auditor.safetensors --json"],
            ["export"] = ["atu export models/generator.safetensors --onnx generator.onnx"],
            ["reference"] =
            [
                "atu reference --data photos --extractor models/auditor.safetensors --out models/reference.safetensors",
            ],
            ["train-classifier"] = ["atu train-classifier --data photos --out models/auditor.safetensors"],
            ["label"] =
            [
                "atu label models/generator.safetensors --feature glasses --out labels",
                "atu label policies/my-policy.json --calibrate auditor --feature glasses --out labels",
                "atu label --audit artifacts/my-policy --by \"Ada Lovelace\"",
            ],
            ["compare"] = ["atu compare policies/my-policy.json --classes 1,4,8 --seeds 1,2,3"],
            ["tune"] = ["atu tune policies/my-policy.json --runs 24"],
            ["attack"] =
            [
                "atu attack artifacts/my-policy/run.json",
                "atu attack policies/my-policy.json --after unlearned.safetensors --attacks latent-search --profile full",
            ],
            ["backend install"] = ["atu backend install cpu"],
            ["backend show"] = ["atu backend show --json"],
        };

    /// <inheritdoc/>
    public override bool ClearsParseErrors => true;

    /// <summary>Lets a command and all below it print this help.</summary>
    public static void AddTo(RootCommand root)
    {
        foreach (var help in root.Options.OfType<HelpOption>())
            help.Action = new HelpText((HelpAction)help.Action!);
    }

    /// <summary>A command's words after <c>atu</c>.</summary>
    public static string NameOf(Command command) => command is RootCommand
        ? RootName
        : string.Join(' ', command.Parents.OfType<Command>().Select(NameOf).Append(command.Name)).Trim();

    /// <inheritdoc/>
    public override int Invoke(ParseResult parseResult)
    {
        var exitCode = options.Invoke(parseResult);
        var name = NameOf(parseResult.CommandResult.Command);
        var output = parseResult.InvocationConfiguration.Output;
        foreach (var line in Lines(name))
            output.WriteLine(line);
        return exitCode;
    }

    private static IEnumerable<string> Lines(string name)
    {
        if (Examples.TryGetValue(name, out var examples))
            foreach (var line in Section("Examples", examples))
                yield return line;
        if (name.Length > 0)
        {
            yield return "Exit codes, environment variables and the manual: atu --help";
            yield break;
        }

        var codes = ExitCodes.Meanings.Select(
            each => string.Create(CultureInfo.InvariantCulture, $"{each.Code,-4} {each.Meaning}"));
        foreach (var line in Section("Exit codes", codes)
            .Concat(Section(
                "Environment variables", EnvironmentDefaults.Variables.Select(each => $"{each.Name,-20} {each.Meaning}")))
            .Concat(Section("Manual", [Manual()])))
            yield return line;
    }

    private static IEnumerable<string> Section(string title, IEnumerable<string> lines) =>
        [$"{title}:", .. lines.Select(line => $"  {line}"), ""];

    // Only a build that knows the repository's address can name it.
    private static string Manual()
    {
        var repository = typeof(HelpText).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
            .FirstOrDefault(each => each.Key == "RepositoryUrl")?.Value;
        return "docs/README.md in the repository" + (string.IsNullOrEmpty(repository) ? "" : $": {repository}");
    }
}
