using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Tests;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>A generator goes on in the regime of its training: its file says it, the policy says <c>as-trained</c>.</summary>
public sealed class AsTrainedTests : IDisposable
{
    private const string Word = "unlearning.adversarial=as-trained", ByHand =
        "unlearning.adversarial={ \"r1Weight\": 3.5, \"r1Every\": 16, \"pathLengthWeight\": 1.5, \"pathLengthEvery\": 4, "
            + "\"styleMixing\": 0.25 }";

    private readonly SmallHouse _house = new();

    public void Dispose() => _house.Dispose();

    [Fact]
    public void Govern_PretrainedFile_GoesOnInItsRegime()
    {
        // Pre-train, and see the regime in the file.
        LabelledPictures.Write(_house.At("images"), count: 12);
        Run(
            0, "pretrain", "--data", _house.At("images"), "--out", _house.At("own.safetensors"), "--channels", "8", "6", "4",
            "--steps", "3", "--decay", "1", "--r1", "3.5", "--path-length", "1.5", "--style-mixing", "0.25", "--threads", "1");
        var shown = Run(0, "inspect", _house.At("own.safetensors")).Output;
        Assert.Matches(@"metadata training\.r1Weight +3\.5\b", shown);
        Assert.Matches(@"metadata training\.styleMixing +0\.25\b", shown);
        using (var own = GeneratorCheckpoint.Load(
            _house.At("own.safetensors"), "auto", null, null, CPU))
            _house.Furnish(own.Generator);

        // Unlearn it with these terms, and with the same ones by hand: the same weights. Other terms give others.
        var policy = _house.Policy("regime", edit: ("\"generator.safetensors\"", "\"own.safetensors\""));
        Run(0, "policy", "check", policy, "--set", Word);
        var asTrained = Govern(policy, "as-trained", Word);
        var byHand = Govern(policy, "by-hand", ByHand);
        var preset = Govern(policy, "preset");
        var terms = new AdversarialOptions(3.5, 16, 1.5, 4, 0.25);
        Assert.True(asTrained.Policy.Unlearning.Adversarial.IsAsTrained);
        Assert.Equal(terms, asTrained.Training!.Adversarial);
        Assert.Equal(terms, byHand.Policy.Unlearning.Adversarial);
        Assert.Null(byHand.Training!.Adversarial);
        Assert.Equal(Weights(Artifact(byHand, "by-hand")), Weights(Artifact(asTrained, "as-trained")));
        Assert.NotEqual(Weights(Artifact(preset, "preset")), Weights(Artifact(asTrained, "as-trained")));

        // The record holds, and the next run can go on from the artifact, whose file says the regime too.
        var verified = Atu.Run("verify", _house.At("as-trained/regime/run.json"));
        Assert.True(verified.ExitCode == (asTrained.Verdict.Passed ? 0 : 1), verified.Errors);
        Assert.DoesNotContain("training terms", verified.Errors, StringComparison.Ordinal);
        RunRecordFile.Write(
            _house.At("as-trained/regime/run.json"),
            asTrained with { Training = asTrained.Training with { Adversarial = terms with { R1Weight = 4 } } });
        Assert.Contains(
            "the recorded training terms are not those in the metadata of the generator's file",
            Atu.Run("verify", _house.At("as-trained/regime/run.json")).Errors,
            StringComparison.Ordinal);
        Assert.Equal(terms, RegimeOf(Artifact(asTrained, "as-trained")).Terms);
        Assert.Equal(new AdversarialOptions(2, 16, 0, 4, 0), RegimeOf(Artifact(preset, "preset")).Terms);
        File.Copy(Artifact(asTrained, "as-trained"), _house.At("next.safetensors"));
        var next = _house.Policy("regime", edit: ("\"generator.safetensors\"", "\"next.safetensors\""));
        Assert.DoesNotContain("ATU1160", Run(0, "policy", "check", next, "--set", Word).Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Govern_KilledAndResumed_GoesOnInTheSameRegime()
    {
        var terms = new AdversarialOptions(1, 8, 0, 4, 0.5);
        SafetensorsFile.Rewrite(
            SafetensorsFile.Read(_house.At("generator.safetensors")), _house.At("own.safetensors"),
            new Dictionary<string, Tensor>(), TrainedRegime.Write(terms));
        var policy = _house.Policy(
            "regime", edit: [("\"generator.safetensors\"", "\"own.safetensors\""), ("\"steps\": 40", "\"steps\": 60")]);
        var whole = Govern(policy, "whole", Word);

        var state = _house.At("killed/regime/state/adaptation-1.safetensors");
        using (var atu = Atu.Start("govern", policy, "--set", Word, "--out", _house.At("killed"), "--threads", "1"))
        {
            while (!atu.HasExited && !File.Exists(state))
                Thread.Sleep(1);
            atu.Kill();
            Assert.NotEqual(0, atu.Finish().ExitCode);
        }

        Assert.True(File.Exists(state));
        var resumed = Govern(policy, "killed", Word, resume: true);

        Assert.Equal(terms, resumed.Training!.Adversarial);
        Assert.Equal(File.ReadAllBytes(Artifact(whole, "whole")), File.ReadAllBytes(Artifact(resumed, "killed")));
    }

    [Fact]
    public void Govern_FileWithoutTheRegime_IsRefusedBeforeAnythingIsMeasured()
    {
        var policy = _house.Policy("unknown");

        var (exitCode, output, errors) = Atu.Run("govern", policy, "--set", Word, "--out", _house.At("out"), "--threads", "1");

        Assert.Equal(2, exitCode);
        Assert.Contains("error ATU1160", errors, StringComparison.Ordinal);
        Assert.Contains("$.unlearning.adversarial: is 'as-trained', but the generator's file", errors, StringComparison.Ordinal);
        Assert.Contains(
            "its metadata lack training.r1Weight, training.r1Every, training.pathLengthWeight, training.pathLengthEvery, "
                + "training.styleMixing",
            errors,
            StringComparison.Ordinal);
        Assert.DoesNotContain("measuring before", output + errors, StringComparison.Ordinal);
        Assert.False(File.Exists(_house.At("out/unknown/run.json")));
        Assert.Contains("warning ATU1160", Run(0, "policy", "check", policy, "--set", Word).Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("ATU1160", Run(0, "policy", "check", policy).Errors, StringComparison.Ordinal);

        // Nothing is trained here, so that nothing has to be known.
        Atu.Run("govern", policy, "--no-train", "--set", Word, "--out", _house.At("out"), "--threads", "1");
        Assert.True(File.Exists(_house.At("out/unknown/run.json")));
    }

    private RunRecord Govern(string policy, string folder, string? setting = null, bool resume = false)
    {
        List<string> arguments = ["govern", policy, "--out", _house.At(folder), "--threads", "1"];
        arguments.AddRange(setting is null ? [] : ["--set", setting]);
        arguments.AddRange(resume ? ["--resume"] : []);
        var run = Atu.Run([.. arguments]);
        Assert.True(run.ExitCode is 0 or 1, run.Errors);
        return RunRecordFile.Read(_house.At(Path.Combine(folder, "regime", "run.json")));
    }

    private string Artifact(RunRecord record, string folder) => _house.At(
        Path.Combine(folder, "regime", record.Outputs.Single(output => OutputRoles.IsGenerator(output.Role)).Path));

    // The bytes of all tensors: what follows the header, whose length is in the first eight bytes.
    private static byte[] Weights(string path)
    {
        var bytes = File.ReadAllBytes(path);
        return bytes[(8 + (int)BitConverter.ToInt64(bytes, 0))..];
    }

    private static TrainedRegime RegimeOf(string path) => TrainedRegime.Read(SafetensorsFile.Read(path).Metadata);

    private static (int ExitCode, string Output, string Errors) Run(int expected, params string[] arguments)
    {
        var run = Atu.Run(arguments);
        Assert.True(run.ExitCode == expected, run.Errors);
        return (run.ExitCode, run.Output, run.Errors);
    }
}
