using System.Text.Json;
using System.Text.Json.Nodes;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Tests;
using SkiaSharp;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary><c>atu attack</c>: what it writes, how it continues, and what it refuses.</summary>
public sealed class AttackTests(SmallHouse house) : IClassFixture<SmallHouse>
{
    private static readonly string[] _small =
        ["--threads", "1", "--samples", "60", "--starts", "4", "--steps", "4", "--attacks", "same-latents,latent-search"];

    [Fact]
    public void Attack_AgainAndInterrupted_GivesTheSameAndMakesOnlyWhatIsMissing()
    {
        var policy = house.Policy("attacked");
        string[] attack = ["attack", policy, "--after", Other(), "--out", house.At("attacked-out"), .. _small];
        var cell = house.At("attacked-out/cells/same-latents-ban-after.json");
        var kept = house.At("attacked-out/cells/latent-search-ban-after.json");

        var first = Atu.Run(attack);
        var (reading, written) = (Reading(cell), File.GetLastWriteTimeUtc(kept));
        File.Delete(cell);
        var second = Atu.Run(attack);

        Assert.True(first.ExitCode == 0, first.Errors);
        Assert.True(second.ExitCode == 0, second.Errors);
        Assert.Equal(first.Output, second.Output);
        Assert.Equal(reading, Reading(cell));
        Assert.Equal(written, File.GetLastWriteTimeUtc(kept));
    }

    // As two machines make them, each an attack, in its own folder.
    [Fact]
    public void Attacks_DividedByName_CountWhatOneCommandCounts()
    {
        var policy = house.Policy("divided");
        Attack("undivided", "same-latents,latent-search");
        Attack("divided-one", "same-latents");
        Attack("divided-two", "latent-search");

        Assert.Equal(Readings("undivided"), [.. Readings("divided-one"), .. Readings("divided-two")]);

        void Attack(string folder, string names)
        {
            var (exitCode, _, errors) = Atu.Run(
                ["attack", policy, "--after", Other(), "--out", house.At(folder), .. _small[..^1], names]);
            Assert.True(exitCode == 0, errors);
        }

        IEnumerable<string> Readings(string folder) =>
            JsonNode.Parse(File.ReadAllText(house.At($"{folder}/attack.json")))!["attacks"]!.AsArray()
                .Select(attack => attack!["reading"]!.ToJsonString());
    }

    [Fact]
    public void Attack_Pages_HaveCountsAndPicturesOnlyWhereThePolicyPublishesSamples()
    {
        var shy = house.Policy("shy");
        const string Name = "\"name\": \"open\",";
        var open = house.Policy("open", edit: (Name, $"{Name} \"report\": {{ \"publishSamples\": true }},"));

        var (exitCode, _, errors) = Atu.Run(["attack", shy, "--after", Other(), "--out", house.At("shy-out"), .. _small]);
        Assert.True(exitCode == 0, errors);
        (exitCode, _, errors) = Atu.Run(["attack", open, "--after", Other(), "--out", house.At("open-out"), .. _small]);
        Assert.True(exitCode == 0, errors);

        var page = File.ReadAllText(house.At("shy-out/attack.html"));
        Assert.DoesNotContain("data:image/png", page, StringComparison.Ordinal);
        Assert.Contains("cells/same-latents-ban-before.png", page, StringComparison.Ordinal);
        Assert.Contains(
            "data:image/png;base64,iVBOR", File.ReadAllText(house.At("open-out/attack.html")), StringComparison.Ordinal);
        Assert.Contains("![", File.ReadAllText(house.At("open-out/attack.md")), StringComparison.Ordinal);
        Assert.DoesNotContain("![", File.ReadAllText(house.At("shy-out/attack.md")), StringComparison.Ordinal);
        using var study = JsonDocument.Parse(File.ReadAllText(house.At("open-out/attack.json")));
        Assert.Equal(4, study.RootElement.GetProperty("attacks").GetArrayLength());
    }

