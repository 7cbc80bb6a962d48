using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Tests;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Comparing;
using AdaptThenUnlearn.Torch.Governing;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Training;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>
/// <c>atu compare</c>: runs are made once, shared between processes, continued, and shown on one page.
/// </summary>
public sealed class CompareTests(SmallHouse house) : IClassFixture<SmallHouse>
{
    [Fact]
    public void Compare_TwiceAndInParts_RunsEachCellOnce()
    {
        var policy = house.Policy("compared", "\"minUnlearned\": 0.5");
        string[] usual =
        [
            "compare", policy, "--methods", "fine-tune,default", "--seeds", "1,2", "--out", house.At("page"),
            "--work", house.At("runs"), "--threads", "1"
        ];

        var (partCode, part, partErrors) = Atu.Run([.. usual, "--shard", "1/2"]);
        Assert.True(partCode == 0, partErrors);
        Assert.Contains("2 of 4 runs", part, StringComparison.Ordinal);
        Assert.Contains("`default`", File.ReadAllText(house.At("page/results.md")), StringComparison.Ordinal);
        Assert.Contains("2 runs are missing", File.ReadAllText(house.At("page/results.md")), StringComparison.Ordinal);

        Assert.Contains("4 of 4 runs", Atu.Run(usual).Output, StringComparison.Ordinal);
        Assert.Equal(5, File.ReadAllLines(house.At("page/results/results.csv")).Length);

        // What a run with other settings left half done is none of this one's business.
        File.Delete(house.At("page/results/cells/default-banned-2.json"));
        var folder = Assert.Single(Directory.GetDirectories(house.At("runs"), "default-banned-2-*"));
        Directory.CreateDirectory(Path.Combine(folder, "state"));
        using (var left = TorchSharp.torch.zeros(3))
            SafetensorsFile.Write(
                Path.Combine(folder, "state", "adaptation-1.safetensors"),
                new Dictionary<string, TorchSharp.torch.Tensor> { ["x"] = left },
                new Dictionary<string, string> { ["fingerprint"] = "another" });
        Assert.Contains("4 of 4 runs", Atu.Run(usual).Output, StringComparison.Ordinal);

        // A run that another process is at is left to that.
        File.Delete(house.At("page/results/cells/default-banned-2.json"));
        using (new FileStream(Path.Combine(folder, ".lock"), FileMode.OpenOrCreate, FileAccess.Write, FileShare.None))
        {
            var (busyCode, busy, busyErrors) = Atu.Run(usual);
            Assert.True(busyCode == 0, busyErrors);
            Assert.Contains(
                "default, class banned, seed 2 is skipped: another process is making it", busyErrors, StringComparison.Ordinal);
            Assert.Contains("3 of 4 runs", busy, StringComparison.Ordinal);
        }

        Assert.Contains("4 of 4 runs", Atu.Run(usual).Output, StringComparison.Ordinal);

        var (againCode, again, againErrors) = Atu.Run(usual);
        Assert.Equal(0, againCode);
        Assert.Contains("4 of 4 runs exist already, 0 to go", againErrors, StringComparison.Ordinal);
        Assert.Contains("4 of 4 runs", again, StringComparison.Ordinal);
        Assert.True(new FileInfo(house.At("page/results/tradeoff.png")).Length > 5000);

        // Another machine's folder: what answers the same question is taken over, the rest is not.
        string[] elsewhere =
        [
            .. usual[..6], "--work", house.At("merged-runs"), "--threads", "1", "--page-only", "--out", house.At("merged"),
            "--merge", house.At("page")
        ];
        Assert.Contains("4 of 4 runs", Atu.Run(elsewhere).Output, StringComparison.Ordinal);
        Assert.Contains("0 runs copied", Atu.Run(elsewhere).Errors, StringComparison.Ordinal);   // they exist already
        Assert.Contains("0 runs copied", Atu.Run([
            .. elsewhere[..^4], "--out", house.At("other"), "--merge", house.At("page"), "--set", "unlearning.learningRate=0.001"
        ]).Errors, StringComparison.Ordinal);
        Assert.Contains("no such folder", Atu.Run([.. elsewhere[..^1], house.At("nowhere")]).Errors, StringComparison.Ordinal);

        var (_, other, _) = Atu.Run([.. usual, "--set", "unlearning.learningRate=0.001", "--page-only"]);
        // The settings are others, so that none of these cells answers the question.
        Assert.Contains("0 of 4 runs", other, StringComparison.Ordinal);
    }

