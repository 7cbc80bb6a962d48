using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Checkpoints;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>
/// A generator has the name under which it is released only where its run's verdict is a pass; nothing of another run stays.
/// </summary>
public sealed class RejectedGeneratorTests(SmallHouse house) : IClassFixture<SmallHouse>
{
    private const string Waivers =
        "\"waivers\": [{ \"rule\": \"ban/maxRate\", \"reason\": \"r\", \"approvedBy\": \"a\", \"expires\": \"2999-01-01\" }], ";

    [Fact]
    public void Govern_VerdictTurns_LeavesOnlyTheFileOfTheLastOne()
    {
        const string Lenient = "\"maxRate\": 0.9", Strict = "\"maxRate\": 0.001";

        // Failed without training, in both modes: the input's weights, and metadata that say so.
        Assert.Equal(1, Govern("turning", Strict, "--no-train"));
        IsRejected("turning", "failed");
        Assert.Equal(0, Govern("turning", Strict, "--no-train", "--advisory"));
        IsRejected("turning", "failed");

        // Passed: the input, byte for byte.
        Assert.Equal(0, Govern("turning", Lenient));
        IsReleased("turning");
        Assert.Equal(File.ReadAllBytes(house.At("generator.safetensors")), File.ReadAllBytes(Out("turning.safetensors")));

        // Failed after training; the weights are those that were measured.
        Assert.Equal(1, Govern("turning", Strict));
        var record = IsRejected("turning", "failed");
        Assert.NotNull(record.Training);
        Assert.Equal(1, Atu.Run("verify", Out("run.json")).ExitCode);

        Assert.Equal(0, Govern("turning", Lenient));
        IsReleased("turning");

        string Out(string file) => Path.Combine(house.At("out"), "turning", file);
    }

    [Fact]
    public void Govern_TrainedAndWaived_IsReleasedAsItWasMeasured()
    {
        Assert.Equal(0, Govern("let-through", "\"maxRate\": 0.0001", edit: ("\"evaluation\"", Waivers + "\"evaluation\"")));

        var record = IsReleased("let-through");
        Assert.NotNull(record.Training);
        Assert.Equal(record.After!.GeneratorSha256, record.Outputs.Single(file => file.Role == OutputRoles.Artifact).Sha256);
    }

    // Neither while it trains nor after it was killed does anything lie under the released name, also not an earlier run's.
    [Fact]
    public void Govern_KilledAndResumed_HasNoReleasedFileUntilItPasses()
    {
        Assert.Equal(0, Govern("killed", "\"maxRate\": 0.9"));
        IsReleased("killed");
        var policy = house.Policy(
            "killed",
            "\"maxRate\": 0.0001",
            ("\"evaluation\"", Waivers + "\"evaluation\""), ("\"steps\": 40", "\"steps\": 400"));
        var state = Path.Combine(house.At("out"), "killed", "state", "unlearning.safetensors");
        using (var atu = Atu.Start("govern", policy, "--out", house.At("out"), "--threads", "1"))
        {
            while (!atu.HasExited && !File.Exists(state))
                Thread.Sleep(1);
            Assert.True(!File.Exists(state) || Generators("killed").Length == 0);
            atu.Kill();
            Assert.SkipUnless(atu.Finish().ExitCode != 0, "it ended before it could be killed");
        }

        Assert.DoesNotContain("killed.safetensors", Generators("killed"));
        Assert.Equal(0, Atu.Run("govern", policy, "--resume", "--out", house.At("out"), "--threads", "1").ExitCode);
        IsReleased("killed");
    }

    // The checkpoint may have had another ending, and so the file that was released.
    [Fact]
    public void Govern_CheckpointOfAnotherEnding_LeavesNoFileOfTheEarlierOne()
    {
        File.Copy(house.At("generator.safetensors"), house.At("generator.weights"), overwrite: true);
        var other = ("\"generator.safetensors\"", "\"generator.weights\"");
        Assert.Equal(0, Govern("renamed", "\"maxRate\": 0.9", edit: other));
        Assert.Equal(["renamed.weights"], Generators("renamed"));

        Assert.Equal(1, Govern("renamed", "\"maxRate\": 0.001", "--no-train"));
        IsRejected("renamed", "failed");
    }