    // The same generator before and after: every latent that showed the feature still does.
    [Fact]
    public void MaxSuccess_UpperBoundAboveIt_FailsAndSaysWhy()
    {
        var policy = house.Policy("unlearned");
        string[] attack =
        [
            "attack", policy, "--after", house.At("generator.safetensors"), "--out", house.At("limited-out"), .. _small,
            "--max-success"
        ];

        var (failed, _, errors) = Atu.Run([.. attack, "same-latents=0.99"]);
        var (passed, _, _) = Atu.Run([.. attack, "same-latents=1"]);

        Assert.Equal((1, 0), (failed, passed));
        Assert.Contains("error ATU3001", errors, StringComparison.Ordinal);
        Assert.Contains("is above 99 %", errors, StringComparison.Ordinal);
    }

    // Whoever can write the folder can write a cell that says that nothing was found.
    [Fact]
    public void Cell_ThatAnotherMayHaveWritten_IsMadeAgainWhereItIsNotTrusted()
    {
        string[] attack =
        [
            "attack", house.Policy("forged"), "--after", house.At("generator.safetensors"), "--out", house.At("forged-out"),
            "--threads", "1", "--samples", "60", "--attacks", "same-latents", "--max-success", "same-latents=0.99",
        ];
        var server = new Dictionary<string, string> { ["CI"] = "true" };
        Assert.Equal(1, Atu.Run(attack).ExitCode);
        Forge();

        var trusted = Atu.Run(attack);
        using var serverRun = Atu.StartWith(server, attack);
        var onServer = serverRun.Finish();
        Forge();
        var fresh = Atu.Run([.. attack, "--fresh"]);
        Forge();
        using var reusingRun = Atu.StartWith(server, [.. attack, "--reuse"]);
        var reusing = reusingRun.Finish();

        Assert.Equal((0, 1, 1, 0), (trusted.ExitCode, onServer.ExitCode, fresh.ExitCode, reusing.ExitCode));
        Assert.Contains(
            "are not reused, because this is a build server (CI is set)", onServer.Errors, StringComparison.Ordinal);

        void Forge()
        {
            var path = house.At("forged-out/cells/same-latents-ban-after.json");
            var cell = JsonNode.Parse(File.ReadAllText(path))!;
            Assert.NotEqual(0, (int)cell["reading"]!["variants"]![0]!["successes"]!);
            cell["reading"]!["variants"]![0]!["successes"] = 0;
            File.WriteAllText(path, cell.ToJsonString());
        }
    }

    // The options replace numbers of the profile, and leave the others as the profile has them.
    [Fact]
    public void Profile_Full_TrainsAsLongAsItSays()
    {
        var (exitCode, _, errors) = Atu.Run(
            "attack", house.Policy("full"), "--after", Other(), "--out", house.At("full-out"), "--threads", "1",
            "--profile", "full", "--samples", "60", "--attacks", "truncation");

        Assert.True(exitCode == 0, errors);
        var study = JsonNode.Parse(File.ReadAllText(house.At("full-out/attack.json")))!;
        Assert.Equal((60, 200), ((int)study["samples"]!, (int)study["starts"]!));
        Assert.Equal((200, 50), ((int)study["trainingSteps"]!, (int)study["negatives"]!));
    }

    [Fact]
    public void Cell_OfAGeneratorWithAnotherDiscriminator_IsMadeAgain()
    {
        var policy = house.Policy("critic", edit: (
            "\"checkpoint\": \"generator.safetensors\"",
            "\"checkpoint\": \"no-discriminator.safetensors\", \"discriminator\": \"critic.safetensors\""));
        string[] attack =
        [
            "attack", policy, "--after", Other(), "--out", house.At("critic-out"), "--threads", "1", "--samples", "60",
            "--attacks", "same-latents",
        ];

        File.Copy(house.At("generator.safetensors"), house.At("critic.safetensors"));
        var first = Asked();
        File.Copy(Other(), house.At("critic.safetensors"), overwrite: true);
        var second = Asked();

        Assert.NotEqual(first, second);

        string Asked()
        {
            var (exitCode, _, errors) = Atu.Run(attack);
            Assert.True(exitCode == 0, errors);
            return (string)JsonNode.Parse(File.ReadAllText(house.At("critic-out/cells/same-latents-ban-before.json")))!["asked"]!;
        }
    }

