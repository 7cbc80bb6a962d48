using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Measurements;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Tests;

/// <summary>A policy, readings and a run for tests, small and plausible; each test changes what it is about.</summary>
internal static class Records
{
    public static readonly DateOnly Today = new(2026, 3, 1);

    public static readonly PolicyVocabulary Vocabulary = new(
        ["adapt-then-unlearn", "fine-tune", "extrapolation", "retrain"],
        ["il2", "nl2", "el2"],
        ["safetensors"],
        [.. ReportFormats.All.Select(format => format.Name)],
        ["resnet18"],
        ["same-latents", "latent-search", "truncation", "relearning", "inversion"]);

    public const string PolicyText = """
        {
          "schemaVersion": 1,
          "name": "no-eights",
          "generator": { "checkpoint": "generator.safetensors" },
          "classifiers": {
            "annotator": { "checkpoint": "annotator.safetensors" },
            "auditor": { "checkpoint": "auditor.safetensors" }
          },
          "undesiredFeatures": [
            { "name": "digit-8", "annotator": "annotator", "auditor": "auditor", "class": "8", "maxRate": 0.01, "minUnlearned": 0.95 }
          ],
          "quality": { "extractor": "auditor", "reference": "reference.safetensors", "maxFrechetDistance": 40, "maxFrechetIncrease": 0.5, "minShareKept": 0.5 }
        }
        """;

    public static UnlearningPolicy Policy { get; } = PolicyReader.Read(PolicyText, "policy.json", Vocabulary, []).Policy!;

    public static Measurement Before { get; } = Measured("a", hits: 1000, distance: 30, nines: 1000);

    public static Measurement After { get; } = Measured("b", hits: 20, distance: 36, nines: 900);

    public static Measurement Measured(string digit, long hits, double? distance, long nines) => new(
        string.Concat(Enumerable.Repeat(digit, 64)),
        Seed: 20,
        Truncation: 1,
        [new FeatureReading("digit-8", "auditor", "8", [new Look(10000, hits)], hits, NoiseFloor: 0.0002)],
        new QualityReading(
            "classifier Fréchet distance",
            "auditor",
            "e",
            "r",
            ["8"],
            5000,
            54000,
            Values(distance),
            distance is { } known ? Groups(known) : null),
        [
            new ClassShare("auditor", "8", Undesired: true, hits, 10000),
            new ClassShare("auditor", "9", Undesired: false, nines, 10000)
        ],
        EvaluationOptions.EightBit);

    private static MetricValue[] Values(double? distance) =>
    [
        new(RecordedMetrics.FrechetDistance, distance, NotMeasured: distance is null ? "too few images" : null),
        new(RecordedMetrics.KernelDistance, 0.01, 0.001),
        new(RecordedMetrics.Precision, 0.8),
        new(RecordedMetrics.Recall, 0.7),
        new(RecordedMetrics.Density, 0.9),
        new(RecordedMetrics.Coverage, 0.95),
    ];

    /// <summary>
    /// Groups of 5,000 images without which a distance is a little smaller or larger by turns: its jackknife estimate is itself,
    /// its standard error √19 times the step.
    /// </summary>
    public static FrechetGroups Groups(double distance, double step = 0.1) =>
        new(
            [.. Enumerable.Repeat(250L, FrechetGroups.Count)],
            [.. Enumerable.Range(0, FrechetGroups.Count).Select(group => distance + (group % 2 == 0 ? step : -step))]);

