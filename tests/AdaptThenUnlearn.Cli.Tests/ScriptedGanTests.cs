using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Tests.Checkpoints;
using AdaptThenUnlearn.Torch.Tests.Features;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>
/// TorchScript programs on the command line: run where a policy or an option names them, listed and refused everywhere else.
/// </summary>
public sealed class ScriptedGanTests(ScriptedHouse house) : IClassFixture<ScriptedHouse>
{
    private const string Generator = "\"generator\": { \"checkpoint\": \"generator.safetensors\" }";
    private const string Named =
        "\"generator\": { \"checkpoint\": \"g.pt\", \"format\": \"torchscript\", \"discriminator\": \"d.pt\" }";

    [Fact]
    public void Govern_EverythingIsAProgram_MeasuresItAndSaysThatItWasRun()
    {
        var policy = house.Policy(
            "scripted", edit:
            [
                (Generator, Named), (
                    "\"annotator.safetensors\"",
                    "\"annotator.pt\", \"format\": \"torchscript\", \"classes\": [\"plain\", \"banned\"]"),
                (
                    "\"quality\": { \"extractor\": \"auditor\", \"reference\": \"reference.safetensors\"",
                    "\"quality\": { \"extractor\": \"annotator\", \"reference\": \"original-generator\""),
            ]);
        var plain = house.Policy("plain", edit: (Generator, Named));

        var (exitCode, _, errors) = Atu.Run("govern", policy, "--no-train", "--out", house.At("out"), "--threads", "1");
        Assert.True(exitCode == 1, errors);   // it violates the policy, and nothing is trained
        Assert.Equal(1, Atu.Run("govern", plain, "--no-train", "--out", house.At("out"), "--threads", "1").ExitCode);

        Assert.Contains(
            "| Programs run | generator, discriminator, classifier annotator (TorchScript, by libtorch's interpreter) |",
            File.ReadAllText(house.At("out/scripted/report.md")),
            StringComparison.Ordinal);
        Assert.Contains(
            "| Programs run | generator, discriminator (TorchScript",
            File.ReadAllText(house.At("out/plain/report.md")),
            StringComparison.Ordinal);
        Assert.Equal(File.ReadAllBytes(house.At("g.pt")), File.ReadAllBytes(house.At("out/scripted/scripted.rejected.pt")));
    }

