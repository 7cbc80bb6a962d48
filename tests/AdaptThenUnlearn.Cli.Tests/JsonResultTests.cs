using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.RegularExpressions;
using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Tests;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Tests;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>
/// With <c>--json</c>, stdout of every command is one JSON document with the properties that docs/cli.md lists.
/// </summary>
public sealed partial class JsonResultTests(SmallHouse house) : IClassFixture<SmallHouse>
{
    private const string Schema = "policy schema";   // prints JSON without the option
    private const string Install = "backend install";   // downloads: the packages' tests have it

    private static readonly Dictionary<string, Func<JsonResultTests, string[]>> _arguments = new()
    {
        ["govern"] = test =>
        [
            test.House.Policy("governed", "\"maxRate\": 0.9"), test.House.Policy("violated"), "--no-train", "--advisory",
            "--out", test.House.At("out")
        ],
        ["measure"] = test => [test.House.Policy("measured")],
        ["measure --shard"] = test =>
            ["1/2", test.House.Policy("measured"), "--out", test.House.At("part.safetensors"), "--overwrite"],
        ["merge"] = test => [test.House.Policy("measured"), .. test.Parts()],
        ["plan"] = test =>
        [
            test.House.Policy("planned"), "--shards", "2", "--for", "slurm", "--out", test.House.At("plan.sh"), "--overwrite"
        ],
        ["lock"] = test => [test.House.Policy("locked")],
        ["verify"] = test => [test.Record()],
        ["verify-model"] = test => test.SignedModel(),
        ["attest"] = test => [test.Record(), "--out", test.House.At("statement.json"), "--overwrite"],
        ["report"] = test => [test.Record()],
        ["publish"] = test => [test.Record()],
        ["policy check"] = test => [test.House.Policy("checked"), "--effective"],
        ["policy new"] = test => [test.House.At($"{Path.GetRandomFileName()}/new.json")],
        ["inspect"] = test => [test.House.At("generator.safetensors")],
        ["sample"] = test =>
        [
            test.House.At("generator.safetensors"), "--out", test.House.At("grid.png"), "--npy", test.House.At("grid.npy"),
            "--count", "4"
        ],
        ["export"] = test => [test.House.At("generator.safetensors"), "--onnx", test.House.At("exported.onnx")],
        ["distance"] = test =>
        [
            test.House.At("reference.safetensors"), test.House.At("reference.safetensors"),
            "--extractor", test.House.At("auditor.safetensors")
        ],
        ["reference"] = test =>
        [
            "--data", test.Pictures(), "--extractor", test.House.At("auditor.safetensors"),
            "--out", test.House.At("stats.npz")
        ],
        ["pretrain"] = test =>
        [
            "--data", test.Pictures(), "--out", test.House.At("young.safetensors"), "--channels", "8", "6", "4", "--steps", "3",
            "--decay", "1"
        ],
        ["train-classifier"] = test =>
        [
            "--data", test.Pictures(), "--out", test.House.At("trained.safetensors"), "--architecture", StridedConvNet.Name,
            "--epochs", "1"
        ],
        ["label"] = test =>
        [
            test.House.At("generator.safetensors"), "--feature", "odd", "--out", test.Labels(), "--count", "40", "--train-only",
            "--keep-useless"
        ],
        ["label --calibrate"] = test =>
        [
            "auditor", test.House.Policy("calibrated"), "--feature", "ban", "--out", test.CalibrationLabels(), "--count", "200",
            "--train-only", "--keep-useless"
        ],
        ["label --audit"] = test => [test.Record(), "--by", "Ada", "--train-only"],
        ["compare"] = test =>
        [
            test.House.Policy("compared", "\"minUnlearned\": 0.5"), "--methods", "fine-tune", "--seeds", "1", "--page-only",
            "--out", test.House.At("page"), "--work", test.House.At("runs")
        ],
        ["tune"] = test =>
        [
            test.House.Policy("tuned", "\"minUnlearned\": 0.5"), "--knobs", "retention.weight", "--seeds", "101",
            "--runs", "1", "--out", test.House.At("tuned")
        ],
        ["attack"] = test =>
        [
            test.House.Policy("attacked"), "--after", test.House.At("generator.safetensors"), "--attacks", "same-latents",
            "--samples", "50", "--out", test.House.At("attacked")
        ],
        ["backend show"] = _ => [],
    };

    private SmallHouse House => house;

    public static TheoryData<string> Commands => [.. _arguments.Keys];

