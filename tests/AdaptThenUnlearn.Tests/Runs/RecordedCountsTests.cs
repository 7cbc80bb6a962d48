using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Tests.Runs;

/// <summary>Which numbers a record may hold: those that a measurement can give, and no others.</summary>
public sealed class RecordedCountsTests
{
    [Theory]
    [InlineData(1, 0)]
    [InlineData(1, 1)]
    [InlineData(10000, 0)]
    [InlineData(10000, 10000)]
    public void Parse_CountsAtTheEdge_AreRead(long samples, long hits)
    {
        var record = WithLooks(new Look(samples, hits));

        Assert.Equal(RunRecordFile.ToJson(record), RunRecordFile.ToJson(Read(record)));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(-1, -1)]
    [InlineData(10000, -1)]
    [InlineData(10000, 10001)]
    public void Parse_ImpossibleSecondLook_IsRefused(long samples, long hits)
    {
        var refused = Assert.Throws<RunRecordException>(() => Read(WithLooks(new Look(10000, 20), new Look(samples, hits))));

        Assert.Contains("the counts of the feature 'digit-8' are impossible", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(1, true)]
    [InlineData(-1, false)]
    public void Parse_UnreadableOutputs_AreCountedFromZero(long unreadable, bool isRead)
    {
        var record = Records.Run();
        record = record with
        {
            Before = record.Before with { Features = [record.Before.Features[0] with { Unreadable = unreadable }] },
        };

        Assert.Equal(isRead, Record.Exception(() => Read(record)) is null);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Parse_ConfidenceThatProvesNothing_IsRefused(double confidence)
    {
        var policy = Records.Policy with { Evaluation = Records.Policy.Evaluation with { Confidence = confidence } };

        var refused = Assert.Throws<RunRecordException>(() => Read(Records.Run() with { Policy = policy }));

        Assert.Contains("the confidence does not lie between 0 and 1", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("input")]
    [InlineData("output")]
    [InlineData("policy")]
    public void Parse_NulInAnyPath_IsRefused(string where)
    {
        var run = Records.Run();
        run = where switch
        {
            "input" => run with { Inputs = [run.Inputs[0] with { Path = "a\0b" }, .. run.Inputs.Skip(1)] },
            "output" => run with { Outputs = [.. run.Outputs, new OutputFile("curves", "a\0b", new string('0', 64))] },
            _ => run with { PolicySource = run.PolicySource with { File = "a\0b" } },
        };

        var refused = Assert.Throws<RunRecordException>(() => Read(run));

        Assert.Contains("a path holds a NUL character", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Warnings_RemarkWithoutAndWithWarning_AreThoseToBeSeen()
    {
        var run = Records.Run() with
        {
            Remarks = [new Remark("generator", "was guessed", IsWarning: true), new Remark("reference", "is large")],
        };

        Assert.Equal([.. run.Verdict.Warnings, "generator: was guessed"], run.Warnings());
        Assert.Empty(Records.Run().WarningRemarks());
    }

    private static RunRecord WithLooks(params Look[] looks)
    {
        var record = Records.Run();
        return record with
        {
            After = record.After! with { Features = [record.After.Features[0] with { Looks = looks }] },
        };
    }

    private static RunRecord Read(RunRecord record) => RunRecordFile.Parse(RunRecordFile.ToJson(record), "run.json");
}
