using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Torch.Attacks;
using AdaptThenUnlearn.Torch.Comparing;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Comparing;

/// <summary>Where the results of a comparison's attacks lie: what decides them is in the folder's name.</summary>
public sealed class ComparisonAttacksTests
{
    private static readonly AttackTarget _target = new(new CellKey("default", "8", 1), new string('a', 64));

    [Fact]
    public void FolderOf_WhateverDecidesTheResult_IsAnotherFolder()
    {
        var folder = Folder();

        Assert.Equal(folder, Folder());
        Assert.StartsWith("default-8-1-", folder, StringComparison.Ordinal);
        Assert.StartsWith("original-8-", Folder(target: AttackTarget.Original), StringComparison.Ordinal);
        string[] others =
        [
            Folder(asked: "other policy or inputs"),
            Folder(target: _target with { Sha256 = new string('b', 64) }),
            Folder(target: _target with { Key = _target.Key! with { Seed = 2 } }),
            Folder(budget: AttackBudget.Full),
            Folder(budget: AttackBudget.Quick with { Starts = 25 }),
            Folder(device: "cuda:0"),
        ];
        Assert.Distinct([folder, .. others]);
    }

    // Machines that share the work may differ in it.
    [Fact]
    public void FolderOf_OtherAttacksOrTool_IsTheSame() =>
        Assert.Equal(Folder(), Folder(attacks: [KnownAttacks.All[0]], tool: "atu of another build"));

    private static string Folder(
        string asked = "asked", AttackTarget? target = null, AttackBudget? budget = null, string device = "cpu",
        IReadOnlyList<IAttack>? attacks = null, string tool = "atu") =>
        Path.GetFileName(new ComparisonAttacks(
            "folder", budget ?? AttackBudget.Quick, attacks ?? KnownAttacks.All, tool, new Device(device), new Silent())
            .FolderOf(new AttackedClass("8", null!, null!, asked), target ?? _target));

    private sealed class Silent : IProgress<StageProgress>
    {
        public void Report(StageProgress value)
        {
        }
    }
}
