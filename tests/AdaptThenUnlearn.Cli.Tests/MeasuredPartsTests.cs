using System.Text.Json;
using System.Text.Json.Nodes;
using AdaptThenUnlearn.Cli.Sharding;
using AdaptThenUnlearn.Publishing.Hosts;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Measuring;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>
/// A measurement that several processes take in parts gives the verdict of one process, and parts that do not make a whole give
/// none.
/// </summary>
public sealed class MeasuredPartsTests(SmallHouse house) : IClassFixture<SmallHouse>
{
    private const string Limit = "\"maxRate\": 0.3";

    // One look of 450 images and another of 1,200: the last batch of the first look is not full, and 16 parts have more parts
    // than batches.
    private static readonly (string, string) _looks =
        ("\"samples\": 400, \"maxSamples\": 400", "\"samples\": 450, \"maxSamples\": 1200");

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    [InlineData(16)]
    public void Govern_MeasuredInParts_IsTheRecordOfOneProcess(int parts)
    {
        var policy = house.Policy("whole", Limit, _looks);
        Assert.InRange(Govern(policy, "one", []).ExitCode, 0, 1);
        var files = MeasureOnce(policy, parts, $"whole-{parts}");

        // In any order.
        new Random(parts).Shuffle(files);
        var (exitCode, _, errors) = Govern(policy, $"in-{parts}", files);

        Assert.True(exitCode is 0 or 1, errors);
        var (one, merged) = (Record("one", "whole"), Record($"in-{parts}", "whole"));
        Assert.Equal(parts, merged.Parts!.Count);
        Assert.Equal(WithoutCircumstances(one), WithoutCircumstances(merged));
        Assert.All(merged.Parts, part => Assert.Equal(
            ($"part {part.Part} of {parts} of the measurement", Environment.MachineName, "cpu", 1),
            (part.Role, part.Machine, part.Device, part.Threads)));
        Assert.Contains(
            "Measured in parts", File.ReadAllText(house.At($"in-{parts}/whole/report.md")), StringComparison.Ordinal);
    }