    /// <summary>A run of each kind that a report must be able to tell of, by name.</summary>
    public static RunRecord Named(string name) => name switch
    {
        "passed" => Run(),
        "failed" => Judged(
            Measured("b", 400, 60, 100),
            new Waiver("quality/maxFrechetIncrease", "until the next release", "Ada", "2026-12-31"),
            new Waiver("quality/maxFrechetDistance", "was bad once", "Ada", "2026-12-31")),
        "unmeasured" => Judged(Measured("b", 20, null, 900), new Waiver("digit-8/maxRate", "not needed", "Ada", "2026-12-31")),
        "untrained" => Untrained(Measured("a", 5, 30, 1000)),
        "waived" => Judged(
            Measured("b", 20, 60, 900),
            new Waiver("quality/maxFrechetIncrease", "until the next release", "Ada", "2026-12-31"),
            new Waiver("quality/maxFrechetDistance", "was bad once", "Ada", "2026-11-30")),
        "waived-untrained" => Untrained(Measured("a", 500, 30, 1000), Policy with
        {
            UndesiredFeatures = [Policy.UndesiredFeatures[0] with { MinUnlearned = null }],
            Waivers = [new Waiver("digit-8/maxRate", "too few samples show it", "Grace", "2026-12-31")]
        }),
        "warned" => Run(
            Measured("b", 20, 60, 900),
            new RuleEnforcement("quality/maxFrechetIncrease", EffectiveFrom: "2027-01-01"),
            new RuleEnforcement("quality/maxFrechetDistance", RuleEnforcement.Warn)),
        "not-enforced" => Run(
            Measured("b", 20, null, 900),
            [.. Policy.RuleNames().Append(RuleName.MinShareKept()).Select(
                rule => new RuleEnforcement(rule.ToString(), EffectiveFrom: "2027-01-01"))]),
        "many-rules" => ManyRules(),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "no such run"),
    };

    /// <summary>A run as large as they come: ten classes, all metrics, a kept candidate, curves.</summary>
    private static RunRecord ManyRules()
    {
        var run = Run();
        var (before, after) = (WithDigits(Before, _ => 1000), WithDigits(After, digit => 1009 + 39 * digit));
        return run with
        {
            Verdict = Gate.Judge(Policy, before, after, Today),
            Before = before,
            After = after,
            Training = run.Training! with { Selected = new SelectedCandidate(0, 8.8123) },
            Outputs = [.. run.Outputs, new OutputFile("curves plot", "images/curves.png", new string('d', 64))],
        };

        static Measurement WithDigits(Measurement measured, Func<int, long> hits) => measured with
        {
            Shares =
            [
                .. Enumerable.Range(0, 10).Select(digit => digit == 8
                    ? measured.Shares[0]
                    : new ClassShare("auditor", $"{digit}", Undesired: false, hits(digit), 10000)),
            ],
        };
    }

    private static RunRecord Judged(Measurement after, params Waiver[] waivers)
    {
        var policy = Policy with { Waivers = waivers };
        return Run(Gate.Judge(policy, Before, after, Today), policy) with { After = after };
    }

    private static RunRecord Run(Measurement after, params RuleEnforcement[] rules)
    {
        var policy = Policy with { Rules = rules };
        return Run(Gate.Judge(policy, Before, after, Today), policy) with { After = after };
    }

    private static RunRecord Untrained(Measurement only, UnlearningPolicy? policy = null) =>
        Run(Gate.Judge(policy ?? Policy, only, null, Today), policy) with { Before = only, After = null, Training = null };

    public static RunRecord Run(Verdict? verdict = null, UnlearningPolicy? policy = null) => new(
        RunRecord.CurrentSchemaVersion,
        "atu 0.1.0",
        policy ?? Policy,
        new PolicySource("../policy.json", PolicyText, Sha256Digest.Compute(PolicyText), CanonicalJson.Digest(Policy), []),
        [
            new InputFile("generator", "generator.safetensors", Before.GeneratorSha256),
            new InputFile("classifier annotator", "annotator.safetensors", "n"),
            new InputFile("classifier auditor", "auditor.safetensors", "e"),
            new InputFile("reference", "reference.safetensors", "r")
        ],
        [
            new OutputFile("artifact", "no-eights.safetensors", After.GeneratorSha256),
            new OutputFile("before and after", "images/before-after.png", new string('c', 64))
        ],
        Before,
        After,
        new TrainingRecord("adapt-then-unlearn", 4200, 540, 700, 800, AdaptedDistance: null, Distance: null, 139)
        {
            Students = new TrainedStudents(1, 0.943),
        },
        verdict ?? Gate.Judge(policy ?? Policy, Before, After, Today),
        new RunEnvironment("Linux", ".NET 10.0.0", "0.107.0", "cpu", 2, 900_000_000),
        new RunTimes(
            new DateTimeOffset(2026, 3, 1, 10, 0, 0, TimeSpan.Zero),
            new DateTimeOffset(2026, 3, 1, 10, 3, 20, TimeSpan.Zero),
            [new StageTime("measuring before", 50, 95), new StageTime("training", 150, 290)]));
}
