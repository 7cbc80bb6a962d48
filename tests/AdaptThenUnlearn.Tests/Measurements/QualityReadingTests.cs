using System.Text.Json;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Tests.Measurements;

/// <summary>Any metric goes into a record and out of it, and records of earlier versions are still read.</summary>
public sealed class QualityReadingTests
{
    // As version 0.1 wrote it.
    private const string Earlier = """
        {
          "metric": "classifier Fréchet distance",
          "extractor": "auditor",
          "extractorSha256": "e",
          "referenceSha256": "r",
          "excluded": [
            "8"
          ],
          "samples": 5000,
          "referenceSamples": 54000,
          "frechetDistance": 30.5,
          "kernelDistance": null,
          "kernelDistanceDeviation": null,
          "precision": 0.8,
          "recall": 0.7,
          "density": 0.9,
          "coverage": 0.95,
          "notMeasured": null,
          "othersNotMeasured": "the kernel is not finite"
        }
        """;

    private static readonly QualityMetric _other = new("sharpness", "sharpness", "0 to 1", IsHigherBetter: true);

    [Fact]
    public void Read_RecordOfAnEarlierVersion_HasItsMetricsAndIsWrittenTheSame()
    {
        var reading = JsonSerializer.Deserialize<QualityReading>(Earlier, RunRecordFile.Json)!;

        Assert.Equal(RecordedMetrics.All, reading.Values.Select(value => value.Metric));
        Assert.Equal([30.5, null, 0.8, 0.7, 0.9, 0.95], reading.Values.Select(value => value.Value));
        Assert.Equal("the kernel is not finite", Assert.Single(reading.OthersNotMeasured()));
        Assert.Equal(
            [null, "the kernel is not finite", null, null, null, null], reading.Values.Select(value => value.NotMeasured));
        Assert.Null(reading.NotMeasured);
        Assert.Equal(Earlier.ReplaceLineEndings(), JsonSerializer.Serialize(reading, RunRecordFile.Json).ReplaceLineEndings());
    }