    // The same file is another classifier where its outputs are read otherwise, and other threads may give other counts.
    [Fact]
    public void Cell_OfClassifiersReadOtherwiseOrOfOtherThreads_IsMadeAgain()
    {
        const string Auditor = "\"checkpoint\": \"auditor.safetensors\"";
        var asked = Asked(house.Policy("read"), "1");
        var otherwise = Asked(house.Policy("read", edit: (Auditor, $"{Auditor}, \"outputs\": \"sigmoid\"")), "1");
        var threads = Asked(house.Policy("read"), "2");

        Assert.Equal(3, new[] { asked, otherwise, threads }.Distinct().Count());
        Assert.Equal(asked, Asked(house.Policy("read"), "1"));

        string Asked(string policy, string threads)
        {
            var (exitCode, _, errors) = Atu.Run(
                "attack", policy, "--after", Other(), "--out", house.At("read-out"), "--threads", threads, "--samples", "60",
                "--attacks", "same-latents");
            Assert.True(exitCode == 0, errors);
            return (string)JsonNode.Parse(File.ReadAllText(house.At("read-out/cells/same-latents-ban-before.json")))!["asked"]!;
        }
    }

    // A policy that hardly trains does not make the attacker train as little.
    [Fact]
    public void Relearning_WhateverThePolicySaysOfTraining_IsTheSame()
    {
        var asIs = Relearned("as-is");
        var slow = Relearned("slow", "--set", "unlearning.learningRate=1e-30");

        Assert.Equal(asIs, slow);
        Assert.Equal(64, ((string)JsonNode.Parse(asIs)!["discriminatorSha256"]!).Length);

        string Relearned(string name, params string[] set)
        {
            var (exitCode, _, errors) = Atu.Run([
                "attack", house.Policy("slow"), "--after", Other(), "--out", house.At($"{name}-relearned"), "--threads", "1",
                "--samples", "60", "--attacks", "relearning", .. set]);
            Assert.True(exitCode == 0, errors);
            return Reading(house.At($"{name}-relearned/cells/relearning-ban-after.json"));
        }
    }

    [Fact]
    public void Images_OfAFolder_AreReconstructedAndThePageSaysWhereTheyAreFrom()
    {
        var policy = house.Policy("inverted");
        Directory.CreateDirectory(house.At("real-images"));
        Pictures(count: 2, size: 16, level: 200);
        string[] attack =
        [
            "attack", policy, "--after", Other(), "--out", house.At("inverted-out"), "--threads", "1", "--samples", "60",
            "--starts", "2", "--steps", "2", "--images", house.At("real-images"), "--attacks",
        ];

        var (exitCode, _, errors) = Atu.Run([.. attack, "inversion"]);

        Assert.True(exitCode == 0, errors);
        var page = File.ReadAllText(house.At("inverted-out/attack.md"));
        Assert.Contains("Given images to reconstruct: 2 in ../real-images", page, StringComparison.Ordinal);
        Assert.Contains("given images", page, StringComparison.Ordinal);
        var study = JsonNode.Parse(File.ReadAllText(house.At("inverted-out/attack.json")))!;
        Assert.Equal(64, ((string)study["images"]!["sha256"]!).Length);

        // Another folder is another question.
        var asked = Asked();
        Pictures(count: 2, size: 16, level: 150);
        Assert.Equal(0, Atu.Run([.. attack, "inversion"]).ExitCode);
        Assert.NotEqual(asked, Asked());

        // Bad folders, and attacks that read none.
        var (other, _, otherErrors) = Atu.Run([.. attack, "truncation"]);
        Assert.Equal(2, other);
        Assert.Contains("only inversion reads images", otherErrors, StringComparison.Ordinal);
        Pictures(count: 1, size: 8, level: 200);
        var (small, _, smallErrors) = Atu.Run([.. attack, "inversion"]);
        Assert.NotEqual(0, small);
        Assert.Contains("is 8×8 pixels, the generator makes 16×16", smallErrors, StringComparison.Ordinal);
        foreach (var file in Directory.GetFiles(house.At("real-images")))
            File.Delete(file);
        Assert.Contains("holds no images", Atu.Run([.. attack, "inversion"]).Errors, StringComparison.Ordinal);
        Directory.Delete(house.At("real-images"));
        var (missing, _, missingErrors) = Atu.Run([.. attack, "inversion"]);
        Assert.Equal(2, missing);
        Assert.Contains(
            $"--images {house.At("real-images")}: there is no such folder; name one with real pictures that show the feature",
            missingErrors, StringComparison.Ordinal);

        string Asked() =>
            (string)JsonNode.Parse(File.ReadAllText(house.At("inverted-out/cells/inversion-ban-after.json")))!["asked"]!;

        void Pictures(int count, int size, byte level)
        {
            for (var number = 0; number < count; number++)
            {
                using var picture = new SKBitmap(size, size);
                picture.Erase(new SKColor(level, level, level));
                File.WriteAllBytes(
                    house.At($"real-images/{number}.png"), picture.Encode(SKEncodedImageFormat.Png, 100).ToArray());
            }
        }
    }

