using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Tests.Policies;

/// <summary>A policy that builds on another: what it inherits, that it loosens nothing, and which bases are refused.</summary>
public sealed class PolicyExtendsTests
{
    private const string Base = """
        {
          "schemaVersion": 1,
          "owner": "company",
          "classifiers": {
            "annotator": { "checkpoint": "models/annotator.safetensors" },
            "auditor": { "checkpoint": "models/auditor.safetensors", "classes": ["7", "8", "9"], "sha256": "PIN" }
          },
          "undesiredFeatures": [
            { "name": "digit-8", "annotator": "annotator", "auditor": "auditor", "class": "8", "maxRate": 0.01, "minUnlearned": 0.9, "negatives": "given" }
          ],
          "quality": { "extractor": "auditor", "reference": "reference.safetensors", "maxFrechetDistance": 40, "minShareKept": 0.5 },
          "evaluation": { "samples": 5000, "maxSamples": 40000, "confidence": 0.95 },
          "maxWaiverDays": 90,
          "waivers": [
            { "rule": "quality/maxFrechetDistance", "reason": "r", "approvedBy": "a", "approvedOn": "2026-01-01", "expires": "2026-03-01", "ceiling": 50 }
          ],
          "rules": [{ "rule": "quality/minShareKept", "effectiveFrom": "2027-01-01" }],
          "ratchet": true,
          "unlearning": { "preset": "quick", "positives": "clean" }
        }
        """;

    private static readonly string _base = Base.Replace("PIN", new string('a', 64), StringComparison.Ordinal);

