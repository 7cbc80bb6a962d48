using AdaptThenUnlearn.Policies;
using static AdaptThenUnlearn.Tests.Policies.PolicyTexts;

namespace AdaptThenUnlearn.Tests.Policies;

public sealed class PolicyOverrideTests
{
    [Fact]
    public void Read_Overrides_ReplaceInsertAndAppend()
    {
        var policy = Read(
            Smallest,
            "unlearning.steps=5",
            "undesiredFeatures[0].maxRate=0.02",
            "undesiredFeatures[1]={\"name\":\"digit-9\",\"annotator\":\"digits\",\"auditor\":\"auditor\","
                + "\"class\":\"9\",\"minUnlearned\":0.5}",
            "owner=someone else",
            "description=1 = 1",
            "report.formats[0]=html").Policy!;

        Assert.Equal(5, policy.Unlearning.Steps);
        Assert.Equal(0.02, policy.UndesiredFeatures[0].MaxRate);
        Assert.Equal("digit-9", policy.UndesiredFeatures[1].Name);
        Assert.Equal("someone else", policy.Owner);
        Assert.Equal("1 = 1", policy.Description);
        Assert.Equal(["html"], policy.Report.Formats);
    }

    [Fact]
    public void Read_TheSamePathTwice_TakesTheLast()
    {
        Assert.Equal(7, Read(Smallest, "unlearning.steps=5", "unlearning.steps=7").Policy!.Unlearning.Steps);
    }

    [Fact]
    public void Read_WrongOverride_NamesTheArgumentAfterTheFilesOwnErrors()
    {
        var result = PolicyReader.Read(
            Smallest.Replace("0.01", "3", StringComparison.Ordinal), "policy.json", Vocabulary,
            [PolicyOverride.Parse("unlearning.stepz=1"), PolicyOverride.Parse("name=8")]);

        Assert.Equal(
            [
                "policy.json(10,96): error ATU1004: $.undesiredFeatures[0].maxRate: must be at least 0 and at most 1, but is 3",
                "--set name: error ATU1005: $.name: must be text, but is the number 8",
                "--set unlearning.stepz: error ATU1002: $.unlearning.stepz: unknown property (did you mean 'steps'?)",
            ],
            result.Errors.Select(error => error.ToString()));
    }

    [Theory]
    [InlineData("name.first=x", "$.name.first", "cannot set 'first', because its parent is text")]
    [InlineData(
        "undesiredFeatures[2].maxRate=0",
        "$.undesiredFeatures[2].maxRate",
        "cannot set entry [2], because the list has 1 entries")]
    [InlineData(
        "undesiredFeatures.maxRate=0", "$.undesiredFeatures.maxRate", "cannot set 'maxRate', because its parent is a list")]
    [InlineData("generator[0]=0", "$.generator[0]", "cannot set entry [0], because its parent is an object")]
    public void Read_PlaceThatCannotBe_IsAnError(string argument, string path, string message)
    {
        var error = Assert.Single(Read(Smallest, argument).Errors);

        Assert.Equal((PolicyCodes.ImpossibleOverride, path, message), (error.Code, error.Path, error.Message));
    }

    [Theory]
    [InlineData("unlearning.steps")]
    [InlineData("=5")]
    [InlineData(" =5")]
    [InlineData("a..b=5")]
    [InlineData("a[x]=5")]
    [InlineData("a[-1]=5")]
    [InlineData("a[0=5")]
    [InlineData("a]=5")]
    [InlineData("a[99999999999]=5")]
    [InlineData("[0]=5")]
    public void Parse_NoPathAndValue_SaysWhichArgument(string argument)
    {
        var thrown = Assert.Throws<FormatException>(() => PolicyOverride.Parse(argument));

        Assert.StartsWith($"--set {argument}: ", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_HalfASurrogatePairInAnArgument_BecomesTheReplacementCharacter()
    {
        var policy = Read(Smallest, "owner=\uD800", "classifiers.\uD800.checkpoint=c", "classifiers.\uD801.checkpoint=d").Policy!;

        Assert.Equal("\uFFFD", policy.Owner);
        Assert.Equal("d", policy.Classifiers["\uFFFD"].Checkpoint);
    }

    [Theory]
    [InlineData("unlearning.steps")]
    [InlineData("=5")]
    public void Parse_NoPathOrNoEqualsSign_ShowsHow(string argument) => Assert.Equal(
        $"--set {argument}: write it as path=value, e.g. unlearning.steps=5",
        Assert.Throws<FormatException>(() => PolicyOverride.Parse(argument)).Message);

    [Fact]
    public void Parse_DeepestPath_IsRead()
    {
        var path = string.Join('.', Enumerable.Repeat("a", 64));

        Assert.Equal(path, PolicyOverride.Parse(path + "=1").Path);
        Assert.Throws<FormatException>(() => PolicyOverride.Parse(path + ".a=1"));
    }

    [Fact]
    public void Parse_EndlessPath_IsRefused()
    {
        Assert.Throws<FormatException>(() => PolicyOverride.Parse(string.Join('.', Enumerable.Repeat("a", 100_000)) + "=1"));
    }
}