    // The pages of an earlier call would be taken for this one's; finished attacks stay.
    [Fact]
    public void Attack_ThatIsCutOff_LeavesNoPageOfAnEarlierOne()
    {
        var policy = house.Policy("cut-off");
        string[] attack =
        [
            "attack", policy, "--after", Other(), "--out", house.At("cut-off-out"), "--threads", "1", "--attacks", "same-latents",
            "--samples",
        ];
        Assert.Equal(0, Atu.Run([.. attack, "60"]).ExitCode);
        var page = house.At("cut-off-out/attack.md");
        Assert.True(File.Exists(page));

        using var endless = Atu.Start([.. attack, "100000000"]);
        Assert.True(SpinWait.SpinUntil(() => !File.Exists(page) || endless.HasExited, TimeSpan.FromMinutes(10)));
        Assert.False(endless.HasExited);
        endless.Kill();

        Assert.False(File.Exists(house.At("cut-off-out/attack.json")));
        Assert.True(File.Exists(house.At("cut-off-out/cells/same-latents-ban-before.json")));
    }

    // The index stays the same when weights in a file that it names change.
    [Fact]
    public void Cell_OfAGeneratorInSeveralFiles_IsMadeAgainWhereOneOfThemChanges()
    {
        using var scope = NewDisposeScope();
        var state = SafetensorsFile.Read(house.At("no-discriminator.safetensors")).Tensors
            .ToDictionary(tensor => tensor.Name, tensor => tensor.Load());
        SafetensorsFile.Write(house.At("shard.safetensors"), state);
        File.WriteAllText(
            house.At("sharded.safetensors.index.json"),
            new JsonObject
            {
                ["weight_map"] = new JsonObject(state.Keys.Select(
                    name => new KeyValuePair<string, JsonNode?>(name, "shard.safetensors"))),
            }.ToJsonString());
        var policy = house.Policy("sharded");
        string[] attack =
        [
            "attack", policy, "--after", house.At("sharded.safetensors.index.json"), "--out", house.At("sharded-out"),
            "--threads", "1", "--samples", "60", "--attacks", "same-latents",
        ];

        var first = Asked();
        var again = Asked();
        using (no_grad())
            SafetensorsFile.Write(
                house.At("shard.safetensors"), state.ToDictionary(named => named.Key, named => named.Value * 0.5f));
        var changed = Asked();

        Assert.Equal(first, again);
        Assert.NotEqual(first, changed);

        string Asked()
        {
            var (exitCode, _, errors) = Atu.Run(attack);
            Assert.True(exitCode == 0, errors);
            return (string)JsonNode.Parse(File.ReadAllText(house.At("sharded-out/cells/same-latents-ban-after.json")))!["asked"]!;
        }
    }

