using System.Diagnostics;
using AdaptThenUnlearn.Torch.Backend;

namespace AdaptThenUnlearn.Torch.Tests.Backend;

/// <summary>
/// Checks how many cores are free beside other processes, by texts of the form that proc(5) and cgroup-v2 describe.
/// </summary>
public sealed class FreeCoresTests
{
    private const string Stat = """
        cpu  400 0 100 2000 40 0 10 0 0 0
        cpu0 100 0 50 1000 20 0 5 0 0 0
        cpu1 300 0 50 1000 20 0 5 0 0 0
        cpu10 0 0 0 7 3
        intr 12345 0 0
        """;

    [Fact]
    public void ParseIdle_Cores_AreThoseOfTheAffinityOnly()
    {
        Assert.Equal(new() { [0] = 10.2, [1] = 10.2 }, FreeCores.ParseIdle(Stat, new HashSet<int> { 0, 1 }));
        Assert.Equal(new() { [10] = 0.1 }, FreeCores.ParseIdle(Stat, new HashSet<int> { 2, 10 }));
        Assert.Empty(FreeCores.ParseIdle("", new HashSet<int> { 0 }));
        Assert.Empty(FreeCores.ParseIdle("cpu0 a b c d e", new HashSet<int> { 0 }));
    }

    [Theory]
    [InlineData("0", new[] { 0 })]
    [InlineData("0-3,8", new[] { 0, 1, 2, 3, 8 })]
    [InlineData("x,3-1,9999999999", new int[0])]
    public void ParseAffinity_Lists_AreTheirNumbers(string list, int[] expected) =>
        Assert.Equal(expected, FreeCores.ParseAffinity($"Name:\tx\nCpus_allowed:\tff\nCpus_allowed_list:\t{list}\n").Order());

    [Theory]
    [InlineData("max 100000\n", null)]
    [InlineData("150000 100000\n", 1.5)]
    [InlineData("50000 0\n", null)]
    [InlineData("", null)]
    public void ParseQuota_OfAGroup_IsInCores(string text, double? expected) =>
        Assert.Equal(expected, FreeCores.ParseQuota(text));

    // Two seconds on two cores. Idle seconds of each core, this process's own seconds, the others' share: what is left.
    [Theory]
    [InlineData(2, 2, 0, 2)]        // nothing runs
    [InlineData(0, 2, 0, 1)]        // one neighbour
    [InlineData(0, 0, 0, 0)]        // two neighbours
    [InlineData(0, 0, 4, 2)]        // only this process
    [InlineData(0, 0, 2, 1)]        // this process beside a neighbour
    [InlineData(1.4, 2, 0, 1.7)]
    [InlineData(9, 9, 0, 2)]        // a clock that is not exact
    public void Between_TwoMoments_IsWhatOthersLeave(double idle0, double idle1, double own, double expected) =>
        Assert.Equal(expected, FreeCores.Between(At(0, 0, [0, 0]), At(2, own, [idle0, idle1]), allowed: 2), 9);

    // Seconds that the group used in two seconds, this process among it, with a quota.
    [Theory]
    [InlineData(1.5, 0, 0, 1.5)]
    [InlineData(1.5, 2, 0, 0.5)]
    [InlineData(1.5, 2, 2, 1.5)]
    [InlineData(1.5, 8, 0, 0)]
    [InlineData(64, 0, 0, 2)]
    public void Between_WithAQuota_IsWhatTheGroupLeaves(double quota, double used, double own, double expected) => Assert.Equal(
        expected,
        FreeCores.Between(
            At(0, 0, [0, 0]) with { Group = (quota, 5) }, At(2, own, [2, 2]) with { Group = (quota, 5 + used) }, allowed: 2), 9);

    [Fact]
    public void Between_WhatIsUnknown_IsNotSubtracted()
    {
        Assert.Equal(2, FreeCores.Between(At(0, 0, []), At(2, 0, []), allowed: 2));
        Assert.Equal(2, FreeCores.Between(At(0, 0, [0, 0]), At(2, 0, [0]), allowed: 2));   // a core that was switched off
        Assert.Equal(2, FreeCores.Between(At(1, 0, [0, 0]), At(1, 0, [0, 0]), allowed: 2));
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1.49, 1)]
    [InlineData(1.5, 2)]
    [InlineData(2, 2)]
    [InlineData(15.7, 16)]
    public void ThreadsFor_FreeCores_AreRoundedAndAtLeastOne(double cores, int threads) =>
        Assert.Equal(threads, FreeCores.ThreadsFor(cores));

    [Fact]
    public void Measure_HereAndNow_IsNoMoreThanTheMachineHas() =>
        Assert.InRange(FreeCores.Start().Measure(), 0, Environment.ProcessorCount);

    private static FreeCores.Usage At(double seconds, double own, double[] idle) => new(
        (long)(seconds * Stopwatch.Frequency), own, idle.Index().ToDictionary(core => core.Index, core => core.Item), null);
}
