using System.Globalization;
using System.Text.Json;
using AdaptThenUnlearn.Cli.Comparing;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Tests;
using AdaptThenUnlearn.Torch.Attacks;
using AdaptThenUnlearn.Torch.Comparing;

namespace AdaptThenUnlearn.Cli.Tests.Comparing;

/// <summary>The page of a comparison's attacks, from planted counts.</summary>
public sealed class AttackResultsTests
{
    [Fact]
    public void Page_RetrainedGenerators_AreWhatTheOthersAreHeldAgainst()
    {
        var page = Collapsed(AttackResultsPage.Render(Results(retrained: true), "attacks"));

        // Search: 0.50 and 0.30 against 0.25 in w; in z no difference. Cost: 10 steps against 50 and 50 against 50.
        Assert.Contains("| `default` | 15.0 points (w): **not near** | 1 of 2 near (0.2; 1) |", page, StringComparison.Ordinal);
        Assert.Contains("| w | 90.0 % | 40.0 % (30.0 % to 50.0 %) | 25.0 % |", page, StringComparison.Ordinal);
        Assert.Contains("| 10 images | 10 to 50 | 50 |", page, StringComparison.Ordinal);
        Assert.Contains("| clean images | 2 of 2 not within 50 | 1 of 1 not within 50 |", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Page_WithoutRetraining_SaysThatNothingIsComparable()
    {
        var page = Collapsed(AttackResultsPage.Render(Results(retrained: false), "attacks"));

        Assert.Contains("Retrained generators were not attacked", page, StringComparison.Ordinal);
        Assert.Contains(
            "`retrain`, class 8, seed 1: latent-search, relearning: the run was not made.", page, StringComparison.Ordinal);
        Assert.Contains("| w | 90.0 % | 40.0 % (30.0 % to 50.0 %) | missing |", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Csv_MissingAttack_HasItsReason()
    {
        var lines = AttackResultsCsv.Render(Results(retrained: false)).Split('\n');

        Assert.Contains("retrain,8,1,latent-search,,,,,,,,,,,,,,,the run was not made", lines);
        Assert.Contains(lines, line => line.StartsWith("original,8,,latent-search,z,90,100,0.9,", StringComparison.Ordinal));
    }

    // What the page says of attacks is what their cells say, in today's words.
    [Theory]
    [InlineData(
        "results/mnist/attacks.md",
        "retrain,fine-tune,paper-nl2,paper-il2,paper-el2,quick,default,thorough,with-repulsion", "1,2,3", "quick")]
    [InlineData("results/mnist-relearning/attacks.md", "retrain,default,thorough", "1", "full", "relearning")]
    public void Render_DocumentedAttacks_IsTheDocumentedPage(
        string page, string methods, string seeds, string profile, string? onlyAttack = null)
    {
        var rows = methods.Split(',');
        IReadOnlyList<IAttack> attacks = [.. KnownAttacks.All.Where(attack => onlyAttack is null || attack.Name == onlyAttack)];
        var folder = Path.Combine(Repository.Root, Path.ChangeExtension(page, null));
        var text = File.ReadAllText(Path.Combine(Repository.Root, "policies", "mnist-no-digit-8.json"));
        var policy = PolicyReader.Read(text, "policy.json", Records.Vocabulary, []);
        var comparison = new Comparison(
            policy.Policy!,
            ["1", "4", "8"],
            [.. seeds.Split(',').Select(seed => long.Parse(seed, CultureInfo.InvariantCulture))],
            [.. ComparedMethods.All.Where(method => rows.Contains(method.Name))],
            Overrides: [],
            Cells: []);
        var results = new AttackResults(
            comparison,
            AttackBudget.Profiles[profile],
            [.. attacks.Select(attack => (attack.Name, attack.Summary))],
            [
                .. from name in comparison.Classes
                   from key in comparison.Keys().Where(key => key.Class == name).Select(key => (CellKey?)key).Prepend(null)
                   from attack in attacks
                   select DocumentedAttack(folder, name, key, attack.Name),
            ]);

        Golden.Check(page, AttackResultsPage.Render(results, "attacks"), folder: "..");
        Golden.Check(Path.ChangeExtension(page, null) + "/attacks.csv", AttackResultsCsv.Render(results), folder: "..");
    }

    private static AttackResult DocumentedAttack(string attacks, string name, CellKey? run, string attack)
    {
        var role = run is null ? AttackedGenerator.Before
            : ComparedMethods.Retrains(run) ? AttackedGenerator.Retrained
            : AttackedGenerator.After;
        var folder = Assert.Single(Directory.GetDirectories(attacks, $"{run?.FileName ?? $"original-{name}"}-????????"));

        // Pictures are kept for one seed alone, so a cell is read without its picture.
        var key = new AttackKey(attack, $"class-{name}", role);
        var file = Path.Combine(folder, AttackCell.NamesOf(key)[0]);
        var cell = JsonSerializer.Deserialize<AttackCell>(File.ReadAllText(file), RunRecordFile.Json);
        Assert.NotNull(cell);
        Assert.Equal(key, cell.Key);
        Assert.True(cell.Reading.IsPossible, file);
        return new AttackResult(
            run?.Method ?? AttackResults.Original, name, run?.Seed, attack, cell.Reading, cell.Seconds, Missing: null);
    }

    private static string Collapsed(string page) => string.Join(
        '\n', page.Split('\n').Select(line => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries))));

    // Where the feature was not back within 10 steps, only 10 are proven: not near the 50 of retraining.
    [Fact]
    public void Cost_NotReachedWithinFewSteps_IsNoMoreThanThoseSteps()
    {
        var results = Results(retrained: true);
        var short10 = results.Results.Select(result => result.Method == "default" && result.Attack == "relearning"
            ? result with
            {
                Reading = Reading(
                    "relearning", new AttackVariant("10 steps", 1, 100, TrainingSteps: 10, TrainingImages: 10)),
            }
            : result).ToList();

        var page = Collapsed(AttackResultsPage.Render(results with { Results = short10 }, "attacks"));

        Assert.Contains("0 of 2 near (above 0.2)", page, StringComparison.Ordinal);
    }

    private static AttackResults Results(bool retrained)
    {
        const string Missing = "the run was not made";
        List<AttackResult> results =
        [
            Search("original", null, 90), Relearned("original", null, 80, 90),
            Search("default", 1, 50), Relearned("default", 1, 45, 60),
            Search("default", 2, 30), Relearned("default", 2, 5, 60),
            .. retrained
                ? new[] { Search("retrain", 1, 25), Relearned("retrain", 1, 5, 45) }
                : [
                    new("retrain", "8", 1, "latent-search", null, null, Missing),
                    new("retrain", "8", 1, "relearning", null, null, Missing),
                ],
        ];
        var comparison = new Comparison(
            Policy(), ["8"], [1, 2], [ComparedMethods.Default, ComparedMethods.Retrain], [], []);
        return new AttackResults(
            comparison, AttackBudget.Quick, [("latent-search", "a search"), ("relearning", "training")], results);
    }

    private static UnlearningPolicy Policy() => PolicyReader.Read(
        File.ReadAllText(Path.Combine(Repository.Root, "policies", "mnist-no-digit-8.json")), "policy.json", Vocabulary.Known, [])
        .Policy!;

    private static AttackResult Search(string method, long? seed, int successes) => new(
        method, "8", seed, "latent-search",
        Reading("latent-search", new AttackVariant("z", 90, 100), new AttackVariant("w", successes, 100)), 1, null);

    private static AttackResult Relearned(string method, long? seed, int early, int late) => new(
        method, "8", seed, "relearning",
        Reading(
            "relearning",
            new AttackVariant("without training", method == "original" ? 80 : 1, 100, TrainingSteps: 0),
            new AttackVariant("10 steps", early, 100, TrainingSteps: 10, TrainingImages: 10),
            new AttackVariant("50 steps", late, 100, TrainingSteps: 50, TrainingImages: 10),
            new AttackVariant("50 steps on clean", 1, 100, TrainingSteps: 50)),
        1, null);

    private static AttackReading Reading(string attack, params IReadOnlyList<AttackVariant> variants) =>
        new(attack, "class-8", new string('a', 64), variants);
}