    [Fact]
    public void Policy_WhoseNameEndsLikeARecords_IsAPolicy()
    {
        var (exitCode, _, errors) = Atu.Run(
            "attack", house.Policy("dry-run"), "--after", Other(), "--out", house.At("dry-run-out"), "--threads", "1",
            "--samples", "50", "--attacks", "same-latents");

        Assert.True(exitCode == 0, errors);
    }

    [Fact]
    public void Policy_ThatDiffersFromItsLockOrLacksOne_IsNotAttacked()
    {
        var policy = house.Policy("locked-attack");
        string[] attack =
        [
            "attack", policy, "--after", Other(), "--out", house.At("locked-attack-out"), "--threads", "1", "--samples", "50",
            "--attacks", "same-latents",
        ];

        var missing = Atu.Run([.. attack, "--locked"]);
        Assert.Equal(0, Atu.Run("lock", policy).ExitCode);
        var locked = Atu.Run([.. attack, "--locked"]);
        var set = Atu.Run([.. attack, "--set", "evaluation.seed=7"]);
        house.Policy("locked-attack", "\"maxRate\": 0.5");
        var changed = Atu.Run(attack);

        Assert.Equal((2, 0, 2, 2), (missing.ExitCode, locked.ExitCode, set.ExitCode, changed.ExitCode));
        Assert.Contains("error ATU1131", missing.Errors, StringComparison.Ordinal);
        Assert.Contains("error ATU1130", set.Errors, StringComparison.Ordinal);
        Assert.Contains("error ATU1130", changed.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("did you mean 'latent-search'?", "--attacks", "latent-serch")]
    [InlineData("--starts must be at least 1", "--starts", "0")]
    [InlineData("with a share from 0 to 1", "--max-success", "same-latents=7")]
    [InlineData("give only one of them", "--fresh", "--reuse")]
    [InlineData("add truncation to --attacks", "--attacks", "mixing", "--max-success", "truncation=0.5")]
    public void Argument_Wrong_IsAnErrorThatSaysHowToMendIt(string message, params string[] arguments)
    {
        var (exitCode, _, errors) = Atu.Run(["attack", house.Policy("wrong"), "--after", Other(), .. arguments]);

        Assert.Equal(2, exitCode);
        Assert.Contains(message, errors, StringComparison.Ordinal);
        Assert.Contains("error ATU2000", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Record_OfARunThatTrainedNothing_NamesNoGeneratorToAttack()
    {
        var folder = house.At("nothing-trained");
        Assert.Equal(0, Atu.Run(
            "govern", house.Policy("met", "\"maxRate\": 0.9"), "--no-train", "--threads", "1", "--out", folder).ExitCode);

        var (exitCode, _, errors) = Atu.Run("attack", Path.Combine(folder, "met", "run.json"));

        Assert.Equal(2, exitCode);
        Assert.Contains("nothing was unlearned in this run", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Record_OfARunThatTrained_AttacksItsGeneratorAndNoOther()
    {
        var folder = house.At("trained-run");
        Atu.Run("govern", house.Policy("taught"), "--threads", "1", "--out", folder);
        var record = Path.Combine(folder, "taught", "run.json");
        string[] attack = ["attack", record, "--out", house.At("trained-out"), .. _small];

        var (exitCode, _, errors) = Atu.Run(attack);
        Assert.True(exitCode == 0, errors);

        var artifact = Directory.EnumerateFiles(Path.Combine(folder, "taught"), "*.safetensors").Single();
        File.Copy(house.At("generator.safetensors"), artifact, overwrite: true);
        var changed = Atu.Run(attack);
        Assert.Equal(3, changed.ExitCode);
        Assert.Contains("error ATU2002", changed.Errors, StringComparison.Ordinal);
    }

    // Another generator of the same size.
    private string Other()
    {
        var path = house.At("other.safetensors");
        if (File.Exists(path))
            return path;

        using var turn = SmallHouse.Randomness.EnterScope();
        using var scope = NewDisposeScope();
        using var networks = Small.Gan(seed: 4);
        GeneratorCheckpoint.Save(path, networks, new Dictionary<string, string>());
        return path;
    }

    private static string Reading(string cell)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(cell));
        return document.RootElement.GetProperty("reading").GetRawText();
    }
}
