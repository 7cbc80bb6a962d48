using System.Text.RegularExpressions;

namespace AdaptThenUnlearn.Tests;

/// <summary>The house's own rules, read off the source files: who may know whom, and that each file says what it is for.</summary>
public sealed partial class HouseTests
{
    // Namespace → the other namespaces of this project that its files may use. A namespace may always use what encloses it.
    private static readonly Dictionary<string, string[]> _mayKnow = new()
    {
        ["AdaptThenUnlearn"] = [],
        ["AdaptThenUnlearn.Files"] = [],
        ["AdaptThenUnlearn.Policies"] = [],
        ["AdaptThenUnlearn.Measurements"] = [],
        ["AdaptThenUnlearn.Gating"] = ["AdaptThenUnlearn.Policies", "AdaptThenUnlearn.Measurements"],
        ["AdaptThenUnlearn.Runs"] = ["AdaptThenUnlearn.Policies", "AdaptThenUnlearn.Measurements", "AdaptThenUnlearn.Gating"],
        ["AdaptThenUnlearn.Reports"] = ["AdaptThenUnlearn.Runs", "AdaptThenUnlearn.Measurements", "AdaptThenUnlearn.Gating", "AdaptThenUnlearn.Policies"],
        ["AdaptThenUnlearn.Labelling"] = ["AdaptThenUnlearn.Measurements"],
        ["AdaptThenUnlearn.Publishing"] = ["AdaptThenUnlearn.Runs", "AdaptThenUnlearn.Reports", "AdaptThenUnlearn.Gating", "AdaptThenUnlearn.Policies"],
        ["AdaptThenUnlearn.Publishing.Hosts"] = [],
        ["AdaptThenUnlearn.Publishing.Pages"] = ["AdaptThenUnlearn.Runs", "AdaptThenUnlearn.Reports", "AdaptThenUnlearn.Gating", "AdaptThenUnlearn.Policies"],
        ["AdaptThenUnlearn.Publishing.GitHub"] = ["AdaptThenUnlearn.Publishing.Hosts", "AdaptThenUnlearn.Publishing.Pages", "AdaptThenUnlearn.Reports"],
        ["AdaptThenUnlearn.Tasks"] = [],   // the doors know the command line, and nothing of the house
        ["AdaptThenUnlearn.MSBuild"] = ["AdaptThenUnlearn.Tasks"],
        ["AdaptThenUnlearn.Cake"] = ["AdaptThenUnlearn.Tasks"],
        ["AdaptThenUnlearn.Comparing"] = ["AdaptThenUnlearn.Policies", "AdaptThenUnlearn.Measurements", "AdaptThenUnlearn.Runs", "AdaptThenUnlearn.Reports"],
        ["AdaptThenUnlearn.Torch.Models"] = [],
        ["AdaptThenUnlearn.Torch.Models.StyleGan2"] = [],
        ["AdaptThenUnlearn.Torch.Models.Sequence"] = ["AdaptThenUnlearn.Policies"],   // how layers are stated
        ["AdaptThenUnlearn.Torch.Models.Dcgan"] = ["AdaptThenUnlearn.Torch.Models.Sequence", "AdaptThenUnlearn.Policies"],
        ["AdaptThenUnlearn.Torch.Models.Mlp"] = ["AdaptThenUnlearn.Torch.Models.Sequence", "AdaptThenUnlearn.Policies"],
        ["AdaptThenUnlearn.Torch.Images"] = [],
        ["AdaptThenUnlearn.Torch.Checkpoints"] = ["AdaptThenUnlearn.Torch.Models", "AdaptThenUnlearn.Policies"],
        ["AdaptThenUnlearn.Torch.Checkpoints.Pickle"] = [],
        ["AdaptThenUnlearn.Torch.Features"] =
            ["AdaptThenUnlearn.Torch.Checkpoints", "AdaptThenUnlearn.Torch.Images", "AdaptThenUnlearn.Torch.Models", "AdaptThenUnlearn.Policies", "AdaptThenUnlearn.Labelling"],
        ["AdaptThenUnlearn.Torch.Measuring"] =
            ["AdaptThenUnlearn.Torch.Features", "AdaptThenUnlearn.Torch.Images", "AdaptThenUnlearn.Torch.Models", "AdaptThenUnlearn.Measurements", "AdaptThenUnlearn.Policies", "AdaptThenUnlearn.Labelling", "AdaptThenUnlearn.Torch.Checkpoints"],
        ["AdaptThenUnlearn.Torch.Training"] = ["AdaptThenUnlearn.Torch.Images", "AdaptThenUnlearn.Torch.Models"],
        ["AdaptThenUnlearn.Torch.Adaptation"] =
            ["AdaptThenUnlearn.Torch.Training", "AdaptThenUnlearn.Torch.Features", "AdaptThenUnlearn.Torch.Images", "AdaptThenUnlearn.Torch.Models", "AdaptThenUnlearn.Policies"],
        ["AdaptThenUnlearn.Torch.Unlearning"] =
            ["AdaptThenUnlearn.Torch.Adaptation", "AdaptThenUnlearn.Torch.Training", "AdaptThenUnlearn.Torch.Images", "AdaptThenUnlearn.Torch.Models", "AdaptThenUnlearn.Policies"],
        ["AdaptThenUnlearn.Torch.Unlearning.Repulsion"] = ["AdaptThenUnlearn.Torch.Training", "AdaptThenUnlearn.Policies"],
        ["AdaptThenUnlearn.Torch.Labelling"] =
            ["AdaptThenUnlearn.Torch.Measuring", "AdaptThenUnlearn.Torch.Training", "AdaptThenUnlearn.Torch.Features", "AdaptThenUnlearn.Torch.Images", "AdaptThenUnlearn.Torch.Models", "AdaptThenUnlearn.Labelling"],
        ["AdaptThenUnlearn.Torch.Pretraining"] =
            ["AdaptThenUnlearn.Torch.Unlearning", "AdaptThenUnlearn.Torch.Adaptation", "AdaptThenUnlearn.Torch.Training", "AdaptThenUnlearn.Torch.Features", "AdaptThenUnlearn.Torch.Images", "AdaptThenUnlearn.Torch.Models",
                "AdaptThenUnlearn.Labelling"],
    };

