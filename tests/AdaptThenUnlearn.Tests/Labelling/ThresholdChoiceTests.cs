using System.Globalization;
using AdaptThenUnlearn.Labelling;

namespace AdaptThenUnlearn.Tests.Labelling;

/// <summary>
/// A threshold is chosen by learning images alone, and its errors on test images are within their interval as often as promised.
/// </summary>
public sealed class ThresholdChoiceTests(ITestOutputHelper output)
{
    // Learning images have even numbers, test images odd ones.
    [Theory]
    [InlineData(0, 0.65)]          // (0.8 + 0.5) / 2: the 0.8 must be found, and the image with 0.5 does not show it
    [InlineData(0.09, 0.65)]       // 9 % of eleven are none
    [InlineData(0.1, 0.825)]       // (0.85 + 0.8) / 2: one may be missed
    [InlineData(0.19, 0.865)]      // (0.88 + 0.85) / 2: of two
    public void FindThreshold_LabelsOfLearningImages_LiesHalfwayBelowTheLowestThatMustBeFound(double mayMiss, double expected)
    {
        float[] with = [0.8f, 0.85f, 0.88f, 0.9f, 0.91f, 0.92f, 0.93f, 0.94f, 0.95f, 0.96f, 0.97f];
        float[] without = [0.1f, 0.5f, 0.2f, 0.99f];

        Assert.Equal(
            expected, ThresholdChoice.FindThreshold(Scores(with, without), Labels(with, without), mayMiss)!.Value,
            tolerance: 1e-12);
    }

    [Theory]
    [InlineData(new[] { 0.75f }, new[] { 0.875f }, 0.375)]           // nothing lies below: half of it
    [InlineData(new[] { 0.123456f }, new[] { 0.123455f }, 0.123)]    // rounded down to three digits
    [InlineData(new[] { 2e-6f }, new[] { 1e-6f }, 0.00000149)]       // single precision is a little below 1.5 millionths
    [InlineData(new[] { 1f }, new[] { 0.9999999f }, 0.999)]          // below 1
    [InlineData(new[] { float.NaN, 0.4f }, new[] { 0.2f, float.NaN }, 0.3)]   // found by any threshold
    public void FindThreshold_Extremes_IsAboveZeroAndBelowOne(float[] with, float[] without, double expected) => Assert.Equal(
        expected, ThresholdChoice.FindThreshold(Scores(with, without), Labels(with, without), 0)!.Value,
        tolerance: 1e-6 * expected);

    [Theory]
    [InlineData(new float[0])]
    [InlineData(new[] { 0f, 0.9f })]         // nothing is below a score of 0
    [InlineData(new[] { float.NaN })]
    [InlineData(new[] { -0.5f, 0.9f })]      // not a probability
    public void FindThreshold_NothingThatAScoreCouldDivide_IsNone(float[] with) =>
        Assert.Null(ThresholdChoice.FindThreshold(Scores(with, [0.1f]), Labels(with, [0.1f]), 0));

    [Fact]
    public void Count_AtTheThreshold_IsSeenAndWhatIsNotANumberToo() => Assert.Equal(
        new HeldOutError(With: 3, Missed: 1, Without: 3, FalseAlarms: 2),
        ThresholdChoice.Count(
            [0.5f, 0.25f, float.NaN, 0.5f, 0.25f, float.PositiveInfinity],
            new Dictionary<int, bool> { [0] = true, [1] = true, [2] = true, [3] = false, [4] = false, [5] = false }, 0.5));

