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

    private static RunRecord WithMetric(RunRecord run, MetricValue value) =>
        run with { Before = run.Before with { Quality = run.Before.Quality!.With(value) } };
}