    // The next run never begins: a reader who looks into the folder finds neither its verdict nor its name on a generator.
    [Theory]
    [InlineData("wrong value", "\"name\"", "\"nam\"")]
    [InlineData("no json", "{", "")]
    [InlineData("missing file", null, null)]
    [InlineData("wrong device", "", "", "--device", "tpu:9")]
    [InlineData("bad override", "", "", "--set", "evaluation")]
    public void Govern_NextRunNeverBegins_NothingIsReleasedAndNothingIsLost(
        string fault, string? from, string? to, params string[] more)
    {
        var name = "never-" + fault.Replace(' ', '-');
        Assert.Equal(0, Govern(name, "\"maxRate\": 0.9"));
        var released = File.ReadAllBytes(house.At($"out/{name}/{name}.safetensors"));
        var policy = house.Policy(name, "\"maxRate\": 0.5");
        if (from is null)
            File.Delete(policy);
        else if (from.Length > 0)
            File.WriteAllText(policy, File.ReadAllText(policy).Replace(from, to!, StringComparison.Ordinal));

        Assert.NotEqual(0, Atu.Run(["govern", policy, "--out", house.At("out"), .. more]).ExitCode);

        var folder = Path.Combine(house.At("out"), name);
        Assert.Equal([$"{name}.safetensors.earlier"], Generators(name));
        Assert.Equal(released, File.ReadAllBytes(Path.Combine(folder, $"{name}.safetensors.earlier")));
        Assert.False(File.Exists(Path.Combine(folder, "run.json")));
        Assert.False(File.Exists(Path.Combine(folder, "images", "before-after.png")));

        // The next run that begins leaves its own files only.
        Assert.Equal(0, Govern(name, "\"maxRate\": 0.9"));
        IsReleased(name);
    }

    // What was rejected can be governed again: the file of this run says nothing of the earlier verdict.
    [Fact]
    public void Govern_RejectedFileAsInput_IsNotedAndNotCarriedOn()
    {
        Assert.Equal(1, Govern("first-try", "\"maxRate\": 0.001", "--no-train"));
        var policy = house.Policy(
            "second-try",
            "\"maxRate\": 0.0001",
            ("\"generator.safetensors\"", "\"out/first-try/first-try.rejected.safetensors\""),
            ("\"evaluation\"", Waivers + "\"evaluation\""));
        Assert.Equal(0, Atu.Run("govern", policy, "--out", house.At("out"), "--threads", "1").ExitCode);

        var record = IsReleased("second-try");
        Assert.Contains(record.Remarks!, remark => remark.Text.Contains("an earlier run rejected it", StringComparison.Ordinal));
        var released = SafetensorsFile.Read(Path.Combine(house.At("out"), "second-try", "second-try.safetensors"));
        Assert.DoesNotContain(SafetensorsFile.VerdictKey, released.Metadata.Keys);
    }

    private RunRecord IsReleased(string name)
    {
        Assert.Equal([name + ".safetensors"], Generators(name));
        var (record, file) = Judged(name);
        Assert.Equal((OutputRoles.Artifact, name + ".safetensors"), (file.Role, file.Path));
        Assert.Equal((record.After ?? record.Before).GeneratorSha256, file.Sha256);
        return record;
    }

    private RunRecord IsRejected(string name, string verdict)
    {
        Assert.Equal([name + ".rejected.safetensors"], Generators(name));
        var (record, file) = Judged(name);
        Assert.Equal((OutputRoles.Rejected, name + ".rejected.safetensors"), (file.Role, file.Path));
        var path = Path.Combine(house.At("out"), name, file.Path);
        Assert.Equal(Sha256Digest.FindAt(path), file.Sha256);
        Assert.Equal(verdict, SafetensorsFile.Read(path).Metadata[SafetensorsFile.VerdictKey]);
        return record;
    }

    private (RunRecord Record, OutputFile File) Judged(string name)
    {
        var record = RunRecordFile.Read(Path.Combine(house.At("out"), name, "run.json"));
        return (record, record.Outputs.Single(file => OutputRoles.IsGenerator(file.Role)));
    }

    private string[] Generators(string name) =>
    [
        .. Directory.EnumerateFiles(Path.Combine(house.At("out"), name), name + ".*").Select(file => Path.GetFileName(file))
    ];

    private int Govern(string name, string limit, params string[] more) => Govern(name, limit, edit: null, more);

    private int Govern(string name, string limit, (string From, string To)? edit, params string[] more) => Atu.Run([
        "govern", house.Policy(name, limit, edit is { } change ? [change] : []), "--out", house.At("out"), "--threads", "1",
        .. more
    ]).ExitCode;
}
