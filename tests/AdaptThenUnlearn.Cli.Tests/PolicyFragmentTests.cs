using AdaptThenUnlearn.Cli.Labelling;
using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>The policy fragment of labelling can be pasted: it names an auditor, and its paths lead to the files.</summary>
public sealed class PolicyFragmentTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-fragment-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Create_FirstClassifier_NamesTheAuditorThatIsMissing()
    {
        var fragment = Create("labels");

        Assert.Equal("the current folder", fragment.Folder);
        Assert.Equal("""
            "classifiers": {
              "hat": { "checkpoint": "labels/hat.safetensors" },
              // Missing: label other images for it, with --seed 8 --out "labels-auditor"
              "hat-auditor": { "checkpoint": "labels-auditor/hat.safetensors" }
            },
            "undesiredFeatures": [
              { "name": "hat", "annotator": "hat", "auditor": "hat-auditor", "class": "hat", "maxRate": 0.01 }
            ]
            """, fragment.Text);
    }

    [Fact]
    public void Create_BothClassifiers_MissesNothing()
    {
        var first = Create("labels");

        var second = Create("labels-auditor");

        Assert.DoesNotContain("//", second.Text, StringComparison.Ordinal);
        Assert.Equal(second.Text, first.Text.Split('\n').Where(line => !line.Contains("//", StringComparison.Ordinal))
            .Aggregate((text, line) => $"{text}\n{line}"));
    }

    [Fact]
    public void Create_FolderOfPolicies_IsWhereThePathsBegin()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "policies"));

        var fragment = Create("labels");

        Assert.Equal("policies", fragment.Folder);
        Assert.Contains("\"../labels/hat.safetensors\"", fragment.Text, StringComparison.Ordinal);
        Assert.Contains("--out \"labels-auditor\"", fragment.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Create_LongestName_IsAFragmentThatAPolicyTakes()
    {
        var feature = new string('a', 64);
        Create("labels", feature);
        var fragment = Create("labels-auditor", feature);
        var text = $$"""
            { "schemaVersion": 1, "name": "hats", "generator": { "checkpoint": "g.safetensors" }, {{fragment.Text}} }
            """;

        var result = PolicyReader.Read(text, "policy.json", Vocabulary.Known, []);

        Assert.Empty(result.Errors);
        Assert.All(
            result.Policy!.Classifiers.Values, choice => Assert.True(File.Exists(Path.Combine(_folder, choice.Checkpoint))));
    }

    private PolicyFragment Create(string labels, string feature = "hat")
    {
        var classifier = Path.Combine(_folder, labels, feature + ".safetensors");
        Directory.CreateDirectory(Path.GetDirectoryName(classifier)!);
        File.WriteAllText(classifier, "");
        return PolicyFragment.Create(feature, classifier, seed: 7, _folder);
    }
}
