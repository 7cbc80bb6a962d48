using System.Text.Json;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Tests;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>The smaller commands.</summary>
public sealed class CommandTests(SmallHouse house) : IClassFixture<SmallHouse>
{
    [Fact]
    public void Sample_SameSeed_SameImagesAndOtherwiseOthers()
    {
        byte[] Sample(string name, params string[] more)
        {
            var (exitCode, _, errors) = Atu.Run([
                "sample", house.At("generator.safetensors"), "--npy", house.At(name), "--count", "7", "--threads", "1", .. more
            ]);
            Assert.True(exitCode == 0, errors);
            return File.ReadAllBytes(house.At(name));
        }

        var first = Sample("a.npy", "--seed", "3", "--out", house.At("a.png"));

        Assert.Equal(first, Sample("b.npy", "--seed", "3"));
        Assert.NotEqual(first, Sample("c.npy", "--seed", "4"));
        Assert.NotEqual(first, Sample("d.npy", "--seed", "3", "--truncation", "0.5"));
        Assert.True(new FileInfo(house.At("a.png")).Length > 500);
        using var array = AdaptThenUnlearn.Torch.Images.NumpyFile.Read(house.At("a.npy"));
        Assert.Equal([7, 1, 16, 16], array.shape);
    }

    [Fact]
    public void Sample_GivenLatents_AreUsed()
    {
        using (var latents = TorchSharp.torch.randn(3, 8))
            AdaptThenUnlearn.Torch.Images.NumpyFile.Write(house.At("z.npy"), latents);
        Assert.Equal(0, Atu.Run(
            "sample", house.At("generator.safetensors"), "--latents", house.At("z.npy"), "--noise", "const",
            "--npy", house.At("x.npy")).ExitCode);
        using (var images = AdaptThenUnlearn.Torch.Images.NumpyFile.Read(house.At("x.npy")))
            Assert.Equal(3, images.shape[0]);

        using (var latents = TorchSharp.torch.randn(3, 9))
            AdaptThenUnlearn.Torch.Images.NumpyFile.Write(house.At("z.npy"), latents);
        var (exitCode, _, errors) =
            Atu.Run("sample", house.At("generator.safetensors"), "--latents", house.At("z.npy"), "--npy", house.At("x.npy"));
        Assert.Equal(2, exitCode);
        Assert.Contains("the generator takes [N, 8]", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Sample_LabelsOfAConditionalGenerator_GivesTheReferenceImages()
    {
        var reference = AdaptThenUnlearn.Torch.Tests.Interop.Case("nvidia_r64_c3_cond");

        var (exitCode, _, errors) = Atu.Run(
            "sample", reference.PathOf("network-snapshot-000200.pkl"), "--latents", reference.PathOf("z.npy"),
            "--labels", reference.PathOf("c.npy"), "--noise", "const", "--npy", house.At("x.npy"));

        Assert.True(exitCode == 0, errors);
        using var images = AdaptThenUnlearn.Torch.Images.NumpyFile.Read(house.At("x.npy"));
        reference.Agrees("images_psi1", images);
    }

    [Fact]
    public void Sample_LabelsThatDoNotFit_AreRefused()
    {
        var conditional = house.At("conditional.pkl");
        AdaptThenUnlearn.Torch.Tests.Checkpoints.ForeignFiles
            .WriteNvidia(conditional, AdaptThenUnlearn.Torch.Tests.Checkpoints.ForeignFiles.Gan("stylegan2-ada"));
        string Refusal(string checkpoint, TorchSharp.torch.Tensor labels)
        {
            AdaptThenUnlearn.Torch.Images.NumpyFile.Write(house.At("c.npy"), labels);
            var (exitCode, _, errors) = Atu.Run("sample", checkpoint, "--labels", house.At("c.npy"), "--npy", house.At("x.npy"));
            Assert.Equal(2, exitCode);
            return errors;
        }

        Assert.Contains(
            "has no classes", Refusal(house.At("generator.safetensors"), TorchSharp.torch.eye(3)), StringComparison.Ordinal);
        Assert.Contains("the generator takes [N, 3]", Refusal(conditional, TorchSharp.torch.eye(4)), StringComparison.Ordinal);
        Assert.Contains("one 1", Refusal(conditional, TorchSharp.torch.ones(2, 3)), StringComparison.Ordinal);
    }

    [Fact]
    public void Sample_StoredNoiseOfACheckpointWithoutIt_IsRefused()
    {
        var whole = AdaptThenUnlearn.Torch.Checkpoints.CheckpointFormats.Read(house.At("generator.safetensors"));
        AdaptThenUnlearn.Torch.Checkpoints.SafetensorsFile.Write(
            house.At("without.safetensors"),
            whole.Tensors
                .Where(tensor => !tensor.Name.Contains("noises", StringComparison.Ordinal))
                .Select(tensor => KeyValuePair.Create(tensor.Name, tensor.Load())),
            whole.Metadata);

        var (exitCode, _, errors) =
            Atu.Run("sample", house.At("without.safetensors"), "--noise", "const", "--npy", house.At("x.npy"));

        Assert.Equal(2, exitCode);
        Assert.Contains("holds no noise maps", errors, StringComparison.Ordinal);
        Assert.Equal(
            0, Atu.Run("sample", house.At("without.safetensors"), "--noise", "none", "--npy", house.At("x.npy")).ExitCode);
        Assert.Contains(
            "no stored noise maps", Atu.Run("inspect", house.At("without.safetensors")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Inspect_AnyCheckpoint_ListsTensorsWithTheirShapesAndWhereTheGeneratorLies()
    {
        var (_, output, _) = Atu.Run("inspect", house.At("generator.safetensors"));

        Assert.Matches(@"read from +g_ema", output);
        Assert.Matches(@"/\S+ +F32 \[\d", output);
        Assert.Contains("--tensors lists them all", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Sample_NowhereToWrite_SaysSo() =>
        Assert.Contains("--out", Atu.Run("sample", house.At("generator.safetensors")).Errors, StringComparison.Ordinal);

    [Fact]
    public void Measure_Json_HasEveryReading()
    {
        var (exitCode, output, _) = Atu.Run("measure", house.Policy("measured"), "--json", "--threads", "1");

        Assert.Equal(0, exitCode);
        using var read = JsonDocument.Parse(output);
        Assert.Equal(400, read.RootElement.GetProperty("features")[0].GetProperty("looks")[0].GetProperty("samples").GetInt32());
        Assert.True(read.RootElement.GetProperty("quality").GetProperty("frechetDistance").GetDouble() >= 0);
        Assert.Equal(
            200,
            read.RootElement.GetProperty("quality")
                .GetProperty("groups")
                .GetProperty("sizes")
                .EnumerateArray()
                .Sum(size => size.GetInt32()));
        Assert.Equal("8-bit", read.RootElement.GetProperty("range").GetString());
        Assert.Equal(2, read.RootElement.GetProperty("shares").GetArrayLength());
    }

    [Fact]
    public void Merge_PartsOfAMeasurement_AreTheWhole()
    {
        var policy = house.Policy(
            "parts", "\"maxRate\": 0.3", ("\"samples\": 400, \"maxSamples\": 400", "\"samples\": 450, \"maxSamples\": 1200"));
        var whole = Atu.Run("measure", policy, "--json", "--threads", "1").Output;
        var parts = Enumerable.Range(1, 3).Select(number => house.At($"part-{number}.safetensors")).ToArray();
        for (var number = 1; number <= 3; number++)
            Assert.Equal(
                0, Atu.Run("measure", policy, "--shard", $"{number}/3", "--out", parts[number - 1], "--threads", "1").ExitCode);

        Assert.Equal(whole, Atu.Run("merge", policy, parts[2], parts[0], parts[1], "--json", "--threads", "1").Output);

        foreach (var (wrong, expected) in new[]
        {
            (parts[..2], "of 3 parts 1 is missing: 3"),
            ([.. parts, parts[0]], "are both part 1 of 3"),
        })
        {
            var (exitCode, _, errors) = Atu.Run(["merge", policy, .. wrong, "--threads", "1"]);
            Assert.Equal(2, exitCode);
            Assert.Contains(expected, errors, StringComparison.Ordinal);
        }

        Assert.Contains("another policy", Atu.Run("merge", house.Policy("others"), parts[0]).Errors, StringComparison.Ordinal);
        Assert.Equal(2, Atu.Run("measure", policy, "--shard", "4/3", "--out", parts[0]).ExitCode);
    }

    [Fact]
    public void Distance_ReferenceFeatures_AreTheReferenceValues()
    {
        var reference = AdaptThenUnlearn.Torch.Tests.Interop.Case("metrics_d64");
        var (exitCode, output, errors) =
            Atu.Run("distance", reference.PathOf("fake.npy"), reference.PathOf("real.npy"), "--json", "--threads", "1");

        Assert.True(exitCode == 0, errors);
        using var read = JsonDocument.Parse(output);
        Assert.Equal(
            reference.Scalar("fid_reference"), read.RootElement.GetProperty("frechetDistance").GetDouble(), tolerance: 1e-8);
        Assert.Equal(reference.Scalar("precision_k3"), read.RootElement.GetProperty("precision").GetDouble(), tolerance: 1e-9);
        Assert.Equal(reference.Scalar("recall_k3"), read.RootElement.GetProperty("recall").GetDouble(), tolerance: 1e-9);
        Assert.Equal(2000, read.RootElement.GetProperty("n")[0].GetInt32());
    }

    [Fact]
    public void Distance_ImagesAgainstStatistics_NeedTheExtractor()
    {
        Atu.Run("sample", house.At("generator.safetensors"), "--npy", house.At("many.npy"), "--count", "300", "--threads", "1");
        // The images are far beyond -1 to 1, because nothing was trained.
        using (var raw = AdaptThenUnlearn.Torch.Images.NumpyFile.Read(house.At("many.npy")))
        using (var pictures = AdaptThenUnlearn.Torch.Images.ImageQuantizer.ToBytes(raw))
            AdaptThenUnlearn.Torch.Images.NumpyFile.Write(house.At("many.npy"), pictures);

        Assert.Contains(
            "--extractor",
            Atu.Run("distance", house.At("many.npy"), house.At("reference.safetensors")).Errors,
            StringComparison.Ordinal);
        var (exitCode, output, _) = Atu.Run(
            "distance", house.At("many.npy"), house.At("reference.safetensors"), "--extractor", house.At("auditor.safetensors"));
        Assert.Equal(0, exitCode);
        Assert.Contains("Fréchet distance", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Inspect_Generator_SaysWhatItIs()
    {
        var (exitCode, output, _) = Atu.Run("inspect", house.At("generator.safetensors"));

        Assert.Equal(0, exitCode);
        Assert.Contains("StyleGAN2", output, StringComparison.Ordinal);
        Assert.Contains("g_ema", output, StringComparison.Ordinal);
        using var json = JsonDocument.Parse(Atu.Run("inspect", house.At("generator.safetensors"), "--json").Output);
        Assert.True(json.RootElement.GetProperty("tensors").GetArrayLength() > 20);
        Assert.Equal(3, Atu.Run("inspect", house.At("nothing")).ExitCode);
    }

    [Fact]
    public void Policy_New_IsAValidPolicyAndNeverOverwrites()
    {
        Assert.Equal(0, Atu.Run("policy", "new", house.At("fresh/policy.json")).ExitCode);
        Assert.Equal(0, Atu.Run("policy", "check", house.At("fresh/*.json")).ExitCode);
        Assert.Equal(PolicySchema.Export(Vocabulary.Known), File.ReadAllText(house.At($"fresh/{PolicyTemplate.SchemaFile}")));
        var (exitCode, _, errors) = Atu.Run("policy", "new", house.At("fresh/policy.json"));

        Assert.Equal(2, exitCode);
        Assert.Contains("exists already", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Policy_CheckEffective_ShowsPresetAndOverrides()
    {
        var (_, output, _) = Atu.Run("policy", "check", house.Policy("shown"), "--effective", "--set", "unlearning.steps=77");

        using var json = JsonDocument.Parse(output);
        Assert.Equal(77, json.RootElement.GetProperty("unlearning").GetProperty("steps").GetInt32());
        Assert.Equal(0.003, json.RootElement.GetProperty("unlearning").GetProperty("learningRate").GetDouble());
    }

    [Fact]
    public void Policy_Check_WarnsOfFewImagesForTheExtractor()
    {
        var few = Atu.Run("policy", "check", house.Policy("few"));
        var enough = Atu.Run(
            "policy", "check", house.Policy("enough"), "--set", "evaluation.samples=40000",
            "--set", "evaluation.maxSamples=40000");

        Assert.Equal((0, 0), (few.ExitCode, enough.ExitCode));
        Assert.Contains(
            "warning ATU1120: $.evaluation.samples: 200 images are compared", few.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("ATU1120", enough.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Policy_Schema_IsTheCommittedOneWithTheNamesOfThisBuild()
    {
        var schema = Atu.Run("policy", "schema").Output;

        // To renew it: ATU_UPDATE_GOLDEN=1, or `atu policy schema > policies/policy.schema.json`.
        var file = Path.Combine(Repository.Root, "policies", "policy.schema.json");
        if (Environment.GetEnvironmentVariable("ATU_UPDATE_GOLDEN") == "1")
            File.WriteAllText(file, schema);

        Assert.Equal(PolicySchema.Export(Vocabulary.Known), schema);
        Assert.Equal(File.ReadAllText(file), schema);
    }

    [Fact]
    public void Verify_NoRecord_SaysSo() => Assert.Equal(3, Atu.Run("verify", house.At("generator.safetensors")).ExitCode);
}
