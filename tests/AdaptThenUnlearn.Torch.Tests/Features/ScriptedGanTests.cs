using System.IO.Compression;
using System.Text;
using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Tests.Checkpoints;
using AdaptThenUnlearn.Torch.Training;
using AdaptThenUnlearn.Torch.Unlearning;
using static AdaptThenUnlearn.Torch.Tests.Features.ScriptedProgram;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Features;

/// <summary>
/// GANs and classifiers that are TorchScript programs: they compute, train and are given back as networks built here are, and are
/// run only where they are named.
/// </summary>
public sealed class ScriptedGanTests : IDisposable
{
    private const string Raises = """
          def forward(self: __torch__.Program, z: Tensor) -> Tensor:
            ops.prim.RaiseException("it ran")
            return z
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("atu-scripted-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Load_GeneratorAndDiscriminator_ComputeWhatTheSameNetworksDo()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var native = Native();
        using var scripted = Scripted(native);
        var (latents, images) = (randn(4, 8), randn(4, 1, 16, 16));

        Assert.Equal(
            ("torchscript", "torchscript", new ImageShape(1, 16), 8),
            (scripted.Architecture, scripted.Format, scripted.Generator.Shape, scripted.Generator.LatentSize));
        Assert.Equal(
            Small.Bytes(native.Generator.Generate(latents, null)), Small.Bytes(scripted.Generator.Generate(latents, null)));
        Assert.Equal(Small.Bytes(native.Discriminator.Score(images)), Small.Bytes(scripted.Discriminator!.Score(images)));
        Assert.Equal([4, 1], scripted.Discriminator.Score(images).shape);
    }

    [Fact]
    public void Train_ManySteps_GoesAsWithTheSameNetworksAndLeavesNothingBehind()
    {
        using var native = Native();
        using var loaded = Scripted(native);
        using var scripted = new GanPair(loaded.Generator, loaded.Discriminator!).Copy();
        using var images = Small.Images();
        var settings = Small.Options.TrainingSettings(0.01) with { R1Every = 2, R1Weight = 3 };
        var running = Small.Bytes(scripted.Generator.state_dict()["main.1.running_mean"]);
        using var theirs =
            new AdversarialTrainer(native.Generator, native.Discriminator, settings, new RandomStreams(1, "scripted"));
        using var ours =
            new AdversarialTrainer(scripted.Generator, scripted.Discriminator, settings, new RandomStreams(1, "scripted"));
        List<long> live = [];
        for (var step = 1; step <= 6; step++)
        {
            Assert.Equal(theirs.Step(step, images), ours.Step(step, images));
            live.Add(Small.LiveTensors());
        }

        Assert.Equal(Small.Bytes(theirs.Generator.Values), Small.Bytes(ours.Generator.Values));
        Assert.Equal(Small.Bytes(theirs.Discriminator.Values), Small.Bytes(ours.Discriminator.Values));
        Assert.Equal(running, Small.Bytes(scripted.Generator.state_dict()["main.1.running_mean"]));
        Assert.All(live[2..], count => Assert.Equal(live[1], count));
    }

    [Fact]
    public void R1_ThroughAProgram_HasTheGradientOfTheSameNetwork()
    {
        using var scope = NewDisposeScope();
        using var native = Native();
        using var scripted = Scripted(native);
        var images = randn(5, 1, 16, 16);
        using var theirs = new ParameterVector(native.Discriminator) { RequiresGradient = true };
        using var ours = new ParameterVector(scripted.Discriminator!) { RequiresGradient = true };

        Losses.R1(native.Discriminator, images).backward();
        Losses.R1(scripted.Discriminator!, images).backward();

        Assert.Equal(Small.Bytes(theirs.Gradients), Small.Bytes(ours.Gradients));
        Assert.NotEqual(0, ours.Gradients.abs().sum().item<float>());
    }

    [Fact]
    public void Copy_OfTrainedNetworks_HasTheirWeightsAndSharesNothing()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var native = Native();
        using var scripted = Scripted(native);
        var latents = randn(4, 8);
        foreach (var parameter in scripted.Generator.parameters())
            parameter.add_(0.125f);
        var before = Small.Bytes(scripted.Generator.Generate(latents, null));

        using var copy = scripted.Generator.Copy();
        var copied = Small.Bytes(copy.Generate(latents, null));
        foreach (var parameter in copy.parameters())
            parameter.zero_();

        Assert.Equal(before, copied);
        Assert.Equal(before, Small.Bytes(scripted.Generator.Generate(latents, null)));
    }

    [Fact]
    public void Discriminator_TrainedAndEvaluated_SwitchesItsNormalisation()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var native = Native();
        using var scripted = Scripted(native);
        var images = randn(4, 1, 16, 16);
        var evaluated = Small.Bytes(scripted.Discriminator!.Score(images));

        scripted.Discriminator.train();
        native.Discriminator.train();
        var (trained, expected) =
            (Small.Bytes(scripted.Discriminator.Score(images)), Small.Bytes(native.Discriminator.Score(images)));
        using var again = scripted.Discriminator.Copy();
        scripted.Discriminator.eval();
        native.Discriminator.eval();

        Assert.Equal(expected, trained);
        Assert.NotEqual(evaluated, trained);
        // Both now use the statistics of that batch.
        Assert.Equal(Small.Bytes(native.Discriminator.Score(images)), Small.Bytes(scripted.Discriminator.Score(images)));
        Assert.Equal(Small.Bytes(native.Discriminator.Score(images)), Small.Bytes(again.Score(images)));   // which a copy has too
    }

    [Fact]
    public void LatentSize_NoneFits_SaysWhatWasWrong()
    {
        using var some = ones(3, 5);
        Write(
            At("g.pt"),
            "  def forward(self: __torch__.Program, z: Tensor) -> Tensor:\n    return torch.linear(z, torch.ones([4, 7]))",
            [new ScriptedWeight("w", some, IsParameter: true)]);

        Refuses(
            () => GeneratorCheckpoint.Load(At("g.pt"), "torchscript", null, null, CPU),
            "takes latents of none of the sizes that its weights have; with the last, it cannot be run on [2, 5]: mat1 and mat2",
            "\"latentSize\"");
    }

    [Fact]
    public void Copy_AgainAndAgain_LeavesNothingBehind()
    {
        using var native = Native();
        using var scripted = Scripted(native);
        List<long> live = [];
        for (var round = 0; round < 4; round++)
        {
            using (new GanPair(scripted.Generator, scripted.Discriminator!).Copy())
                Assert.NotEmpty(scripted.Generator.parameters());
            live.Add(Small.LiveTensors());
        }

        Assert.All(live[1..], count => Assert.Equal(live[0], count));
    }

    [Fact]
    public void SaveLike_Untouched_GivesTheSameBytesAndTrainedOthersInTheirPlaces()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var native = Native();
        using var loaded = Scripted(native);
        using var changed = new GanPair(loaded.Generator, loaded.Discriminator!).Copy();

        GeneratorCheckpoint
            .SaveInFormatOf(CheckpointFile.Open(At("g.pt")), loaded, At("same.pt"), changed, new Dictionary<string, string>());
        foreach (var parameter in changed.Generator.parameters())
            parameter.add_(0.125f);
        GeneratorCheckpoint
            .SaveInFormatOf(CheckpointFile.Open(At("g.pt")), loaded, At("changed.pt"), changed, new Dictionary<string, string>());

        Assert.Equal(File.ReadAllBytes(At("g.pt")), File.ReadAllBytes(At("same.pt")));
        using var again = GeneratorCheckpoint.Load(At("changed.pt"), "torchscript", null, null, CPU);
        var latents = randn(4, 8);
        Assert.Equal(
            Small.Bytes(changed.Generator.Generate(latents, null)), Small.Bytes(again.Generator.Generate(latents, null)));
        var (before, after) = (Entries(At("g.pt")), Entries(At("changed.pt")));   // unpacked, so that checksums are compared too
        var parameters = native.Generator.named_parameters().Count();
        Assert.Equal(before.Keys, after.Keys);
        Assert.Equal(parameters, before.Keys.Count(name => !before[name].SequenceEqual(after[name])));
        Assert.All(
            before.Keys.Where(name => !name.StartsWith("program/data/", StringComparison.Ordinal)),
            name => Assert.Equal(before[name], after[name]));
    }

    [Fact]
    public void SaveLike_ArchiveOfLibtorchsOwnWriter_IsReadTrainedAndGivenBackInPlace()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var native = Native();
        ScriptedGans.WriteGenerator(At("g.pt"), native);
        using (var program = jit.load(At("g.pt")))
            jit.save(program, At("theirs.pt"));
        using var loaded = GeneratorCheckpoint.Load(At("theirs.pt"), "torchscript", null, null, CPU);
        using var changed = new GanPair(loaded.Generator.Copy(), native.Discriminator.Copy());
        var latents = randn(4, 8);

        GeneratorCheckpoint.SaveInFormatOf(
            CheckpointFile.Open(At("theirs.pt")), loaded, At("same.pt"), changed, new Dictionary<string, string>());
        foreach (var parameter in changed.Generator.parameters())
            parameter.add_(0.125f);
        GeneratorCheckpoint.SaveInFormatOf(
            CheckpointFile.Open(At("theirs.pt")), loaded, At("changed.pt"), changed, new Dictionary<string, string>());
        using var again = GeneratorCheckpoint.Load(At("changed.pt"), "torchscript", null, null, CPU);

        Assert.Equal(
            native.Generator.state_dict().Keys.Order(StringComparer.Ordinal),
            CheckpointFormats
                .Read(At("theirs.pt"), "torchscript").Tensors
                .Select(tensor => tensor.Name)
                .Order(StringComparer.Ordinal));
        Assert.Equal(
            Small.Bytes(native.Generator.Generate(latents, null)), Small.Bytes(loaded.Generator.Generate(latents, null)));
        Assert.Null(((IScriptedNetwork)loaded.Generator).Program.WhyNotTrainable());
        Assert.Equal(File.ReadAllBytes(At("theirs.pt")), File.ReadAllBytes(At("same.pt")));
        Assert.Equal(
            Small.Bytes(changed.Generator.Generate(latents, null)), Small.Bytes(again.Generator.Generate(latents, null)));
        Assert.Equal(
            Entries(At("theirs.pt")).Where(entry => !entry.Key.Contains("/data/", StringComparison.Ordinal)),
            Entries(At("changed.pt")).Where(entry => !entry.Key.Contains("/data/", StringComparison.Ordinal)));
    }

    [Fact]
    public void Generate_ProgramThatDrawsNoise_MakesTheSameImagesOfTheSameLatents()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var native = Native();
        Write(At("noisy.pt"), ScriptedGans.Generator.Replace(
            "return torch.tanh(x4)",
            "return torch.tanh(torch.add(x4, torch.randn_like(x4)))",
            StringComparison.Ordinal), Weights(native.Generator));
        using var noisy = GeneratorCheckpoint.Load(At("noisy.pt"), "torchscript", null, null, CPU);
        var latents = randn(4, 8);

        var first = Small.Bytes(noisy.Generator.Generate(latents, null));
        manual_seed(77);
        var again = Small.Bytes(noisy.Generator.Generate(latents, null));
        var others = noisy.Generator.Generate(zeros(4, 8), null);

        Assert.Equal(first, again);
        Assert.NotEqual(Small.Bytes(native.Generator.Generate(latents, null)), first);
        // One source is for the whole batch, so that its images differ.
        Assert.NotEqual(Small.Bytes(others[0]), Small.Bytes(others[1]));
    }

    [Theory]
    [InlineData("softmax")]
    [InlineData("sigmoid")]
    public void Classifier_Program_SeesWhatTheSameNetworkDoes(string outputs)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var native = Small.Classifier();
        ScriptedGans.WriteClassifier(At("c.pt"), native);
        using var loaded = ClassifierCheckpoint.Load(
            At("c.pt"), CheckpointDigest.Compute(At("c.pt")), ["plain", "banned"], CPU, outputs, "torchscript", Small.Shape);
        var images = randn(6, 1, 16, 16);

        var logits = native.Logits(native.Features(images));
        Assert.Equal(Small.Bytes(outputs == "sigmoid"
            ? logits.sigmoid()
            : logits.softmax(1)), Small.Bytes(loaded.Classifier.Probabilities(images)));
        Assert.Equal((2, CPU.ToString()), (loaded.Classifier.FeatureSize, loaded.Classifier.Device.ToString()));
        var rule = new FeatureRule(loaded.Classifier, "banned", Threshold: null);
        Assert.Equal([6], rule.Shows(loaded.Classifier.Logits(loaded.Classifier.Features(images))).shape);
    }

    [Fact]
    public void Classifier_OtherNumberOfOutputs_SaysWhatItMade()
    {
        using var native = Small.Classifier();
        ScriptedGans.WriteClassifier(At("c.pt"), native);

        Refuses(
            () => ClassifierCheckpoint.Load(At("c.pt"), null, ["a", "b", "c"], CPU, null, "torchscript", Small.Shape),
            "c.pt",
            "makes Float32 [2, 2] of images [2, 1, 16, 16]",
            "names 3 classes");
        Refuses(
            () => ClassifierCheckpoint.Load(At("c.pt"), null, ["a", "b"], CPU),
            "c.pt",
            "is a TorchScript program, and to use it is to run it",
            "'torchscript'");
    }

    [Theory]
    [InlineData("auto")]
    [InlineData("pytorch")]
    public void Load_ProgramThatIsNotNamed_IsRefusedAndNotRun(string format)
    {
        Write(At("raises.pt"), Raises);

        Refuses(
            () => GeneratorCheckpoint.Load(At("raises.pt"), format, null, null, CPU),
            "raises.pt",
            "to use it is to run it",
            "name the format ('torchscript')",
            "torch.save(module.state_dict()");
        Refuses(
            () => GeneratorCheckpoint.Load(At("raises.pt"), "torchscript", null, null, CPU, latentSize: 8),
            "cannot be run on [2, 8]: it ran");
    }

    [Fact]
    public void Load_OtherDigestThanPinned_IsRefusedBeforeAnythingRuns()
    {
        Write(At("raises.pt"), Raises);

        Refuses(
            () => GeneratorCheckpoint.Load(At("raises.pt"), "torchscript", new string('0', 64), null, CPU, latentSize: 8),
            "is pinned");
        Refuses(
            () => ClassifierCheckpoint.Load(At("raises.pt"), new string('0', 64), ["a"], CPU, null, "torchscript", Small.Shape),
            "is pinned");
    }

    [Fact]
    public void Inspect_Program_ListsItsWeightsAndRunsNothing()
    {
        using var native = Native();
        Write(At("raises.pt"), Raises, Weights(native.Generator));

        var found = Inspection.Inspect(At("raises.pt"));

        Assert.Equal(("torchscript", null), (found.Format, found.Generator));
        Assert.Equal(
            native.Generator.state_dict().Keys.Order(StringComparer.Ordinal),
            CheckpointFormats
                .Read(At("raises.pt"), "torchscript").Tensors
                .Select(tensor => tensor.Name)
                .Order(StringComparer.Ordinal));
        Assert.Contains(found.Notes, note => note.Contains(
            "TorchScript program", StringComparison.Ordinal) && note.Contains("nothing of it was run", StringComparison.Ordinal));
    }

    [Fact]
    public void LatentSize_SeveralFit_IsAskedFor()
    {
        using var some = ones(3, 8);
        Write(
            At("any.pt"),
            $"""
              def forward(self: __torch__.Program, z: Tensor) -> Tensor:
                return torch.tanh(torch.mul(torch.view(torch.mean(z, [1]), [-1, 1, 1, 1]), torch.ones([1, 1, 16, 16])))
            """,
            [new ScriptedWeight("w", some, IsParameter: true)]);

        Refuses(
            () => GeneratorCheckpoint.Load(At("any.pt"), "torchscript", null, null, CPU),
            "takes latents of several sizes (3, 8)",
            "\"latentSize\"");
        using var loaded = GeneratorCheckpoint.Load(At("any.pt"), "torchscript", null, null, CPU, latentSize: 5);
        Assert.Equal(5, loaded.Generator.LatentSize);
    }

    [Fact]
    public void LatentSize_OnlyFitOrColumns_IsFound()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var native = Native();
        Write(
            At("columns.pt"),
            ScriptedGans.Generator.Replace("torch.unsqueeze(torch.unsqueeze(z, -1), -1)", "z", StringComparison.Ordinal),
            Weights(native.Generator));
        using var loaded = GeneratorCheckpoint.Load(At("columns.pt"), "torchscript", null, null, CPU);
        var latents = randn(3, 8);

        Assert.Equal(8, loaded.Generator.LatentSize);
        Assert.Equal(
            Small.Bytes(native.Generator.Generate(latents, null)), Small.Bytes(loaded.Generator.Generate(latents, null)));
        using var copy = loaded.Generator.Copy();
        Assert.Equal(Small.Bytes(native.Generator.Generate(latents, null)), Small.Bytes(copy.Generate(latents, null)));
    }

    [Theory]
    [InlineData(
        "z: Tensor, c: Tensor",
        "return z",
        "cannot be run on [2, 8]: forward() is missing value for argument 'c'",
        "its forward must turn latents, float32 [N, latent], into images")]
    [InlineData("z: Tensor", "return z", "makes Float32 [2, 8] of latents [2, 8]", "[N, 1 or 3, H, H] in -1 to 1")]
    [InlineData("z: Tensor", "return torch.ones([2, 1, 16, 12])", "makes Float32 [2, 1, 16, 12]", "H, H")]
    [InlineData("z: Tensor", "return torch.ones([2, 1, 16, 16], dtype=7)", "makes Float64 [2, 1, 16, 16]", "float32")]
    [InlineData(
        "z: Tensor", "return torch.log(torch.neg(torch.ones([2, 1, 16, 16])))", "makes images that are not finite", "images")]
    [InlineData(
        "z: Tensor",
        "return torch.linear(z, torch.ones([4, 7]))",
        "mat1 and mat2 shapes cannot be multiplied (2x8 and 7x4)",
        "latents")]
    [InlineData(
        "z: Tensor",
        "return torch.add(z, torch.zeros([2, 8], dtype=6, layout=0, device=torch.device(\"cuda:0\"), pin_memory=False))",
        "CUDA",
        "module.cpu()")]
    public void Generator_DoesSomethingElse_IsOneClearError(string signature, string body, string problem, string remedy)
    {
        Write(At("other.pt"), $"  def forward(self: __torch__.Program, {signature}) -> Tensor:\n    {body}");

        Refuses(() => GeneratorCheckpoint
            .Load(At("other.pt"), "torchscript", null, null, CPU, latentSize: 8), "other.pt", problem, remedy);
    }

    // What libtorch says on a GPU of a program that was traced on the CPU and makes tensors there.
    [Fact]
    public void Explained_TensorsOnTwoDevices_SaysWhereToRunIt()
    {
        var failed = Assert.Throws<CheckpointException>(() => ScriptProgram.RunOrExplain<int>(
            "g.pt", "cannot be run", "its forward must do", () => throw new InvalidOperationException(
                "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!")));

        Assert.Contains("cuda:0 and cpu", failed.Message, StringComparison.Ordinal);
        Assert.Contains("use --device cpu", failed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_OperatorOfAnotherLibrary_IsNamedBeforeLibtorchEndsTheProcess()
    {
        Write(
            At("other.pt"),
            "  def forward(self: __torch__.Program, z: Tensor) -> Tensor:\n    return ops.torchvision.nms(z, z, 0.5)");

        Refuses(
            () => GeneratorCheckpoint.Load(At("other.pt"), "torchscript", null, null, CPU, latentSize: 8),
            "other.pt",
            "'torchvision::nms'",
            "not one of libtorch's own");
    }

    [Theory]
    [InlineData("Tuple[Tensor, Tensor]", "return (z, z)")]
    [InlineData("Dict[str, Tensor]", "return {\"a\": z}")]
    [InlineData("int", "return 3")]
    public void Generator_ReturnsNoTensor_IsOneClearError(string type, string body)
    {
        Write(At("other.pt"), $"  def forward(self: __torch__.Program, z: Tensor) -> {type}:\n    {body}");

        Refuses(
            () => GeneratorCheckpoint.Load(At("other.pt"), "torchscript", null, null, CPU, latentSize: 8),
            "other.pt",
            "its forward must turn latents");
    }

    [Fact]
    public void Discriminator_OtherScores_IsOneClearError()
    {
        using var native = Native();
        ScriptedGans.WriteGenerator(At("g.pt"), native);
        Write(At("d.pt"), "  def forward(self: __torch__.Program, img: Tensor) -> Tensor:\n    return torch.mean(img, [1])");
        Refuses(
            () => GeneratorCheckpoint.Load(At("g.pt"), "torchscript", null, At("d.pt"), CPU),
            "d.pt",
            "makes Float32 [2, 16, 16] of images [2, 1, 16, 16]",
            "one score each");

        ForeignFiles.WriteStateDict(At("d.pth"), "dcgan", native.Discriminator, old: false);
        Refuses(
            () => GeneratorCheckpoint.Load(At("g.pt"), "torchscript", null, At("d.pth"), CPU),
            "d.pth",
            "is not a TorchScript program");
    }

    [Theory]
    [InlineData(ScalarType.Float16, "Float16")]
    [InlineData(ScalarType.Int64, "Int64")]
    public void Parameters_NotInSinglePrecision_AreNamed(ScalarType type, string shown)
    {
        using var weight = ones(8, 8, dtype: type);
        Write(
            At("g.pt"),
            "  def forward(self: __torch__.Program, z: Tensor) -> Tensor:\n    return z",
            [new ScriptedWeight("main.w", weight, IsParameter: true)]);

        Refuses(
            () => GeneratorCheckpoint.Load(At("g.pt"), "torchscript", null, null, CPU, latentSize: 8),
            $"has a parameter of type {shown}",
            "'main.w'",
            "module.float()");
    }

    [Fact]
    public void Rehearsal_ProgramsThatCannotBeTrained_SayWhichAndWhy()
    {
        using var native = Native();
        ScriptedGans.WriteGenerator(At("g.pt"), native);
        ScriptedGans.WriteDiscriminator(At("d.pt"), native);
        const string Images = "torch.tanh(torch.view(torch.repeat(z, [1, 32]), [-1, 1, 16, 16]))";

        Cannot(
            "$.generator.checkpoint",
            "has no parameters to train: torch.jit.freeze",
            Other("frozen.pt", $"return {Images}"),
            At("d.pt"));
        Cannot(
            "$.generator.checkpoint",
            "gradients do not pass through it: element 0 of tensors does not require grad",
            Other("detached.pt", $"return torch.mul({Images}, torch.detach(self.w))", "w"),
            At("d.pt"));
        Cannot(
            "$.generator.discriminator",
            "what it returns does not depend on its parameters",
            At("g.pt"),
            Other("unused.pt", "return torch.mean(torch.flatten(z, 1), [1])", "w"));
        Cannot("$.generator.discriminator", "one of its operators has none", At("g.pt"), Other(
            "double.pt",
            "return torch.sum(torch._cdist_forward(torch.flatten(torch.mul(z, self.w), 1), torch.ones([3, 256]), 2., 1), [1])",
            "w"));
        Cannot(
            "$.generator.checkpoint",
            "'w' and 'v' in the same place (tied weights)",
            Other("tied.pt", $"return torch.mul(torch.mul({Images}, self.w), self.v)", "w", "v"),
            At("d.pt"));

        using var honest = GeneratorCheckpoint.Load(At("g.pt"), "torchscript", null, At("d.pt"), CPU);
        GradientCheck.Run(honest, Small.Options);
        // The check was made on copies.
        Assert.All(
            honest.Generator.parameters().Concat(honest.Discriminator!.parameters()), parameter => Assert.Null(parameter.grad));

        void Cannot(string property, string problem, string generator, string discriminator)
        {
            using var loaded = GeneratorCheckpoint.Load(generator, "torchscript", null, discriminator, CPU, latentSize: 8);
            var failed = Assert.Throws<PolicyMismatchException>(() => GradientCheck.Run(loaded, Small.Options));
            Assert.Equal(property, failed.JsonPath);
            Assert.Contains(problem, failed.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', failed.Message);
        }

        string Other(string file, string body, params string[] weights)
        {
            using var one = ones(1);
            return Write(
                At(file),
                $"  def forward(self: __torch__.Program, z: Tensor) -> Tensor:\n    {body}",
                [.. weights.Select(name => new ScriptedWeight(name, one, IsParameter: true))],
                shared: weights.Length == 2 ? new Dictionary<string, string> { [weights[1]] = weights[0] } : null);
        }
    }

    [Fact]
    public void Archive_Damaged_IsReadOrRefusedButNothingElse()
    {
        using var native = Native();
        ScriptedGans.WriteGenerator(At("g.pt"), native);
        var good = File.ReadAllBytes(At("g.pt"));
        var random = new Random(4);
        var refused = 0;
        for (var trial = 0; trial < 1000; trial++)
        {
            var bad = good.ToArray();
            for (var flip = random.Next(1, 6); flip > 0; flip--)
                bad[random.Next(bad.Length)] = (byte)random.Next(256);
            File.WriteAllBytes(At("bad.pt"), trial % 4 == 0 ? bad[..random.Next(bad.Length)] : bad);
            try
            {
                foreach (var tensor in ScriptArchive.Read(CheckpointFile.Open(At("bad.pt"))).Tensors)
                    tensor.Load().Dispose();
            }
            catch (CheckpointException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, 250, 999);
    }

    [Fact]
    public void Archive_ThatAsksForMore_IsRefusedBeforeAnythingRuns()
    {
        using var native = Native();
        ScriptedGans.WriteGenerator(At("g.pt"), native);
        var (text, asked) = (Encoding.Latin1.GetString(File.ReadAllBytes(At("g.pt"))), "ctorch\nFloatStorage\n");
        Assert.Contains(asked, text, StringComparison.Ordinal);
        File.WriteAllBytes(
            At("evil.pt"),
            Encoding.Latin1.GetBytes(text.Replace(asked, "cposix\nsystem123456\n"[..asked.Length], StringComparison.Ordinal)));

        Refuses(() => GeneratorCheckpoint.Load(At("evil.pt"), "torchscript", null, null, CPU), "evil.pt", "'posix system");
        using (var archive = ZipFile.Open(At("packed.pt"), ZipArchiveMode.Create))
            foreach (var (name, content) in Entries(At("g.pt")))
                using (var entry = archive.CreateEntry(name, CompressionLevel.Optimal).Open())
                    entry.Write(content);
        Refuses(
            () => GeneratorCheckpoint.Load(At("packed.pt"), "torchscript", null, null, CPU),
            "packed.pt",
            "an entry is compressed");
        File.WriteAllBytes(At("cut.pt"), File.ReadAllBytes(At("g.pt"))[..^30]);
        Refuses(
            () => GeneratorCheckpoint.Load(At("cut.pt"), "torchscript", null, null, CPU),
            "cut.pt",
            "its zip directory is missing");
    }

    private static void Refuses(Func<object> load, params string[] words)
    {
        var failed = Assert.Throws<CheckpointException>(load);
        Assert.All(words, word => Assert.Contains(word, failed.Message, StringComparison.Ordinal));
        Assert.DoesNotContain('\n', failed.Message);
    }

    private static GanPair Native()
    {
        var networks = ForeignFiles.Gan("dcgan");
        networks.Generator.eval();
        networks.Discriminator.eval();
        return networks;
    }

    private LoadedGenerator Scripted(GanPair native)
    {
        ScriptedGans.WriteGenerator(At("g.pt"), native);
        ScriptedGans.WriteDiscriminator(At("d.pt"), native);
        return GeneratorCheckpoint.Load(At("g.pt"), "torchscript", null, At("d.pt"), CPU);
    }

    private static Dictionary<string, byte[]> Entries(string path)
    {
        using var archive = ZipFile.OpenRead(path);
        return archive.Entries.ToDictionary(entry => entry.FullName, entry =>
        {
            using var content = entry.Open();
            using var bytes = new MemoryStream();
            content.CopyTo(bytes);
            return bytes.ToArray();
        });
    }

    private string At(string name) => Path.Combine(_folder, name);
}
