using System.Globalization;
using AdaptThenUnlearn.Attestation;
using AdaptThenUnlearn.Runs;
using YamlDotNet.RepresentationModel;

namespace AdaptThenUnlearn.Tests.Attestation;

/// <summary>The model card: its metadata by a YAML parser, its figures against the record.</summary>
public sealed class ModelCardFormatTests
{
    public static TheoryData<string> Runs =>
        ["passed", "failed", "unmeasured", "untrained", "waived", "waived-untrained", "warned", "not-enforced", "many-rules"];

    // Required by https://github.com/huggingface/hub-docs/blob/main/modelcard.md: task.type, dataset.type, dataset.name,
    // metrics.type, metrics.value.
    [Theory]
    [MemberData(nameof(Runs))]
    public void Metadata_Results_AreTheRecordsAndNoOthers(string name)
    {
        var run = Records.Named(name);
        var metadata = Metadata(Write(run));

        Assert.Equal("unconditional-image-generation", Text(metadata["pipeline_tag"]));
        var model = (YamlMappingNode)Assert.Single(((YamlSequenceNode)metadata["model-index"]).Children);
        Assert.Equal(run.Policy.Name, Text(model["name"]));
        var values = new List<double>();
        foreach (var result in ((YamlSequenceNode)model["results"]).Children.Cast<YamlMappingNode>())
        {
            Assert.Equal("unconditional-image-generation", Text(result["task"]["type"]));
            Assert.NotEmpty(Text(result["dataset"]["type"]));
            Assert.NotEmpty(Text(result["dataset"]["name"]));
            foreach (var metric in ((YamlSequenceNode)result["metrics"]).Children)
            {
                Assert.NotEmpty(Text(metric["type"]));
                values.Add(double.Parse(Text(metric["value"]), CultureInfo.InvariantCulture));
            }
        }

        Assert.Equal(
            run.Verdict.Findings.Where(finding => finding.Observed is not null).SelectMany(finding =>
                finding.Judged == finding.Observed
                    ? new[] { finding.Observed!.Value }
                    : [finding.Observed!.Value, finding.Judged!.Value]),
            values);
    }

    [Theory]
    [InlineData("passed", "**Passed**: ")]
    [InlineData("waived", "**Passed with waivers**: ")]
    [InlineData("failed", "**Failed**: ")]
    [InlineData("unmeasured", "**Failed (not measured)**: ")]
    public void Card_Verdict_StandsAtItsTop(string name, string verdict)
    {
        var run = Records.Named(name);
        var card = Write(run);

        Assert.Contains(verdict, card, StringComparison.Ordinal);
        Assert.All(run.Verdict.Findings, finding => Assert.Contains($"`{finding.Rule}`", card, StringComparison.Ordinal));
        Assert.Equal(
            run.Verdict.Findings.Any(finding => finding.Waiver is not null),
            card.Contains("## Exceptions", StringComparison.Ordinal));
    }

    // Of 10,000 images at the one look, and 5,000 for the distance.
    [Fact]
    public void Metadata_Images_AreThoseOfEachMetric()
    {
        var model = ((YamlSequenceNode)Metadata(Write(Records.Named("passed")))["model-index"])[0];

        Assert.Equal(
            [
                ("feature-rate", "10000 generated images, latents of seed 20"),
                ("share-unlearned", "10000 generated images, latents of seed 20"),
                ("frechet-distance", "5000 generated images, latents of seed 20"),
                ("frechet-distance-increase", "5000 generated images, latents of seed 20"),
                ("share-kept", "10000 generated images, latents of seed 20"),
            ],
            ((YamlSequenceNode)model["results"]).Select(
                result => (Text(result["metrics"][0]["type"]), Text(result["dataset"]["name"]))));
    }

    // A policy may come from anyone.
    [Theory]
    [InlineData("x\n---\nlicense: mit")]
    [InlineData("\"quoted\" \\ 'and' : # & * ! | > % @ `")]
    [InlineData("<script>alert(1)</script> [link](http://x.example) \u202e")]
    public void Card_HostileText_StaysText(string text)
    {
        var run = Records.Named("waived");
        run = run with { Policy = run.Policy with { Name = text, Description = text, Owner = text } };

        var card = Write(run);

        Assert.Equal(text, Text(((YamlSequenceNode)Metadata(card)["model-index"])[0]["name"]));
        Assert.False(Metadata(card).Children.ContainsKey("license"));
        Assert.DoesNotContain("<script>", card[card.IndexOf("\n---\n\n", StringComparison.Ordinal)..], StringComparison.Ordinal);
        Assert.DoesNotContain("](http", card[card.IndexOf("\n---\n\n", StringComparison.Ordinal)..], StringComparison.Ordinal);
    }

    private static string Write(RunRecord run) =>
        new ModelCardFormat().Write(new AttestedRun(run, run.Verdict, new string('1', 64)), key: null);

    private static YamlMappingNode Metadata(string card)
    {
        Assert.StartsWith("---\n", card, StringComparison.Ordinal);
        var stream = new YamlStream();
        stream.Load(new StringReader(card[4..(card.IndexOf("\n---\n\n", StringComparison.Ordinal) + 1)]));
        return (YamlMappingNode)Assert.Single(stream.Documents).RootNode;
    }

    private static string Text(YamlNode node) => ((YamlScalarNode)node).Value!;
}
