using System.Globalization;
using System.Text.RegularExpressions;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>
/// Bad input: one clear error, a documented exit code, no stack trace, no half-written evidence.
/// </summary>
public sealed partial class ErrorTests(SmallHouse house) : IClassFixture<SmallHouse>
{
    [Fact]
    public void MissingCheckpoint() => Fails(
        house.Policy("e", edit: ("\"generator.safetensors\"", "\"nowhere.safetensors\"")), 3, "ATU2001", "nowhere.safetensors");

    // Each command that reads what a policy names points at the property, so that a reviewer sees it in the pull request.
    [Theory]
    [InlineData("govern", "\"generator.safetensors\"", "\"nowhere.safetensors\"", "$.generator.checkpoint")]
    [InlineData("measure", "\"annotator.safetensors\"", "\"nowhere.safetensors\"", "$.classifiers.annotator.checkpoint")]
    [InlineData("compare", "\"annotator.safetensors\"", "\"nowhere.safetensors\"", "$.classifiers.annotator.checkpoint")]
    [InlineData(
        "govern",
        "\"steps\": 40",
        "\"method\": \"retrain\", \"data\": \"nowhere.safetensors\", \"steps\": 40",
        "$.unlearning.data")]
    public void MissingFile_IsReportedAtTheLineThatNamesIt(string command, string from, string to, string property)
    {
        const string Missing = "\"nowhere.safetensors\"";
        var policy = house.Policy("e-line", edit: (from, to));
        var lines = File.ReadAllLines(policy).ToList();
        var line = lines.FindIndex(text => text.Contains(Missing, StringComparison.Ordinal));
        string[] more = command == "compare"
            ? ["--methods", "default", "--out", house.At("e-page"), "--work", house.At("e-work")]
            : command == "govern" ? ["--out", house.At("out")] : [];

        var (exitCode, _, errors) = Atu.Run([command, policy, "--threads", "1", .. more]);

        Assert.Equal(3, exitCode);
        Assert.Contains(
            string.Create(
                    CultureInfo.InvariantCulture,
                    $"{policy}({line + 1},{lines[line].IndexOf(Missing, StringComparison.Ordinal) + 1}): error ATU2001: "
                        + $"{property}: {house.At("nowhere.safetensors")}: "),
            errors,
            StringComparison.Ordinal);
    }

    [Fact]
    public void CorruptCheckpoint()
    {
        File.WriteAllBytes(house.At("corrupt.safetensors"), File.ReadAllBytes(house.At("generator.safetensors"))[..5000]);

        Fails(
            house.Policy("e", edit: ("\"generator.safetensors\"", "\"corrupt.safetensors\"")),
            3,
            "ATU2001",
            "corrupt.safetensors");
    }

    [Fact]
    public void WrongHash() => Fails(
        house.Policy("e", edit: (
            "\"generator.safetensors\" }",
            $"\"generator.safetensors\", \"sha256\": \"{new string('0', 64)}\" }}")), 3, "ATU2001", "SHA-256");

    [Fact]
    public void WrongArchitecture() => Fails(
        house.Policy("e", edit: ("\"generator.safetensors\"", "\"annotator.safetensors\"")),
        3,
        "ATU2001",
        "no generator of a known architecture");

    [Fact]
    public void GeneratorAsClassifier() => Fails(
        house.Policy("e", edit: ("\"annotator.safetensors\"", "\"generator.safetensors\"")), 3, "ATU2001", "not a classifier");

    [Fact]
    public void ClassifierWhoseInputDoesNotFit() => Fails(
        house.Policy("e", edit: ("\"annotator.safetensors\"", "\"classifier-32.safetensors\"")),
        2,
        "error ATU1007: $.classifiers.annotator.checkpoint",
        "takes 1×32×32 images, the generator makes 1×16×16");

    [Fact]
    public void UnknownClass() => Fails(
        house.Policy("e", edit: ("\"class\": \"banned\"", "\"class\": \"eyeglasses\"")),
        2,
        "e.json(10,79): error ATU1007: $.undesiredFeatures[0].class",
        "has no class 'eyeglasses'; it has: plain, banned");

    [Fact]
    public void ReferenceOfAnotherExtractor() => Fails(
        house.Policy("e", edit: ("\"extractor\": \"auditor\"", "\"extractor\": \"annotator\"")),
        2,
        "ATU1007",
        "made with another extractor");

