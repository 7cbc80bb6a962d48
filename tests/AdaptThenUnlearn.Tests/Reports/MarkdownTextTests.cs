using AdaptThenUnlearn.Reports;

namespace AdaptThenUnlearn.Tests.Reports;

/// <summary>Markdown keeps what belongs together on one line, and numbers in columns.</summary>
public sealed class MarkdownTextTests
{
    [Theory]
    [InlineData("≤ 1 % of images", "≤~1~% of images")]
    [InlineData("≥ -2.5 %", "≥~-2.5~%")]
    [InlineData("✅ passed, ⚠️ waived, ❌ failed, ➖ does not apply", "✅~passed, ⚠️~waived, ❌~failed, ➖~does not apply")]
    [InlineData("`a 1 % b` and 2 %", "`a 1 % b` and 2~%")]
    [InlineData("per cent % 5", "per cent % 5")]
    public void KeepTogether_NumbersAndSigns_StayWithTheirWords(string markdown, string expected) =>
        Assert.Equal(expected.Replace('~', '\u00a0'), MarkdownText.KeepTogether(markdown));

    [Fact]
    public void Table_ColumnsOfNumbers_AreAlignedToTheRight()
    {
        var table = new MarkdownTable(["Rule", "Limit", "n"], 1..);
        table.AddRow("a", "1", "2");

        Assert.Equal("| Rule | Limit | n |\n| --- | ---: | ---: |\n| a | 1 | 2 |\n", table.ToString());
        Assert.Equal("| A | B |\n| --- | --- |\n", new MarkdownTable("A", "B").ToString());
    }
}
