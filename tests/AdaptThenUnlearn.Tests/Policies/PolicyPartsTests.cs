using System.Reflection;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Policies;
using static AdaptThenUnlearn.Tests.Policies.PolicyTexts;

namespace AdaptThenUnlearn.Tests.Policies;

public sealed class UnlearningPresetsTests
{
    public static TheoryData<string> Names => [.. UnlearningPresets.Names];

    [Fact]
    public void Names_Listed_AreTheDocumentedOnes()
    {
        Assert.Equal(["quick", "default", "thorough", "paper"], UnlearningPresets.Names);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Of_EveryPreset_IsWhatAPolicyMayWrite(string name)
    {
        var result = Read(Smallest, $"unlearning.preset={name}");

        Assert.Equal(UnlearningPresets.Get(name), result.Policy!.Unlearning);

        // Written out in full, so that the ranges are judged too: defaults themselves are not.
        var written = System.Text.Json.JsonDocument.Parse(result.EffectiveJson).RootElement.GetProperty("unlearning");
        var again = Read(Smallest, $"unlearning={written.GetRawText()}");
        Assert.Empty(again.Errors);
        Assert.Equal(UnlearningPresets.Get(name), again.Policy!.Unlearning);
    }

    [Fact]
    public void Of_Paper_HasNothingBesideThePublishedLosses()
    {
        var paper = UnlearningPresets.Get("paper");

        Assert.Equal(
            (0, 0, 0, 0), (paper.Retention.Weight, paper.NegativesAsFakes.Weight, paper.RecoverySteps, paper.ClassBalance.Rate));
        Assert.True(paper.CandidateEvery > 100 * paper.Steps);   // the last step gives the only candidate
        // The push ends by its loss alone.
        Assert.True(paper.Repulsion.Limit > 100 * UnlearningPresets.Get("default").Repulsion.Limit);
    }

    [Fact]
    public void Of_UnknownName_NamesTheOthers()
    {
        Assert.Contains(
            "quick, default, thorough or paper",
            Assert.Throws<ArgumentException>(() => UnlearningPresets.Get("fast")).Message,
            StringComparison.Ordinal);
    }
}

public sealed class CanonicalJsonTests
{
    [Fact]
    public void Of_PoliciesThatSayTheSame_AreTheSameText()
    {
        var reordered = Smallest
            .Replace("\"schemaVersion\": 1,", "", StringComparison.Ordinal)
            .Replace(
                "\"maxRate\": 0.01 }\n  ]",
                "\"maxRate\": 1.0e-2, }\n ], // the same\n \"schemaVersion\": 1,",
                StringComparison.Ordinal);

        var (one, other) = (Read(Smallest), Read(reordered));

        Assert.NotEqual(one.TextSha256, other.TextSha256);
        Assert.Equal(one.EffectiveJson, other.EffectiveJson);
        Assert.Equal(CanonicalJson.Digest(one.Policy!), CanonicalJson.Digest(other.Policy!));
    }

    [Fact]
    public void Of_SmallestPolicy_IsSortedAndWithoutWhiteSpace()
    {
        var text = Read(Smallest).EffectiveJson;

        Assert.StartsWith(
            """{"classifiers":{"auditor":{"checkpoint":"b.safetensors","classes":["7","8","9"],"sha256":null},"digits":{""",
            text, StringComparison.Ordinal);
        Assert.Contains(
            """
            "evaluation":{"confidence":0.95,"maxSamples":50000,"samples":10000,"seed":20,"truncation":1}
            """,
            text, StringComparison.Ordinal);
        Assert.DoesNotContain(' ', text);
    }

    [Fact]
    public void Digest_OneValueChanged_IsAnother()
    {
        Assert.NotEqual(
            CanonicalJson.Digest(Read(Smallest).Policy!), CanonicalJson.Digest(Read(Smallest, "unlearning.seed=2").Policy!));
    }

    [Fact]
    public void Of_Policy_ReadsBackToItself()
    {
        var text = Read(Full).EffectiveJson;

        Assert.Equal(text, Read(text).EffectiveJson);
    }
}

public sealed class BuildMessageTests
{
    [Theory]
    [InlineData("p.json", 3, 4, "p.json(3,4): error ATU1004: wrong")]
    [InlineData("p.json", 3, 0, "p.json(3): error ATU1004: wrong")]
    [InlineData("p.json", 0, 4, "p.json: error ATU1004: wrong")]
    [InlineData(null, 0, 0, "atu: error ATU1004: wrong")]
    public void ToString_WhatIsKnown_IsInMsBuildsForm(string? file, int line, int column, string expected)
    {
        Assert.Equal(expected, new BuildMessage(Severity.Error, "ATU1004", "wrong", file, line, column).ToString());
    }

    [Fact]
    public void ToString_LineBreaks_StayOnOneLine()
    {
        Assert.Equal("atu: warning ATU1101: a  b c", new BuildMessage(Severity.Warning, "ATU1101", "a\r\nb\u2028c").ToString());
    }

    [Theory]
    [InlineData("a\n::error::b", "a ::error::b")]
    [InlineData("::error::b", ": :error::b")]
    [InlineData(" \t::error::b", "  : :error::b")]
    [InlineData("a ##[error]b", "a ## [error]b")]
    [InlineData("a ##vso[task.setvariable variable=x]b ##VSO[y]", "a ## vso[task.setvariable variable=x]b ## vso[y]")]
    [InlineData("a\u001b[2Jb\u009b1A", "a [2Jb 1A")]
    [InlineData("ban/maxRate: 0.5 :: c # 1 [x]", "ban/maxRate: 0.5 :: c # 1 [x]")]
    public void LogLine_WhatABuildOrATerminalWouldObey_IsText(string text, string expected) =>
        Assert.Equal(expected, LogLine.Sanitize(text));

    [Fact]
    public void ToString_CommandsToTheBuild_AreText() =>
        Assert.Equal(
            "atu: error ATU3001: failed quality/minShareKept/## vso[x]",
            new BuildMessage(Severity.Error, "ATU3001", "failed quality/minShareKept/##vso[x]").ToString());
}

public sealed class PolicyCodesTests
{
    [Fact]
    public void Codes_All_AreDistinctAndOfThePolicy()
    {
        var codes = typeof(PolicyCodes)
            .GetFields(BindingFlags.Public | BindingFlags.Static)
            .Select(field => (string)field.GetRawConstantValue()!)
            .ToArray();

        Assert.Equal(codes.Length, codes.Distinct().Count());
        Assert.All(codes, code => Assert.Matches("^ATU1[01][0-9]{2}$", code));
    }
}
