using System.Text.Json;
using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Comparing;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Tests;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary><c>atu compare --third-classifier</c>: the class is counted again, by a classifier that does nothing else.</summary>
public sealed class CompareThirdTests(SmallHouse house) : IClassFixture<SmallHouse>
{
    [Fact]
    public void Compare_ThirdClassifierForFinishedRuns_CountsAgainInTheImagesOfTheAuditor()
    {
        string[] usual =
        [
            "compare", house.Policy("counted", "\"minUnlearned\": 0.5"), "--methods", "reject,fine-tune", "--seeds", "1",
            "--out", house.At("page"), "--threads", "1", "--work", house.At("runs")
        ];
        Assert.Contains("2 of 2 runs", Atu.Run(usual).Output, StringComparison.Ordinal);
        Assert.Null(Outcome("fine-tune").Third);
        Assert.DoesNotContain("third", Page(), StringComparison.Ordinal);

        // The auditor's weights in another file count what the auditor counts, and no run is made again.
        var like = LikeTheAuditor("like.safetensors");
        var (exitCode, _, errors) = Atu.Run([.. usual, "--third-classifier", like]);
        Assert.True(exitCode == 0, errors);
        Assert.Contains("2 of 2 runs exist already, 0 to go", errors, StringComparison.Ordinal);
        foreach (var method in new[] { "reject", "fine-tune" })
        {
            var outcome = Outcome(method);
            Assert.Equal(new ThirdCount(Sha256Digest.FindAt(like)!, outcome.HitsBefore, outcome.HitsAfter), outcome.Third);
            Assert.Contains(
                FormattableString.Invariant($"{method}, class banned, seed 1: the third classifier finds the class in ")
                    + FormattableString.Invariant($"{outcome.HitsBefore} images before, and in {outcome.HitsAfter} after"),
                errors, StringComparison.Ordinal);
        }

        Assert.Contains("| Method | Runs | PUL | PUL, third |", Page(), StringComparison.Ordinal);
        Assert.DoesNotContain("the third classifier of", Page(), StringComparison.Ordinal);
        Assert.All(
            File.ReadAllLines(house.At("page/results/results.csv")).Skip(1),
            line => Assert.EndsWith("," + Sha256Digest.FindAt(like), line, StringComparison.Ordinal));

        // They are counted once.
        Assert.DoesNotContain(
            "the third classifier finds", Atu.Run([.. usual, "--third-classifier", like]).Errors, StringComparison.Ordinal);

        // Another classifier's counts are its own: none are shown for it until it has counted.
        var other = Third("other.safetensors", seed: 9);
        Assert.Equal(0, Atu.Run([.. usual, "--third-classifier", other, "--page-only"]).ExitCode);
        Assert.Equal(Sha256Digest.FindAt(like), Outcome("fine-tune").Third!.Sha256);
        Assert.Contains("- PUL by the third classifier of 2 runs: to count it,", Page(), StringComparison.Ordinal);
        Assert.Matches(@"\| `fine-tune` \| 1 of 1 \| [0-9.-]+ % \| – \|", Page());
        Assert.EndsWith(",,,,", File.ReadAllLines(house.At("page/results/results.csv"))[1], StringComparison.Ordinal);
        Assert.Equal(0, Atu.Run([.. usual, "--third-classifier", other]).ExitCode);
        Assert.Equal(Sha256Digest.FindAt(other), Outcome("fine-tune").Third!.Sha256);
        Assert.DoesNotContain("the third classifier of", Page(), StringComparison.Ordinal);

        // Without the generators, only refusing can be counted again.
        Assert.Equal(0, Atu.Run([.. usual[..^1], house.At("elsewhere"), "--third-classifier", like]).ExitCode);
        Assert.Equal(
            (Sha256Digest.FindAt(like), Sha256Digest.FindAt(other)),
            (Outcome("reject").Third!.Sha256, Outcome("fine-tune").Third!.Sha256));
        Assert.Contains("- PUL by the third classifier of 1 run: to count it,", Page(), StringComparison.Ordinal);

        // A page that is printed without it has none of its figures.
        Assert.Equal(0, Atu.Run([.. usual, "--page-only"]).ExitCode);
        Assert.DoesNotContain("third", Page(), StringComparison.Ordinal);

        string Page() => File.ReadAllText(house.At("page/results.md"));

        CellOutcome Outcome(string method) => JsonSerializer.Deserialize<ComparedCell>(
            File.ReadAllText(house.At($"page/results/cells/{method}-banned-1.json")), RunRecordFile.Json)!.Outcome!;
    }

