using System.Globalization;
using AdaptThenUnlearn.Labelling;
using AdaptThenUnlearn.Torch.Labelling;

namespace AdaptThenUnlearn.Torch.Tests.Labelling;

/// <summary>
/// The threshold of the embedded auditor's digit 8 is chosen by clicks on the embedded generator, with LeNet-5 in the place of
/// the person.
/// </summary>
public sealed class CalibrationSessionTests(RareFeatureTests.Mnist mnist, ITestOutputHelper output)
    : IClassFixture<RareFeatureTests.Mnist>, IDisposable
{
    private const string Identity = "c";
    private const int Clicks = 240;
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-calibrate-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // Of the first 53 test images of this seed two show an 8, too few to tell a threshold from always answering no.
    [Fact]
    public void Train_ManyClicks_WritesTheThresholdAndTheErrorsOfTestImages()
    {
        var session = mnist.StartCalibration(_folder, seed: 1, Identity);
        Assert.Contains("at least 10 of each", session.WhyTooFewLabels, StringComparison.Ordinal);
        var labelled = mnist.Label(session, Clicks);

        var error = session.Train(new Small.Silent(), CancellationToken.None);

        var (read, sha256) = ClassifierCalibrationFile.Read(Path.Combine(_folder, "auditor.calibration.json"));
        Assert.Equal((read, sha256), session.Written!.Value with { Calibration = read });
        Assert.Equal((error, Identity, "8", "digit-8"), (read.HeldOut, read.Classifier, read.Class, read.Feature));
        Assert.Equal(session.Sheet.Sha256(), read.LabelsSha256);

        // It misses none of the learning images, and its errors are of the test images alone.
        var tests = session.Sheet.Labels.Where(label => PageOrder.IsTest(label.Key)).ToList();
        Assert.Equal((tests.Count(label => label.Value), tests.Count(label => !label.Value)), (error.With, error.Without));
        Assert.Equal(0, read.Learning.Missed);
        Assert.Equal(Clicks - tests.Count, read.Learning.Images);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"threshold {read.Threshold}: {error}"));
        Assert.True(error.Found.Share > 0.8, $"{error}");

        // The same clicks, given at once, give the same bytes.
        var bytes = File.ReadAllBytes(session.ResultPath);
        var again = mnist.StartCalibration(_folder, seed: 1, Identity);
        again.Change(labelled.ToDictionary(image => image, image => (bool?)session.Sheet.Labels[image]));
        again.Train(new Small.Silent(), CancellationToken.None);
        Assert.Equal(bytes, File.ReadAllBytes(again.ResultPath));
    }

    // Ten learning images that show it are there after two or three pages, where at random 2 or 3 of 36 would be.
    [Fact]
    public void ShowMore_PageAfterPage_BringsHighScoresAndThoseNearTheThreshold()
    {
        var session = mnist.StartCalibration(_folder, seed: 2, Identity);

        var labelled = mnist.Label(session, 36);

        Assert.Null(session.WhyTooFewLabels);
        Assert.Equal(labelled, mnist.Label(mnist.StartCalibration(_folder, seed: 2, Identity), 36));
        var tests = labelled.Where(PageOrder.IsTest).ToList();
        Assert.Equal(Enumerable.Range(0, tests.Count).Select(number => 2 * number + 1), tests.Order());
        Assert.Contains(labelled.Where(image => !PageOrder.IsTest(image)), image => !session.Sheet.Labels[image]);
    }

    [Fact]
    public void Train_UselessClassifier_WritesNothingUnlessAsked()
    {
        // Every image has the same score, so that all are seen.
        var scores = new ScoredSamples([.. Enumerable.Repeat(Array.Empty<byte>(), 60)], [.. Enumerable.Repeat(0.5f, 60)]);
        foreach (var keeps in new[] { false, true })
        {
            var session = new CalibrationSession(
                scores, new CalibrationSubject("auditor", "8", Identity, 0), new LabelSheet(1, "digit-8", "abc", 1, []), _folder,
                keeps);
            session.Change(Enumerable.Range(0, 60).ToDictionary(image => image, image => (bool?)(image % 4 < 2)));

            var refused = Record.Exception(() => session.Train(new Small.Silent(), CancellationToken.None));

            Assert.Equal(keeps, File.Exists(session.ResultPath));
            Assert.Equal(keeps, refused is null);
            Assert.Equal(keeps, session.Written is not null);
            if (!keeps)
                Assert.Contains(
                    "no better than chance; label more images that show 'digit-8', or use another classifier", refused!.Message,
                    StringComparison.Ordinal);
        }
    }
}