    [Theory]
    [InlineData("\"samples\": 5000,", "\"samples\": 5000, \"samples\": 5000,")]
    [InlineData("\"samples\": 5000,", "")]
    [InlineData("\"samples\": 5000,", "\"samples\": 5000, \"surprise\": 1,")]
    [InlineData("\"extractor\": \"auditor\"", "\"extractor\": null")]
    public void Read_PropertiesThatAreRepeatedMissingUnknownOrNull_IsRefused(string from, string to) =>
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize<QualityReading>(
            Earlier.Replace(from, to, StringComparison.Ordinal), RunRecordFile.Json));

    [Fact]
    public void Record_MetricThatEarlierVersionsDidNotHave_IsKeptAndReported()
    {
        var run = WithMetric(Records.Run(), new MetricValue(_other, 0.25, 0.125));

        var read = RunRecordFile.Parse(RunRecordFile.ToJson(run), "run.json");

        Assert.Equal(new MetricValue(_other, 0.25, 0.125), read.Before.Quality!.Find(_other));
        Assert.Equal(RunRecordFile.ToJson(run), RunRecordFile.ToJson(read));
        Assert.Contains(
            "| Sharpness (higher is better) | 0.25 | – | – |", new MarkdownReport().Render(read), StringComparison.Ordinal);
        Assert.Contains("Sharpness", new HtmlReport().Render(read), StringComparison.Ordinal);
    }

    [Fact]
    public void Record_MetricThatWasNotMeasured_SaysWhyBesideTheOthersReason()
    {
        var run = WithMetric(Records.Run(), new MetricValue(_other, null, NotMeasured: "the images are too small"));
        run = WithMetric(run, new MetricValue(RecordedMetrics.Recall, null, NotMeasured: "too few vectors"));

        var read = RunRecordFile.Parse(RunRecordFile.ToJson(run), "run.json");

        Assert.Equal(["too few vectors", "the images are too small"], read.Before.Quality!.OthersNotMeasured());
        Assert.Equal(new MarkdownReport().Render(run), new MarkdownReport().Render(read));
    }

    [Theory]
    [InlineData("sharpness")]
    [InlineData("frechetDistance")]
    public void Record_MetricTwice_IsRefused(string name)
    {
        var value = new MetricValue(_other with { Name = name }, 1);
        var run = Records.Run();
        var text = RunRecordFile.ToJson(WithMetric(run, value with { Metric = _other }));
        var twice = text.Replace(
            "\"otherMetrics\": [",
            "\"otherMetrics\": [ { \"name\": \"" + name + "\", \"title\": \"t\", "
                + "\"unit\": \"u\", \"isHigherBetter\": true, \"value\": 1, \"deviation\": null, \"notMeasured\": null },",
            StringComparison.Ordinal);

        var refused = Assert.Throws<RunRecordException>(() => RunRecordFile.Parse(twice, "run.json"));

        Assert.Contains($"the metric '{name}' was measured twice", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void RecordedMetrics_All_HaveTheirNamesUnitsAndDirections() => Assert.Equal(
        [
            new("frechetDistance", "Fréchet distance", "squared feature units", IsHigherBetter: false),
            new("kid", "kernel distance, KID", "squared kernel units", IsHigherBetter: false),
            new("precision", "precision", "0 to 1", IsHigherBetter: true),
            new("recall", "recall", "0 to 1", IsHigherBetter: true),
            new("density", "density", "0 or more", IsHigherBetter: true),
            new("coverage", "coverage", "0 to 1", IsHigherBetter: true),
        ],
        RecordedMetrics.All);

    // Metrics of the first records share one reason, the first; the Fréchet distance has its own.
    [Fact]
    public void OthersNotMeasured_DistanceAndTwoMore_IsTheFirstOfTheTwo()
    {
        var reading = Records.Measured("a", 1000, null, 1000).Quality!
            .With(new MetricValue(RecordedMetrics.KernelDistance, null, NotMeasured: "the kernel is not finite"))
            .With(new MetricValue(RecordedMetrics.Recall, null, NotMeasured: "too few vectors"));

        Assert.Equal(["the kernel is not finite"], reading.OthersNotMeasured());
        Assert.Equal("too few images", reading.NotMeasured);
    }

    [Theory]
    [InlineData("original-generator 00", true)]
    [InlineData("original-generator-of-someone", false)]
    [InlineData("r", false)]
    public void IsAgainstOriginal_Reference_IsOfTheOriginalsDigest(string reference, bool expected) =>
        Assert.Equal(expected, (Records.Before.Quality! with { ReferenceSha256 = reference }).IsAgainstOriginal);

    [Theory]
    [InlineData(54000L, "54000 of the reference", "\"referenceSamples\": 54000")]
    [InlineData(null, "a reference that does not say its size", "\"referenceSamples\": null")]
    [InlineData(0L, "a reference that does not say its size", "\"referenceSamples\": 0")]   // as earlier records have it
    public void ReferenceSize_KnownOrNot_IsSaidAndStored(long? samples, string expected, string stored)
    {
        var reading = Records.Before.Quality! with { ReferenceSamples = samples };

        Assert.Equal(expected, reading.ReferenceSize());
        var text = JsonSerializer.Serialize(reading, RunRecordFile.Json);
        Assert.Contains(stored, text, StringComparison.Ordinal);
        Assert.Equal(samples, JsonSerializer.Deserialize<QualityReading>(text, RunRecordFile.Json)!.ReferenceSamples);
    }

    [Theory]
    [InlineData("kernel distance", "Kernel distance", true, "higher is better")]
    [InlineData("", "", false, "lower is better")]
    public void Metric_TitleAndDirection_AreWords(string title, string heading, bool isHigherBetter, string direction)
    {
        var metric = new QualityMetric("m", title, "0 to 1", isHigherBetter);

        Assert.Equal((heading, direction), (metric.Heading(), metric.Direction()));
    }

    [Theory]
    [InlineData(0, "0 %")]
    [InlineData(0.5, "50 %")]
    [InlineData(0.0123456, "1.235 %")]
    [InlineData(0.000005, "0.001 %")]
    [InlineData(0.000004, "0.0004 %")]
    [InlineData(-0.000004, "-0.0004 %")]
    public void Percent_SmallShares_DoNotLookLikeNone(double share, string expected) =>
        Assert.Equal(expected, ReadingText.Percent(share));

    [Fact]
    public void WhyMeaningless_OneImageAndAnAuditorThatCannotTell_IsTheImage()
    {
        var blind = Records.Before.Features[0] with { NotMeasured = "it is blind" };
        var measured = Records.Before with { Features = [blind] };

        Assert.Equal("it is blind", measured.WhyMeaningless("digit-8"));
        Assert.Null(measured.WhyMeaningless("digit-9"));
        Assert.StartsWith(
            "only 1 of 10 images",
            (measured with { Diversity = new ImageDiversity(10, 1, 0) }).WhyMeaningless("digit-8"),
            StringComparison.Ordinal);
    }

    private static RunRecord WithMetric(RunRecord run, MetricValue value) =>
        run with { Before = run.Before with { Quality = run.Before.Quality!.With(value) } };
}