    // The test images would choose 0.05, and the counts are of them alone.
    [Fact]
    public void Create_TestImages_AreCountedAndHaveNoPartInTheThreshold()
    {
        var labels = new SortedDictionary<int, bool>();
        var scores = new float[60];
        foreach (var image in Enumerable.Range(0, 60))
        {
            labels[image] = image % 4 < 2;
            scores[image] = PageOrder.IsTest(image)
                ? (image < 30 ? 0.1f : 0.95f)
                : labels[image] ? 0.8f : 0.4f;
        }

        var choice = ThresholdChoice.Create(scores, Sheet(labels), mayMiss: 0);

        Assert.Equal(0.6, choice.Threshold);
        Assert.Equal(new HeldOutError(15, 0, 15, 0), choice.Learning);
        Assert.Equal(new HeldOutError(With: 15, Missed: 8, Without: 15, FalseAlarms: 8), choice.HeldOut);
    }

    [Theory]
    [InlineData(9, 10)]
    [InlineData(10, 9)]
    public void Create_TooFewLearningLabels_SaysHowMany(int with, int without)
    {
        float[] scores = [.. Enumerable.Repeat(0.5f, 60)];
        var labels = Labels(scores[..with], scores[..without]);
        foreach (var test in Enumerable.Range(20, 8))
            labels[2 * test + 1] = test % 2 == 0;   // these do not help

        var refused = Assert.Throws<LabelException>(() => ThresholdChoice.Create(scores, Sheet(labels), 0));

        Assert.StartsWith(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{with} learning images (even numbers) are labelled as showing 'hat' and {without} as not showing it"),
            refused.Message, StringComparison.Ordinal);
    }

    // Scores of 2,000 persons' sessions: of images that show it logit(score) is logistic around 1, of the others around -1, and a
    // ninth shows it. So the share that a threshold misses is known. Learning images are the likeliest, as pages choose them.
    [Fact]
    public void Create_ManySessions_TheIntervalHoldsTheTrueShareOfMissesAsOftenAsPromised()
    {
        const int sessions = 2000;
        var random = new Random(20);
        var (held, flattered, moved) = (0, 0, new HashSet<double>());
        for (var session = 0; session < sessions; session++)
        {
            var shows = Enumerable.Range(0, 600).Select(_ => random.NextDouble() < 1 / 9.0).ToArray();
            float[] scores = [.. shows.Select(one => (float)Sigmoid(Logistic(random) + (one ? 1 : -1)))];
            var labelled = Enumerable.Range(0, 300).Select(number => 2 * number).OrderByDescending(image => scores[image])
                .Take(120).Concat(Enumerable.Range(0, 100).Select(number => 2 * number + 1));
            var sheet = Sheet(new SortedDictionary<int, bool>(labelled.ToDictionary(image => image, image => shows[image])));

            var choice = ThresholdChoice.Create(scores, sheet, mayMiss: 0.1);

            var missed = Sigmoid(Math.Log(choice.Threshold / (1 - choice.Threshold)) - 1);
            held += Holds(choice.HeldOut, missed) ? 1 : 0;
            flattered += Holds(choice.Learning, missed) ? 1 : 0;
            moved.Add(choice.Threshold);
        }

        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"of {sessions} intervals {held} hold the share by test images, and {flattered} by the images that chose"));
        Assert.True(held >= 0.95 * sessions, $"{held}");
        Assert.True(flattered < 0.9 * sessions, $"{flattered}");
        Assert.True(moved.Count > 100);

        static bool Holds(HeldOutError error, double share) =>
            error.Counts("") is var counts && counts.MissedLowerBound <= share && share <= counts.MissedUpperBound;

        static double Sigmoid(double margin) => 1 / (1 + Math.Exp(-margin));

        static double Logistic(Random random) => random.NextDouble() is var uniform ? Math.Log(uniform / (1 - uniform)) : 0;
    }

    private static LabelSheet Sheet(SortedDictionary<int, bool> labels) => new(1, "hat", "abc", 7, labels);

    // The images that show it come first, each with an even number.
    private static float[] Scores(float[] with, float[] without) =>
        [.. with.Concat(without).SelectMany(score => new[] { score, 0.01f })];

    private static SortedDictionary<int, bool> Labels(float[] with, float[] without) => new(
        Enumerable.Range(0, with.Length + without.Length).ToDictionary(place => 2 * place, place => place < with.Length));
}
