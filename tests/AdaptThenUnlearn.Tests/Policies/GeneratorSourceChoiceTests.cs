using AdaptThenUnlearn.Policies;
using static AdaptThenUnlearn.Tests.Policies.PolicyTexts;

namespace AdaptThenUnlearn.Tests.Policies;

/// <summary>A folder of images or a command, in a policy, in place of a generator's checkpoint.</summary>
public sealed class GeneratorSourceChoiceTests
{
    private const string Generator = "\"generator\": { \"checkpoint\": \"g.safetensors\" }";
    private const string Command =
        """ "command": ["python", "generate.py", "--seed", "{seed}", "--count={count}", "--out", "{out}/x"] """;

    [Fact]
    public void Read_Folder_IsInThePolicyAndLooksOnce()
    {
        var result = With("""
            "images": "renders/", "resize": { "size": 64, "filter": "bicubic", "fit": "crop" }, "channels": "grey",
            "maxDuplicates": 0.05
            """);

        Assert.Empty(result.Errors);
        var policy = result.Policy!;
        Assert.Equal(new ImageResize(64, "bicubic", "crop"), policy.Generator.Resize);
        Assert.Equal(("renders/", "renders"), (policy.Generator.Source, policy.Generator.SourceName));
        Assert.Null(policy.Generator.Checkpoint);
        Assert.Equal(0.05, policy.Generator.MaxDuplicatesInEffect);
        Assert.Equal([10_000], policy.Evaluation.Looks());
        Assert.Empty(policy.ProgramRoles());
    }

    [Fact]
    public void Read_Command_IsAProgramThatThePolicyRuns()
    {
        var result = With(
            Command + """, "files": ["generate.py"], "environment": ["HF_HOME"], "timeout": 60, "imagesPerCall": 500""");

        Assert.Empty(result.Errors);
        Assert.Equal([InputRoles.Generator], result.Policy!.ProgramRoles());
        Assert.Equal(GeneratorChoice.UsualMaxDuplicates, result.Policy.Generator.MaxDuplicatesInEffect);
        Assert.Equal("python generate.py --seed {seed} --count={count} --out {out}/x", result.Policy.Generator.Source);
        Assert.Equal(50_000, result.Policy.Evaluation.MaxSamples);
    }

    [Fact]
    public void Read_Checkpoint_HasNoLimitOfRepeatedImages() =>
        Assert.Null(Read(Smallest).Policy!.Generator.MaxDuplicatesInEffect);

