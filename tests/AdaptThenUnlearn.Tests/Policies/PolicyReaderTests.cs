using System.Globalization;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Policies;
using static AdaptThenUnlearn.Tests.Policies.PolicyTexts;

namespace AdaptThenUnlearn.Tests.Policies;

public sealed class PolicyReaderTests
{
    [Fact]
    public void Read_SmallestPolicy_TakesEveryDefault()
    {
        var result = Read(Smallest);

        Assert.Empty(result.Errors);
        Assert.Empty(result.Warnings);
        var policy = result.Policy!;
        Assert.Equal("auto", policy.Generator.Format);
        Assert.Equal(new EvaluationOptions(10_000, 50_000, 0.95, 20, 1.0), policy.Evaluation);
        Assert.Equal(UnlearningPresets.Get("default"), policy.Unlearning);
        Assert.Empty(policy.Waivers);
        Assert.Equal(["json", "markdown"], policy.Report.Formats);
        Assert.False(policy.Report.PublishSamples);
        Assert.Null(policy.Quality);
    }

    [Theory]
    [InlineData("generator.checkpoint")]
    [InlineData("quality.reference")]
    [InlineData("unlearning.data")]
    public void Read_NulInAPath_IsAnError(string path)
    {
        var result = PolicyReader.Read(Full, "policy.json", Vocabulary, [PolicyOverride.Parse(path + "=\"a\\u0000b\"")]);

        Assert.Contains(
            result.Errors, error => error.Path == "$." + path && error.Message.Contains("NUL", StringComparison.Ordinal));
    }

    [Fact]
    public void Read_FullPolicy_TakesWhatIsWrittenAndThePresetForTheRest()
    {
        var result = Read(Full);

        Assert.Empty(result.Errors);
        var policy = result.Policy!;
        var paper = UnlearningPresets.Get("paper");
        Assert.Equal(
            paper with
            {
                Method = "fine-tune",
                Seed = 9,
                Steps = 50,
                Repulsion = paper.Repulsion with { Loss = "nl2", Weight = 2.5 },
                Adaptation = paper.Adaptation with { Models = 3 },
            },
            policy.Unlearning);
        Assert.Equal(new EvaluationOptions(1000, 4000, 0.9, 3, 0.7), policy.Evaluation);
        Assert.Equal(new QualityOptions("auditor", "r.safetensors", 40, 0.5, 0.5), policy.Quality);
        Assert.Equal([new Waiver("quality/minShareKept/7", "known", "you", "2026-12-31")], policy.Waivers);
        Assert.Equal(["json", "sarif"], policy.Report.Formats);
        Assert.Equal(["7", "8", "9"], policy.Classifiers["auditor"].Classes);
        Assert.Equal("d.safetensors", policy.Generator.Discriminator);
    }

    [Fact]
    public void Read_StepsWithoutRecoverySteps_KeepsThePresetsProportion()
    {
        var result = Read(Smallest, "unlearning.steps=21");

        Assert.Equal(10, result.Policy!.Unlearning.RecoverySteps);   // 21 · 600 / 1200, rounded down
    }

    [Fact]
    public void Read_MoreSamplesThanTheDefaultMaximum_RaisesTheMaximum()
    {
        Assert.Equal(80_000, Read(Smallest, "evaluation.samples=80000").Policy!.Evaluation.MaxSamples);
    }

    [Fact]
    public void Read_CommentsTrailingCommasAndByteOrderMark_AreNoErrors()
    {
        var text = "\uFEFF// what\n"
            + Smallest.Replace("\"maxRate\": 0.01 }", "\"maxRate\": 0.01, /* it is */ }, ", StringComparison.Ordinal);

        Assert.Empty(Read(text).Errors);
    }

