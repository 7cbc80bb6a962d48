using AdaptThenUnlearn.Labelling;

namespace AdaptThenUnlearn.Tests.Labelling;

/// <summary>Pages bring the likely images early, and leave the test images to chance.</summary>
public sealed class PageOrderTests
{
    private const int Images = 100;

    [Theory]
    [InlineData(9, 2)]
    [InlineData(10, 8)]   // enough to train from: the test is what is missing
    public void WithNextPage_Marks_DecideHowManyTestImagesAreShown(int marked, int tests)
    {
        var page = PageOrder.WithNextPage([], Images, Even(), marked, seed: 1);

        Assert.Equal(PageOrder.PageSize, page.Count);
        Assert.Equal(tests, page.Count(PageOrder.IsTest));
    }

    [Fact]
    public void WithNextPage_Likeliest_ComeFirstAmongTheLearningImages()
    {
        var page = PageOrder.WithNextPage([98, 1], Images, Even().Reverse(), marked: 1, seed: 1);

        Assert.Equal([98, 1], page.Take(2));
        Assert.Equal([80, 82, 84, 86, 88, 90, 92, 94, 96], page.Skip(2).Where(image => !PageOrder.IsTest(image)).Order());
    }

    // Whatever is likely: the errors that are counted on them are those of any image of the generator.
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void WithNextPage_TestImages_AreTheSameWhateverTheOthersShow(long seed)
    {
        Assert.Equal(Tests(Even()), Tests(Even().Reverse()));
        Assert.Equal([1, 3, 5, 7], Tests(Even()).Order());

        IEnumerable<int> Tests(IEnumerable<int> likeliest) => PageOrder
            .WithNextPage(PageOrder.WithNextPage([], Images, likeliest, 0, seed), Images, likeliest, 0, seed)
            .Where(PageOrder.IsTest);
    }

    [Fact]
    public void WithNextPage_ToTheEnd_ShowsEveryImageOnce()
    {
        IReadOnlyList<int> shown = [];
        for (var page = 0; page < 9; page++)
            shown = PageOrder.WithNextPage(shown, Images, Even(), marked: 20, seed: 1);

        Assert.Equal(Enumerable.Range(0, Images), shown.Order());
        Assert.Equal(shown, PageOrder.WithNextPage(shown, Images, Even(), marked: 20, seed: 1));
    }

    [Fact]
    public void WithNextPage_Places_SayNothingAboutTheKind()
    {
        var first = PageOrder.WithNextPage([], Images, Even(), 0, seed: 1);

        Assert.NotEqual(first.Order(), first);
        Assert.NotEqual(first.Where(PageOrder.IsTest), first.Take(2));
        Assert.Equal(first, PageOrder.WithNextPage([], Images, Even(), 0, seed: 1));
        Assert.NotEqual(first, PageOrder.WithNextPage([], Images, Even(), 0, seed: 2));
    }

    private static IEnumerable<int> Even() => Enumerable.Range(0, Images).Where(image => !PageOrder.IsTest(image));
}