    // Files as they are on a disk: everyone opens some.
    private const string KnownByAll = "AdaptThenUnlearn.Files";

    // The stories and the composition root know everything below them.
    private static readonly string[] _knowEverything = ["AdaptThenUnlearn.Torch", "AdaptThenUnlearn.Cli", "AdaptThenUnlearn.Cli.Commands", "AdaptThenUnlearn.Cli.Labelling"];

    public static TheoryData<string> Files =>
        [.. new[] { "src", "tasks" }.SelectMany(folder => Directory.EnumerateFiles(Path.Combine(Repository.Root, folder), "*.cs", SearchOption.AllDirectories))
            .Select(file => Path.GetRelativePath(Repository.Root, file).Replace('\\', '/'))
            .Where(file => !file.Contains("/obj/", StringComparison.Ordinal) && !file.Contains("/bin/", StringComparison.Ordinal))];

    [Theory]
    [MemberData(nameof(Files))]
    public void EveryFile_KnowsOnlyWhomItMay(string file)
    {
        var text = Text(file);
        var own = NamespacePattern().Match(text) is { Success: true } match ? match.Groups[1].Value : "AdaptThenUnlearn.Cli";   // Program.cs has none
        if (_knowEverything.Contains(own))
            return;

        Assert.True(_mayKnow.TryGetValue(own, out var allowed), $"{file}: the namespace {own} is not in the table of who may know whom; add it there on purpose");
        var used = UsingPattern().Matches(text).Select(found => found.Groups[1].Value)
            .Where(name => name.StartsWith("AdaptThenUnlearn", StringComparison.Ordinal) && name != KnownByAll)
            .Where(name => !own.StartsWith(name, StringComparison.Ordinal) && !name.StartsWith(own + ".", StringComparison.Ordinal));
        Assert.DoesNotContain(used, name => !Array.Exists(allowed, known => name == known || name.StartsWith(known + ".", StringComparison.Ordinal)));
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void EveryFile_NamespaceAndFolder_AreTheSame(string file)
    {
        if (NamespacePattern().Match(Text(file)) is not { Success: true } match)
            return;

        var folder = Path.GetDirectoryName(file)!.Replace('\\', '/').Split('/', 2)[1].Replace('/', '.');
        Assert.Equal(folder, match.Groups[1].Value);
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void EveryFile_OpensWithWhatItIsFor(string file)
    {
        if (file.EndsWith("Program.cs", StringComparison.Ordinal))
            return;

        var afterNamespace = NamespacePattern().Split(Text(file)).Last().TrimStart();
        Assert.True(
            afterNamespace.StartsWith("/// <summary>", StringComparison.Ordinal) || afterNamespace.StartsWith("// ", StringComparison.Ordinal),
            $"{file} must open with what it is for, not with: {afterNamespace.Split('\n')[0]}");
    }

    [Fact]
    public void Core_References_NothingButTheBaseLibrary()
    {
        var project = File.ReadAllText(Path.Combine(Repository.Root, "src", "AdaptThenUnlearn", "AdaptThenUnlearn.csproj"));

        Assert.DoesNotContain("PackageReference", project, StringComparison.Ordinal);
        Assert.DoesNotContain("ProjectReference", project, StringComparison.Ordinal);
    }

    [Fact]
    public void Readme_Commands_AreTheOnesThatTheContinuousIntegrationRuns()
    {
        var test = Assert.Single(File.ReadAllLines(Path.Combine(Repository.Root, "README.md")), line => line.StartsWith("dotnet test", StringComparison.Ordinal));

        Assert.Contains(test, File.ReadAllText(Path.Combine(Repository.Root, ".ci", "run")), StringComparison.Ordinal);
    }

    private static string Text(string file) => File.ReadAllText(Path.Combine(Repository.Root, file));

    [GeneratedRegex(@"^namespace ([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex NamespacePattern();

    [GeneratedRegex(@"^using (?:static )?([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex UsingPattern();
}
