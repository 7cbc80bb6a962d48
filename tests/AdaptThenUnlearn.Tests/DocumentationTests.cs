using System.Text.Json;
using System.Text.RegularExpressions;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Tests.Policies;

namespace AdaptThenUnlearn.Tests;

/// <summary>The documentation names what there is, and no other.</summary>
public sealed partial class DocumentationTests
{
    [Fact]
    public void PolicyPage_EveryPropertyWithItsDefault_IsThere()
    {
        var page = Page("policy.md");
        using var effective = JsonDocument.Parse(CanonicalJson.Serialize(Records.Policy));

        Assert.All(LeavesOf("", effective.RootElement.GetProperty("unlearning")), leaf =>
            Assert.Contains($"| `{leaf.Name}` | ", page, StringComparison.Ordinal));
        foreach (var section in effective.RootElement.GetProperty("unlearning")
            .EnumerateObject()
            .Where(property => property.Value.ValueKind == JsonValueKind.Object))
        {
            var text = page[page.IndexOf($"## `unlearning.{section.Name}`", StringComparison.Ordinal)..];
            text = text[..text.IndexOf("\n## ", 5, StringComparison.Ordinal)];
            Assert.All(
                section.Value.EnumerateObject(),
                leaf => Assert.Matches($@"(?m)^\| `{leaf.Name}` \| .* \| `{Regex.Escape(leaf.Value.ToString())}` \|$", text));
        }
    }

    [Fact]
    public void PolicyPage_WhatThePolicyLeavesOut_HasItsDefault()
    {
        var page = Page("policy.md");

        Assert.Matches($@"(?m)^\| `steps` \| Discriminator updates.* \| `{DiscriminatorWarmUpOptions.Default.Steps}` \|$", page);
        Assert.Matches(
            FormattableString.Invariant($@"(?m)^\| `minimumClean` \| .* \| `{UnlearningOptions.DefaultMinimumClean}` \|$"), page);
        Assert.Matches(
            FormattableString.Invariant($@"(?m)^\| `candidateMargin` \| .* \| `{UnlearningOptions.DefaultCandidateMargin}` \|$"),
            page);
        Assert.Matches($@"(?m)^\| `precision` \| .* \| `{UnlearningOptions.SinglePrecision}` \|$", page);
        Assert.Matches($@"(?m)^\| `cleanBy` \| .* \| `{UnlearningOptions.ByAnnotator}` \|$", page);
        Assert.Matches(
            FormattableString.Invariant($@"(?m)^\| `accumulate` \| .* \| `{UnlearningOptions.DefaultAccumulate}` \|$"), page);
    }