    [Fact]
    public void Read_SeveralMistakesOfSeveralKinds_ReportsEachAtItsPlace()
    {
        var result = Read("""
            {
              "schemaVersion": 2,
              "name": "No 8",
              "generator": { "checkpoint": 8, "Format": "onnx" },
              "classifiers": { "digits": { "checkpoint": "a" } },
              "undesiredFeatures": [
                { "name": "digit-8", "annotator": "digit", "auditor": null, "class": "8", "maxRate": 2, "maxRate": 1 },
                { "name": "digit-8", "annotator": "digits", "class": "8" }
              ],
              "unlearning": { "steps": 0, "seed": 1.5, "repulsion": { "loss": "il3", "weight": -1 } },
              "evaluation": { "samples": 200, "maxSamples": 100 }
            }
            """);

        Assert.Null(result.Policy);
        Assert.Equal("", result.EffectiveJson);
        Assert.Equal(
            [
                "policy.json(2,20): error ATU1004: $.schemaVersion: must be 1, but is 2",
                "policy.json(3,11): error ATU1004: $.name: must be 1 to 64 of the characters a-z, 0-9 and '-', but is 'No 8'",
                "policy.json(4,32): error ATU1005: $.generator.checkpoint: must be text, but is the number 8",
                "policy.json(4,35): error ATU1002: $.generator.Format: unknown property (did you mean 'format'?)",
                "policy.json(7,39): error ATU1007: $.undesiredFeatures[0].annotator: 'digit' is not a classifier of this "
                    + "policy; use digits (did you mean 'digits'?)",
                "policy.json(7,90): error ATU1004: $.undesiredFeatures[0].maxRate: must be at least 0 and at most 1, but is 2",
                "policy.json(7,93): error ATU1003: $.undesiredFeatures[0].maxRate: is given twice; this is the second",
                "policy.json(8,5): error ATU1006: $.undesiredFeatures[1]: needs 'maxRate' or 'minUnlearned', or both",
                "policy.json(8,15): error ATU1008: $.undesiredFeatures[1].name: 'digit-8' is already in this list",
                "policy.json(10,28): error ATU1004: $.unlearning.steps: must be at least 1, but is 0",
                "policy.json(10,39): error ATU1005: $.unlearning.seed: must be a whole number, but is the number 1.5",
                "policy.json(10,67): error ATU1007: $.unlearning.repulsion.loss: 'il3' is not a repulsion loss; use il2, nl2 "
                    + "or el2 (did you mean 'il2'?)",
                "policy.json(10,84): error ATU1004: $.unlearning.repulsion.weight: must be at least 0, but is -1",
                "policy.json(11,49): error ATU1004: $.evaluation.maxSamples: must be at least 'samples' (200), but is 100",
            ],
            result.Errors.Select(error => error.ToString()));
    }

    [Fact]
    public void Read_CharactersOfSeveralBytes_CountsColumnsAsEditorsDo()
    {
        // A smiley is 4 bytes and 2 UTF-16 units: { is 1, its quote 3, the quote of b 12; a carriage return alone does not end a
        // line.
        var unknown = Read("{ \"😀\": 1, \"b\": 2,\r\n \"c.d\": 3 }").Errors
            .Where(error => error.Code == PolicyCodes.UnknownProperty);

        Assert.Equal(
            [(1, 3, "$['😀']"), (1, 12, "$.b"), (2, 2, "$['c.d']")],
            unknown.Select(error => (error.Line, error.Column, error.Path)));
    }

    [Fact]
    public void Read_ClassifierWithAnOddName_IsFoundByItsPlace()
    {
        var error = Assert.Single(ReadChanged(
            Full,
            "\"classifiers\": {",
            "\"classifiers\": { \"a.b['\": { \"checkpoint\": \"c\", \"classes\": [\"1\", \"1\"] },").Errors);

        Assert.Equal(("$.classifiers['a.b[\\''].classes[1]", 9), (error.Path, error.Line));
    }

