using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Measurements;

namespace AdaptThenUnlearn.Tests.Labelling;

/// <summary>Labels outlive the process that took them, and never meet other images.</summary>
public sealed class LabelSheetTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-labels-").FullName;

    private string Sheet => Path.Combine(_folder, "deeper", "labels.json");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Open_WhatWasWritten_IsTheSame()
    {
        var sheet = LabelSheetFile.Open(Sheet, "hat", "abc", seed: 7, images: 30)
            .WithChanges(new Dictionary<int, bool?> { [3] = true, [9] = false, [4] = true });
        LabelSheetFile.Write(Sheet, sheet.WithChanges(new Dictionary<int, bool?> { [4] = null }) with { Order = [9, 3, 4] });

        var read = LabelSheetFile.Open(Sheet, "hat", "abc", seed: 7, images: 30);

        Assert.Equal([KeyValuePair.Create(3, true), KeyValuePair.Create(9, false)], read.Labels);
        Assert.Equal((1, 1), (read.With, read.Without));
        Assert.Equal([9, 3, 4], read.Order);
        Assert.Equal(["labels.json"], Directory.EnumerateFiles(Path.GetDirectoryName(Sheet)!).Select(Path.GetFileName));
    }

    [Theory]
    [InlineData("scarf", "abc", 7, 30, "about 'hat', not 'scarf'")]
    [InlineData("hat", "abd", 7, 30, "another generator")]
    [InlineData("hat", "abc", 8, 30, "seed 7, not 8")]
    [InlineData("hat", "abc", 7, 3, "--count")]
    public void Open_LabelsOfOtherImages_AreRefused(string feature, string generator, long seed, int images, string expected)
    {
        LabelSheetFile.Write(
            Sheet, LabelSheetFile.Open(Sheet, "hat", "abc", 7, 30).WithChanges(new Dictionary<int, bool?> { [3] = true }));

        Assert.Contains(
            expected,
            Assert.Throws<LabelException>(() => LabelSheetFile.Open(Sheet, feature, generator, seed, images)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("""{ "schemaVersion": 1, "feature": "hat", "generator": "abc", "seed": 7, "labels": null }""")]
    [InlineData("""{ "schemaVersion": 1, "feature": "hat", "generator": "abc", "seed": 7, "labels": {}, "more": 1 }""")]
    [InlineData("""{ "schemaVersion": 1, "feature": "hat", "generator": "abc", "seed": 7, "labels": {}, "order": [3, 3] }""")]
    [InlineData("""{ "schemaVersion": 1, "feature": "hat", "generator": "abc", "seed": 7, "labels": {}, "order": [30] }""")]
    [InlineData("""{ "schemaVersion": 2, "feature": "hat", "generator": "abc", "seed": 7, "labels": {} }""")]
    public void Open_NoSheet_SaysWhichFile(string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Sheet)!);
        File.WriteAllText(Sheet, text);

        Assert.StartsWith(
            Sheet,
            Assert.Throws<LabelException>(() => LabelSheetFile.Open(Sheet, "hat", "abc", 7, 30)).Message,
            StringComparison.Ordinal);
    }

    // Without pages the labelled images are all random; a page may have chosen the even ones.
    [Fact]
    public void IsTest_SheetWithoutOrder_IsEveryImage()
    {
        var sheet = new LabelSheet(
            LabelSheet.CurrentSchemaVersion, "hat", "abc", 7, new() { [2] = true, [3] = true, [4] = false });
        var paged = sheet with { Order = [2, 3, 4] };

        Assert.All(sheet.Labels.Keys, image => Assert.True(sheet.IsTest(image)));
        Assert.Equal([3], paged.Labels.Keys.Where(paged.IsTest));
        Assert.Equal([2, 4], paged.LearningLabels.Keys.Order());
        Assert.Equal(sheet.Sha256(), paged.Sha256());
    }

    [Fact]
    public void TooFew_BelowTenOfEither_SaysHowMany()
    {
        var sheet = LabelSheetFile.Open(Sheet, "hat", "abc", 7, 30)
            .WithChanges(Enumerable.Range(0, 19).ToDictionary(image => image, image => (bool?)(image < 10)));

        Assert.StartsWith(
            "10 images are labelled as showing 'hat' and 9 as not showing it", sheet.WhyTooFewLabels, StringComparison.Ordinal);
        Assert.Null(sheet.WithChanges(new Dictionary<int, bool?> { [19] = false }).WhyTooFewLabels);
    }

    [Fact]
    public void HeldOutError_Counts_GiveRateAndExactInterval()
    {
        var error = new HeldOutError(With: 40, Missed: 3, Without: 60, FalseAlarms: 1);

        Assert.Equal(0.04, error.Rate, precision: 12);
        Assert.Equal(ClopperPearson.LowerBound(4, 100, 0.975), error.Lower);
        Assert.Equal(ClopperPearson.UpperBound(4, 100, 0.975), error.Upper);
        Assert.Equal(
            "finds 37 of 40 images that show it (95 % interval 79.6 % to 98.4 %), false alarms in 1 of 60 (0.0 % to 8.9 %); "
                + "held-out error 4.0 % (4 of 100)",
            error.ToString());
        Assert.Null(error.Doubt);
    }

    // 11 of 11 missed and 1 of 43 false alarms is an error of 22 %: the number looks acceptable, but the classifier is useless.
    [Theory]
    [InlineData(11, 11, 43, 1, "none of the 11 held-out images", "Of no use")]
    [InlineData(14, 13, 100, 10, "no better than chance", "Of no use")]
    [InlineData(14, 7, 186, 8, "no better than always answering no", "Of no use")]
    [InlineData(0, 0, 30, 1, "none of the 30 held-out images shows the feature", "Of no use")]
    [InlineData(14, 7, 186, 3, null, "it may miss more than it finds")]
    [InlineData(100, 5, 100, 5, null, null)]
    public void HeldOutError_ClassifierThatFindsLittle_SaysSo(
        int with, int missed, int without, int alarms, string? useless, string? doubt)
    {
        var error = new HeldOutError(with, missed, without, alarms);

        Assert.Equal(useless is null, error.WhyUseless is null);
        Assert.Equal(doubt is null, error.Doubt is null);
        Assert.Contains(useless ?? "", error.WhyUseless ?? "", StringComparison.Ordinal);
        Assert.Contains(doubt ?? "", error.Doubt ?? "", StringComparison.Ordinal);
    }

    [Fact]
    public void HeldOutCounts_Text_IsReadBackAndImpossibleOnesAreRefused()
    {
        var counts = new HeldOutCounts(new Dictionary<string, HeldOutError> { ["hat"] = new(40, 3, 60, 1) }, new string('a', 64));

        var read = HeldOutCounts.Parse(counts.ToText());

        Assert.Equal(counts.ByClass["hat"], read.ByClass["hat"]);
        Assert.Equal(
            new DetectionCounts("held out when it was trained", 40, 3, 60, 1, new string('a', 64)), read.ForClass("hat"));
        Assert.Null(read.ForClass("beard"));
        Assert.DoesNotContain("rate", counts.ToText(), StringComparison.OrdinalIgnoreCase);
        foreach (var text in new[]
        {
            "{}",
            "null",
            "[]",
            counts.ToText().Replace("\"missed\":3", "\"missed\":41", StringComparison.Ordinal),
            counts.ToText().Replace("\"with\":40", "\"with\":-1", StringComparison.Ordinal)
        })
            Assert.Throws<FormatException>(() => HeldOutCounts.Parse(text));
    }
}