    [Fact]
    public void Compare_Refusing_MeasuresCleanImagesOnceForEachClassAndMakesNoGenerator()
    {
        var policy = house.Policy("refused", "\"minUnlearned\": 0.5");
        string[] usual =
        [
            "compare", policy, "--methods", "reject,fine-tune", "--seeds", "1,2", "--out", house.At("refused-page"),
            "--work", house.At("refused-runs"), "--threads", "1"
        ];

        var (exitCode, output, errors) = Atu.Run(usual);

        Assert.True(exitCode == 0, errors);
        Assert.Contains("3 of 3 runs", output, StringComparison.Ordinal);   // one seed is enough
        var (refused, trained) = (Outcome("reject"), Outcome("fine-tune"));
        Assert.Equal(
            (400, 0, 0.0, 0.0), (refused.Samples, refused.Steps, refused.TrainingSeconds, refused.ProcessorSeconds!.Value));
        Assert.InRange(refused.Made!.Value, 450, 800);   // the annotator finds the class in about a quarter
        Assert.Equal(refused.Made / 400.0, refused.MadeForEach);
        Assert.Equal(Sha256Digest.FindAt(house.At("generator.safetensors")), refused.ArtifactSha256);

        // Before is the same measurement as any row's.
        Assert.Equal(
            (trained.HitsBefore, trained.FrechetBefore, trained.AnnotatorHitsBefore),
            (refused.HitsBefore, refused.FrechetBefore, refused.AnnotatorHitsBefore));
        Assert.Equal(trained.Shares.Select(share => share.Before), refused.Shares.Select(share => share.Before));
        Assert.True(refused.FrechetRatio > 0);
        Assert.Contains(
            FormattableString.Invariant($"| `reject` | 1 of 1 | {100 * refused.Unlearned!.Value:0.0} % | "),
            File.ReadAllText(house.At("refused-page/results.md")), StringComparison.Ordinal);
        Assert.Contains(
            FormattableString.Invariant($"{refused.MadeForEach!.Value:0.00} images made for each that is kept"), errors,
            StringComparison.Ordinal);
        var folder = Assert.Single(Directory.GetDirectories(house.At("refused-runs"), "reject-banned-1-*"));
        Assert.Empty(Directory.GetFileSystemEntries(folder));

        // It is made once, and again with the same figures.
        Assert.Contains("3 of 3 runs exist already, 0 to go", Atu.Run(usual).Errors, StringComparison.Ordinal);
        File.Delete(house.At("refused-page/results/cells/reject-banned-1.json"));
        Assert.Contains("2 of 3 runs exist already, 1 to go", Atu.Run(usual).Errors, StringComparison.Ordinal);
        Assert.Equal(Figures(refused), Figures(Outcome("reject")));

        // A page is printed with the row if it was made or is asked for, and otherwise without.
        string[] printed = ["compare", policy, "--seeds", "1,2", "--page-only", "--out", house.At("refused-page")];
        Assert.Contains("3 of 33 runs", Atu.Run(printed).Output, StringComparison.Ordinal);
        File.Delete(house.At("refused-page/results/cells/reject-banned-1.json"));
        Assert.Contains("2 of 32 runs", Atu.Run(printed).Output, StringComparison.Ordinal);
        Assert.DoesNotContain("`reject`", File.ReadAllText(house.At("refused-page/results.md")), StringComparison.Ordinal);
        Assert.Contains("0 of 1 runs", Atu.Run([.. printed, "--methods", "reject"]).Output, StringComparison.Ordinal);

        CellOutcome Outcome(string method) => System.Text.Json.JsonSerializer.Deserialize<ComparedCell>(
            File.ReadAllText(house.At($"refused-page/results/cells/{method}-banned-1.json")), RunRecordFile.Json)!.Outcome!;

        static string Figures(CellOutcome outcome) => System.Text.Json.JsonSerializer.Serialize(
            outcome with { TotalSeconds = 0 }, RunRecordFile.Json);
    }