    [Fact]
    public void Verify_PartOfAMeasurement_IsAFileOfTheRecord()
    {
        var policy = house.Policy("kept", "\"maxRate\": 0.9");
        var files = MeasureOnce(policy, 2, "kept");
        Assert.Equal(0, Govern(policy, "kept-out", files).ExitCode);
        var record = house.At("kept-out/kept/run.json");
        Assert.Equal(0, Atu.Run("verify", record).ExitCode);

        var (honest, other) = (File.ReadAllBytes(files[1]), File.ReadAllBytes(files[0]));
        File.Delete(files[1]);
        Assert.Equal(3, Atu.Run("verify", record).ExitCode);
        File.WriteAllBytes(files[1], other);
        Assert.Equal(1, Atu.Run("verify", record).ExitCode);
        File.WriteAllBytes(files[1], honest);

        // A record whose parts are not whole is not a record.
        var edited = JsonNode.Parse(File.ReadAllText(record))!;
        edited["parts"]!.AsArray().RemoveAt(1);
        File.WriteAllText(record, edited.ToJsonString());
        var (exitCode, _, errors) = Atu.Run("verify", record);
        Assert.Equal(3, exitCode);
        Assert.Contains("the parts of its measurement are not each of them once", errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("missing", 2, "of 3 parts 1 is missing: 2")]
    [InlineData("doubled", 2, "are both part 1 of 3")]
    [InlineData("divided", 2, "they were divided differently")]
    [InlineData("foreign", 2, "was measured with another policy, generator, classifier, reference or version of atu")]
    [InlineData("truncated", 3, "is damaged, cut off or added to")]
    [InlineData("edited", 3, "was changed after it was measured")]
    [InlineData("not a part", 3, "is not a part of a measurement")]
    [InlineData("no such file", 3, "there is no such file")]
    public void Govern_PartsThatAreNoWhole_JudgeNothing(string fault, int expected, string message)
    {
        const string Name = "no-whole";
        var output = "out-" + fault.Replace(' ', '-');
        var policy = house.Policy(Name, "\"maxRate\": 0.9");
        Assert.Equal(0, Govern(policy, output, []).ExitCode);   // an earlier pass, which must not stay
        var files = MeasureOnce(policy, 3, Name).Select((file, number) => Copy(file, $"{output}.{number}")).ToArray();
        switch (fault)
        {
            case "missing":
                files = [files[0], files[2]];
                break;
            case "doubled":
                files = [.. files, files[0]];
                break;
            case "divided":
                files = [files[0], files[1], .. MeasureOnce(policy, 2, "halves")];
                break;
            case "foreign":
                files[1] = MeasureOnce(house.Policy("other", "\"maxRate\": 0.9"), 3, "other")[1];
                break;
            case "truncated":
                File.WriteAllBytes(files[1], File.ReadAllBytes(files[1])[..^8]);
                break;
            case "edited":
                var bytes = File.ReadAllBytes(files[1]);
                bytes[^1] ^= 1;
                File.WriteAllBytes(files[1], bytes);
                break;
            case "not a part":
                files[1] = house.At("generator.safetensors");
                break;
            default:
                files[1] = house.At("nowhere.safetensors");
                break;
        }

        var (exitCode, _, errors) = Govern(policy, output, files);

        Assert.Equal(expected, exitCode);
        Assert.Contains(message, errors, StringComparison.Ordinal);
        var folder = house.At($"{output}/{Name}");
        Assert.False(File.Exists(Path.Combine(folder, "run.json")));
        Assert.Empty(Directory.EnumerateFiles(folder, Name + ".*"));
    }

    // Numbers by other kernels differ in their last bits: they are merged, and the record says of which kinds they are.
    [Fact]
    public void Govern_PartsByOtherKernels_AreNotMergedSilently()
    {
        var policy = house.Policy("mixed", "\"maxRate\": 0.9");
        var files = MeasureOnce(policy, 2, "mixed");
        Edit(files[1], origin => origin with { Torch = origin.Torch + " without oneDNN" });

        var (exitCode, _, errors) = Govern(policy, "mixed-out", files);

        Assert.True(exitCode == 0, errors);
        Assert.Contains("the parts were computed by different kernels: TorchSharp ", errors, StringComparison.Ordinal);
        var warning = Assert.Single(
            RunRecordFile.Read(house.At("mixed-out/mixed/run.json")).WarningRemarks(),
            remark => remark.Contains("kernels", StringComparison.Ordinal));
        Assert.Matches("on cpu \\(part 1\\); TorchSharp .* without oneDNN on cpu \\(part 2\\)", warning);
        Assert.Contains(
            "warning ATU2101", Atu.Run(["merge", policy, .. files, "--threads", "1"]).Errors, StringComparison.Ordinal);

        Edit(files[1], origin => origin with { Torch = null });
        var unknown = Govern(policy, "mixed-out", files);
        Assert.Equal(2, unknown.ExitCode);
        Assert.Contains("does not say which kernels computed it", unknown.Errors, StringComparison.Ordinal);

        static void Edit(string file, Func<ShardOrigin, ShardOrigin> change)
        {
            using var scope = NewDisposeScope();
            var shard = MeasurementShard.Load(file);
            (shard with { Origin = change(shard.Origin) }).Save(file);   // with a checksum that fits
        }
    }

    [Theory]
    [InlineData("give --no-train with it", "--measured", "x.safetensors")]
    [InlineData("and no --reuse", "--measured", "x.safetensors", "--no-train", "--reuse")]
    [InlineData("no file matches", "--measured", "none*.safetensors", "--no-train")]
    public void Govern_MeasuredWithWhatDoesNotFit_IsAnError(string message, params string[] options)
    {
        using var atu = Atu.StartIn(
            house.Folder, ["govern", house.Policy("unfit"), "--out", house.At("unfit-out"), .. options]);
        var (exitCode, _, errors) = atu.Finish();

        Assert.True(exitCode == 2 && errors.Contains(message, StringComparison.Ordinal), $"exit code {exitCode}: {errors}");
    }

    // A killed part leaves nothing that looks like one, and measuring it again gives the same file but for its times.
    [Fact]
    public void Measure_KilledAtAnyTime_LeavesNoPartAndCanBeDoneAgain()
    {
        var policy = house.Policy("killed-part", Limit, _looks);
        var random = new Random(5);
        var first = MeasureOnce(policy, 2, "killed")[0];
        for (var attempt = 0; attempt < 3; attempt++)
        {
            var file = house.At($"killed-{attempt}.safetensors");
            using (var atu = Atu.Start("measure", policy, "--shard", "2/2", "--out", file, "--threads", "1"))
            {
                Thread.Sleep(random.Next(100, 1500));
                atu.Kill();
                atu.Finish();
            }

            if (!File.Exists(file))
                Assert.Equal(0, Atu.Run("measure", policy, "--shard", "2/2", "--out", file, "--threads", "1").ExitCode);
            Assert.InRange(Govern(policy, $"killed-{attempt}-out", [first, file]).ExitCode, 0, 1);
        }
    }

    public static TheoryData<string, string> Engines => new()
    {
        { "SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=6 SLURM_ARRAY_TASK_COUNT=7", "4-of-7" },
        {
            "SLURM_ARRAY_TASK_ID=14 SLURM_ARRAY_TASK_MIN=10 SLURM_ARRAY_TASK_MAX=16 SLURM_ARRAY_TASK_STEP=2 "
                + "SLURM_ARRAY_TASK_COUNT=4",
            "3-of-4"
        },
        { "JOB_COMPLETION_INDEX=0 ATU_SHARDS=16", "1-of-16" },
        { "CI_NODE_INDEX=2 CI_NODE_TOTAL=2", "2-of-2" },
        {
            "SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=9 SLURM_ARRAY_TASK_COUNT=3",
            "number the tasks evenly"
        },
        { "SLURM_ARRAY_TASK_ID=3", "SLURM_ARRAY_TASK_COUNT is not set" },
        { "JOB_COMPLETION_INDEX=0", "ATU_SHARDS is not set" },
        { "JOB_COMPLETION_INDEX=16 ATU_SHARDS=16", "part 17 of 16 cannot be" },
        { "ATU_SHARD=3/16 CI_NODE_INDEX=1 CI_NODE_TOTAL=2", "3-of-16" },
        { "ATU_SHARD=3", "--shard 3: write it as i/n" },
        { "CI_NODE_INDEX=two CI_NODE_TOTAL=2", "CI_NODE_INDEX is 'two'" },
        { "GITHUB_ACTIONS=true", "nothing says which part this is" },
    };

    [Theory]
    [MemberData(nameof(Engines))]
    public void ShardAuto_OfAnEngine_IsItsPart(string variables, string expected)
    {
        var environment = new EnvironmentSnapshot(
            variables.Split(' ').Select(variable => variable.Split('=')).ToDictionary(pair => pair[0], pair => pair[1]));
        string found;
        try
        {
            found = Shard.Parse("auto", environment).ToString();
        }
        catch (BadArgumentException refused)
        {
            found = refused.Message;
        }

        Assert.Contains(expected, found, StringComparison.Ordinal);
    }

    [Fact]
    public void Measure_ShardAutoIntoAFolder_NamesTheFileByItsPart()
    {
        var policy = house.Policy("named");
        using var atu = Atu.StartWith(
            new Dictionary<string, string> { ["JOB_COMPLETION_INDEX"] = "1", ["ATU_SHARDS"] = "2" },
            "measure", policy, "--shard", "auto", "--out", house.At("parts") + "/", "--threads", "1");
        var (exitCode, _, errors) = atu.Finish();

        Assert.True(exitCode == 0, errors);
        Assert.True(File.Exists(house.At("parts/named.2-of-2.safetensors")));
    }

    private string Copy(string file, string name)
    {
        File.Copy(file, house.At(name + ".safetensors"), overwrite: true);
        return house.At(name + ".safetensors");
    }

    // The tests of this class share what they only read.
    private string[] MeasureOnce(string policy, int parts, string name)
    {
        var files = Enumerable.Range(1, parts).Select(part => house.At($"{name}.{part}.safetensors")).ToArray();
        foreach (var (number, file) in files.Index().Where(each => !File.Exists(each.Item)))
        {
            string[] shard = ["--shard", $"{number + 1}/{parts}", "--out", file, "--overwrite"];
            Assert.Equal(0, Atu.Run(["measure", policy, .. shard, "--threads", "1"]).ExitCode);
        }

        return files;
    }

    private (int ExitCode, string Output, string Errors) Govern(string policy, string output, IReadOnlyList<string> parts) =>
        Atu.Run(
        [
            "govern", policy, "--no-train", "--fresh", "--threads", "1", "--out", house.At(output),
            .. parts.SelectMany(part => new[] { "--measured", part }),
        ]);

    private RunRecord Record(string output, string name) => RunRecordFile.Read(house.At($"{output}/{name}/run.json"));

    internal static string WithoutCircumstances(RunRecord record) => JsonSerializer.Serialize(
        record with
        {
            Parts = null,
            Times = new(default, default, []),
            Environment = record.Environment with { PeakMemoryBytes = 0 },
        },
        RunRecordFile.Json);
}
