using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Torch.Attacks;

namespace AdaptThenUnlearn.Torch.Tests.Attacks;

/// <summary>Which files of finished attacks are taken over: those that answer what is asked, with counts that can be.</summary>
public sealed class AttackCellTests : IDisposable
{
    private static readonly AttackKey _key = new("truncation", "ban", AttackedGenerator.After);
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-cells-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Find_WhatWasWritten_IsFoundForTheSameQuestionAlone()
    {
        Write("truncation", "ban", 3);

        Assert.Equal(3, AttackCell.Find(_folder, _key, "asked")!.Reading.Variants[0].Successes);
        Assert.Null(AttackCell.Find(_folder, _key, "asked something else"));
        Assert.Null(AttackCell.Find(_folder, _key with { Generator = AttackedGenerator.Before }, "asked"));
    }

    // A limit is judged by the reading's own names: under another one it would be judged by nothing.
    [Theory]
    [InlineData("mixing", "ban", 3)]
    [InlineData("truncation", "another", 3)]
    [InlineData("truncation", "ban", -1)]
    [InlineData("truncation", "ban", 11)]
    public void Find_ReadingOfAnotherAttackOrImpossible_IsNotFound(string attack, string feature, long successes)
    {
        Write(attack, feature, successes);

        Assert.Null(AttackCell.Find(_folder, _key, "asked"));
    }

    private void Write(string attack, string feature, long successes) => new AttackCell(
        AttackCell.CurrentSchemaVersion, _key, "asked", "atu", "cpu", Threads: 1, Seconds: 1,
        new AttackReading(attack, feature, new string('a', 64), [new AttackVariant("z", successes, 10)])).Write(_folder, null);
}
