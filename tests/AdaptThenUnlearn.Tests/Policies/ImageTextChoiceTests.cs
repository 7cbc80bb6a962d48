using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Runs;
using static AdaptThenUnlearn.Tests.Policies.PolicyTexts;

namespace AdaptThenUnlearn.Tests.Policies;

/// <summary>What a policy says of a classifier that is an image–text model and prompts.</summary>
public sealed class ImageTextChoiceTests
{
    private const string Auditor = "\"auditor\": { \"checkpoint\": \"b.safetensors\", \"classes\": [\"7\", \"8\", \"9\"] }";
    private const string Annotator = "\"digits\": { \"checkpoint\": \"a.safetensors\", \"classes\": [\"7\", \"8\", \"9\"] }";
    private const string Text =
        "\"textModel\": { \"checkpoint\": \"t.onnx\", \"vocabulary\": \"v.json\", \"merges\": \"m.txt\" }";
    private const string Prompts = "\"prompts\": { \"8\": [\"an eight\", \"the digit 8\"], \"7\": [\"a seven\"] }";
    private const string Whole = $"\"checkpoint\": \"b.onnx\", \"format\": \"image-text\", {Text}, {Prompts}";

    [Fact]
    public void Read_ModelAndPrompts_AreInThePolicy()
    {
        var result = Choose(Whole);

        Assert.Empty(result.Errors);
        var choice = result.Policy!.Classifiers["auditor"];
        Assert.Equal(["7", "8"], choice.ClassNames);   // as a text orders them, whatever the policy's order
        Assert.Equal(100, choice.LogitScaleInEffect);
        Assert.Equal(["classifier auditor", "classifier auditor, text model"], result.Policy.ProgramRoles());
        Assert.True(result.Policy.RunsGraphs());
        Assert.Equal(
            [
                ("classifier auditor", "b.onnx", "$.classifiers.auditor.sha256"),
                ("classifier auditor, text model", "t.onnx", "$.classifiers.auditor.textModel.sha256"),
                ("classifier auditor, vocabulary", "v.json", "$.classifiers.auditor.textModel.vocabularySha256"),
                ("classifier auditor, merges", "m.txt", "$.classifiers.auditor.textModel.mergesSha256"),
            ],
            ClassifierFile.ListFor("auditor", choice).Select(file => (file.Role, file.Path, file.PinProperty)));
        Assert.Contains("\"prompts\":{\"7\":[\"a seven\"],\"8\":[\"an eight\",\"the digit 8\"]}", result.EffectiveJson,
            StringComparison.Ordinal);
    }

    // Nothing measures with a guess: as auditor or as the only classifier, and an annotator trains nothing.
    [Theory]
    [InlineData(Auditor, "auditor", "auditor", "will count as not measured")]
    [InlineData(Annotator, "digits", "annotator", "nothing will be unlearned")]
    public void Read_WithoutACalibration_IsAWarning(string classifier, string name, string role, string expected)
    {
        var result = Changed((classifier, $"\"{name}\": {{ {Whole} }}"));

        Assert.Empty(result.Errors);
        var warning = Assert.Single(result.Warnings, each => each.Code == PolicyCodes.Uncalibrated);
        Assert.Equal($"$.undesiredFeatures[0].{role}", warning.Path);
        Assert.Contains(expected, warning.Message, StringComparison.Ordinal);
        Assert.Contains($"`atu label POLICY --calibrate {name}`", warning.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"checkpoint\": \"b.onnx\", \"format\": \"image-text\", " + Prompts, "textModel", "is missing")]
    [InlineData("\"checkpoint\": \"b.onnx\", \"format\": \"image-text\", " + Text, "prompts", "is missing")]
    [InlineData(Whole + ", \"classes\": [\"7\", \"8\"]", "classes", "are those of 'prompts'")]
    [InlineData(Whole + ", \"outputs\": \"sigmoid\"", "outputs", "leave it out")]
    [InlineData(Whole + ", \"architecture\": \"resnet18\"", "architecture", "is not for the format 'image-text'")]
    [InlineData(Whole + ", \"logitScale\": 0", "logitScale", "above 0")]
    [InlineData("\"checkpoint\": \"b.pt\", \"classes\": [\"8\"], \"logitScale\": 5", "logitScale", "is only for the format")]
    [InlineData("\"checkpoint\": \"b.pt\", \"classes\": [\"8\"], " + Text, "textModel", "is only for the format")]
    [InlineData("\"checkpoint\": \"b.pt\", \"classes\": [\"8\"], " + Prompts, "prompts", "is only for the format")]
    public void Read_PropertiesThatDoNotFit_AreErrorsAtTheirPlace(string classifier, string place, string expected) =>
        AssertError(Choose(classifier), $"$.classifiers.auditor.{place}", expected);