    [Fact]
    public void DiagnosticsPage_EveryCodeInTheSources_IsThere()
    {
        var page = Page("diagnostics.md");
        var used = new[] { ("src", "*.cs"), ("tasks", "*.cs"), ("tasks", "*.targets") }
            .SelectMany(kind => Directory.EnumerateFiles(
                Path.Combine(Repository.Root, kind.Item1), kind.Item2, SearchOption.AllDirectories))
            .Where(file => !file.Contains(
                $"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
            .SelectMany(file => CodePattern().Matches(File.ReadAllText(file)).Select(match => match.Value)).ToHashSet();

        Assert.Equal(
            used.Order(StringComparer.Ordinal),
            CodePattern().Matches(page).Select(match => match.Value).Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void EveryCode_IsWrittenOnceInACatalogueOfCodes() =>
        Assert.DoesNotContain(
            Directory.EnumerateFiles(Path.Combine(Repository.Root, "src"), "*.cs", SearchOption.AllDirectories)
                .Where(file => !file.Contains(
                    $"{Path.DirectorySeparatorChar}obj{Path.DirectorySeparatorChar}", StringComparison.Ordinal))
                .Where(file => !file.EndsWith("Codes.cs", StringComparison.Ordinal)),
            file => LiteralCodePattern().IsMatch(File.ReadAllText(file)));

    [Fact]
    public void MSBuildPage_EveryPropertyOfTheTargets_IsInTheTable()
    {
        var targets = Path.Combine(Repository.Root, "tasks", "AdaptThenUnlearn.MSBuild", "build");
        var used = Directory.EnumerateFiles(targets).SelectMany(file =>
            Regex.Matches(File.ReadAllText(file), @"\$\((GovernModels\w+)\)").Select(match => match.Groups[1].Value)).Distinct();

        Assert.Equal(
            used.Order(StringComparer.Ordinal),
            Regex.Matches(Page("msbuild.md"), @"(?m)^\| `(GovernModels\w+)` \|")
                .Select(match => match.Groups[1].Value)
                .Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Readme_Policy_IsValidWithoutWarnings()
    {
        var page = File.ReadAllText(Path.Combine(Repository.Root, "README.md"));
        var block = Regex.Match(page, "(?s)```jsonc\n(.*?)```").Groups[1].Value;

        var read = PolicyReader.Read(block, "README.md", Records.Vocabulary, []);

        Assert.Empty(read.Errors.Concat(read.Warnings).Select(finding => finding.ToString()));
        Assert.Equal("digit-8", read.Policy!.UndesiredFeatures.Single().Name);
    }

    [Fact]
    public void FidPage_QualitySections_AreValid()
    {
        var sections = Regex.Matches(Page("fid.md"), "(?s)```json\n(\"quality\": .*?)```").Select(match => match.Groups[1].Value)
            .ToList();

        Assert.Equal(2, sections.Count);
        Assert.All(sections, section => Assert.Empty(PolicyReader.Read(
            $"{PolicyTexts.Smallest.TrimEnd()[..^1]}, {section} }}", "fid.md", Records.Vocabulary, []).Errors));
    }

    [Fact]
    public void CompliancePage_FieldsOfTheRecord_AreThere()
    {
        var named = FieldPattern().Matches(Page("compliance.md")).Select(match => match.Groups[1].Value).Distinct().ToList();

        Assert.Contains("lock.stamped", named);
        Assert.Contains("policy.audits", named);
        Assert.Contains("after.attacks", named);
        Assert.All(named, field => Assert.True(IsField(typeof(RunRecord), field), $"run.json has no {field}"));
        Assert.False(IsField(typeof(RunRecord), "after.attack"));
    }

    [Theory]
    [InlineData("prior defined metrics", "`atu lock`", "`policySource.sha256`")]   // the lock first
    [InlineData("MEASURE 2.7: security and resilience", "`policy.audits`", "`after.attacks`")]
    [InlineData("MEASURE 2.13: ", "auditor's misses", "`audit.json`")]
    public void CompliancePage_ARequirement_HasItsEvidenceInThisOrder(string requirement, string first, string second)
    {
        var row = Page("compliance.md").Split('\n').Single(line => line.Contains(requirement, StringComparison.Ordinal));

        Assert.Matches($"{Regex.Escape(first)}.*{Regex.Escape(second)}", row);
        Assert.Contains("\"Evidence for\" is the most", Page("compliance.md"), StringComparison.Ordinal);
    }

    public static TheoryData<string> Pages =>
        [.. Directory.EnumerateFiles(Repository.Root, "*.md", SearchOption.TopDirectoryOnly)
            .Concat(new[] { "docs", "models", "results", "samples" }.SelectMany(folder =>
                Directory.EnumerateFiles(Path.Combine(Repository.Root, folder), "*.md", SearchOption.AllDirectories)))
            .Select(file => Path.GetRelativePath(Repository.Root, file).Replace('\\', '/'))];

    [Theory]
    [MemberData(nameof(Pages))]
    public void EveryPage_LinksToFiles_ThatAreThere(string page)
    {
        var folder = Path.GetDirectoryName(Path.Combine(Repository.Root, page))!;

        Assert.All(
            LinkPattern()
                .Matches(File.ReadAllText(Path.Combine(Repository.Root, page)))
                .Select(match => match.Groups[1].Value)
                .Where(link => !link.Contains("://", StringComparison.Ordinal)),
            link => Assert.True(Path.Exists(Path.Combine(folder, link)), $"{page} links to {link}, which is not there"));
    }

    private static IEnumerable<(string Name, JsonElement Value)> LeavesOf(string name, JsonElement element) =>
        element.ValueKind == JsonValueKind.Object
            ? element.EnumerateObject().SelectMany(property => LeavesOf(property.Name, property.Value))
            : [(name, element)];

    // A path of properties as JSON names them; what is in a list counts as the list's.
    private static bool IsField(Type type, string path) => path.Split('.').Aggregate<string, Type?>(type, (at, name) =>
    {
        var property = at?.GetProperty($"{char.ToUpperInvariant(name[0])}{name[1..]}")?.PropertyType;
        return property is { IsGenericType: true } ? property.GetGenericArguments()[^1] : property;
    }) is not null;

    private static string Page(string name) => File.ReadAllText(Path.Combine(Repository.Root, "docs", name));

    [GeneratedRegex(@"""ATU\d{4}")]
    private static partial Regex LiteralCodePattern();

    // Paths that begin with a property of the record.
    [GeneratedRegex("`((?:policy|policySource|lock|verdict|before|after|times|inputs|tool|environment|remarks|origin)"
        + @"(?:\.[a-z]\w*)*)`")]
    private static partial Regex FieldPattern();

    [GeneratedRegex(@"ATU\d{4}")]
    private static partial Regex CodePattern();

    [GeneratedRegex(@"\]\(([^)#\s]+)\)")]
    private static partial Regex LinkPattern();
}
