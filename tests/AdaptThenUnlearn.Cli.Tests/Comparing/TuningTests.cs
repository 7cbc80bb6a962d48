using AdaptThenUnlearn.Cli.Comparing;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Tests;
using AdaptThenUnlearn.Torch.Comparing;
using AdaptThenUnlearn.Torch.Unlearning.Repulsion;

namespace AdaptThenUnlearn.Cli.Tests.Comparing;

/// <summary>The search over a policy's values: what it tries, what it follows, where it stops, and its page.</summary>
public sealed class TuningTests
{
    private static readonly RunEnvironment _environment = new("Linux", ".NET 10.0.0", "0.107.0", "cpu", 1, 900_000_000);

    // What each setting does to the annotator's Fréchet distance, over 10 for the policy as it is.
    private static readonly Dictionary<string, double> _effects =
        new() { ["a=1"] = -2, ["a=2"] = -3, ["b=1"] = +4, ["c=1"] = -0.1 };

    [Fact]
    public void Run_SettingsThatHelp_AreFollowedAndOthersAreNot()
    {
        var result = new TuningSearch([["a=1", "a=2"], ["b=1"], ["c=1"]], Evaluate).Run();

        Assert.True(result!.Finished);
        Assert.Equal([[], ["a=1"], ["a=2"], ["a=2", "b=1"], ["a=2", "c=1"]], result.Trials.Select(trial => trial.Settings));
        Assert.Equal(["a=2"], result.Best.Settings);   // c=1 is better by less than the margin
    }

    [Fact]
    public void Run_BetterInTheMeanButNotInEveryRun_IsNotFollowed()
    {
        var result = new TuningSearch([["a=1"]], settings => settings.Count == 0 ? [Cell(10), Cell(10)] : [Cell(5), Cell(10.1)])
            .Run();

        Assert.Empty(result!.Best.Settings);
    }

    [Fact]
    public void Run_NoRunsAtAll_HasNoResult() => Assert.Null(new TuningSearch([["a=1"]], _ => null).Run());

    [Fact]
    public void Run_BudgetEnds_KeepsWhatItHas()
    {
        var left = 2;

        var result = new TuningSearch([["a=1", "a=2"]], settings => left-- > 0 ? Evaluate(settings) : null).Run();

        Assert.False(result!.Finished);
        Assert.Equal((2, "a=1"), (result.Trials.Count, Assert.Single(result.Best.Settings)));
    }

    [Fact]
    public void Run_ATrialThatCannotFinish_IsNeverTheBest()
    {
        var result = new TuningSearch(
            [["a=1"]],
            settings => settings.Count == 0 ? Evaluate(settings) : [Cell(10) with { Outcome = null, Failure = "NaN" }]).Run();

        Assert.Empty(result!.Best.Settings);
        Assert.Equal(double.PositiveInfinity, result.Trials[1].Score);
    }

    [Fact]
    public void Score_IsDistanceRelativeToTheFirstTrial_PlusWhatIsMissed()
    {
        // Each of its runs by itself: 8/10, and an excess of 0.004 over a rate of 0.1 before is 4 points of PUL: 0.8 + 10 · 0.04.
        Assert.Equal(1.2, Assert.Single(TuningSearch.Scores([Cell(8, excess: 0.004)], [Cell(10)])), 12);
        Assert.Equal([1, 1], TuningSearch.Scores([Cell(10), Cell(5)], [Cell(10), Cell(5)]));
        // 2,000 hits to the annotator: the same excess is half as many points.
        var more = Cell(8, excess: 0.004);
        Assert.Equal(1, Assert.Single(TuningSearch.Scores(
            [more with { Outcome = more.Outcome! with { AnnotatorHitsBefore = 2000 } }], [Cell(10)])), 12);
    }

    [Fact]
    public void Run_PolicysOwnRunsCannotBeScored_EndsThereAndSaysWhy()
    {
        var unfinished = Cell(10) with { Outcome = null, Failure = "a loss is not finite" };

        var result = new TuningSearch([["a=1"]], _ => [Cell(10), unfinished]).Run()!;

        Assert.Equal("trial, class 3, seed 101: a loss is not finite", Assert.Single(result.Trials).WhyNotScored);
        Assert.False(result.Finished);
    }

    // With many features there is no Fréchet distance on a candidate's few images; the excess still separates the settings.
    [Fact]
    public void Score_NoDistanceAnywhere_IsWhatIsMissedAlone()
    {
        Assert.Equal(1.4, Assert.Single(TuningSearch.Scores([Cell(null, excess: 0.004)], [Cell(null)])), 12);
        // This trial's images alone were too few.
        Assert.Equal(double.PositiveInfinity, Assert.Single(TuningSearch.Scores([Cell(null)], [Cell(10)])));
    }