    [Fact]
    public void Govern_ProgramThatIsNotNamed_IsOneErrorThatNamesTheChoice()
    {
        var (exitCode, _, errors) =
            Atu.Run("govern", house.Policy("unnamed", edit: ("\"generator.safetensors\"", "\"g.pt\"")), "--out", house.At("out"));

        Assert.Equal(3, exitCode);
        Assert.Contains("ATU2001", errors, StringComparison.Ordinal);
        Assert.Contains(
            "g.pt: is a TorchScript program, and to use it is to run it; if you trust it, name the format ('torchscript')",
            errors,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Govern_FrozenProgram_IsToldToBeExportedAnewBeforeAnythingIsTrained()
    {
        ScriptedProgram.Write(
            house.At("frozen.pt"),
            "  def forward(self: __torch__.Program, z: Tensor) -> Tensor:\n    return torch.tanh(torch.view(torch.repeat(z, "
                + "[1, 32]), [-1, 1, 16, 16]))");
        var policy = house.Policy(
            "frozen",
            "\"maxRate\": 0.0000001",
            (Generator, Named.Replace("\"g.pt\"", "\"frozen.pt\", \"latentSize\": 8", StringComparison.Ordinal)));

        var (exitCode, _, errors) = Atu.Run("govern", policy, "--out", house.At("out"), "--threads", "1");

        Assert.Equal(2, exitCode);
        Assert.Contains("frozen.json(4,", errors, StringComparison.Ordinal);
        Assert.Contains("ATU1007: $.generator.checkpoint: the program ", errors, StringComparison.Ordinal);
        Assert.Contains("frozen.pt has no parameters to train: torch.jit.freeze", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Govern_ProgramWithoutDiscriminator_IsToldThatNoneCanBeMade()
    {
        var policy = house.Policy(
            "alone",
            "\"maxRate\": 0.0000001",
            (Generator, Named.Replace(", \"discriminator\": \"d.pt\"", "", StringComparison.Ordinal)));

        var (exitCode, _, errors) = Atu.Run("govern", policy, "--out", house.At("out"), "--threads", "1");

        Assert.Equal(2, exitCode);
        Assert.Contains(
            "ATU1007: $.generator.discriminator: a TorchScript generator needs a TorchScript discriminator to be trained",
            errors,
            StringComparison.Ordinal);
    }

    [Fact]
    public void InspectAndSample_Program_ListOneAndRunTheOther()
    {
        var inspected = Atu.Run("inspect", house.At("g.pt"), "--tensors");
        Assert.True(inspected.ExitCode == 0, inspected.Errors);
        Assert.Contains("It is a TorchScript program; nothing of it was run.", inspected.Output, StringComparison.Ordinal);
        Assert.Contains("main.3.weight", inspected.Output, StringComparison.Ordinal);

        Assert.Equal(3, Atu.Run("sample", house.At("g.pt"), "--npy", house.At("images.npy")).ExitCode);
        var sampled = Atu.Run(
            "sample", house.At("g.pt"), "--npy", house.At("images.npy"), "--format", "torchscript", "--latent-size", "8",
            "--count", "3");
        Assert.True(sampled.ExitCode == 0, sampled.Errors);
        Assert.True(File.Exists(house.At("images.npy")));
    }

    [Fact]
    public void Label_Program_NeedsTheFeaturesOfAClassifier()
    {
        var folder = house.At("labels");
        LabelSheetFile.Write(Path.Combine(folder, "labels.json"), new LabelSheet(
            LabelSheet.CurrentSchemaVersion, "odd", CheckpointDigest.Compute(house.At("g.pt")), Seed: 1, new(Enumerable.Range(
                0, 40).ToDictionary(image => image, image => image % 3 == 0))));
        string[] arguments =
        [
            "label", house.At("g.pt"), "--format", "torchscript", "--latent-size", "8", "--feature", "odd",
            "--out", folder, "--count", "40", "--train-only", "--keep-useless", "--threads", "1"
        ];

        var refused = Atu.Run(arguments);
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains("name a classifier of such images with --features", refused.Errors, StringComparison.Ordinal);

        var (exitCode, output, errors) = Atu.Run([.. arguments, "--features", house.At("annotator.safetensors")]);
        Assert.True(exitCode == 0, errors);
        Assert.Contains("odd.safetensors: finds ", output, StringComparison.Ordinal);
    }

    // Rows that are for other generators show before hours are spent on those that are not.
    [Fact]
    public void Compare_RowThatTheGeneratorIsNotFor_IsRefusedBeforeAnyRun()
    {
        var policy = house.Policy("compared", edit: (Generator, Named));
        string[] command =
        [
            "compare", policy, "--methods", "default,paper-el2", "--out", house.At("compared"),
            "--work", house.At("compared-runs")
        ];

        var (exitCode, _, errors) = Atu.Run(command);

        Assert.Equal(2, exitCode);
        Assert.Contains(
            "generator has no styles whose path length could be regularised; set it to 0 (needed for the run paper-el2, class "
                + "banned, seed 1; set a value over every run with --set, or leave the row out",
            errors,
            StringComparison.Ordinal);
        Assert.False(Directory.Exists(house.At("compared-runs")));
        Assert.Contains(
            "'retrain' cannot train a ",
            Atu.Run([.. command, "--methods", "retrain", "--data", house.At(".")]).Errors,
            StringComparison.Ordinal);
        Assert.Contains(
            "--classes A,a: their runs would have the same names",
            Atu.Run([.. command, "--classes", "A,a"]).Errors,
            StringComparison.Ordinal);
    }
}

/// <summary>
/// A <see cref="SmallHouse"/> whose generator, discriminator and annotator are there as TorchScript programs too.
/// </summary>
public sealed class ScriptedHouse : IDisposable
{
    private readonly SmallHouse _house = new();

    public ScriptedHouse()
    {
        using var turn = SmallHouse.Randomness.EnterScope();
        using var networks = ForeignFiles.Gan("dcgan");
        networks.Generator.eval();
        networks.Discriminator.eval();
        _house.Furnish(networks.Generator);
        ScriptedGans.WriteGenerator(At("g.pt"), networks);
        ScriptedGans.WriteDiscriminator(At("d.pt"), networks);
        using var annotator = ClassifierCheckpoint
            .Load(At("annotator.safetensors"), sha256: null, classes: null, TorchSharp.torch.CPU);
        ScriptedGans.WriteClassifier(At("annotator.pt"), annotator.Classifier);
    }

    public string At(string name) => _house.At(name);

    public string Policy(string name, string limits = "\"maxRate\": 0.001", params (string From, string To)[] edit) =>
        _house.Policy(name, limits, edit);

    public void Dispose() => _house.Dispose();
}