    // A run that is made counts at once, and another machine's counts are taken over with and without the cell.
    [Fact]
    public void Compare_ThirdClassifierFromTheStart_IsInTheCellsThatOthersTakeOver()
    {
        var third = Third("start.safetensors", seed: 10);
        var policy = house.Policy("third-start", "\"minUnlearned\": 0.5");
        string[] usual = ["compare", policy, "--methods", "fine-tune", "--seeds", "1", "--threads", "1"];
        string[] counted = [.. usual, "--third-classifier", third];

        Assert.Equal(0, Atu.Run([.. counted, "--out", house.At("first"), "--work", house.At("first-runs")]).ExitCode);
        var shown = Row("first");
        Assert.Matches(@"^\| `fine-tune` \| 1 of 1 \| [0-9.-]+ % \| [0-9.-]+ % \|", shown);

        string[] merged = [.. counted, "--out", house.At("second"), "--page-only", "--merge", house.At("first")];
        Assert.Contains("1 runs copied", Atu.Run(merged).Errors, StringComparison.Ordinal);
        Assert.Equal(shown, Row("second"));

        // A cell without the counts takes them over too.
        var cell = house.At("second/results/cells/fine-tune-banned-1.json");
        var read = JsonSerializer.Deserialize<ComparedCell>(File.ReadAllText(cell), RunRecordFile.Json)!;
        ComparedCellFile.Write(Path.GetDirectoryName(cell)!, read with { Outcome = read.Outcome! with { Third = null } });
        Assert.Contains("1 runs copied", Atu.Run(merged).Errors, StringComparison.Ordinal);
        Assert.Equal(shown, Row("second"));
        Assert.Contains("0 runs copied", Atu.Run(merged).Errors, StringComparison.Ordinal);

        string Row(string folder) => Assert.Single(
            File.ReadAllLines(house.At(folder + "/results.md")),
            line => line.StartsWith("| `fine-tune` | 1 of 1", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("auditor.safetensors", 2, "is the file of the classifier auditor: a third classifier must be none that labels")]
    [InlineData("classifier-32.safetensors", 2, "takes 1×32×32 images, and the generator makes 1×16×16")]
    [InlineData("glasses.safetensors", 2, "has no class 'banned'; its classes are: glasses, hat")]
    [InlineData("generator.safetensors", 3, "is not a classifier of this tool")]
    [InlineData("nowhere.safetensors", 3, "nowhere.safetensors")]
    public void Compare_ThirdClassifierThatCannotCount_IsOneErrorBeforeTheFirstRun(string file, int code, string words)
    {
        using (var labels = Small.LabelClassifier())
            ClassifierCheckpoint.Save(house.At("glasses.safetensors"), labels);

        var (exitCode, _, errors) = Atu.Run(
            "compare", house.Policy("third-wrong", "\"minUnlearned\": 0.5"), "--methods", "fine-tune", "--seeds", "1",
            "--out", house.At("wrong"), "--work", house.At("wrong-runs"), "--third-classifier", house.At(file));

        Assert.Equal(code, exitCode);
        Assert.Contains(words, Assert.Single(errors.Split('\n'), line => line.Contains("error ATU", StringComparison.Ordinal)),
            StringComparison.Ordinal);
        Assert.False(Directory.Exists(house.At("wrong-runs")));
    }

    private string Third(string name, long seed)
    {
        using var original = GeneratorCheckpoint.Load(house.At("generator.safetensors"), "auto", null, null, CPU);
        lock (SmallHouse.Randomness)
        {
            using var classifier = Small.Classifier(original.Generator, seed);
            ClassifierCheckpoint.Save(house.At(name), classifier);
        }

        return house.At(name);
    }

    private string LikeTheAuditor(string name)
    {
        using var auditor = ClassifierCheckpoint.Load(house.At("auditor.safetensors"), sha256: null, classes: null, CPU);
        ClassifierCheckpoint.Save(
            house.At(name), auditor.Classifier,
            new HeldOutCounts(new Dictionary<string, HeldOutError>(), new string('0', 64)));
        return house.At(name);
    }
}
