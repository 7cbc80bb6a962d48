using AdaptThenUnlearn.Policies;
using static AdaptThenUnlearn.Tests.Policies.PolicyTexts;

namespace AdaptThenUnlearn.Tests.Policies;

/// <summary>The words of a policy's errors, as people read them.</summary>
public sealed class PolicyWordsTests
{
    private const string SameFile =
        "has the annotator's checkpoint: the same classifier labels the training feedback and measures for the gate";

    [Theory]
    [InlineData("minimumNegatives=5001", "must be at most 'feedbackSamples' (5000), but is 5001")]
    [InlineData("recoverySteps=51", "must be at most 'steps' (50), but is 51")]
    [InlineData("batchSize=6", "must be a multiple of 4, or 2 or 3, but is 6")]
    [InlineData("negativesAsFakes.batchSize=6", "must be a multiple of 4, or 1 to 3, but is 6")]
    [InlineData("method=retrain", "the method 'retrain' needs a folder with the real images")]
    [InlineData("steps=null", "must be a whole number, but is null")]
    [InlineData("steps=1.5", "must be a whole number, but is the number 1.5")]
    [InlineData("learningRate=fast", "must be a number, but is text")]
    [InlineData("adaptation=7", "must be an object, but is the number 7")]
    [InlineData("preset=quik", "'quik' is not a preset; use quick, default, thorough or paper (did you mean 'quick'?)")]
    [InlineData("repulsion.loss=il3", "'il3' is not a repulsion loss; use il2, nl2 or el2 (did you mean 'il2'?)")]
    [InlineData("repulsion.loss=kl-divergence", "'kl-divergence' is not a repulsion loss; use il2, nl2 or el2")]
    public void Read_WrongUnlearning_SaysWhatWouldBeRight(string change, string message) =>
        Assert.Equal(message, Assert.Single(Read(Full, "unlearning." + change).Errors).Message);

    [Theory]
    [InlineData("generator.format=onnx", "'onnx' is not a checkpoint format; use auto, safetensors, rosinality or pytorch")]
    [InlineData("evaluation.range=16-bit", "'16-bit' is not a range of images; use 8-bit or raw (did you mean '8-bit'?)")]
    [InlineData("waivers[0].expires=31.12.2026", "must be a day such as 2026-12-31, but is '31.12.2026'")]
    [InlineData("schemaVersion=99999999999", "must be from -2147483648 to 2147483647, but is 99999999999")]
    [InlineData("classifiers=[]", "must be an object, but is a list")]
    [InlineData("undesiredFeatures={}", "must be a list, but is an object")]
    [InlineData("report.publishSamples=1", "must be true or false, but is the number 1")]
    public void Read_WrongPolicy_SaysWhatWouldBeRight(string change, string message) =>
        Assert.Equal(message, Assert.Single(Read(Full, change).Errors).Message);

    [Theory]
    [InlineData(
        "undesiredFeatures[0].auditor=null",
        "names no 'auditor': the same classifier labels the training feedback and measures for the gate")]
    [InlineData(
        "undesiredFeatures[0].auditor=digits",
        "is the annotator: the same classifier labels the training feedback and measures for the gate")]
    [InlineData("classifiers.auditor.checkpoint=./x/../a.safetensors", SameFile)]
    [InlineData("classifiers.auditor.checkpoint=x\\..\\a.safetensors", SameFile)]
    [InlineData("classifiers.auditor.checkpoint=../../a.safetensors", null)]
    [InlineData("classifiers.auditor.checkpoint=/a.safetensors", null)]
    [InlineData("classifiers.auditor.checkpoint=/../a.safetensors", null)]
    public void Read_AuditorThatIsTheAnnotator_IsAWarning(string change, string? message) =>
        Assert.Equal(
            message,
            Read(Smallest, change).Warnings
                .SingleOrDefault(warning => warning.Code == PolicyCodes.NoIndependentAuditor)?.Message);

    [Theory]
    [InlineData("null", "must be an object, but is null")]
    [InlineData("\"a.safetensors\"", "must be an object, but is text")]
    public void Read_EntryOfAMap_IsAnObject(string entry, string message)
    {
        const string Digits = "{ \"checkpoint\": \"a.safetensors\", \"classes\": [\"7\", \"8\", \"9\"] }";
        Assert.Contains(Digits, Smallest, StringComparison.Ordinal);

        var read = PolicyReader.Read(Smallest.Replace(Digits, entry, StringComparison.Ordinal), "p.json", Vocabulary, []);

        Assert.Contains(read.Errors, error => error.Message == message);
    }

    [Fact]
    public void Read_Smallest_FillsInTheDefaults()
    {
        var policy = Read(Smallest, "unlearning.preset=default").Policy!;

        Assert.Equal("auto", policy.Generator.Format);
        Assert.Equal(["json", "markdown"], policy.Report.Formats);
        Assert.False(policy.Report.PublishSamples);
    }

    [Theory]
    [InlineData("x", new string[0], "'x' is not a loss; there are none")]
    [InlineData("x", new[] { "alone" }, "'x' is not a loss; use alone")]
    [InlineData("lone", new[] { "alone" }, "'lone' is not a loss; use alone (did you mean 'alone'?)")]
    [InlineData("ALONE", new[] { "alone" }, "'ALONE' is not a loss; use alone (did you mean 'alone'?)")]
    [InlineData("z", new[] { "a", "b", "ab" }, "'z' is not a loss; use a, b or ab (did you mean 'a'?)")]
    [InlineData("abd", new[] { "xyz", "abcd", "abc" }, "'abd' is not a loss; use xyz, abcd or abc (did you mean 'abcd'?)")]
    [InlineData(
        "exponential",
        new[] { "exponents", "exponentials" },
        "'exponential' is not a loss; use exponents or exponentials (did you mean 'exponentials'?)")]
    [InlineData("unknown", new[] { "il2", "nl2", "el2" }, "'unknown' is not a loss; use il2, nl2 or el2")]
    public void NotOneOf_MisspeltNames_AreSuggestedWhereTheyAreClose(string name, string[] names, string expected) =>
        Assert.Equal(expected, Suggestion.NotOneOf(name, names, "loss"));

    [Theory]
    [InlineData(InputRoles.Reference, true)]
    [InlineData(InputRoles.TrainingData, true)]
    [InlineData(InputRoles.Positives, true)]
    [InlineData("negatives digit-8", true)]
    [InlineData("negatives", false)]
    [InlineData(InputRoles.Generator, false)]
    [InlineData(InputRoles.Extractor, false)]
    [InlineData("classifier digits", false)]
    public void MayBeFolder_Role_IsThatOfImages(string role, bool expected) =>
        Assert.Equal(expected, InputRoles.MayBeFolder(role));
}