    // Its generator is the original, which is attacked anyway.
    [Fact]
    public void Compare_RefusingWithAttacks_AttacksTheOriginalAlone()
    {
        var (exitCode, output, errors) = Atu.Run(
            "compare", house.Policy("refused-attacked", "\"minUnlearned\": 0.5"), "--methods", "reject", "--seeds", "1",
            "--attacks", "truncation", "--out", house.At("refused-attacks"), "--work", house.At("refused-attacked-runs"),
            "--page-only");

        Assert.True(exitCode == 0, errors);
        Assert.Contains("0 of 1 attacks", output, StringComparison.Ordinal);
        Assert.DoesNotContain("`reject`", File.ReadAllText(house.At("refused-attacks/attacks.md")), StringComparison.Ordinal);
    }

    // Without another auditor, the annotator counts what it let through itself.
    [Fact]
    public void Compare_RefusingWithoutAnAuditor_IsComplete()
    {
        var policy = house.Policy(
            "refused-alone", "\"minUnlearned\": 0.5", edit: ("\"annotator\": \"annotator\", \"auditor\": \"auditor\"",
                "\"annotator\": \"annotator\""));

        var (exitCode, _, errors) = Atu.Run(
            "compare", policy, "--methods", "reject", "--seeds", "1", "--out", house.At("alone-page"),
            "--work", house.At("alone-runs"), "--threads", "1");

        Assert.True(exitCode == 0, errors);
        var page = File.ReadAllText(house.At("alone-page/results.md"));
        Assert.Contains("| `reject` | 1 of 1 | 100.0 % | ", page, StringComparison.Ordinal);
        Assert.Contains("**PUL is 100 % by construction here:**", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Compare_RefusingAlmostEveryImage_IsARunWithoutResultThatSaysHowMany()
    {
        var (exitCode, output, errors) = Atu.Run(
            "compare", house.Policy("refused-all", "\"minUnlearned\": 0.5"), "--methods", "reject", "--seeds", "1",
            "--set", "unlearning.cleanBelow=1e-30", "--out", house.At("none-page"), "--work", house.At("none-runs"),
            "--threads", "1");

        Assert.True(exitCode == 0, errors);
        Assert.Contains("0 of 1 runs, 1 without result", output, StringComparison.Ordinal);
        Assert.Contains("refusing kept 0 of 2000 images", errors, StringComparison.Ordinal);
        Assert.Contains(
            "refusing kept 0 of 2000 images", File.ReadAllText(house.At("none-page/results.md")), StringComparison.Ordinal);
    }

    // The policy's own generator replaces a retrained one: a run that changed nothing is near it, and one with other weights is
    // far from it.
    [Fact]
    public void MeasureAgainst_RetrainedGenerator_IsNearForItsLikeAndIsTakenOver()
    {
        var policy = house.Policy("retrained");
        var (same, other, refusing) = (Request("with-repulsion"), Request("no-balance"), Request("reject"));
        var retrained = Request("retrain");
        using (TorchSharp.torch.no_grad())
        using (var loaded = same.Inputs.LoadGenerator(TorchSharp.torch.CPU))
        {
            foreach (var weights in loaded.Generator.parameters())
                weights.mul_(0.5);
            GeneratorCheckpoint.Save(
                house.At("half.safetensors"),
                new GanPair(loaded.Generator, loaded.Discriminator!),
                new Dictionary<string, string>());
        }

        var runs = Runs("retrained-cells");
        foreach (var (request, generator) in new[]
        {
            (retrained, "generator.safetensors"),
            (same, "generator.safetensors"),
            (other, "half.safetensors"),
            (refusing, "generator.safetensors")
        })
            Put(request, generator);

        // Refusing leaves no generator behind: its distance is that of the original's clean images.
        Directory.Delete(FolderOf(refusing), recursive: true);
        runs.MeasureDistancesTo(retrained, [same, other, retrained, refusing], CancellationToken.None);

        var (near, far) = (runs.Found(same)!.Outcome!, runs.Found(other)!.Outcome!);
        Assert.Equal(Sha256Digest.FindAt(house.At("generator.safetensors")), near.RetrainedSha256);
        // The distance is not 0, because the two are drawn from different latents.
        Assert.InRange(near.FrechetToRetrained!.Value, 1e-9, 0.2 * far.FrechetToRetrained!.Value);
        Assert.Null(runs.Found(retrained)!.Outcome!.FrechetToRetrained);
        var refused = runs.Found(refusing)!.Outcome!;
        Assert.Equal(near.RetrainedSha256, refused.RetrainedSha256);
        Assert.InRange(refused.FrechetToRetrained!.Value, 1e-9, far.FrechetToRetrained.Value);
        Assert.NotEqual(near.FrechetToRetrained, refused.FrechetToRetrained);

        // A folder that has the run, and not its distance, takes that over.
        var elsewhere = Runs("retrained-merged");
        ComparedCellFile.Write(
            house.At("retrained-merged"),
            runs.Found(same)! with { Outcome = near with { FrechetToRetrained = null, RetrainedSha256 = null } });
        Assert.True(elsewhere.Import(same, house.At("retrained-cells")));
        Assert.Equal(near.FrechetToRetrained, elsewhere.Found(same)!.Outcome!.FrechetToRetrained);
        Assert.False(elsewhere.Import(same, house.At("retrained-cells")));

        ComparisonRequest Request(string method)
        {
            var read = PolicyReader.Read(
                File.ReadAllText(policy), policy, Vocabulary.Known, [PolicyOverride.Parse($"name=\"{method}\"")]);
            return new ComparisonRequest(
                new CellKey(method, "banned", 1),
                read.Policy!,
                new PolicySource(policy, read.EffectiveJson!, read.TextSha256, "effective", []),
                new InputFiles(read.Policy!, policy),
                $"question of {method}");
        }

        ComparisonRuns Runs(string cells) => new(
            house.At(cells),
            house.At("retrained-runs"),
            "atu",
            TorchSharp.torch.CPU,
            new Progress<StageProgress>(),
            TimeProvider.System);

        string FolderOf(ComparisonRequest request) =>
            Path.Combine(house.At("retrained-runs"), $"{request.Key.FileName}-{request.Asked[..8]}");

        void Put(ComparisonRequest request, string generator)
        {
            var folder = Directory.CreateDirectory(FolderOf(request)).FullName;
            File.Copy(house.At(generator), Path.Combine(folder, request.Inputs.ArtifactName));
            ComparedCellFile.Write(house.At("retrained-cells"), new ComparedCell(
                ComparedCell.CurrentSchemaVersion,
                request.Key,
                request.Asked,
                "atu",
                new RunEnvironment("Linux", ".NET", "0.107.0", "cpu", 1, 0),
                new CellOutcome(
                    Sha256Digest.FindAt(house.At(generator))!,
                    400,
                    100,
                    1,
                    1,
                    1,
                    FrechetToRetrained: null,
                    RetrainedSha256: null,
                    [],
                    1,
                    1,
                    1,
                    1), Failure: null));
        }
    }

    // An edit of a policy or of what it names would leave documented cells that answer nothing any more. (What retraining was
    // asked hangs by the real images.) Cells that were measured on raw output are never taken for those of 8-bit pictures; their
    // page says that they wait to be made again.
    [Theory]
    [InlineData("mnist-no-digit-8", "1,4,8", "results/mnist")]
    [InlineData("avatars-no-glasses", "glasses,hat,beard", "results/avatars")]
    [InlineData("mnist-no-digit-8", "1,4,8", "results/mnist-raw")]
    [InlineData("mnist-no-digit-8", "1,4,8", "results/gpu")]
    public void Compare_DocumentedCells_AnswerTodaysQuestionsOrTheirPageSaysThatTheyAreOlder(
        string policy, string classes, string folder)
    {
        var cells = Directory.GetFiles(Path.Combine(Repository.Root, folder, "results", "cells"))
            .Count(file => !Path.GetFileName(file).StartsWith("retrain-", StringComparison.Ordinal));
        var older = File.ReadAllText(Path.Combine(Repository.Root, folder, "results.md"))
            .Contains("measured on raw network output", StringComparison.Ordinal);

        var (exitCode, _, errors) = Atu.Run(
            "compare", Path.Combine(Repository.Root, "policies", policy + ".json"), "--classes", classes, "--page-only",
            "--out", house.At(folder), "--merge", Path.Combine(Repository.Root, folder));

        Assert.True(exitCode == 0, errors);
        Assert.Contains(FormattableString.Invariant($"\n{(older ? 0 : cells)} runs copied"), errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Compare_WithoutTheRealImages_LeavesRetrainingOutAndSaysSo()
    {
        var (exitCode, output, errors) =
            Atu.Run("compare", house.Policy("compared-all"), "--page-only", "--out", house.At("all"));

        Assert.True(exitCode == 0, errors);
        Assert.Contains("the row retrain and the figures relative to it are left out", errors, StringComparison.Ordinal);
        Assert.Contains("0 of 48 runs", output, StringComparison.Ordinal);   // every other row, three seeds each
        Assert.DoesNotContain("`retrain`", File.ReadAllText(house.At("all/results.md")), StringComparison.Ordinal);
    }

    // A generator that hardly ever makes a class has nothing to unlearn; the other classes still run.
    [Fact]
    public void Compare_ClassWithinItsLimit_IsARunWithoutResult()
    {
        var policy = house.Policy("compared-lenient", "\"maxRate\": 0.6");   // about a quarter are banned, three quarters plain

        var (exitCode, output, errors) = Atu.Run(
            "compare", policy, "--methods", "fine-tune", "--classes", "banned,plain", "--seeds", "1",
            "--out", house.At("lenient-page"), "--work", house.At("lenient-runs"), "--threads", "1");

        Assert.True(exitCode == 0, errors);
        Assert.Contains("1 of 2 runs, 1 without result", output, StringComparison.Ordinal);
        Assert.Contains(
            "there is nothing to unlearn", File.ReadAllText(house.At("lenient-page/results.md")), StringComparison.Ordinal);
    }

    [Fact]
    public void Tune_ASmallBudget_TriesRecommendsAndGoesOn()
    {
        var policy = house.Policy("tuned", "\"minUnlearned\": 0.5");
        string[] usual =
        [
            "tune", policy, "--knobs", "retention.weight", "--seeds", "101", "--out", house.At("tuned"), "--threads", "1"
        ];

        var (exitCode, output, errors) = Atu.Run([.. usual, "--runs", "2"]);
        Assert.True(exitCode == 0, errors);
        Assert.Contains("The budget ended before every setting was tried", output, StringComparison.Ordinal);
        Assert.Contains("Recommended", output, StringComparison.Ordinal);

        Assert.Equal(output, Atu.Run([.. usual, "--page-only"]).Output);
        var (_, finished, more) = Atu.Run(usual);
        Assert.Contains("Every setting was tried", finished, StringComparison.Ordinal);
        Assert.Equal(finished, File.ReadAllText(house.At("tuned/tuning.md")));
        Assert.Equal(1, more.Split("measuring before 400/400").Length - 1);   // the two trials made before are not made again

        Assert.Contains(
            "holds no trial of this policy yet",
            Atu.Run("tune", policy, "--page-only", "--out", house.At("untuned")).Errors,
            StringComparison.Ordinal);
        Assert.Contains("a single trial takes", Atu.Run([.. usual, "--runs", "0"]).Errors, StringComparison.Ordinal);
        Assert.Contains(
            "did you mean 'retention.weight'",
            Atu.Run([.. usual, "--knobs", "retention.wieght"]).Errors,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Tune_NothingToStartFrom_RecommendsNothing()
    {
        var (exitCode, output, errors) = Atu.Run(
            "tune", house.Policy("tuned-lenient", "\"maxRate\": 0.9"), "--knobs", "retention.weight", "--seeds", "101",
            "--out", house.At("tuned-lenient"), "--threads", "1");

        Assert.Equal(3, exitCode);
        Assert.Contains(
            "error ATU2013: the search cannot start, because trial 1 has no score: trial-as-it-is, class banned, seed 101: "
                + "there is nothing to unlearn",
            errors,
            StringComparison.Ordinal);
        Assert.Empty(output);
        Assert.False(File.Exists(house.At("tuned-lenient/tuning.md")));
    }

    [Theory]
    [InlineData("--methods", "defualt", "did you mean 'default'")]
    [InlineData("--seeds", "x", "is not a seed")]
    [InlineData("--shard", "3/2", "write it as i/n")]
    [InlineData("--methods", "retrain", "name their folder with --data")]
    [InlineData("--set", "unlearning.preset=quick", "the row default sets this itself")]
    [InlineData("--set", "unlearning.seed=5", "every run sets this itself")]
    [InlineData("--set", "undesiredFeatures[0].class=plain", "every run sets this itself")]
    [InlineData("--set", "nonsense", "nonsense")]
    public void Compare_WrongArgument_SaysWhich(string option, string value, string words)
    {
        var (exitCode, _, errors) = Atu.Run(
            "compare", house.Policy("compared-wrong"), "--methods", "default", option, value, "--out", house.At("wrong"),
            "--work", house.At("wrong-runs"));

        Assert.Equal(2, exitCode);
        Assert.Contains(words, errors, StringComparison.Ordinal);
        Assert.False(Directory.Exists(house.At("wrong-runs")));
    }

    [Fact]
    public void Compare_ShardAuto_ReadsThePartFromTheVariables()
    {
        using var atu = Atu.StartWith(
            new Dictionary<string, string> { ["ATU_SHARD"] = "3/2" },
            "compare", house.Policy("compared-auto"), "--methods", "default", "--shard", "auto", "--out", house.At("auto"),
            "--work", house.At("auto-runs"));
        var (exitCode, _, errors) = atu.Finish();

        Assert.Equal(2, exitCode);
        Assert.Contains("--shard 3/2: write it as i/n", errors, StringComparison.Ordinal);
        Assert.Contains("--shard <i/n|auto>", Atu.Run("compare", "--help").Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Compare_OtherClassThanTheFoldersOfThePolicyShow_IsRefused()
    {
        var policy = house.Policy("compared-given", "\"negatives\": \"shown\", \"maxRate\": 0.001");

        var (exitCode, _, errors) = Atu.Run(
            "compare", policy, "--methods", "default", "--classes", "banned,plain", "--out", house.At("given"),
            "--work", house.At("given-runs"));

        Assert.Equal(2, exitCode);
        Assert.Contains("--classes plain: the images in 'shown' are for 'banned'", errors, StringComparison.Ordinal);
        Assert.False(Directory.Exists(house.At("given-runs")));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]   // then the classifier's file says which classes there are
    public void Compare_AClassThatIsNotThere_IsSaidBeforeTheFirstRun(bool listed)
    {
        var classes = (
            "\"annotator.safetensors\"", "\"annotator.safetensors\", \"classes\": [\"plain\", \"banned\"]");
        var policy = listed ? house.Policy("compared-class", edit: classes) : house.Policy("compared-class");

        var (exitCode, _, errors) = Atu.Run(
            "compare", policy, "--methods", "default", "--classes", "banned,gone", "--out", house.At("gone"),
            "--work", house.At("gone-runs"));

        Assert.Equal(2, exitCode);
        Assert.Contains("'gone'", errors, StringComparison.Ordinal);
        Assert.False(Directory.Exists(house.At("gone-runs")));
    }
}