    [Fact]
    public void Score_AuditorsFigures_DoNotMatter()
    {
        var cell = Cell(8);
        cell = cell with { Outcome = cell.Outcome! with { AnnotatorHitsBefore = 1000 } };

        Assert.Equal(
            TuningSearch.Scores([cell], [Cell(10)]),
            TuningSearch.Scores(
                [cell with { Outcome = cell.Outcome! with { HitsBefore = 3, HitsAfter = 999, FrechetAfter = 1e6 } }],
                [Cell(10)]));
    }

    [Fact]
    public void EveryKnob_SetsAPathThatPoliciesHave_ToAnotherValue()
    {
        var pushes = PolicyOverride.Parse("unlearning.repulsion.weight=10");   // without it α has nothing to do
        foreach (var knob in TuningKnobs.All)
        {
            var usual = PolicyReader.Read(Records.PolicyText, "policy.json", Records.Vocabulary, [pushes]);
            var settings = knob.Settings(usual.Policy!.Unlearning).ToList();

            Assert.NotEmpty(settings);
            Assert.All(settings, setting =>
            {
                var read = PolicyReader.Read(
                    Records.PolicyText, "policy.json", Records.Vocabulary,
                    [pushes, PolicyOverride.Parse($"unlearning.{setting}")]);
                Assert.Empty(read.Errors);
                Assert.NotEqual(usual.EffectiveJson, read.EffectiveJson);
            });
        }
    }

    [Fact]
    public void AlphaKnob_EveryLoss_IsTurnedWhereTheLossUsesAlpha()
    {
        var (knob, options) = (TuningKnobs.All.Single(knob => knob.Path == "repulsion.alpha"), UnlearningPresets.Get("default"));

        Assert.All(RepulsionLosses.All, loss => Assert.Equal(loss.UsesAlpha, SettingsOf(loss.Name, weight: 10).Any()));
        Assert.Empty(SettingsOf("el2", weight: 0));

        IEnumerable<string> SettingsOf(string loss, double weight) =>
            knob.Settings(options with { Repulsion = options.Repulsion with { Loss = loss, Weight = weight } });
    }

    [Fact]
    public void PolicyPage_Alpha_NamesTheLossesThatUseIt()
    {
        var row = File.ReadLines(Path.Combine(Repository.Root, "docs", "policy.md"))
            .Single(line => line.StartsWith("| `alpha` |", StringComparison.Ordinal));

        Assert.All(
            RepulsionLosses.All, loss => Assert.Equal(loss.UsesAlpha, row.Contains($"`{loss.Name}`", StringComparison.Ordinal)));
    }

    [Fact]
    public void Render_ASearch_IsTheGoldenPage() => Golden.Check(
        "tuning.md", TuningPage.Render(Records.Policy, "classes 3, 9 with seed 101", ["unlearning.steps=700"], new TuningSearch(
            [["a.b=1", "a.b=2"], ["c=1"]], settings => Evaluate([
                .. settings.Select(setting => setting.Replace("a.b", "a", StringComparison.Ordinal))
            ])).Run()!), ComparisonTests.GoldenFolder);

    [Fact]
    public void Render_NothingBetter_RecommendsThePolicyItself() =>
        Assert.Contains(
            "the policy's own settings",
            TuningPage.Render(Records.Policy, "class 3", [], new TuningSearch([["b=1"]], Evaluate).Run()!),
            StringComparison.Ordinal);

    [Fact]
    public void Render_PolicyWithoutAnAuditor_SaysWhoCounted() => Assert.Contains(
        "names no auditor",
        TuningPage.Render(
            Records.Policy with { UndesiredFeatures = [Records.Policy.UndesiredFeatures[0] with { Auditor = null }] },
            "class 3",
            [],
            new TuningSearch([["b=1"]], Evaluate).Run()!),
        StringComparison.Ordinal);

    [Fact]
    public void Fragment_IsWhatAPolicyWouldSay()
    {
        var fragment = TuningPage.Fragment(["retention.weight=30", "steps=100", "retention.weight=3.5"]);

        Assert.Equal("""{"unlearning":{"retention":{"weight":3.5},"steps":100}}""", fragment.Replace(
            " ", "", StringComparison.Ordinal).ReplaceLineEndings("").Replace("\n", "", StringComparison.Ordinal));
    }

    private static IReadOnlyList<ComparedCell> Evaluate(IReadOnlyList<string> settings) =>
        [Cell(10 + settings.Sum(setting => _effects[setting]))];

    private static ComparedCell Cell(double? annotatorDistance, double excess = 0) => new(
        ComparedCell.CurrentSchemaVersion, new CellKey("trial", "3", 101), "asked", "atu 0.1.0", _environment,
        new CellOutcome(new string('a', 64), 10000, 1000, 20, 30, 36, null, null, [], 1400, 800, 150, 175, new SelectedCandidate(
            excess, annotatorDistance)), Failure: null);
}