    [Fact]
    public void SeveralErrors_AreReportedAtOnce()
    {
        var errors = Fails(
            house.Policy(
                "e",
                "\"maxRate\": 7",
                ("\"steps\": 40", "\"steps\": \"many\""),
                ("\"auditor\": \"auditor\", \"class\"", "\"auditor\": \"nobody\", \"class\""),
                ("\"batchSize\"", "\"batchsize\"")),
            2, "ATU1004", "$.undesiredFeatures[0].maxRate");

        Assert.Contains("$.unlearning.steps", errors, StringComparison.Ordinal);
        Assert.Contains("nobody", errors, StringComparison.Ordinal);
        Assert.Contains("did you mean 'batchSize'", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void MissingPolicy() => Fails(house.At("nowhere.json"), 2, "ATU2000", "nowhere.json");

    [Fact]
    public void NoNegativesFound() => Fails(
        house.Policy("e", edit: ("\"minimumNegatives\": 1", "\"minimumNegatives\": 399")),
        3,
        "ATU2005",
        "at least 399 are needed");

    [Fact]
    public void DiscriminatorsFileWithoutOne() => Fails(
        house.Policy("e", edit: (
            "\"generator.safetensors\"",
            "\"no-discriminator.safetensors\", \"discriminator\": \"no-discriminator.safetensors\"")),
        3,
        "ATU2001",
        "holds a generator and no discriminator");

    [Fact]
    public void DiscriminatorOfAnotherNetwork() => Fails(
        house.Policy("e", edit: (
            "\"generator.safetensors\"", "\"no-discriminator.safetensors\", \"discriminator\": \"auditor.safetensors\"")),
        3,
        "ATU2001",
        "auditor.safetensors: has no tensor 'convs.0.0.weight'");

    [Fact]
    public void NotANumberInTraining() => Fails(
        house.Policy("e", edit: ("\"batchSize\": 4", "\"batchSize\": 4, \"learningRate\": 1e30")), 3, "ATU2007", "unlearning");

    [Fact]
    public void OutputFolderNotWritable()
    {
        File.WriteAllText(house.At("occupied"), "");

        Fails(house.Policy("e"), 3, "ATU2003", "occupied", "--out", house.At("occupied"));
    }

    [Fact]
    public void CudaAskedForAndAbsent() => Fails(house.Policy("e"), 3, "ATU2008", "--device cpu", "--device", "cuda");

    [Fact]
    public void NonsenseDevice() => Fails(house.Policy("e"), 3, "ATU2008", "'abacus' is not a device", "--device", "abacus");

    [Theory]
    [InlineData("unlearning.steps", "--set unlearning.steps: write it as path=value")]
    [InlineData("unlearning.stepz=5", "did you mean 'steps'")]
    [InlineData("unlearning.steps=-5", "--set unlearning.steps: error ATU1004")]
    public void BadOverride(string set, string expected) => Fails(house.Policy("e"), 2, "error ATU", expected, "--set", set);

    [Theory]
    [InlineData("no command was given")]
    [InlineData("see: atu govern --help", "govern")]
    [InlineData("see: atu backend install --help", "backend", "install", "abacus")]
    [InlineData("'--bogus'", "inspect", "x", "--bogus")]
    [InlineData("see: atu sample --help", "sample", "x", "--count", "many")]
    public void WrongArguments(string expected, params string[] arguments)
    {
        var (exitCode, _, errors) = Atu.Run(arguments);

        Assert.Equal(2, exitCode);
        Assert.Contains("atu: error ATU2000", errors, StringComparison.Ordinal);
        Assert.Contains(expected, errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Help_IsNotAnError() => Assert.Equal(0, Atu.Run("govern", "--help").ExitCode);

    [Fact]
    public void TwoPoliciesOfOneName()
    {
        var policy = house.Policy("e");

        Fails(policy, 2, "ATU2000", "two policies are called 'e'", policy);
    }

    private string Fails(string policy, int expected, string code, string words, params string[] more)
    {
        var folder = more.Contains("--out") ? "" : house.At("errors");
        var (exitCode, _, errors) = Atu.Run(["govern", policy, "--threads", "1", .. more, .. folder.Length > 0
            ? new[] { "--out", folder }
            : []]);

        Assert.True(exitCode == expected, $"exit code {exitCode}, not {expected}: {errors}");
        Assert.Contains(code, errors, StringComparison.Ordinal);
        Assert.Contains(words, errors, StringComparison.Ordinal);
        Assert.DoesNotMatch(StackTracePattern(), errors);
        Assert.False(File.Exists(Path.Combine(folder, "e", "run.json")));
        return errors;
    }

    [GeneratedRegex(@"^\s+at \w+\.", RegexOptions.Multiline)]
    private static partial Regex StackTracePattern();
}