    [Theory]
    [InlineData("{ \"8\": [\"an eight\"] }", "", "has only one class")]
    [InlineData("{}", "", "needs at least one entry")]
    [InlineData("{ \"8\": [\"an eight\"], \"7\": [] }", "['7']", "has no prompt")]
    [InlineData("{ \"8\": [\"an eight\"], \"7\": [\" \"] }", "['7'][0]", "must not be empty")]
    [InlineData("{ \"8\": [\"an eight\", \"an eight\"], \"7\": [\"a\"] }", "['8'][1]", "is already in this list")]
    [InlineData("{ \"8\": [\"a digit\"], \"7\": [\"a digit\"] }", "['8']", "has the prompts of '7'")]
    public void Read_PromptsThatTellNothingApart_AreErrors(string prompts, string place, string expected)
    {
        var found = Choose($"\"checkpoint\": \"b.onnx\", \"format\": \"image-text\", {Text}, \"prompts\": {prompts}").Errors;

        Assert.Contains(
            found, error => Plain(error.Path) == $"$.classifiers.auditor.prompts{Plain(place)}"
                && error.Message.Contains(expected, StringComparison.Ordinal));

        static string Plain(string path) => path.Replace("['", ".", StringComparison.Ordinal)
            .Replace("']", "", StringComparison.Ordinal);
    }

    [Fact]
    public void Read_ClassThatNoPromptDescribes_IsAnError() => AssertError(
        Choose(Whole.Replace("\"8\":", "\"9\":", StringComparison.Ordinal)), "$.undesiredFeatures[0].class",
        "class of 'auditor'");

    [Fact]
    public void Read_SharesCountedByPrompts_AreAnError() => AssertError(
        Changed((Auditor, $"\"auditor\": {{ {Whole} }}"), ("\"undesiredFeatures\"",
            "\"quality\": { \"extractor\": \"auditor\", \"reference\": \"original-generator\", \"minShareKept\": 0.5 }, "
                + "\"undesiredFeatures\"")),
        "$.quality.minShareKept", "whose other classes nobody has tried");

    [Fact]
    public void Read_ClassifierCalledAsAnothersFile_IsAnError() => AssertError(
        Changed((Auditor, $"\"auditor\": {{ {Whole} }}, \"auditor, merges\": {{ \"checkpoint\": \"c.safetensors\" }}")),
        "$.classifiers['auditor, merges']", "call the classifier something else");

    [Fact]
    public void Digest_AsUsed_IsOfAllFilesAndWords()
    {
        var choice = Choose(Whole).Policy!.Classifiers["auditor"];
        string[] files = ["0", "1", "2", "3"];
        var own = CanonicalJson.DigestAsUsed(choice, files);

        Assert.All(Enumerable.Range(0, 4), index => Assert.NotEqual(
            own, CanonicalJson.DigestAsUsed(choice, [.. files.Select((file, at) => at == index ? "x" : file)])));
        Assert.NotEqual(own, CanonicalJson.DigestAsUsed(
            Choose(Whole.Replace("an eight", "a nine", StringComparison.Ordinal)).Policy!.Classifiers["auditor"], files));
        Assert.Equal(own, CanonicalJson.DigestAsUsed(
            Choose(Whole.Replace("t.onnx", "u/t.onnx", StringComparison.Ordinal)).Policy!.Classifiers["auditor"], files));
    }