    [Fact]
    public void Read_PolicyThatOnlyNamesItself_InheritsEverything()
    {
        var result = Read("");

        Assert.Empty(result.Errors);
        var policy = result.Policy!;
        Assert.Equal(("child", "company", "g.safetensors"), (policy.Name, policy.Owner, policy.Generator.Checkpoint));
        Assert.Equal((0.01, 0.9), (policy.UndesiredFeatures[0].MaxRate, policy.UndesiredFeatures[0].MinUnlearned));
        Assert.Equal((5000, 40000), (policy.Evaluation.Samples, policy.Evaluation.MaxSamples));
        Assert.Equal(UnlearningPresets.Get("quick").Steps, policy.Unlearning.Steps);
        Assert.Equal(new PolicyBase("policies/../company.json", _base, Sha256Digest.Compute(_base)), Assert.Single(result.Bases));
        Assert.Contains("\"extends\":{", result.EffectiveJson, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_InheritedPaths_AreThoseOfTheBase()
    {
        var policy = Read("").Policy!;

        Assert.Equal(
            ["../models/annotator.safetensors", "../models/auditor.safetensors"],
            policy.Classifiers.Values.Select(classifier => classifier.Checkpoint));
        Assert.Equal(
            ("../given", "../reference.safetensors", "../clean"),
            (policy.UndesiredFeatures[0].Negatives, policy.Quality!.Reference, policy.Unlearning.Positives));
    }

    // How often images may repeat others is a limit, also where the base has no generator.
    [Theory]
    [InlineData(null, 0.01, true)]
    [InlineData(null, 0.02, false)]
    [InlineData(0.05, 0.05, true)]
    [InlineData(0.05, 0.06, false)]
    public void Read_LimitOfRepeatedImages_IsNotRaised(double? its, double own, bool isAllowed)
    {
        var basis = its is null
            ? _base
            : _base.Replace(
                "\"owner\"",
                FormattableString.Invariant(
                    $"\"generator\": {{ \"images\": \"renders\", \"maxDuplicates\": {its} }}, \"owner\""),
                StringComparison.Ordinal);
        var child = Child("", basis).Replace(
            "\"checkpoint\": \"g.safetensors\"",
            FormattableString.Invariant($"\"images\": \"own\", \"maxDuplicates\": {own}"),
            StringComparison.Ordinal);

        var result = ReadFrom(child, new() { ["policies/../company.json"] = basis });

        Assert.Equal(isAllowed, result.Errors.Count == 0);
        Assert.All(result.Errors, error => Assert.Equal("$.generator.maxDuplicates", error.Path));
    }

    [Fact]
    public void Read_InheritedFolderOrFiles_AreThoseOfTheBase()
    {
        Assert.Equal("../renders", Inherited("\"images\": \"renders\"").Images);
        Assert.Equal(
            ["../a.py", "/b.bin"],
            Inherited(
                "\"command\": [\"python\", \"a.py\", \"{seed}{count}{out}\"], \"files\": [\"a.py\", \"/b.bin\"]").Files!);

        static GeneratorChoice Inherited(string generator)
        {
            var basis = _base.Replace("\"owner\"", $"\"generator\": {{ {generator} }}, \"owner\"", StringComparison.Ordinal);
            var child = Child("", basis).Replace(
                "\"generator\": { \"checkpoint\": \"g.safetensors\" },", "", StringComparison.Ordinal);
            var result = ReadFrom(child, new() { ["policies/../company.json"] = basis });
            Assert.Empty(result.Errors);
            return result.Policy!.Generator;
        }
    }

    [Theory]
    [InlineData(""" "undesiredFeatures": [{ "name": "digit-8", "maxRate": 0.005, "minUnlearned": 0.95 }] """)]
    [InlineData(
        """ "evaluation": { "auditorErrors": "correct" }, "classifiers": { "other": { "checkpoint": "o.safetensors" } } """)]
    [InlineData(
        """
        "quality": { "maxFrechetDistance": 30, "maxFrechetIncrease": 0.1, "minShareKept": 0.6, "confidence": 0.9 }
        """)]
    [InlineData(""" "waivers": [] """)]
    [InlineData(
        """
        "waivers": [{ "rule": "quality/maxFrechetDistance", "reason": "r", "approvedBy": "b", "approvedOn": "2026-01-02", "expires": "2026-02-01", "ceiling": 45 }]
        """)]
    [InlineData(
        """
        "quality": { "maxFrechetIncrease": 0.1 }, "waivers": [{ "rule": "quality/maxFrechetIncrease", "reason": "r", "approvedBy": "b", "approvedOn": "2026-01-02", "expires": "2026-02-01" }]
        """)]
    [InlineData(""" "maxWaiverDays": 60 """)]
    [InlineData(""" "rules": [{ "rule": "quality/minShareKept", "effectiveFrom": "2026-06-01" }] """)]
    [InlineData(
        """
        "classifiers": { "annotator": { "sha256": "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb" } }
        """)]
    [InlineData(""" "unlearning": { "preset": "thorough", "seed": 5 }, "owner": "team", "report": { "formats": ["sarif"] } """)]
    public void Read_Tightening_IsAllowed(string own) => Assert.Empty(Read(own).Errors);

    [Theory]
    [InlineData(
        """
        "undesiredFeatures": [{ "name": "digit-8", "maxRate": 0.02 }]
        """,
        "$.undesiredFeatures[0].maxRate: must be at most 0.01, as in the base policy, but is 0.02")]
    [InlineData(
        """
        "undesiredFeatures": [{ "name": "digit-8", "maxRate": null }]
        """,
        "$.undesiredFeatures[0].maxRate: is removed, and in the base policy it is 0.01")]
    [InlineData(
        """
        "undesiredFeatures": [{ "name": "digit-8", "minUnlearned": 0.8 }]
        """,
        "$.undesiredFeatures[0].minUnlearned: must be at least 0.9")]
    [InlineData(
        """
        "undesiredFeatures": [{ "name": "digit-8", "annotator": "auditor" }]
        """,
        "$.undesiredFeatures[0].annotator: is another than in the base policy")]
    [InlineData(
        """
        "undesiredFeatures": [{ "name": "digit-8", "threshold": 0.9 }]
        """,
        "$.undesiredFeatures[0].threshold: is another than")]
    [InlineData(
        """
        "undesiredFeatures": [{ "name": "digit-8", "auditor": "annotator" }]
        """,
        "$.undesiredFeatures[0].auditor: is another than")]
    [InlineData(
        """
        "undesiredFeatures": [{ "name": "digit-9", "annotator": "annotator", "auditor": "auditor", "class": "9", "maxRate": 0.9 }]
        """,
        "$.undesiredFeatures[0]: adds the feature 'digit-9', and images that show it would count neither in the distances nor")]
    [InlineData(
        """
        "undesiredFeatures": [{ "name": "digit-8", "negatives": "mine" }]
        """,
        "$.undesiredFeatures[0].negatives: is another than")]
    [InlineData(
        """
        "undesiredFeatures": [{ "name": "digit-8", "negatives": null }]
        """,
        "$.undesiredFeatures[0].negatives: is another than")]
    [InlineData(""" "quality": { "maxFrechetDistance": 41 } """, "$.quality.maxFrechetDistance: must be at most 40")]
    [InlineData(""" "quality": { "minShareKept": 0.4 } """, "$.quality.minShareKept: must be at least 0.5")]
    [InlineData(""" "quality": { "reference": "original-generator" } """, "$.quality.reference: is another than")]
    [InlineData(""" "evaluation": { "samples": 4000 } """, "$.evaluation.samples: must be 5000, as in the base policy")]
    [InlineData(
        """
        "evaluation": { "samples": 6000 }
        """,
        "$.evaluation.samples: must be 5000, as in the base policy, whose ratchet is decided by it, but is 6000")]
    [InlineData(""" "evaluation": { "maxSamples": 20000 } """, "$.evaluation.maxSamples: must be 40000")]
    [InlineData(""" "evaluation": { "maxSamples": 80000 } """, "$.evaluation.maxSamples: must be 40000")]
    [InlineData(""" "evaluation": { "confidence": 0.9 } """, "$.evaluation.confidence: must be 0.95")]
    [InlineData(""" "evaluation": { "confidence": 0.99 } """, "$.evaluation.confidence: must be 0.95")]
    [InlineData(""" "evaluation": { "truncation": 0.7 } """, "$.evaluation.truncation: is another than")]
    [InlineData(""" "evaluation": { "range": "raw" } """, "$.evaluation.range: is another than")]
    [InlineData(""" "evaluation": { "seed": 4 } """, "$.evaluation.seed: is another than")]
    [InlineData(
        """
        "evaluation": { "auditorErrors": "report" }
        """,
        "$.evaluation.auditorErrors: may not be 'report' where the base policy has left out")]
    [InlineData(""" "evaluation": { "auditorErrors": "audit" } """, "$.evaluation.auditorErrors: may not be 'audit'")]
    [InlineData(
        """
        "classifiers": { "auditor": { "checkpoint": "mine.safetensors" } }
        """,
        "$.classifiers.auditor.checkpoint: is another than")]
    [InlineData(
        """
        "classifiers": { "auditor": { "sha256": null } }
        """,
        "$.classifiers.auditor.sha256: must be the pin of the base policy (aaaa")]
    [InlineData(""" "maxWaiverDays": 91 """, "$.maxWaiverDays: must be at most 90")]
    [InlineData(""" "maxWaiverDays": null """, "$.maxWaiverDays: is removed")]
    [InlineData(""" "ratchet": false """, "$.ratchet: must be true")]
    [InlineData(
        """
        "rules": [{ "rule": "digit-8/maxRate", "severity": "warn" }]
        """,
        "$.rules[0]: makes digit-8/maxRate only warn, and by the base policy it takes effect at once")]
    [InlineData(
        """
        "rules": [{ "rule": "quality/minShareKept", "effectiveFrom": "2027-01-02" }]
        """,
        "$.rules[0]: makes quality/minShareKept take effect on 2027-01-02, and by the base policy it takes "
            + "effect on 2027-01-01")]
    [InlineData(
        """
        "rules": [{ "rule": "quality/minShareKept/9", "severity": "warn" }]
        """,
        "$.rules[0]: makes quality/minShareKept/9 only warn")]
    [InlineData(
        """
        "waivers": [{ "rule": "digit-8/maxRate", "reason": "r", "approvedBy": "b", "approvedOn": "2026-01-02", "expires": "2026-02-01" }]
        """,
        "$.waivers[0]: waives digit-8/maxRate")]
    [InlineData(
        """
        "waivers": [{ "rule": "quality/maxFrechetDistance", "reason": "r", "approvedBy": "b", "approvedOn": "2026-01-02", "expires": "2026-03-02", "ceiling": 45 }]
        """,
        "$.waivers[0]: waives quality/maxFrechetDistance")]
    [InlineData(
        """
        "waivers": [{ "rule": "quality/maxFrechetDistance", "reason": "r", "approvedBy": "b", "approvedOn": "2026-01-02", "expires": "2026-02-01", "ceiling": 51 }]
        """,
        "$.waivers[0]: waives quality/maxFrechetDistance")]
    [InlineData(
        """
        "waivers": [{ "rule": "quality/maxFrechetDistance", "reason": "r", "approvedBy": "b", "approvedOn": "2026-01-02", "expires": "2026-02-01" }]
        """,
        "$.waivers[0]: waives quality/maxFrechetDistance")]
    public void Read_Loosening_IsAnErrorAtItsLine(string own, string error)
    {
        var found = Assert.Single(Read(own).Errors);

        Assert.Equal(PolicyCodes.LoosensBase, found.Code);
        Assert.Equal(("policies/child.json", 5), (found.File, found.Line));
        Assert.StartsWith(error, $"{found.Path}: {found.Message}", StringComparison.Ordinal);
        Assert.EndsWith("; a policy that builds on another may only tighten it", found.Message, StringComparison.Ordinal);
    }

    // A policy with no limit on what must survive, nor a ratchet, but with audits.
    private const string Audited = """
        {
          "schemaVersion": 1,
          "classifiers": {
            "annotator": { "checkpoint": "models/annotator.safetensors" },
            "auditor": { "checkpoint": "models/auditor.safetensors", "classes": ["7", "8", "9"] }
          },
          "undesiredFeatures": [
            { "name": "digit-8", "annotator": "annotator", "auditor": "auditor", "class": "8", "minUnlearned": 0.9 }
          ],
          "evaluation": { "samples": 5000, "maxSamples": 40000, "confidence": 0.95, "truncation": 0.7 },
          "audits": [
            { "attack": "latent-search", "maxSuccess": 0.1, "budget": { "samples": 1000 } },
            { "attack": "truncation", "maxSuccess": 0.1, "advisory": true },
            { "attack": "inversion", "maxSuccess": 0.1, "images": "pictures" }
          ],
          "rules": [{ "rule": "digit-8/minUnlearned", "effectiveFrom": "2027-01-01" }]
        }
        """;

    [Theory]
    [InlineData(
        """
        "undesiredFeatures": [{ "name": "digit-9", "annotator": "annotator", "auditor": "auditor", "class": "9", "maxRate": 0.5 }], "audits": null
        """,
        "$.audits: lacks the attack 'latent-search' of the base policy")]
    [InlineData(
        """
        "undesiredFeatures": [{ "name": "digit-8", "maxRate": 1 }]
        """,
        "$.undesiredFeatures[0].maxRate: is added, and in the base policy 'minUnlearned' holds without it")]
    [InlineData(
        """
        "audits": [{ "attack": "latent-search", "maxSuccess": 0.2 }]
        """,
        "$.audits[0].maxSuccess: must be at most 0.1")]
    [InlineData(
        """
        "audits": [{ "attack": "latent-search", "advisory": true }]
        """,
        "$.audits[0].advisory: must be false, as in the base policy")]
    [InlineData(
        """
        "audits": [{ "attack": "latent-search", "budget": { "samples": 999 } }]
        """,
        "$.audits[0].budget: is smaller than in the base policy")]
    [InlineData(
        """
        "audits": [{ "attack": "inversion", "images": "mine" }]
        """,
        "$.audits[0].images: is another folder than in the base policy")]
    [InlineData(""" "evaluation": { "samples": 4000 } """, "$.evaluation.samples: must be at least 5000")]
    [InlineData(""" "evaluation": { "maxSamples": 20000 } """, "$.evaluation.maxSamples: must be at least 40000")]
    [InlineData(""" "evaluation": { "confidence": 0.9 } """, "$.evaluation.confidence: must be at least 0.95")]
    [InlineData(""" "evaluation": { "truncation": 1 } """, "$.evaluation.truncation: is another than")]
    public void Read_LooseningOfAnAuditedPolicy_IsAnError(string own, string error)
    {
        var found = ReadAudited(own).Errors.Where(each => each.Code == PolicyCodes.LoosensBase).ToList();

        Assert.StartsWith(error, $"{found[0].Path}: {found[0].Message}", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(
        """
        "undesiredFeatures": [{ "name": "digit-8", "minUnlearned": 0.95 }]
        """)]
    [InlineData(""" "evaluation": { "samples": 6000, "maxSamples": 50000, "confidence": 0.99 } """)]
    [InlineData(
        """
        "audits": [{ "attack": "latent-search", "maxSuccess": 0.05 }, { "attack": "truncation", "advisory": false }]
        """)]
    [InlineData(
        """
        "audits": [{ "attack": "latent-search", "budget": { "samples": 2000 } }, { "attack": "relearning", "maxSuccess": 1 }]
        """)]
    public void Read_TighteningOfAnAuditedPolicy_IsAllowed(string own) => Assert.Empty(ReadAudited(own).Errors);

    [Fact]
    public void Read_NewFeatureWhereTheBaseKeepsNothing_IsAllowed()
    {
        var basis = Audited.Replace(", \"images\": \"pictures\"", "", StringComparison.Ordinal);   // those are of one feature

        Assert.Empty(ReadAudited(
            """
            "undesiredFeatures": [{ "name": "digit-9", "annotator": "annotator", "auditor": "auditor", "class": "9", "maxRate": 0.5 }]
            """,
            basis).Errors);
    }

    [Fact]
    public void Read_InheritedAudits_AreMergedByTheirAttack()
    {
        var result = ReadAudited(
            """ "audits": [{ "attack": "truncation", "maxSuccess": 0.05 }, { "attack": "same-latents", "maxSuccess": 0.2 }] """);

        Assert.Empty(result.Errors);
        Assert.Equal(
            [("truncation", 0.05, true), ("same-latents", 0.2, false), ("latent-search", 0.1, false), ("inversion", 0.1, false)],
            result.Policy!.Audits!.Select(audit => (audit.Attack, audit.MaxSuccess, audit.IsAdvisory)));
        Assert.Equal("../pictures", result.Policy.Audits![^1].Images);
    }

    // What an entry leaves out is not that of the base: it would still only warn.
    [Fact]
    public void Read_EntryOfRules_IsTakenWhole()
    {
        var result = ReadAudited(""" "rules": [{ "rule": "digit-8/minUnlearned", "severity": "error" }] """);

        Assert.Empty(result.Errors);
        Assert.Equal(new RuleEnforcement("digit-8/minUnlearned", RuleEnforcement.Error), Assert.Single(result.Policy!.Rules!));
    }

    [Fact]
    public void Read_OtherOrderOfFeatures_MayNotChangeWhoCountsTheClasses()
    {
        const string Second =
            """
            { "name": "digit-9", "annotator": "annotator", "auditor": "third", "class": "9", "maxRate": 0.5 }
            """;
        var basis = _base
            .Replace(
                "\"extractor\": \"auditor\"", "\"extractor\": \"inception-v3\", \"extractorWeights\": \"w\"",
                StringComparison.Ordinal)
            .Replace("\"negatives\": \"given\" }", "\"negatives\": \"given\" }, " + Second, StringComparison.Ordinal)
            .Replace(
                "\"auditor\": { \"ch", "\"third\": { \"checkpoint\": \"t\" }, \"auditor\": { \"ch", StringComparison.Ordinal);
        var files = new Dictionary<string, string> { ["policies/../company.json"] = basis };

        Assert.Empty(ReadFrom(Child("", basis), files).Errors);
        Assert.Empty(ReadFrom(Child("\"undesiredFeatures\": [{ \"name\": \"digit-8\" }]", basis), files).Errors);
        var error = Assert.Single(
            ReadFrom(Child("\"undesiredFeatures\": [{ \"name\": \"digit-9\" }]", basis), files).Errors);
        Assert.StartsWith(
            "$.undesiredFeatures: makes 'third' count the classes that must be kept, and in the base policy it is 'auditor'",
            $"{error.Path}: {error.Message}", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("d.safetensors", "d.safetensors", false, true)]
    [InlineData("d.safetensors", "weak.safetensors", false, false)]
    [InlineData("d.safetensors", null, false, false)]
    [InlineData("d.safetensors", "weak.safetensors", true, true)]   // an advisory audit holds nothing
    [InlineData(null, "mine.safetensors", false, true)]
    public void Read_DiscriminatorOfARelearningAudit_IsTheBases(string? its, string? own, bool advisory, bool allowed)
    {
        var basis = Audited
            .Replace("\"classifiers\"", $"{Generator(its)}, \"classifiers\"", StringComparison.Ordinal)
            .Replace(
                "\"audits\": [",
                "\"audits\": [{ \"attack\": \"relearning\", \"maxSuccess\": 0.5" + (advisory ? ", \"advisory\": true }," : " },"),
                StringComparison.Ordinal);
        var text = Child("", basis).Replace(
            "\"generator\": { \"checkpoint\": \"g.safetensors\" }",
            Generator(own).Replace("d.safetensors", "../d.safetensors", StringComparison.Ordinal), StringComparison.Ordinal);
        var errors = ReadFrom(text, new() { ["policies/../company.json"] = basis }).Errors;

        Assert.Equal(allowed ? [] : ["$.generator.discriminator"], errors.Select(error => error.Path));

        static string Generator(string? discriminator) => discriminator is null
            ? "\"generator\": { \"checkpoint\": \"g.safetensors\" }"
            : $"\"generator\": {{ \"checkpoint\": \"g.safetensors\", \"discriminator\": \"{discriminator}\" }}";
    }

    [Theory]
    [InlineData(
        """ "sha256": "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc" """, "generator.sha256=" + NewPin)]
    [InlineData(""" "discriminator": "d" """, "generator.discriminator=e")]
    public void Read_BaseWithoutAGenerator_DemandsNothingOfIt(string own, string argument)
    {
        var basis = Audited.Replace(
            "\"audits\": [", "\"audits\": [{ \"attack\": \"relearning\", \"maxSuccess\": 0.5 },", StringComparison.Ordinal);
        var text = Child("", basis).Replace("\"g.safetensors\"", $"\"g.safetensors\", {own}", StringComparison.Ordinal);

        Assert.Empty(ReadFrom(text, new() { ["policies/../company.json"] = basis }, argument).Errors);
    }

    private const string NewPin = "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd";

    [Theory]
    [InlineData(""" "quality": null """, "$.quality: is removed, and the base policy has it")]
    [InlineData(
        """
        "undesiredFeatures": [{ "name": "digit-8", "class": "7" }]
        """,
        "$.undesiredFeatures[0].class: is another than")]
    public void Read_LooseningWithOtherErrors_IsAmongThem(string own, string error) => Assert.Contains(
        Read(own).Errors,
        found => found.Code == PolicyCodes.LoosensBase
            && $"{found.Path}: {found.Message}".StartsWith(error, StringComparison.Ordinal));

    [Theory]
    [InlineData("evaluation.samples=100", "ATU1150")]
    [InlineData("undesiredFeatures[0].maxRate=0.5", "ATU1150")]
    [InlineData("rules=[]", null)]
    [InlineData(
        """
        undesiredFeatures=[{"name":"x","annotator":"annotator","auditor":"auditor","class":"8","maxRate":1}]
        """,
        "ATU1150")]
    [InlineData("extends.sha256=00", "ATU1009")]
    [InlineData("extends=null", "ATU1009")]
    [InlineData("undesiredFeatures[0].maxRate=0.001", null)]
    public void Read_Argument_CannotLoosen(string argument, string? code)
    {
        var result = Read("", argument);

        Assert.Equal(code, result.Errors.Select(error => error.Code).Distinct().SingleOrDefault());
    }

    [Fact]
    public void Read_OtherDigest_IsAnErrorThatSaysWhichItIs()
    {
        var text = Child("").Replace(Sha256Digest.Compute(_base), new string('0', 64), StringComparison.Ordinal);
        var error = Assert.Single(ReadFrom(text, new() { ["policies/../company.json"] = _base }).Errors);

        Assert.Equal((PolicyCodes.UnusableBase, "$.extends.sha256", 4), (error.Code, error.Path, error.Line));
        Assert.Contains($"which is {Sha256Digest.Compute(_base)}", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_MissingBase_IsAnErrorAtItsPath()
    {
        var error = Assert.Single(ReadFrom(Child(""), []).Errors);

        Assert.Equal((PolicyCodes.UnusableBase, "$.extends.policy"), (error.Code, error.Path));
        Assert.StartsWith("cannot be read: ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_BaseWithErrors_SaysThemAtTheirPlace()
    {
        var broken = _base.Replace("\"maxRate\": 0.01", "\"maxRate\": 7", StringComparison.Ordinal);
        var error = Assert.Single(ReadFrom(Child("", broken), new() { ["policies/../company.json"] = broken }).Errors);

        Assert.Equal(
            ("policies/../company.json", 9, "$.undesiredFeatures[0].maxRate"), (error.File, error.Line, error.Path));
    }

    [Fact]
    public void Read_Chain_HoldsToEveryPolicyOfIt()
    {
        var middle = Extending("middle", "company.json", _base, "\"maxWaiverDays\": 60");
        Dictionary<string, string> files = new()
        {
            ["policies/../company.json"] = _base,
            ["policies/../middle.json"] = middle,
        };

        Assert.Empty(ReadFrom(Extending("child", "../middle.json", middle, ""), files).Errors);
        Assert.Equal(2, ReadFrom(Extending("child", "../middle.json", middle, ""), files).Bases.Count);
        foreach (var (own, path) in new[]
        {
            ("\"maxWaiverDays\": 70", "$.maxWaiverDays"),
            ("\"evaluation\": { \"confidence\": 0.9 }", "$.evaluation.confidence"),
        })
            Assert.Equal(path, Assert.Single(ReadFrom(Extending("child", "../middle.json", middle, own), files).Errors).Path);

        // A policy of the chain that is laxer than what it builds on is refused as well.
        var lax = Extending("middle", "company.json", _base, "\"evaluation\": { \"samples\": 100 }");
        files["policies/../middle.json"] = lax;
        var error = Assert.Single(ReadFrom(Extending("child", "../middle.json", lax, ""), files).Errors);
        Assert.Equal((PolicyCodes.LoosensBase, "policies/../middle.json"), (error.Code, error.File));
    }

    [Fact]
    public void Read_CircleOrLongChain_IsAnError()
    {
        const string Self = """{ "name": "child", "extends": { "policy": "child.json", "sha256": "PIN" } }""";
        var self = Self.Replace("PIN", new string('0', 64), StringComparison.Ordinal);
        Assert.Contains(
            "is a circle: policies/child.json builds on policies/child.json",
            Assert.Single(ReadFrom(self, new() { ["policies/child.json"] = self }).Errors).Message, StringComparison.Ordinal);

        var (text, files) = (_base, new Dictionary<string, string>());
        for (var depth = 0; depth <= PolicyBases.MaxDepth; depth++)
        {
            files[$"policies/{depth}.json"] = text;
            text = Extending("child", $"{depth}.json", text, "");
            var errors = ReadFrom(text, files).Errors;
            if (depth < PolicyBases.MaxDepth)
                Assert.Empty(errors);
            else
                Assert.Contains("a chain of more than 8 policies", Assert.Single(errors).Message, StringComparison.Ordinal);
        }
    }

    // A record does not say in which folder its policy was: many ".." must not end in one root.
    [Fact]
    public void Read_ManyFoldersUp_AreNoCircle()
    {
        var up = string.Concat(Enumerable.Repeat("../", 40));
        var middle = Extending("middle", "../x.json", _base, "");

        Assert.Empty(ReadFrom(
            Extending("child", up + "x.json", middle, ""),
            new() { [$"policies/{up}x.json"] = middle, [$"policies/{up}../x.json"] = _base }).Errors);
    }

    [Fact]
    public void Locate_InheritedLimit_IsTheReferenceToTheBase()
    {
        var text = Child("\"undesiredFeatures\": [{ \"name\": \"digit-8\", \"maxRate\": 0.005 }]");

        Assert.Equal(5, PolicyReader.Locate(text, "$.undesiredFeatures[0].maxRate").Line);
        Assert.Equal(4, PolicyReader.Locate(text, "$.undesiredFeatures[0].minUnlearned").Line);
        Assert.Equal(4, PolicyReader.Locate(text, "$.quality.maxFrechetDistance").Line);
    }

    [Fact]
    public void VerifyReadings_RecordOfAPolicyThatBuildsOnAnother_ReadsItAgain()
    {
        var basis = Records.PolicyText;
        var text = Extending(
                "no-eights", "company.json", basis, "\"undesiredFeatures\": [{ \"name\": \"digit-8\", \"maxRate\": 0.009 }]")
            .Replace("g.safetensors", "generator.safetensors", StringComparison.Ordinal);
        var read = ReadFrom(text, new() { ["policies/company.json"] = basis });
        Assert.Empty(read.Errors);
        var policy = read.Policy!;
        var held = new BaseText(Sha256Digest.Compute(basis), basis);
        var run = Records.Run(Gate.Judge(policy, Records.Before, Records.After, Records.Today), policy) with
        {
            PolicySource = new PolicySource(
                "policies/child.json", text, Sha256Digest.Compute(text), CanonicalJson.Digest(policy), [], [held]),
        };
        run = run with { Inputs = [.. run.Inputs, new InputFile(InputRoles.PolicyBase(1), "company.json", held.Sha256)] };

        Assert.Empty(Problems(run));
        Assert.Contains(
            "is not one recorded input", Problems(run with { Inputs = Records.Run().Inputs }), StringComparison.Ordinal);
        Assert.Contains(
            "$.extends.policy: cannot be read", Problems(run with { PolicySource = run.PolicySource with { Bases = null } }),
            StringComparison.Ordinal);
        Assert.Contains(
            "$.extends.sha256: is not the digest",
            Problems(run with { PolicySource = run.PolicySource with { Bases = [held with { Text = basis + " " }] } }),
            StringComparison.Ordinal);
        Assert.Contains(
            "builds on other policies than the record holds",
            Problems(run with { PolicySource = run.PolicySource with { Bases = [held, held] } }), StringComparison.Ordinal);
        Assert.Equal(RunRecordFile.ToJson(run), RunRecordFile.ToJson(RunRecordFile.Parse(RunRecordFile.ToJson(run), "run.json")));

        static string Problems(RunRecord record) =>
            string.Join("; ", Verification.VerifyReadings(record, Records.Vocabulary, Records.Today).Problems);
    }

    // Of a smear no classifier sees anything.
    [Fact]
    public void Read_ImagesThatAreResizedBeforeTheyAreJudged_LoosenTheBase()
    {
        PolicyResult Resized(string resize) => ReadFrom(
            Child("\"evaluation\": { \"truncation\": 1 }").Replace(
                "{ \"checkpoint\": \"g.safetensors\" }", $"{{ \"images\": \"renders\"{resize} }}", StringComparison.Ordinal),
            new() { ["policies/../company.json"] = _base });

        Assert.DoesNotContain(Resized("").Errors, error => error.Path.Contains("resize", StringComparison.Ordinal));
        var error = Assert.Single(
            Resized(", \"resize\": { \"size\": 2, \"filter\": \"bilinear\" }").Errors,
            error => error.Path.Contains("resize", StringComparison.Ordinal));
        Assert.Equal(PolicyCodes.LoosensBase, error.Code);
    }

    [Fact]
    public void Read_BaseOfAPackage_IsFoundThereWithItsFiles()
    {
        var inner = _base.Replace("\"given\"", "\"../given\"", StringComparison.Ordinal);
        var outer = $$"""
            { "extends": { "policy": "../rules/company.json", "sha256": "{{Sha256Digest.Compute(inner)}}" }, "owner": "team" }
            """;
        var read = ReadFrom(
            Extending("child", "nuget:Contoso.Policies/1.2.0/teams/team.json", outer, "\"description\": \"d\""),
            new()
            {
                ["nuget:Contoso.Policies/1.2.0/teams/team.json"] = outer,
                ["nuget:Contoso.Policies/1.2.0/rules/company.json"] = inner,
            });

        Assert.Empty(read.Errors);
        Assert.Equal("team", read.Policy!.Owner);
        Assert.Equal(
            [
                "nuget:Contoso.Policies/1.2.0/rules/models/annotator.safetensors",
                "nuget:Contoso.Policies/1.2.0/rules/models/auditor.safetensors",
            ],
            read.Policy.Classifiers.Values.Select(classifier => classifier.Checkpoint));
        Assert.Equal("nuget:Contoso.Policies/1.2.0/given", read.Policy.UndesiredFeatures[0].Negatives);
    }

    [Theory]
    [InlineData("nuget:Contoso.Policies/team.json", "is not a file of a package")]
    [InlineData("nuget:Contoso.Policies/1.*/team.json", "is not a file of a package")]
    [InlineData("nuget:Contoso.Policies/1.2.0/../../../secret.json", "is not a file of a package")]
    [InlineData("nuget:Contoso.Policies/1.2.0/other.json", "no such file")]
    public void Read_BaseThatNoPackageHas_IsRefused(string path, string problem)
    {
        var error = Assert.Single(ReadFrom(Extending("child", path, _base, "\"owner\": \"o\""), []).Errors);

        Assert.Equal("$.extends.policy", error.Path);
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("../9.9.9/company.json")]
    [InlineData("../../company.json")]
    [InlineData("../../../company.json")]
    [InlineData("../../../../company.json")]
    public void Read_BaseOutsideItsPackage_IsRefused(string path)
    {
        const string Team = "nuget:Contoso.Policies/1.2.0/team.json";
        var outer = $$"""{ "extends": { "policy": "{{path}}", "sha256": "{{new string('a', 64)}}" } }""";

        var error = Assert.Single(
            ReadFrom(Extending("child", Team, outer, "\"owner\": \"o\""), new() { [Team] = outer }).Errors);

        Assert.Contains("lies outside its package", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_FileOutsideThePackageOfItsBase_IsRefused()
    {
        const string Team = "nuget:Contoso.Policies/1.2.0/team.json";
        var outside = _base.Replace("models/annotator", "../../../../etc/annotator", StringComparison.Ordinal);

        var error = Assert.Single(ReadFrom(
            Extending("child", Team, outside, "\"owner\": \"o\""), new() { [Team] = outside }).Errors);

        Assert.Equal("$.classifiers.annotator.checkpoint", error.Path);
        Assert.Contains("is not a file of a package", error.Message, StringComparison.Ordinal);
    }

    private static string Child(string own, string basis = "") =>
        Extending("child", "../company.json", basis.Length == 0 ? _base : basis, own);

    private static string Extending(string name, string path, string basis, string own) =>
        $$"""
        {
          "name": "{{name}}",
          "generator": { "checkpoint": "g.safetensors" },
          "extends": { "policy": "{{path}}", "sha256": "{{Sha256Digest.Compute(basis)}}" },
          {{own}}
        }
        """;

    private static PolicyResult Read(string own, params string[] arguments) =>
        ReadFrom(Child(own), new() { ["policies/../company.json"] = _base }, arguments);

    private static PolicyResult ReadAudited(string own, string? basis = null) =>
        ReadFrom(Child(own, basis ?? Audited), new() { ["policies/../company.json"] = basis ?? Audited });

    private static PolicyResult ReadFrom(string text, Dictionary<string, string> files, params string[] arguments) =>
        PolicyReader.Read(
            text, "policies/child.json", Records.Vocabulary, [.. arguments.Select(PolicyOverride.Parse)],
            (path, _) => files.TryGetValue(path.Replace('\\', '/'), out var found)
                ? found
                : throw new FileNotFoundException("no such file"));
}
