using System.Text.RegularExpressions;
using AdaptThenUnlearn.Gating;
using AdaptThenUnlearn.Onnx.Export;
using AdaptThenUnlearn.Runs;
using AdaptThenUnlearn.Tests;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Tests.Checkpoints;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>
/// The examples of <c>docs/bring-your-own-generator.md</c> whose generator is judged and not trained, run as they stand there.
/// </summary>
public sealed partial class GateOnlyExamplesTests : IDisposable
{
    private const string Graph = "An ONNX graph";
    private const string Exports = "What ships: exports";
    private const string Folder = "A folder of images";
    private const string Command = "A command";

    private readonly SmallHouse _house = new();

    public void Dispose() => _house.Dispose();

    public static TheoryData<string> Sections => [.. Examples().Select(example => example.Section)];

    // Every row of the page's first table that leads to a gate alone has its section here.
    [Fact]
    public void Sections_AreThoseOfTheTable() =>
        Assert.Equal([Graph, Exports, Folder, Command], Sections.Select(row => row.Data));

    [Theory]
    [MemberData(nameof(Sections))]
    public void Example_AsItStandsOnThePage_IsJudgedAndNotTrained(string section)
    {
        Assert.SkipWhen(section == Command && OperatingSystem.IsWindows(), "the program of this test is a shell script");
        var (_, generator, commands) = Examples().Single(example => example.Section == section);
        WriteFiles(section);
        var name = section == Exports ? "shipped" : "policy";
        _house.Policy(
            name, "\"maxRate\": 0.99",
            ("\"generator\": { \"checkpoint\": \"generator.safetensors\" }", ForSmallImages(section, generator)),
            ("\"quality\": { \"extractor\": \"auditor\", \"reference\": \"reference.safetensors\", "
                + "\"maxFrechetIncrease\": 100, \"minShareKept\": 0.1 },", ""));

        foreach (var command in commands)
        {
            var (exitCode, _, errors) = Run(command.Split(' ')[1..]);
            Assert.True(exitCode == 0, $"{command}: exit code {exitCode}: {errors}");
        }

        var record = RunRecordFile.Read(_house.At($"artifacts/{name}/run.json"));
        Assert.Null(record.Training);
        Assert.Equal(Outcome.Passed, record.Verdict.Outcome);
        string[] shipped = section == Exports ? ["no-eights.onnx", "fp16"] : [];
        Assert.Equal(shipped, (record.Before.Shipped ?? []).Select(form => form.Form));
        Assert.Equal(0, Run("verify", $"artifacts/{name}/run.json").ExitCode);
    }

    // The smallest generator makes grey images, and so few of them that less cannot be proved.
    private static string ForSmallImages(string section, string generator) => section switch
    {
        Command => generator.Replace(
            "\"files\"", "\"channels\": \"grey\", \"imagesPerCall\": 400, \"files\"", StringComparison.Ordinal),
        Folder => generator.Replace("\"renders\"", "\"renders\", \"channels\": \"grey\"", StringComparison.Ordinal),
        _ => generator.Replace("0.002", "0.05", StringComparison.Ordinal),
    };

    private void WriteFiles(string section)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        switch (section)
        {
            case Graph:
                // A DCGAN: its graph has the latent as its only input.
                using (var networks = ForeignFiles.Gan("dcgan"))
                {
                    networks.Generator.eval();
                    GraphExport.Write(_house.At("generator.onnx"), networks.Generator);
                    _house.Furnish(networks.Generator);
                }

                break;
            case Exports:
                Directory.CreateDirectory(_house.At("artifacts/no-eights"));
                var artifact = _house.At("artifacts/no-eights/no-eights.safetensors");
                File.Copy(_house.At("generator.safetensors"), artifact);
                Assert.Equal(0, Run("export", artifact, "--onnx", "no-eights.onnx").ExitCode);
                using (var loaded = GeneratorCheckpoint.Load(artifact, "auto", null, null, CPU, generatorAlone: true))
                    SafetensorsFile.Write(
                        _house.At("no-eights-fp16.safetensors"),
                        loaded.Generator.state_dict().ToDictionary(named => named.Key, named => named.Value.to(float16)));
                break;
            case Folder:
                Assert.Equal(0, Run(
                    "sample", "generator.safetensors", "--noise", "random", "--count", "400", "--images", "renders").ExitCode);
                break;
            case Command:
                WriteProgram();
                break;
            default:
                Assert.Fail($"say here how to write the files of '{section}'");
                break;
        }
    }

    // The page's `python generate.py` is whatever PATH finds: here a script that samples the generator.
    private void WriteProgram()
    {
        Directory.CreateDirectory(_house.At("bin"));
        File.WriteAllText(_house.At("generate.py"), "# asks the script beside it");
        File.Copy(_house.At("generator.safetensors"), _house.At("weights.safetensors"));
        var host = Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet";
        File.WriteAllText(_house.At("bin/python"), $"""
            #!/bin/bash
            export OMP_NUM_THREADS=1 DOTNET_NOLOGO=1 HOME=/tmp
            exec "{host}" "{Path.Combine(AppContext.BaseDirectory, "atu.dll")}" sample weights.safetensors --seed "$3" --count "$5" --images "$7"
            """.ReplaceLineEndings("\n") + "\n");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(
                _house.At("bin/python"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    private (int ExitCode, string Output, string Errors) Run(params string[] arguments)
    {
        var path = $"{_house.At("bin")}{Path.PathSeparator}{Environment.GetEnvironmentVariable("PATH")}";
        using var atu = Atu.StartWith(
            new Dictionary<string, string> { ["PATH"] = path, ["ATU_OUT"] = _house.At("artifacts") },
            [.. arguments.Select(argument => argument is "renders" or "artifacts"
                || (argument.Contains('.', StringComparison.Ordinal) && !argument.Contains("..", StringComparison.Ordinal))
                    ? _house.At(argument)
                    : argument)]);
        return atu.Finish();
    }

    private static IEnumerable<(string Section, string Generator, string[] Commands)> Examples()
    {
        var page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "bring-your-own-generator.md"));
        foreach (var part in page.Split("\n## ").Skip(1))
            if (Example().Match(part) is { Success: true } example)
                yield return (part.Split('\n')[0], example.Groups[1].Value.Trim(), example.Groups[2].Value.Trim().Split('\n'));
    }

    // The blank line tells them from the examples that are trained.
    [GeneratedRegex(@"```json\n(""generator""(?:(?!```).)*)```\n\n```\n(atu (?:(?!```).)*)```", RegexOptions.Singleline)]
    private static partial Regex Example();
}
