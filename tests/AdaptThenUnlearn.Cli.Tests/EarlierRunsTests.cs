using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>One request after another: a generator that was unlearned keeps its limits in every later run.</summary>
public sealed class EarlierRunsTests(SmallHouse house) : IClassFixture<SmallHouse>
{
    private const string Released = "\"generator.safetensors\"", Limit = "\"maxRate\": 0.0001";

    private const string Waivers =
        "\"waivers\": [{ \"rule\": \"ban/maxRate\", \"reason\": \"r\", \"approvedBy\": \"a\", \"expires\": \"2999-01-01\" }], ";

    [Fact]
    public void Govern_GeneratorOfAnEarlierRun_KeepsItsLimits()
    {
        // The first request: its file says what it must never emit again.
        var first = Govern("first", Limit, "generator.safetensors");
        Assert.Equal(0, first.ExitCode);
        Assert.Equal(["first"], RunsOf("first").Select(run => run.Policy));
        Assert.Null(Record("first").EarlierRuns);

        // The second one may not allow more. Nothing is measured, and the message says what to write.
        var lax = Govern("lax", "\"maxRate\": 0.5", "out/first/first.safetensors");
        Assert.Equal(2, lax.ExitCode);
        Assert.Contains("error ATU1152", lax.Errors, StringComparison.Ordinal);
        Assert.Contains(
            "the earlier run 'first' limited 'ban', and 'maxRate' of 'ban' must be 0.0001 or less", lax.Errors,
            StringComparison.Ordinal);
        Assert.False(File.Exists(Out("lax", "run.json")));

        // policy check says so before.
        var check = Atu.Run("policy", "check", house.At("lax.json"));
        Assert.Equal(0, check.ExitCode);
        Assert.Contains("warning ATU1152", check.Errors, StringComparison.Ordinal);

        // It keeps them, and the next file names both runs. The record can be verified.
        var second = Govern("second", Limit, "out/first/first.safetensors");
        Assert.Equal(0, second.ExitCode);
        Assert.Equal(["first", "second"], RunsOf("second").Select(run => run.Policy));
        Assert.Equal(["first"], Record("second").EarlierRuns!.Select(run => run.Policy));
        Assert.Contains(
            Record("second").Remarks!,
            remark => remark.Text == "earlier runs trained it, and this policy keeps their limits: 'first'");
        Assert.Equal(0, Atu.Run("verify", Out("second", "run.json")).ExitCode);
    }

    [Fact]
    public void Govern_PolicyDropsEarlierRules_WarnsBesideTheVerdict()
    {
        Assert.Equal(0, Govern("kept", Limit, "generator.safetensors").ExitCode);

        var policy = Policy("dropped", "\"maxRate\": 0.9", "out/kept/kept.safetensors");
        Assert.Equal(0, Atu.Run(
            "govern", policy, "--set", "generator.dropEarlierRules=true", "--out", house.At("out"), "--threads", "1").ExitCode);
        Assert.Contains(
            Record("dropped").Warnings(),
            warning => warning.Contains("this policy drops their limits", StringComparison.Ordinal));
        Assert.Null(Record("dropped").EarlierRuns);
    }

    [Fact]
    public void Govern_ListIsDamaged_IsRefused()
    {
        Assert.Equal(0, Govern("whole", Limit, "generator.safetensors").ExitCode);
        var file = CheckpointFile.Open(Out("whole", "whole.safetensors"));
        SafetensorsFile.Rewrite(
            SafetensorsFile.Read(file), house.At("damaged.safetensors"), new Dictionary<string, TorchSharp.torch.Tensor>(),
            new Dictionary<string, string> { [SafetensorsFile.EarlierRunsKey] = "[{}]" });

        var damaged = Govern("damaged", Limit, "damaged.safetensors");

        Assert.Equal(2, damaged.ExitCode);
        Assert.Contains("error ATU1152", damaged.Errors, StringComparison.Ordinal);
        Assert.Contains(
            "names earlier runs whose limits must be kept, but the list in its metadata is damaged", damaged.Errors,
            StringComparison.Ordinal);
    }

    private IReadOnlyList<EarlierRun> RunsOf(string name) =>
        EarlierRun.Read(SafetensorsFile.Read(Out(name, name + ".safetensors")).Metadata[SafetensorsFile.EarlierRunsKey]);

    private RunRecord Record(string name) => RunRecordFile.Read(Out(name, "run.json"));

    private string Out(string name, string file) => Path.Combine(house.At("out"), name, file);

    private string Policy(string name, string limit, string generator) => house.Policy(
        name, limit, (Released, $"\"{generator}\""), ("\"evaluation\"", Waivers + "\"evaluation\""));

    private (int ExitCode, string Output, string Errors) Govern(string name, string limit, string generator) =>
        Atu.Run("govern", Policy(name, limit, generator), "--out", house.At("out"), "--threads", "1");
}