    // Each of the four files can be pinned, and a record without one of them, or with another, is found out.
    [Theory]
    [InlineData("classifier auditor, text model")]
    [InlineData("classifier auditor, vocabulary")]
    [InlineData("classifier auditor, merges")]
    public void PinProblems_FileMissingOrAnother_IsSaid(string role)
    {
        var pin = new string('a', 64);
        var choice = Choose(Whole).Policy!.Classifiers["auditor"];
        var run = Records.Run();
        var policy = run.Policy with
        {
            Classifiers = new Dictionary<string, ClassifierChoice>(run.Policy.Classifiers)
            {
                ["auditor"] = choice with
                {
                    TextModel = choice.TextModel! with { Sha256 = pin, VocabularySha256 = pin, MergesSha256 = pin },
                },
            },
        };
        var roles = ClassifierFile.ListFor("auditor", choice).Skip(1).Select(file => file.Role).ToList();
        var complete = run with { Inputs = [.. run.Inputs, .. roles.Select(each => new InputFile(each, each, pin))] };

        Assert.DoesNotContain(Verification.PinProblems(policy, complete), problem => problem.Contains(role,
            StringComparison.Ordinal));
        Assert.Contains(
            $"the policy's {role} is not one recorded input",
            Verification.PinProblems(policy, complete with
            {
                Inputs = [.. complete.Inputs.Where(input => input.Role != role)],
            }));
        Assert.Contains(
            Verification.PinProblems(policy, complete with
            {
                Inputs = [.. complete.Inputs.Select(input => input.Role == role ? input with { Sha256 = "0" } : input)],
            }),
            problem => problem.StartsWith($"the recorded {role} (0) is not the one", StringComparison.Ordinal));
    }

    // What a base says of prompts and files stays; so do its pins.
    [Theory]
    [InlineData("\"prompts\": { \"8\": [\"nothing\"] }", "$.classifiers.auditor.prompts")]
    [InlineData("\"textModel\": { \"merges\": \"other.txt\" }", "$.classifiers.auditor.textModel.merges")]
    [InlineData("\"textModel\": { \"mergesSha256\": \"PIN\" }", "$.classifiers.auditor.textModel.mergesSha256")]
    [InlineData("\"logitScale\": 1", "$.classifiers.auditor.logitScale")]
    public void Extends_WhatABaseSaysOfTheModel_CannotBeChanged(string change, string place)
    {
        var basis = Smallest.Replace(Auditor, $"\"auditor\": {{ {Whole} }}", StringComparison.Ordinal)
            .Replace("\"m.txt\"", $"\"m.txt\", \"mergesSha256\": \"{new string('a', 64)}\"", StringComparison.Ordinal);
        var sha256 = Sha256Digest.Compute(basis);

        var result = PolicyReader.Read(
            $$"""
            {
              "schemaVersion": 1, "name": "child", "extends": { "policy": "base.json", "sha256": "{{sha256}}" },
              "classifiers": { "auditor": { {{change.Replace("PIN", new string('b', 64), StringComparison.Ordinal)}} } }
            }
            """,
            "policy.json", Vocabulary, [], (_, _) => basis);

        Assert.Contains(
            result.Errors, error => error.Code == PolicyCodes.LoosensBase
                && error.Path!.StartsWith(place, StringComparison.Ordinal));
    }

    private static PolicyResult Choose(string classifier) => Changed((Auditor, $"\"auditor\": {{ {classifier} }}"));

    private static void AssertError(PolicyResult result, string path, string expected) => Assert.Contains(
        result.Errors, error => error.Path == path && error.Message.Contains(expected, StringComparison.Ordinal));
}