    [Fact]
    public void Read_WrongPlaceWhoseNameBeginsAnother_DoesNotHideTheOther()
    {
        var errors = ReadChanged(
            Full,
            "\"classifiers\": {",
            "\"classifiers\": { \"a\": 7, \"ab\": { \"checkpoint\": \"c\", \"classes\": [\"1\", \"1\"] },").Errors;

        Assert.Equal(["$.classifiers.a", "$.classifiers.ab.classes[1]"], errors.Select(error => error.Path));
    }

    [Fact]
    public void Read_EmptyObject_ReportsEveryMissingProperty()
    {
        var errors = Read("{}").Errors;

        Assert.All(errors, error => Assert.Equal((PolicyCodes.Missing, 1, 1), (error.Code, error.Line, error.Column)));
        Assert.Equal(
            ["$.classifiers", "$.generator", "$.name", "$.schemaVersion", "$.undesiredFeatures"],
            errors.Select(error => error.Path));
    }

    [Fact]
    public void Read_WrongSection_IsReportedOnceAndNothingRestsOnIt()
    {
        var errors = ReadChanged(Full, "\"classifiers\": {", "\"classifiers\": [], \"unused\": {").Errors;

        Assert.Equal(["ATU1005 $.classifiers", "ATU1002 $.unused"], errors.Select(error => $"{error.Code} {error.Path}"));
    }

