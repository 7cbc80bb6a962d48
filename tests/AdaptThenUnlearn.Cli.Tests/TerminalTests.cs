namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>What the terminal says about time.</summary>
public sealed class TerminalTests
{
    [Theory]
    [InlineData(9, "0:09")]
    [InlineData(452, "7:32")]
    [InlineData(4052, "1:07:32")]
    [InlineData(90061, "25:01:01")]
    public void Duration_OfAnyLength_IsReadAsAClockIs(int seconds, string shown) =>
        Assert.Equal(shown, Terminal.Duration(TimeSpan.FromSeconds(seconds)));
}
