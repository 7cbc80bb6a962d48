namespace AdaptThenUnlearn.Cli.Tests;

/// <summary><c>atu compare --attacks</c>: methods in parts, continued, and with a reason for every gap.</summary>
public sealed class CompareAttacksTests(SmallHouse house) : IClassFixture<SmallHouse>
{
    [Fact]
    public void Compare_WithAttacksInParts_AttacksEachGeneratorOnceAndSaysWhatIsMissing()
    {
        var policy = house.Policy("attacked", "\"minUnlearned\": 0.5");
        string[] usual =
        [
            "compare", policy, "--methods", "fine-tune,default", "--seeds", "1", "--out", house.At("page"), "--work",
            house.At("runs"), "--threads", "1", "--attacks", "same-latents,interpolation",
        ];

        // One part: fine-tune and the original. The other run is missing, and so are its attacks.
        var (exitCode, part, errors) = Atu.Run([.. usual, "--shard", "1/2"]);
        Assert.True(exitCode == 0, errors);
        Assert.Contains("4 of 6 attacks", part, StringComparison.Ordinal);
        var page = File.ReadAllText(house.At("page/attacks.md"));
        Assert.Contains("**2 attacks are missing**", page, StringComparison.Ordinal);
        Assert.Contains(
            "- `default`, class banned, seed 1: same-latents, interpolation: the run was not made.", page,
            StringComparison.Ordinal);
        Assert.Contains(
            "- interpolation, 10 % of the way to the original, on `original`, class banned: not measured: ", page,
            StringComparison.Ordinal);
        Assert.Contains("Retrained generators were not attacked", page, StringComparison.Ordinal);

        // All of them: what was made stays.
        var cell = Assert.Single(Directory.GetFiles(
            house.At("page/attacks"), "same-latents-*-before.json", SearchOption.AllDirectories));
        var written = File.GetLastWriteTimeUtc(cell);
        var (_, whole, _) = Atu.Run(usual);
        Assert.Contains("6 of 6 attacks", whole, StringComparison.Ordinal);
        Assert.Equal(written, File.GetLastWriteTimeUtc(cell));
        Assert.Contains("None is missing.", File.ReadAllText(house.At("page/attacks.md")), StringComparison.Ordinal);
        var table = File.ReadAllLines(house.At("page/attacks/attacks.csv"));
        Assert.StartsWith("method,class,seed,attack,variant,successes", table[0], StringComparison.Ordinal);
        Assert.All(table, line => Assert.Equal(19, line.Split(',').Length));
        Assert.Equal(
            ["default", "fine-tune", "original"],
            table.Skip(1).Select(line => line.Split(',')[0]).Distinct().Order(StringComparer.Ordinal));

        // Another machine's attacks are taken over; without its generators nothing can be attacked here, and the page says so.
        string[] elsewhere =
        [
            "compare", policy, "--methods", "fine-tune,default", "--seeds", "1", "--work", house.At("other-runs"), "--threads",
            "1", "--attacks", "same-latents,interpolation", "--out", house.At("merged"), "--page-only",
        ];
        Assert.Contains("0 of 6 attacks", Atu.Run(elsewhere).Output, StringComparison.Ordinal);
        Assert.Contains("6 of 6 attacks", Atu.Run([.. elsewhere, "--merge", house.At("page")]).Output, StringComparison.Ordinal);
        Assert.Equal(table, File.ReadAllLines(house.At("merged/attacks/attacks.csv")));
        var (_, more, _) = Atu.Run([.. elsewhere[..^5], "--attacks", "truncation", .. elsewhere[^3..]]);
        Assert.Contains("0 of 3 attacks", more, StringComparison.Ordinal);
        Assert.Contains(
            "truncation: its generator is not in the folder of the runs", File.ReadAllText(house.At("merged/attacks.md")),
            StringComparison.Ordinal);

        // Another budget is another question.
        Assert.Contains(
            "0 of 6 attacks", Atu.Run([.. usual, "--profile", "full", "--page-only"]).Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("latent-serch", "did you mean 'latent-search'?")]
    [InlineData(null, "--profile is how much an attack may spend; give --attacks with it")]
    public void Compare_BadAttackArguments_AreRefusedBeforeAnythingRuns(string? attack, string message)
    {
        var policy = house.Policy("refused");

        var (exitCode, _, errors) = Atu.Run(
            ["compare", policy, "--out", house.At("refused-page"), "--work", house.At("refused-runs"),
                .. attack is null ? new[] { "--profile", "full" } : ["--attacks", attack]]);

        Assert.Equal(2, exitCode);
        Assert.Contains(message, errors, StringComparison.Ordinal);
        Assert.False(Directory.Exists(house.At("refused-page")));
    }
}