    [Theory]
    [InlineData("", "policy.json(1,1): error ATU1001: $: the file is empty; a policy is a JSON object")]
    [InlineData(" \r\n", "policy.json(2,1): error ATU1001: $: the file is empty; a policy is a JSON object")]
    [InlineData("// nothing", "policy.json(1,11): error ATU1001: $: not JSON: ")]
    [InlineData("{\n  \"name\": x }", "policy.json(2,11): error ATU1001: $: not JSON: 'x' is an invalid start of a value.")]
    [InlineData("{\n  \"ä\": NaN }", "policy.json(2,8): error ATU1001: $: not JSON: 'N' is an invalid start of a value.")]
    [InlineData("{ } }", "policy.json(1,5): error ATU1001: $: not JSON: ")]
    [InlineData("{ \"a\": \"\\uD800\" }", "policy.json(1,8): error ATU1001: $: the text contains half a surrogate pair")]
    [InlineData("[1]", "policy.json(1,1): error ATU1005: $: a policy is an object, but this is a list")]
    [InlineData("null", "policy.json(1,1): error ATU1005: $: a policy is an object, but this is null")]
    public void Read_NoJsonObject_IsOneError(string text, string expected)
    {
        var error = Assert.Single(Read(text).Errors);

        Assert.StartsWith(expected, error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_DepthBomb_IsOneError()
    {
        var error = Assert.Single(Read("{\"a\":" + new string('[', 100_000)).Errors);

        // The column follows 5 characters and 63 levels of lists.
        Assert.Equal("policy.json(1,69): error ATU1001: $: nested deeper than 64 levels", error.ToString());
    }

    [Theory]
    [InlineData("\"schemaVersion\": 1", "\"schemaVersion\": 99999999999", "ATU1004", "$.schemaVersion")]
    [InlineData("\"schemaVersion\": 1", "\"schemaVersion\": 1e0", "ATU1005", "$.schemaVersion")]
    [InlineData("\"schemaVersion\": 1", "\"schemaVersion\": null", "ATU1005", "$.schemaVersion")]
    [InlineData("\"description\": \"No eights.\"", "\"description\": \" \"", "ATU1004", "$.description")]
    [InlineData("\"owner\": \"me\"", "\"owner\": \"\"", "ATU1004", "$.owner")]
    [InlineData("\"name\": \"no-8\"", "\"name\": \"no-8\\n\"", "ATU1004", "$.name")]
    [InlineData("\"g.safetensors\"", "\"\"", "ATU1004", "$.generator.checkpoint")]
    [InlineData("\"rosinality\"", "\"onnx\"", "ATU1007", "$.generator.format")]
    [InlineData("\"0123456789abcdef01", "\"g123456789abcdef01", "ATU1004", "$.generator.sha256")]
    [InlineData("\"d.safetensors\"", "\"\"", "ATU1004", "$.generator.discriminator")]
    [InlineData(
        "{ \"checkpoint\": \"a.safetensors\", \"classes\": [\"7\", \"8\", \"9\"] }", "7", "ATU1005", "$.classifiers.digits")]
    [InlineData(
        "\"a.safetensors\", \"classes\": [\"7\", \"8\", \"9\"]",
        "\"a\", \"classes\": [\"8\", \"8\"]",
        "ATU1008",
        "$.classifiers.digits.classes[1]")]
    [InlineData(
        "\"a.safetensors\", \"classes\": [\"7\", \"8\", \"9\"]",
        "\"a\", \"classes\": []",
        "ATU1004",
        "$.classifiers.digits.classes")]
    [InlineData(
        "\"a.safetensors\", \"classes\": [\"7\", \"8\", \"9\"]",
        "\"a\", \"classes\": [\"8\", null]",
        "ATU1005",
        "$.classifiers.digits.classes[1]")]
    [InlineData(
        "\"a.safetensors\", \"classes\": [\"7\", \"8\", \"9\"]",
        "\"a\", \"classes\": [\"7\"]",
        "ATU1007",
        "$.undesiredFeatures[0].class")]
    [InlineData(
        "\"b.safetensors\", \"classes\": [\"7\", \"8\", \"9\"]",
        "\"b\", \"classes\": [\"7\"]",
        "ATU1007",
        "$.undesiredFeatures[0].class")]
    [InlineData("\"class\": \"8\"", "\"class\": 8", "ATU1005", "$.undesiredFeatures[0].class")]
    [InlineData("\"annotator\": \"digits\"", "\"annotator\": {}", "ATU1005", "$.undesiredFeatures[0].annotator")]
    [InlineData("\"auditor\": \"auditor\"", "\"auditor\": \"nobody\"", "ATU1007", "$.undesiredFeatures[0].auditor")]
    [InlineData("\"maxRate\": 0.01", "\"maxRate\": -0.01", "ATU1004", "$.undesiredFeatures[0].maxRate")]
    [InlineData("\"minUnlearned\": 0.9", "\"minUnlearned\": 1.1", "ATU1004", "$.undesiredFeatures[0].minUnlearned")]
    [InlineData("\"extractor\": \"auditor\"", "\"extractor\": \"inception\"", "ATU1007", "$.quality.extractor")]
    [InlineData("\"reference\": \"r.safetensors\"", "\"reference\": \"\"", "ATU1004", "$.quality.reference")]
    [InlineData("\"maxFrechetDistance\": 40", "\"maxFrechetDistance\": 0", "ATU1004", "$.quality.maxFrechetDistance")]
    [InlineData("\"maxFrechetDistance\": 40", "\"maxFrechetDistance\": 1e999", "ATU1004", "$.quality.maxFrechetDistance")]
    [InlineData("\"maxFrechetIncrease\": 0.5", "\"maxFrechetIncrease\": 0", "ATU1004", "$.quality.maxFrechetIncrease")]
    [InlineData("\"minShareKept\": 0.5", "\"minShareKept\": 1.5", "ATU1004", "$.quality.minShareKept")]
    [InlineData("\"samples\": 1000", "\"samples\": 99", "ATU1004", "$.evaluation.samples")]
    [InlineData("\"samples\": 1000", "\"samples\": 4001", "ATU1004", "$.evaluation.maxSamples")]
    [InlineData("\"maxSamples\": 4000", "\"maxSamples\": 10000001", "ATU1004", "$.evaluation.maxSamples")]
    [InlineData("\"confidence\": 0.9", "\"confidence\": 0.5", "ATU1004", "$.evaluation.confidence")]
    [InlineData("\"confidence\": 0.9", "\"confidence\": 1", "ATU1004", "$.evaluation.confidence")]
    [InlineData("\"seed\": 3", "\"seed\": -1", "ATU1004", "$.evaluation.seed")]
    [InlineData("\"truncation\": 0.7", "\"truncation\": 0", "ATU1004", "$.evaluation.truncation")]
    [InlineData("\"truncation\": 0.7", "\"truncation\": 1.1", "ATU1004", "$.evaluation.truncation")]
    [InlineData("\"truncation\": 0.7", "\"truncation\": 0.7, \"range\": \"16-bit\"", "ATU1007", "$.evaluation.range")]
    [InlineData("\"rule\": \"quality/minShareKept/7\"", "\"rule\": \"digit-8/maxrate\"", "ATU1007", "$.waivers[0].rule")]
    [InlineData("\"rule\": \"quality/minShareKept/7\"", "\"rule\": \"quality/minShareKept/8\"", "ATU1007", "$.waivers[0].rule")]
    [InlineData("\"reason\": \"known\"", "\"reason\": \"\"", "ATU1004", "$.waivers[0].reason")]
    [InlineData("\"approvedBy\": \"you\", ", "", "ATU1006", "$.waivers[0].approvedBy")]
    [InlineData("\"2026-12-31\"", "\"2026-02-30\"", "ATU1004", "$.waivers[0].expires")]
    [InlineData("\"2026-12-31\"", "\"31.12.2026\"", "ATU1004", "$.waivers[0].expires")]
    [InlineData("\"sarif\"", "\"pdf\"", "ATU1007", "$.report.formats[1]")]
    [InlineData("\"sarif\"", "\"json\"", "ATU1008", "$.report.formats[1]")]
    [InlineData("\"publishSamples\": true", "\"publishSamples\": 1", "ATU1005", "$.report.publishSamples")]
    [InlineData("\"fine-tune\"", "\"finetune\"", "ATU1007", "$.unlearning.method")]
    [InlineData("\"fine-tune\"", "\"retrain\"", "ATU1006", "$.unlearning.data")]
    [InlineData("\"paper\"", "\"papers\"", "ATU1007", "$.unlearning.preset")]
    public void Read_OneMistake_IsTheOnlyErrorAndHasItsCodeAndPath(string from, string to, string code, string path)
    {
        var error = Assert.Single(ReadChanged(Full, from, to).Errors);

        Assert.Equal((code, path), (error.Code, error.Path));
        Assert.True(error.Line > 0 && error.Column > 0);
    }

    [Theory]
    [InlineData("feedbackSamples", "99")]
    [InlineData("minimumNegatives", "0")]
    [InlineData("minimumNegatives", "20001")]
    [InlineData("cleanBelow", "0")]
    [InlineData("cleanBelow", "1.01")]
    [InlineData("seed", "-1")]
    [InlineData("steps", "0")]
    [InlineData("recoverySteps", "-1")]
    [InlineData("recoverySteps", "51")]
    [InlineData("batchSize", "1")]
    [InlineData("batchSize", "6")]
    [InlineData("learningRate", "0")]
    [InlineData("emaHalfLife", "0")]
    [InlineData("candidateEvery", "0")]
    [InlineData("candidateSamples", "99")]
    [InlineData("data", "\"\"")]
    [InlineData("adversarial.r1Weight", "-1")]
    [InlineData("adversarial.r1Every", "0")]
    [InlineData("adversarial.pathLengthWeight", "-1")]
    [InlineData("adversarial.pathLengthEvery", "0")]
    [InlineData("adversarial.styleMixing", "1.1")]
    [InlineData("adaptation.steps", "0")]
    [InlineData("adaptation.learningRate", "0")]
    [InlineData("adaptation.ewcWeight", "-1")]
    [InlineData("adaptation.fisherSamples", "0")]
    [InlineData("adaptation.models", "0")]
    [InlineData("repulsion.weight", "-1")]
    [InlineData("repulsion.alpha", "0")]
    [InlineData("repulsion.distance", "\"far\"")]
    [InlineData("repulsion.limit", "1")]
    [InlineData("retention.weight", "-1")]
    [InlineData("retention.featureWeight", "-1")]
    [InlineData("frechetLoss.annotatorWeight", "-1")]
    [InlineData("frechetLoss.discriminatorWeight", "-1")]
    [InlineData("frechetLoss.window", "99")]
    [InlineData("guidance.weight", "-1")]
    [InlineData("guidance.rate", "1.1")]
    [InlineData("classBalance.guidance", "-1")]
    [InlineData("students.count", "-1")]
    [InlineData("students.samples", "99")]
    [InlineData("students.epochs", "0")]
    [InlineData("negativesAsFakes.weight", "-1")]
    [InlineData("negativesAsFakes.batchSize", "0")]
    [InlineData("negativesAsFakes.batchSize", "6")]
    [InlineData("extrapolation.gamma", "0")]
    public void Read_UnlearningOutOfRange_IsTheOnlyErrorAndNamesTheArgument(string property, string value)
    {
        var error = Assert.Single(Read(Full, "unlearning.preset=default", $"unlearning.{property}={value}").Errors);

        Assert.Contains(error.Code, new[] { PolicyCodes.ImpossibleValue, PolicyCodes.UnknownName });
        Assert.Equal(($"$.unlearning.{property}", $"--set unlearning.{property}", 0), (error.Path, error.File, error.Line));
    }

    // The effective policy does not hold a null: read again, it would have the preset's value.
    [Theory]
    [InlineData("frechetLoss")]
    [InlineData("guidance")]
    [InlineData("guidance.rate")]
    [InlineData("students")]
    [InlineData("classBalance.guidance")]
    public void Read_NullWhereThePresetHasAValue_IsRefusedAndTheMessageSaysWhatSwitchesItOff(string property)
    {
        var error = Assert.Single(Read(Full, "unlearning.preset=default", $"unlearning.{property}=null").Errors);

        Assert.Equal((PolicyCodes.WrongType, $"$.unlearning.{property}"), (error.Code, error.Path));
        Assert.Contains("0 switches it off", error.Message, StringComparison.Ordinal);
        if (property != "guidance.rate")   // without a weight it is no guidance
            Assert.Empty(Read(Full, "unlearning.preset=paper", $"unlearning.{property}=null").Errors);
    }

    [Theory]
    [InlineData("default")]
    [InlineData("paper")]
    public void Read_EffectivePolicy_SaysTheSameAgain(string preset)
    {
        var read = Read(
            Full, $"unlearning.preset={preset}", "unlearning.guidance.weight=0", "unlearning.students.count=0",
            "unlearning.frechetLoss.annotatorWeight=0", "unlearning.classBalance.guidance=0");

        Assert.Empty(read.Errors);
        Assert.Equal(read.Policy!.Unlearning, Read(read.EffectiveJson).Policy!.Unlearning);
    }

    [Theory]
    [InlineData("batchSize", "2")]
    [InlineData("batchSize", "3")]
    [InlineData("batchSize", "4")]
    [InlineData("negativesAsFakes.batchSize", "1")]
    [InlineData("negativesAsFakes.batchSize", "4")]
    [InlineData("minimumNegatives", "5000")]
    [InlineData("cleanBelow", "1")]
    [InlineData("recoverySteps", "50")]
    [InlineData("adversarial.styleMixing", "1")]
    [InlineData("repulsion.weight", "0")]
    public void Read_UnlearningAtTheEdge_IsAllowed(string property, string value)
    {
        Assert.Empty(Read(Full, $"unlearning.{property}={value}").Errors);
    }

    [Fact]
    public void Read_RetrainWithData_IsAllowed()
    {
        Assert.Empty(Read(Full, "unlearning.method=retrain", "unlearning.data=images").Errors);
    }

    [Fact]
    public void Read_WaiverOfAClassThatThePolicyDoesNotList_IsAllowed()
    {
        Assert.Empty(Read(Full, "classifiers.auditor.classes=null").Errors);
    }

    [Fact]
    public void Read_NoClassifier_NeedsOne()
    {
        var error = Assert.Single(Read(Smallest, "classifiers={}").Errors);

        Assert.Equal("--set classifiers: error ATU1004: $.classifiers: needs at least one entry", error.ToString());
    }

    [Fact]
    public void Read_NoFeature_NeedsOne()
    {
        Assert.Equal("$.undesiredFeatures", Assert.Single(Read(Smallest, "undesiredFeatures=[]").Errors).Path);
    }

    [Theory]
    [InlineData("undesiredFeatures[0].auditor=null", "$.undesiredFeatures[0]")]
    [InlineData("undesiredFeatures[0].auditor=digits", "$.undesiredFeatures[0].auditor")]
    [InlineData("classifiers.auditor.checkpoint=a.safetensors", "$.undesiredFeatures[0].auditor")]
    public void Read_AuditorIsTheAnnotator_Warns(string change, string path)
    {
        var result = Read(Smallest, change);

        Assert.NotNull(result.Policy);
        var warning = Assert.Single(result.Warnings);
        Assert.Equal((PolicyCodes.NoIndependentAuditor, path, Severity.Warning), (warning.Code, warning.Path, warning.Severity));
    }

    [Theory]
    [InlineData("0.0036", 1)]
    [InlineData("0.0037", 0)]
    public void Read_LimitThatNoSampleCanProve_Warns(string maxRate, int warnings)
    {
        // Looks at 500 and 1000, so α = 0.05 / 2 = 1 / 40: 1 − 40^(−1/1000) = 0.003682, close to ln 40 / 1000 = 0.003689.
        var bounds = Read(Smallest, "evaluation.samples=500", "evaluation.maxSamples=1000").Policy!.Evaluation;
        Assert.Equal([500, 1000], bounds.Looks());
        Assert.Equal(0.003682, bounds.SmallestProvableRate(), tolerance: 1e-6);

        var result =
            Read(Smallest, "evaluation.samples=500", "evaluation.maxSamples=1000", $"undesiredFeatures[0].maxRate={maxRate}");
        Assert.Equal(warnings, result.Warnings.Count(warning => warning.Code == PolicyCodes.UnprovableLimit));
    }

    [Fact]
    public void Looks_MaximumIsNoDoubling_EndsThere()
    {
        Assert.Equal([10_000, 20_000, 40_000, 50_000], Read(Smallest).Policy!.Evaluation.Looks());
    }

    [Fact]
    public void Read_GermanCulture_ReadsAndSaysTheSame()
    {
        var mistakes = Full.Replace("\"maxRate\": 0.01", "\"maxRate\": 1.5", StringComparison.Ordinal)
            .Replace("\"confidence\": 0.9", "\"confidence\": 0.25", StringComparison.Ordinal);
        const string Unprovable = "undesiredFeatures[0].maxRate=0.0000125";
        var (text, errors, warnings) = (Read(Full).EffectiveJson, Read(mistakes).Errors, Read(Full, Unprovable).Warnings);
        var schema = PolicySchema.Export(PolicyTexts.Vocabulary);
        var before = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo.CurrentCulture = CultureInfo.GetCultureInfo("de-DE");

            Assert.Equal("1,5", $"{1.5}");   // the culture is in force
            Assert.Equal(text, Read(Full).EffectiveJson);
            Assert.Equal(errors, Read(mistakes).Errors);
            Assert.Equal(warnings, Read(Full, Unprovable).Warnings);
            Assert.NotEmpty(warnings);
            Assert.Equal(schema, PolicySchema.Export(PolicyTexts.Vocabulary));
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Fact]
    public void Read_AnyText_HasTheDigestOfItsUtf8()
    {
        // echo -n '{}' | sha256sum
        Assert.Equal("44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", Read("{}").TextSha256);
    }
}
