using System.Security.Cryptography;
using AdaptThenUnlearn.Files;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>
/// No command writes over what it reads, nor over a file that it did not make: it says so before it does anything.
/// </summary>
public sealed class OverwritingTests(SmallHouse house) : IClassFixture<SmallHouse>
{
    [Theory]
    [InlineData("itself")]
    [InlineData("a link")]
    [InlineData("a hard link")]
    public void Govern_GeneratorWhereTheArtifactGoes_IsRefusedAndLeftAlone(string how)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows() && how != "itself", "links need rights there");
        var folder = $"models-{how.Replace(' ', '-')}";
        var name = folder + "-faces";
        Directory.CreateDirectory(house.At($"{folder}/{name}"));
        var artifact = house.At($"{folder}/{name}/{name}.safetensors");
        File.Copy(house.At("generator.safetensors"), how == "itself" ? artifact : house.At(name + ".safetensors"));
        if (how == "a link")
            File.CreateSymbolicLink(artifact, house.At(name + ".safetensors"));
        if (how == "a hard link")
            Run("ln", house.At(name + ".safetensors"), artifact);
        var before = Listing(house.At(folder));
        var policy = house.Policy(name, edit: ("\"generator.safetensors\"", how == "itself"
            ? $"\"{folder}/{name}/{name}.safetensors\""
            : $"\"{name}.safetensors\""));

        var (exitCode, _, errors) = Atu.Run("govern", policy, "--out", house.At(folder), "--threads", "1");

        Assert.Equal(3, exitCode);
        Assert.Matches("error ATU2003: .*is the generator, which is read and would be lost", errors);
        Assert.Equal(before, Listing(house.At(folder)));
    }

    [Theory]
    [InlineData("report.md")]
    [InlineData("run.json")]
    [InlineData("curves.csv")]
    [InlineData("images/before-after.png")]
    [InlineData("foreign.safetensors")]
    [InlineData("state/unlearning.safetensors")]
    [InlineData(".lock")]
    public void Govern_FileOfSomebodyElseInTheWay_IsRefusedAndLeftAlone(string file)
    {
        var folder = house.At("foreign-" + file.Replace('/', '-'));
        Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(folder, "foreign", file))!);
        File.WriteAllText(Path.Combine(folder, "foreign", file), "mine");

        var (exitCode, _, errors) = Atu.Run("govern", house.Policy("foreign"), "--out", folder, "--threads", "1");

        Assert.Equal(3, exitCode);
        Assert.Matches("error ATU2003: .*is there already", errors);
        Assert.Equal("mine", File.ReadAllText(Path.Combine(folder, "foreign", file)));
        Assert.Equal([Path.Combine(folder, "foreign", file)], Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories));
    }

    [Fact]
    public void Govern_AgainWithoutItsRecord_KnowsItsOwnFilesAndLeavesOthers()
    {
        var policy = house.Policy("again", edit: ("\"steps\": 40, \"recoverySteps\": 10", "\"steps\": 2, \"recoverySteps\": 1"));
        string[] govern = ["govern", policy, "--out", house.At("again-out"), "--threads", "1"];
        Assert.Equal(1, Atu.Run(govern).ExitCode);
        Directory.CreateDirectory(house.At("again-out/again/state"));
        File.WriteAllText(house.At("again-out/again/state/my-precious.txt"), "mine");
        File.Delete(house.At("again-out/again/run.json"));   // as pipelines do

        Assert.Equal(1, Atu.Run(govern).ExitCode);
        Assert.Equal("mine", File.ReadAllText(house.At("again-out/again/state/my-precious.txt")));
        // As in a folder of an older version, only the record now says whose folder it is.
        File.Delete(house.At($"again-out/again/{WrittenFiles.FileName}"));
        Assert.Equal(1, Atu.Run(govern).ExitCode);
    }

    [Fact]
    public void Govern_RecordIsAFolder_SaysSo()
    {
        Directory.CreateDirectory(house.At("folder-out/folder/run.json"));

        var (exitCode, _, errors) = Atu.Run("govern", house.Policy("folder"), "--out", house.At("folder-out"));

        Assert.Equal(3, exitCode);
        Assert.Matches("error ATU2003: .*run.json is a folder", errors);
    }

    [Fact]
    public void Label_GeneratorWhereTheClassifierGoes_IsRefusedAndLeftAlone()
    {
        Directory.CreateDirectory(house.At("lab"));
        File.Copy(house.At("generator.safetensors"), house.At("lab/odd.safetensors"));
        var before = Listing(house.At("lab"));

        var (exitCode, _, errors) =
            Atu.Run("label", house.At("lab/odd.safetensors"), "--feature", "odd", "--out", house.At("lab"), "--train-only");

        Assert.Equal(3, exitCode);
        Assert.Matches("error ATU2003: .*odd.safetensors is the generator", errors);
        Assert.Equal(before, Listing(house.At("lab")));
    }

    [Fact]
    public void Sample_TwiceAndOverOthers_ReplacesItsOwnAlone()
    {
        string[] sample = ["sample", house.At("generator.safetensors"), "--count", "2", "--threads", "1"];
        foreach (var (option, name) in new[] { ("--out", "grid.png"), ("--npy", "grid.npy") })
        {
            Assert.Equal(0, Atu.Run([.. sample, option, house.At(name)]).ExitCode);
            Assert.Equal(0, Atu.Run([.. sample, option, house.At(name)]).ExitCode);

            File.WriteAllText(house.At("mine-" + name), "mine");
            var (exitCode, _, errors) = Atu.Run([.. sample, option, house.At("mine-" + name)]);
            Assert.Equal(2, exitCode);
            Assert.Matches("error ATU2000: .*nothing says that atu made it", errors);
            Assert.Equal("mine", File.ReadAllText(house.At("mine-" + name)));
            Assert.Equal(0, Atu.Run([.. sample, option, house.At("mine-" + name), "--overwrite"]).ExitCode);
        }

        var before = File.ReadAllBytes(house.At("generator.safetensors"));
        Assert.Equal(2, Atu.Run([.. sample, "--out", house.At("generator.safetensors"), "--overwrite"]).ExitCode);
        Assert.Equal(2, Atu.Run([.. sample, "--out", house.At("same"), "--npy", house.At("same")]).ExitCode);
        Assert.Equal(before, File.ReadAllBytes(house.At("generator.safetensors")));
    }

    [Theory]
    [InlineData("pretrain", "--data", "nowhere")]
    [InlineData("train-classifier", "--data", "nowhere")]
    [InlineData("reference", "--data", "nowhere", "--extractor", "auditor.safetensors")]
    [InlineData("measure", "POLICY", "--shard", "1/2")]
    public void Command_FileOfSomebodyElseInTheWay_IsRefusedBeforeAnyWork(string command, params string[] more)
    {
        File.WriteAllText(house.At("mine.safetensors"), "mine");
        var policy = house.Policy("part");

        var placed = more.Select(
            word => word == "POLICY" ? policy
                : word.Contains("auditor", StringComparison.Ordinal) ? house.At(word)
                : word);
        var (exitCode, _, errors) = Atu.Run([command, .. placed, "--out", house.At("mine.safetensors")]);

        Assert.Equal(2, exitCode);
        Assert.Matches("error ATU2000: .*mine.safetensors is there already", errors);
        Assert.Equal("mine", File.ReadAllText(house.At("mine.safetensors")));
    }

    [Theory]
    [InlineData("compare", "results.md")]
    [InlineData("tune", "tuning.md")]
    public void Page_FileOfSomebodyElseInTheWay_IsRefused(string command, string page)
    {
        Directory.CreateDirectory(house.At("pages"));
        File.WriteAllText(house.At("pages/" + page), "mine");

        var (exitCode, _, errors) = Atu.Run(command, house.Policy("paged"), "--page-only", "--out", house.At("pages"));

        Assert.Equal(3, exitCode);
        Assert.Matches($"error ATU2003: .*{page} is there already", errors);
        Assert.Equal("mine", File.ReadAllText(house.At("pages/" + page)));
    }

    private static string[] Listing(string folder) =>
        [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
            .Order(StringComparer.Ordinal)
            .Select(file => $"{file} {Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(file)))}")];

    private static void Run(string program, params string[] arguments)
    {
        using var process = System.Diagnostics.Process.Start(program, arguments);
        process.WaitForExit();
    }
}
