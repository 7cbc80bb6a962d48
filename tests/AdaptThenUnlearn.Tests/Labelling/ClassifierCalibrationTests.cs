using System.Text;
using System.Text.Json.Nodes;
using AdaptThenUnlearn.Labelling;

namespace AdaptThenUnlearn.Tests.Labelling;

/// <summary>A calibration is read as it was written, and nothing else is read as one.</summary>
public sealed class ClassifierCalibrationTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-calibration-").FullName;

    public static ClassifierCalibration Sample { get; } = new(
        ClassifierCalibration.CurrentSchemaVersion, "digit-8", "8", 0.213, 0, new HeldOutError(12, 0, 40, 2),
        new HeldOutError(20, 1, 60, 3), new string('c', 64), new string('a', 64), new string('1', 64));

    private string File => Path.Combine(_folder, "deeper", "auditor.calibration.json");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Read_WhatWasWritten_IsTheSameAndTheSameBytes()
    {
        var written = ClassifierCalibrationFile.Write(File, Sample);
        var bytes = System.IO.File.ReadAllBytes(File);

        var (read, sha256) = ClassifierCalibrationFile.Read(File);

        Assert.Equal(Sample, read with { Seal = "" });
        Assert.Equal((written, Sample.ComputeSeal()), (sha256, read.Seal));
        ClassifierCalibrationFile.Write(File, Sample);
        Assert.Equal(bytes, System.IO.File.ReadAllBytes(File));
        Assert.Equal(
            ["auditor.calibration.json"], Directory.EnumerateFiles(Path.GetDirectoryName(File)!).Select(Path.GetFileName));
        Assert.True(ClassifierCalibrationFile.IsCalibration(File));
    }

    [Fact]
    public void Counts_Calibration_SayWhatTheyAreOf()
    {
        Assert.Equal(
            "it missed 1 of 20 images that show the class (0.1 % to 24.9 %) and saw it in 3 of 60 that do not, on test images "
                + "that a person labelled, from the threshold 0.213 on, which was chosen by other images",
            Sample.Counts().Words);
        Assert.Equal(Sample.LabelsSha256, Sample.Counts().LabelsSha256);
    }

    [Theory]
    [InlineData("threshold", "0.5", "its content does not have its own digest")]
    [InlineData("class", "\"9\"", "its content does not have its own digest")]
    [InlineData("threshold", "0", "its threshold must be above 0 and below 1, but is 0")]
    [InlineData("threshold", "1", "its threshold must be above 0 and below 1, but is 1")]
    [InlineData("threshold", "-0.1", "its threshold must be above 0 and below 1")]
    [InlineData("threshold", "\"0.5\"", "it cannot be read as a calibration")]
    [InlineData("threshold", "null", "it cannot be read as a calibration")]
    [InlineData("schemaVersion", "2", "it has version 2, and this tool knows version 1")]
    [InlineData("heldOut", """{ "with": 1, "missed": 2, "without": 0, "falseAlarms": 0 }""", "its counts are impossible")]
    [InlineData("heldOut", """{ "with": 1, "missed": 1 }""", "it cannot be read as a calibration")]
    [InlineData("heldOut", "null", "it cannot be read as a calibration")]
    [InlineData("more", "1", "it cannot be read as a calibration")]
    public void Parse_EditedFile_IsRefusedWithTheRemedy(string member, string value, string expected)
    {
        ClassifierCalibrationFile.Write(File, Sample);
        var json = JsonNode.Parse(System.IO.File.ReadAllText(File))!;
        json[member] = JsonNode.Parse(value);
        System.IO.File.WriteAllText(File, json.ToJsonString());

        var refused = Assert.Throws<LabelException>(() => ClassifierCalibrationFile.Read(File));

        Assert.StartsWith(expected, refused.Message.Replace("it was edited or damaged: ", "", StringComparison.Ordinal),
            StringComparison.Ordinal);
        Assert.EndsWith(
            "; restore the file, or make it again with `atu label POLICY --calibrate`", refused.Message,
            StringComparison.Ordinal);
        Assert.False(ClassifierCalibrationFile.IsCalibration(File));
    }

    // No byte of the file can be changed without being noticed, or without meaning the same.
    [Fact]
    public void Parse_AnyByteChanged_IsRefusedOrTheSame()
    {
        ClassifierCalibrationFile.Write(File, Sample);
        var bytes = System.IO.File.ReadAllBytes(File);
        var original = ClassifierCalibrationFile.Parse(bytes);
        var refused = 0;
        for (var place = 0; place < bytes.Length; place++)
            foreach (var other in new[] { (byte)'0', (byte)'"', (byte)' ', (byte)0xff })
            {
                var changed = bytes.ToArray();
                changed[place] = other;
                try
                {
                    Assert.Equal(original, ClassifierCalibrationFile.Parse(changed));
                }
                catch (LabelException)
                {
                    refused++;
                }
            }

        Assert.True(refused > bytes.Length);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    public void Parse_NoCalibration_IsRefused(string text) =>
        Assert.Throws<LabelException>(() => ClassifierCalibrationFile.Parse(Encoding.UTF8.GetBytes(text)));

    [Fact]
    public void Read_FileThatIsTooLong_IsNotRead()
    {
        Directory.CreateDirectory(Path.GetDirectoryName(File)!);
        System.IO.File.WriteAllText(File, new string(' ', (int)ClassifierCalibrationFile.MaxBytes + 1));

        Assert.Contains(
            "65536 are read at most", Assert.Throws<LabelException>(() => ClassifierCalibrationFile.Read(File)).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "cannot be read",
            Assert.Throws<LabelException>(() => ClassifierCalibrationFile.Read(Path.Combine(_folder, "none"))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void WhyNotOf_OtherClassifierOrClass_SaysWhichAndHowToMend()
    {
        Assert.Null(Sample.WhyNotOf("auditor", Sample.Classifier, ["8"]));
        Assert.StartsWith(
            $"is of another classifier: it was made for {Sample.Classifier}, and this one is {new string('d', 64)}",
            Sample.WhyNotOf("auditor", new string('d', 64), ["8"]), StringComparison.Ordinal);
        Assert.StartsWith(
            "is of the class '8', and a feature asks this classifier for '9'; calibrate it for that class with "
                + "`atu label POLICY --calibrate auditor`",
            Sample.WhyNotOf("auditor", Sample.Classifier, ["8", "9"]), StringComparison.Ordinal);
    }
}
