using AdaptThenUnlearn.Tests;

namespace AdaptThenUnlearn.House.Tests;

/// <summary>Who may know whom, held against the compiled assemblies of the checkout.</summary>
public sealed class RoomRulesTests
{
    private static readonly RoomGraph _house = RoomGraph.FromCheckout(
        Repository.Root, AppContext.BaseDirectory.Contains(
            $"{Path.DirectorySeparatorChar}Debug{Path.DirectorySeparatorChar}", StringComparison.Ordinal) ? "Debug" : "Release");

    [Fact]
    public void EveryRoom_KnowsOnlyWhomItMay_AndNoCircles()
    {
        var violations = RoomRules.Violations(_house);

        Assert.True(violations.Count == 0, string.Join('\n', violations));
    }

    [Fact]
    public void Table_EveryRoom_IsThere() => Assert.Empty(RoomRules.Rooms.Except(_house.Rooms));

    [Fact]
    public void Sneak_AliasAndHalfQualifiedNames_IsCaughtAtEveryRoom()
    {
        var sneak = new RoomGraph(CompiledReferences.Read(typeof(Torch.Models.Sneak).Assembly.Location)
            .Where(use => use.From == typeof(Torch.Models.Sneak).FullName));

        Assert.Equal(
            ["Gating", "Measurements", "Policies", "Runs", "Torch.Backend", "Torch.Checkpoints.Tensors", "Torch.Governing"],
            sneak.KnownBy("AdaptThenUnlearn.Torch.Models").Select(room => room["AdaptThenUnlearn.".Length..]));
        Assert.Equal(7, RoomRules.Violations(sneak)
            .Count(violation => violation.StartsWith("AdaptThenUnlearn.Torch.Models may not know ", StringComparison.Ordinal)));
    }

    [Fact]
    public void Graph_TwoRoomsThatUseEachOther_AreACycle()
    {
        var graph = new RoomGraph(
            [new("A.One.X", "A.Two.Y"), new("A.Two.Z", "A.Three.W"), new("A.Three.V", "A.One.U"), new("A.Four.T", "A.One.X")]);

        Assert.Equal(["A.One", "A.Three", "A.Two"], Assert.Single(graph.Cycles()));
        Assert.Contains("| A.One | 2 | 1 | A.Two (1, 1) |", GraphText.Render(graph), StringComparison.Ordinal);
    }

    [Fact]
    public void Violations_RoomThatNobodyAdded_NamesTheTable() =>
        Assert.Contains(
            RoomRules.Violations(new RoomGraph([new("AdaptThenUnlearn.Attic.X", "AdaptThenUnlearn.Policies.Y")])),
            violation => violation.Contains("AdaptThenUnlearn.Attic is not in the table", StringComparison.Ordinal));
}
