using System.Globalization;
using AdaptThenUnlearn.Files;

namespace AdaptThenUnlearn.Labelling;

/// <summary>Chooses which images a person labels next. Pure: the same labels and seed give the same pages.</summary>
/// <remarks>
/// <para>
/// The images are independent draws of the generator, and their numbers divide them for good. Odd numbers are <b>test images</b>.
/// They are shown in the order of their numbers, whatever the labels say, and no label of theirs has a say in what is shown.
/// They are therefore a random sample, and errors may be counted on them.
/// </para>
/// <para>
/// Even numbers are <b>learning images</b>. Once one of them is marked, the most similar to the marked ones come first. They are
/// trained on. An error rate of theirs would be worth nothing, because the likely ones were chosen.
/// </para>
/// </remarks>
public static class PageOrder
{
    /// <summary>Images on a page.</summary>
    public const int PageSize = 12;

    private const int FewTests = 2;    // until there is enough to train from
    private const int ManyTests = 8;   // then what is missing is the test

    /// <summary>Whether an image is a test image.</summary>
    /// <param name="image">The image's number from 0.</param>
    public static bool IsTest(int image) => image % 2 == 1;

    /// <summary>The images that were shown so far and those of the next page, in their order.</summary>
    /// <param name="shown">The images that were shown so far; a page that is not full is filled first.</param>
    /// <param name="images">Number of all images.</param>
    /// <param name="likeliest">The learning images, the ones most likely to show the feature first.</param>
    /// <param name="marked">How many learning images were marked as showing the feature.</param>
    /// <param name="seed">Mixes the two kinds, so that a place on the page says nothing about an image.</param>
    public static IReadOnlyList<int> WithNextPage(
        IReadOnlyList<int> shown, int images, IEnumerable<int> likeliest, int marked, long seed)
    {
        var size = PageSize - shown.Count % PageSize;
        var known = shown.ToHashSet();
        var tests = Enumerable.Range(0, images).Where(IsTest).Where(image => !known.Contains(image)).ToList();
        var learning = likeliest.Where(image => !known.Contains(image)).ToList();

        var share = marked < LabelSheet.MinLabelsPerClass ? FewTests : ManyTests;

        // Where one kind runs out, the other fills the page.
        var testsWanted = Math.Max(size * share / PageSize, size - learning.Count);
        var page = tests.Take(testsWanted).ToList();
        page.AddRange(learning.Take(size - page.Count));
        return [.. shown, .. page.OrderBy(Lot, StringComparer.Ordinal)];

        string Lot(int image) => Sha256Digest.Compute(string.Create(CultureInfo.InvariantCulture, $"{seed} {image}"));
    }
}
