using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Torch.Comparing;
using AdaptThenUnlearn.Torch.Governing;
using AdaptThenUnlearn.Torch.Tests;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>
/// Retraining on real images that their true labels sort, by <c>atu govern</c>, and the rows of <c>atu compare</c> that are run
/// where they are named.
/// </summary>
public sealed class RetrainTests(SmallHouse house) : IClassFixture<SmallHouse>
{
    private const string Labels = "labels.csv";

    [Fact]
    public void Govern_CleanByLabels_TrainsAndSaysWhichLabels()
    {
        var data = Pictures("governed-data", "banned");

        var (exitCode, _, errors) = Atu.Run(
            "govern", Policy("governed", data), "--out", house.At("governed"), "--threads", "1", "--advisory");

        Assert.True(exitCode == 0, errors);
        var record = RunRecordFile.Read(house.At("governed/governed/run.json"));
        Assert.Equal(40, record.Training!.Steps);
        Assert.Contains(
            record.Remarks!,
            remark => remark.About == InputRoles.TrainingData && remark.Text ==
                $"its true labels, and not the annotator, say which images are clean: {Path.Combine(data, Labels)}");
    }

    [Theory]
    [InlineData("bright", "labels.csv has no label 'banned', so the images of that class cannot be told from the others")]
    [InlineData(null, "has no labels: neither a label file of digits, nor a labels.csv or CelebA's list_attr_celeba.txt, nor a")]
    public void Govern_LabelsThatAreNotThere_IsOneErrorBeforeAnythingIsMeasured(string? label, string words)
    {
        var data = Pictures("lacking-" + label, label);

        var (exitCode, _, errors) = Atu.Run(
            "govern", Policy("lacking", data), "--out", house.At("lacking"), "--threads", "1");

        Assert.Equal(2, exitCode);
        var error = Assert.Single(errors.Split('\n'), line => line.Contains("error ATU", StringComparison.Ordinal));
        Assert.Contains(
            "$.unlearning.cleanBy: is 'labels', and the labels cannot be used: ", error, StringComparison.Ordinal);
        Assert.Contains(words, error, StringComparison.Ordinal);
        Assert.DoesNotContain("measuring", errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("bright", "has no label 'banned'")]
    [InlineData(null, "has no labels")]
    public void Compare_LabelsThatAreNotThere_IsSaidBeforeTheFirstRun(string? label, string words)
    {
        var (exitCode, _, errors) = Atu.Run(
            "compare", house.Policy("compared-labels"), "--methods", "fine-tune,retrain-labels",
            "--data", Pictures("compared-" + label, label), "--out", house.At("labels"), "--work", house.At("labels-runs"));

        Assert.Equal(2, exitCode);
        Assert.Contains(words, errors, StringComparison.Ordinal);
        Assert.False(Directory.Exists(house.At("labels-runs")));
    }

    [Theory]
    [InlineData("retrain-labels")]
    [InlineData("retrain-long")]
    public void Compare_RetrainingWithoutTheRealImages_IsAnError(string method)
    {
        var (exitCode, _, errors) = Atu.Run(
            "compare", house.Policy("compared-without"), "--methods", method, "--out", house.At("without"));

        Assert.Equal(2, exitCode);
        Assert.Contains($"the method {method} needs the real images: name their folder", errors, StringComparison.Ordinal);
    }

    // They cost hours: a command that names no row neither runs them nor finds them missing, and prints them if they were run.
    [Fact]
    public void Compare_RowsOnRequest_ArePrintedIfTheyAreNamedOrWereRun()
    {
        var (policy, data) = (house.Policy("on-request"), Pictures("requested-data", "banned"));
        string[] printed = ["compare", policy, "--data", data, "--page-only", "--out", house.At("requested"), "--threads", "1"];

        Assert.Contains("0 of 49 runs", Atu.Run(printed).Output, StringComparison.Ordinal);   // retraining has one seed
        Assert.DoesNotContain("retrain-", Page(), StringComparison.Ordinal);
        Assert.Contains(
            "0 of 2 runs", Atu.Run([.. printed, "--methods", "retrain-labels,retrain-long"]).Output, StringComparison.Ordinal);
        Assert.Contains("| `retrain-long` | 0 of 1 |", Page(), StringComparison.Ordinal);

        var method = ComparedMethods.RetrainLong;
        var key = new CellKey(method.Name, "banned", 1);
        var read = PolicyReader.Read(
            File.ReadAllText(policy), policy, Vocabulary.Known,
            [.. CellPolicy.Overrides(method, key, samples: 400, data).Select(PolicyOverride.Parse)]).Policy!;
        Assert.Equal((40000, 8000), (read.Unlearning.Steps, read.Unlearning.RecoverySteps));
        var asked = ComparedCell.DigestOf(
            read, new InputFiles(read, policy).EnumerateFiles()
                .Select(input => (input.Role, Sha256Digest.FindAt(input.Path) ?? "")));
        ComparedCellFile.Write(
            house.At("requested/results/cells"),
            new ComparedCell(
                ComparedCell.CurrentSchemaVersion, key, asked, "atu", new RunEnvironment("Linux", ".NET", "0.107.0", "cpu", 1, 0),
                Outcome: null, "it ended"));

        Assert.Contains("0 of 50 runs, 1 without result", Atu.Run(printed).Output, StringComparison.Ordinal);
        Assert.Contains("| `retrain-long` | 0 of 1, 1 without result |", Page(), StringComparison.Ordinal);
        Assert.DoesNotContain("retrain-labels", Page(), StringComparison.Ordinal);

        string Page() => File.ReadAllText(house.At("requested/results.md"));
    }

    private string Policy(string name, string data) => house.Policy(
        name, edit: (
            "\"unlearning\": {",
            $"\"unlearning\": {{ \"method\": \"retrain\", \"data\": \"{Path.GetFileName(data)}\", \"cleanBy\": \"labels\","));

    // Of grey images, each with or without one label; null for none.
    private string Pictures(string name, string? label)
    {
        var folder = house.At(name);
        LabelledPictures.Write(folder, count: 24);
        var list = Path.Combine(folder, Labels);
        var labels = File.ReadAllText(list).Replace("file,bright,", $"file,{label},", StringComparison.Ordinal);
        File.Delete(list);
        if (label is not null)
            File.WriteAllText(list, labels);
        return folder;
    }
}