    [Theory]
    [MemberData(nameof(Commands))]
    public void Command_Json_PrintsOneDocumentWithTheDocumentedPropertiesAndNothingElse(string command)
    {
        string[] threads =
            command is "govern" or "measure" or "tune" or "attack" or "pretrain" or "label" ? ["--threads", "1"] : [];
        var (exitCode, output, errors) =
            Atu.RunProcess([.. command.Split(' '), .. _arguments[command](this), .. threads, "--json"]);

        Assert.True(exitCode == 0, errors);
        using var document = JsonDocument.Parse(output);   // refuses anything before or after the document
        var found = document.RootElement.EnumerateObject().Select(property => property.Name).ToList();
        var documented = Documented()[command];
        if (documented.Remove("…"))
            found = found[..documented.Count];
        Assert.Equal(documented, found);
    }

    [Fact]
    public void Documentation_EveryCommand_HasItsRow()
    {
        var commands = Leaves("").Select(name => name.Trim()).Except([Schema]).Order(StringComparer.Ordinal);

        Assert.Equal(
            commands,
            Documented().Keys.Except(["measure --shard", "label --audit", "label --calibrate"]).Order(StringComparer.Ordinal));
        Assert.Equal(
            Documented().Keys.Except([Install]).Order(StringComparer.Ordinal), _arguments.Keys.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Govern_RunThatCannotFinish_IsInTheDocumentToo()
    {
        File.WriteAllBytes(house.At("corrupt.safetensors"), File.ReadAllBytes(house.At("generator.safetensors"))[..5000]);
        var corrupt = house.Policy("corrupt", edit: ("\"generator.safetensors\"", "\"corrupt.safetensors\""));

        var (exitCode, output, _) = Atu.RunProcess(
            "govern", house.Policy("before", "\"maxRate\": 0.9"), corrupt, "--no-train", "--threads", "1", "--json",
            "--out", house.At("out-corrupt"));

        Assert.Equal(3, exitCode);
        using var document = JsonDocument.Parse(output);
        Assert.Equal(
            ["passed", "error"],
            document.RootElement.GetProperty("policies").EnumerateArray().Select(run => run.GetProperty("outcome").GetString()));
    }

    [Fact]
    public void Govern_Json_HasTheVerdictOfTheRecord()
    {
        var folder = house.At("out-verdict");

        var (exitCode, output, _) = Atu.RunProcess(
            "govern", house.Policy("unmet"), "--no-train", "--threads", "1", "--json", "--out", folder);

        Assert.Equal(1, exitCode);
        using var document = JsonDocument.Parse(output);
        var run = Assert.Single(document.RootElement.GetProperty("policies").EnumerateArray());
        var record = run.GetProperty("record").GetString()!;
        Assert.Equal(Path.Combine(folder, "unmet", "run.json"), record);
        using var written = JsonDocument.Parse(File.ReadAllText(record));
        Assert.True(JsonElement.DeepEquals(written.RootElement.GetProperty("verdict"), run.GetProperty("verdict")));
    }

    [Fact]
    public void PolicyCheck_Mistakes_AreMessagesWithTheirPlaces()
    {
        var (exitCode, output, errors) = Atu.RunProcess("policy", "check", house.Policy("mistaken", "\"maxRate\": 7"), "--json");

        Assert.Equal(2, exitCode);
        using var document = JsonDocument.Parse(output);
        var policy = Assert.Single(document.RootElement.GetProperty("policies").EnumerateArray());
        Assert.False(policy.GetProperty("valid").GetBoolean());
        var message = Assert.Single(policy.GetProperty("messages").EnumerateArray());
        Assert.Equal(("error", "ATU1004", 10), (
            message.GetProperty("severity").GetString(), message.GetProperty("code").GetString(),
            message.GetProperty("line").GetInt32()));
        Assert.Contains("error ATU1004", errors, StringComparison.Ordinal);
    }

    // Builds read stdout too, and a policy may come from anyone.
    [Fact]
    public void PolicyCheck_TextThatCommandsABuild_IsWrittenInAnotherWay()
    {
        const string Command = "##vso[task.complete result=Succeeded;]";
        const string Name = "\"name\": \"loud\",";
        var policy = house.Policy("loud", edit: (Name, $"{Name} \"description\": \"{Command}\","));

        var output = Atu.RunProcess("policy", "check", policy, "--effective", "--json").Output;

        Assert.DoesNotContain("##", output, StringComparison.Ordinal);
        using var document = JsonDocument.Parse(output);
        Assert.Equal(
            Command,
            document.RootElement.GetProperty("policies")[0].GetProperty("effective").GetProperty("description").GetString());
    }

    [Fact]
    public void Quiet_Govern_PrintsOnlyDiagnosticsAndTheResult()
    {
        string[] govern = ["govern", house.Policy("hushed"), "--threads", "1", "--out", house.At("out-hushed"), "--advisory"];

        var (exitCode, output, errors) = Atu.RunProcess([.. govern, "--quiet"]);

        Assert.Equal(0, exitCode);
        Assert.Contains("hushed: ", output, StringComparison.Ordinal);
        Assert.All(
            errors.Split('\n', StringSplitOptions.RemoveEmptyEntries),
            line => Assert.Matches(@": (error|warning) ATU\d{4}: ", line));
        Assert.Contains("warning ATU3005", errors, StringComparison.Ordinal);
    }

    private string Record()
    {
        var folder = house.At(Path.GetRandomFileName());
        var policy = house.Policy("recorded", "\"maxRate\": 0.9");
        var (exitCode, _, errors) = Atu.RunProcess("govern", policy, "--no-train", "--threads", "1", "--out", folder);
        Assert.True(exitCode == 0, errors);
        return Path.Combine(folder, "recorded", "run.json");
    }

    private string[] SignedModel()
    {
        var record = Record();
        var folder = Path.GetDirectoryName(record)!;
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        File.WriteAllText(Path.Combine(folder, "key.pem"), key.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(Path.Combine(folder, "public.pem"), key.ExportSubjectPublicKeyInfoPem());
        Assert.Equal(
            0, Atu.RunProcess("attest", record, "--format", "model-signing", "--key", Path.Combine(folder, "key.pem")).ExitCode);
        return
        [
            Path.Combine(folder, "recorded.safetensors"), "--signature", Path.Combine(folder, "model.sig"),
            "--key", Path.Combine(folder, "public.pem"),
        ];
    }

    private string[] Parts()
    {
        string[] parts = [house.At("first.safetensors"), house.At("second.safetensors")];
        foreach (var (number, part) in parts.Index())
            Assert.Equal(0, Atu.RunProcess(
                "measure", house.Policy("measured"), "--threads", "1", "--out", part,
                "--shard", string.Create(CultureInfo.InvariantCulture, $"{number + 1}/2")).ExitCode);
        return parts;
    }

    private string Pictures()
    {
        LabelledPictures.Write(house.At("pictures"), count: 120);
        return house.At("pictures");
    }

    private string CalibrationLabels()
    {
        var folder = house.At("calibration-labels");
        CalibrateTests.Label(
            folder, 200, house.At("generator.safetensors"), house.At("annotator.safetensors"), "ban", "banned", sees => sees);
        return folder;
    }

    private string Labels()
    {
        var folder = house.At("labels");
        LabelSheetFile.Write(Path.Combine(folder, "labels.json"), new LabelSheet(
            LabelSheet.CurrentSchemaVersion, "odd", CheckpointDigest.Compute(house.At("generator.safetensors")), Seed: 1,
            new(Enumerable.Range(0, 40).ToDictionary(image => image, image => image % 3 == 0))));
        return folder;
    }

    // The names of the table in docs/cli.md, by command.
    private static Dictionary<string, List<string>> Documented()
    {
        var rows = RowPattern().Matches(File.ReadAllText(Path.Combine(Repository.Root, "docs", "cli.md")));
        return rows.SelectMany(row => CommandPattern().Matches(row.Groups["commands"].Value).Select(
                command => (Command: command.Groups[1].Value, Names: row.Groups["names"].Value)))
            .ToDictionary(
                row => row.Command, row => row.Names.Split(", ").Select(name => name.Trim('`', ' ')).ToList());
    }

    // The commands without subcommands, as --help lists them.
    private static IEnumerable<string> Leaves(string command)
    {
        var (_, help, _) = Atu.RunProcess([.. command.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--help"]);
        var names = SubcommandPattern().Matches(help.Split("Commands:").ElementAtOrDefault(1)?.Split("\n\n")[0] ?? "");
        return names.Count == 0 ? [command] : names.SelectMany(name => Leaves($"{command} {name.Groups[1].Value}"));
    }

    [GeneratedRegex(@"(?m)^\| (?<commands>(`atu [^`]+`(, )?)+) \| (?<names>[^|]+?) \|")]
    private static partial Regex RowPattern();

    [GeneratedRegex("`atu ([^`]+)`")]
    private static partial Regex CommandPattern();

    [GeneratedRegex(@"(?m)^  ([a-z-]+)")]
    private static partial Regex SubcommandPattern();
}