    [Theory]
    [InlineData(""" "format": "auto" """, "", "needs 'checkpoint' or 'images' or 'command'")]
    [InlineData(""" "checkpoint": null """, "", "needs 'checkpoint' or 'images' or 'command'")]
    [InlineData(""" "checkpoint": "g.pt", "images": "renders" """, "", "may have only one of")]
    [InlineData(""" "images": "renders", "command": ["a", "{seed}{count}{out}"] """, "", "may have only one of")]
    [InlineData(""" "images": "renders", "format": "pytorch" """, ".format", "with 'checkpoint'")]
    [InlineData(""" "images": "renders", "discriminator": "d.pt" """, ".discriminator", "with 'checkpoint'")]
    [InlineData(""" "images": "renders", "layers": ["dcgan-tutorial"] """, ".layers", "with 'checkpoint'")]
    [InlineData(""" "images": "renders", "timeout": 5 """, ".timeout", "with 'command'")]
    [InlineData(""" "images": "renders", "files": ["a"] """, ".files", "with 'command'")]
    [InlineData(""" "checkpoint": "g.pt", "maxDuplicates": 0 """, ".maxDuplicates", "with 'images' or 'command'")]
    [InlineData(""" "checkpoint": "g.pt", "channels": "rgb" """, ".channels", "with 'images' or 'command'")]
    [InlineData(""" "images": "renders", "resize": { "size": 8 } """, ".resize", "'filter' is missing")]
    [InlineData(""" "images": "renders", "resize": { "size": 8, "filter": "bicubic", "fit": "pad" } """, ".resize.fit", "crop")]
    [InlineData(""" "images": " " """, ".images", "must not be empty")]
    [InlineData(""" "command": [] """, ".command", "needs at least one entry")]
    [InlineData(""" "command": ["a", "{seed}", "{out}"] """, ".command", "needs '{count}' in one of its arguments")]
    [InlineData(""" "command": ["a{seed}", "{count}", "{out}"] """, ".command[0]", "is the program, and must not change")]
    [InlineData(
        """ "command": ["a", "{seed}", "{count}", "{out}", "-n{number}"] """, ".command[4]",
        "has '{number}', and only {seed}, {count}, {out} stand for something")]
    [InlineData(""" "command": ["a", "{seed}{count}{out}"], "environment": ["A=1"] """, ".environment[0]", "must be the name")]
    [InlineData(""" "command": ["a", "{seed}{count}{out}"], "timeout": 0 """, ".timeout", "must be at least 1")]
    [InlineData(""" "command": ["a", "{seed}{count}{out}"], "files": ["x", "x"] """, ".files[1]", "is already in this list")]
    public void Read_ImpossibleChoice_IsAnErrorAtItsPlace(string generator, string property, string expected)
    {
        var error = Assert.Single(With(generator).Errors);

        Assert.StartsWith($"$.generator{property}", error.Path, StringComparison.Ordinal);
        Assert.Contains(
            expected, $"'{error.Path[(error.Path.LastIndexOf('.') + 1)..]}' {error.Message}", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"audits\": [{ \"attack\": \"latent-search\", \"maxSuccess\": 0.5 }]", "$.audits", "it has none")]
    [InlineData("\"evaluation\": { \"truncation\": 0.7 }", "$.evaluation.truncation", "which has no latents")]
    [InlineData("\"evaluation\": { \"samples\": 2000000 }", "$.evaluation.maxSamples", "must be at most 1000000")]
    [InlineData(
        "\"quality\": { \"extractor\": \"auditor\", \"reference\": \"original-generator\", \"maxFrechetDistance\": 3 }",
        "$.quality.reference", "the folder has no other images")]
    public void Read_WhatNeedsLatentsOrOtherImages_IsRefusedForAFolder(string section, string path, string expected)
    {
        var error = Assert.Single(With("\"images\": \"renders\"", section).Errors);

        Assert.Equal(path, error.Path);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Schema_ExactlyOneOfThree_IsWhatTheReaderAccepts()
    {
        foreach (var good in (string[])["\"images\": \"renders\"", Command, "\"checkpoint\": \"g.pt\", \"images\": null"])
        {
            Assert.Empty(With(good).Errors);
            Assert.True(SchemaAccepts(TextWith(good)), good);
        }

        foreach (var bad in (string[])
            ["\"format\": \"auto\"", "\"checkpoint\": \"g.pt\", \"images\": \"renders\"", Command + ", \"images\": \"x\""])
        {
            Assert.NotEmpty(With(bad).Errors);
            Assert.False(SchemaAccepts(TextWith(bad)), bad);
        }
    }

    [Fact]
    public void Differences_OtherLimitOrTimeout_MeasureTheSame()
    {
        var one = With("\"images\": \"renders\"").Policy!;

        Assert.Empty(MeasurementSettings.Differences(one, With("\"images\": \"renders\", \"maxDuplicates\": 0.5").Policy!));
        Assert.NotEmpty(MeasurementSettings.Differences(one, With("\"images\": \"renders\", \"channels\": \"grey\"").Policy!));
        Assert.NotEmpty(MeasurementSettings.Differences(one, With("\"images\": \"others\"").Policy!));
    }

    private static PolicyResult With(string generator, string? section = null) => Read(TextWith(generator, section));

    private static string TextWith(string generator, string? section = null)
    {
        Assert.Contains(Generator, Smallest, StringComparison.Ordinal);
        return Smallest.Replace(
            Generator, $"\"generator\": {{ {generator} }}{(section is null ? "" : $", {section}")}", StringComparison.Ordinal);
    }
}
