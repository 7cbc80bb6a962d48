using AdaptThenUnlearn.Policies;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>Patterns in place of policies' names, and the schemas that lie beside policies.</summary>
public sealed class PolicyArgumentsTests(SmallHouse house) : IClassFixture<SmallHouse>
{
    private readonly string _folder = Directory.CreateDirectory(house.At(Path.GetRandomFileName())).FullName;

    [Theory]
    [InlineData("*.json", "a.json b.json")]
    [InlineData("?.json", "a.json b.json")]
    [InlineData("*", "a.json b.json note.txt")]
    [InlineData("*/c*.json", "x/c.json")]
    [InlineData("x/../*.txt", "x/../note.txt")]
    [InlineData("**/*.json", "a.json b.json x/c.json x/y/d.json")]
    [InlineData("x/**", "x/c.json x/y/d.json")]
    [InlineData("*/y/*.json", "x/y/d.json")]
    [InlineData(".h*/*.json", ".hidden/e.json")]
    [InlineData("*.jsn", "")]
    [InlineData("nowhere/*.json", "")]
    public void Pattern_InAFolder_FindsItsFilesInOrder(string pattern, string expected)
    {
        foreach (var name in new[] { "b.json", "a.json", "note.txt", "x/c.json", "x/y/d.json", ".hidden/e.json", ".f.json" })
            Write(name, "{}");

        var found = FilePattern.ExpandAll([$"{_folder}/{pattern}"], out var unmatched);

        Assert.Equal(expected, string.Join(' ', found.Select(file => file[(_folder.Length + 1)..])));
        Assert.Equal(found.Count == 0, unmatched.Count == 1);
    }

    [Fact]
    public void Pattern_FileNamedBefore_IsNotThereTwice()
    {
        var (a, b) = (Write("a.json", "{}"), Write("b.json", "{}"));

        Assert.Equal([b, a], FilePattern.ExpandAll([b, $"{_folder}/*.json", $"{_folder}/*.json"], out _));
        Assert.Equal([a, a], FilePattern.ExpandAll([a, a], out _));   // named twice on purpose, or by mistake
    }

    [Fact]
    public void Pattern_NameOfAFile_IsThatFile()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "no file can be called so");
        Write("a.json", "{}");
        var literal = Write("*.json", "{}");

        Assert.Equal([literal], FilePattern.ExpandAll([literal], out _));
    }

    [Fact]
    public void Govern_PatternThatTheShellLeft_GovernsEachPolicyAndSkipsTheSchemaWithANote()
    {
        Policy("first");
        Policy("second");
        Write("policy.schema.json", PolicySchema.Export(Vocabulary.Known));

        var (exitCode, output, errors) = Atu.Run(
            "govern", $"{_folder}/*.json", "--no-train", "--threads", "1", "--out", house.At("out-pattern"));

        Assert.True(exitCode == 0, errors);
        Assert.Contains("first: Passed", output, StringComparison.Ordinal);
        Assert.Contains("second: Passed", output, StringComparison.Ordinal);
        Assert.Contains(
            $"{_folder}/policy.schema.json: a JSON schema, not a policy; it is skipped", errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("govern")]
    [InlineData("policy check")]
    public void Command_NoFileMatches_IsOneErrorThatNamesThePattern(string command)
    {
        var (exitCode, _, errors) = Atu.Run([.. command.Split(' '), Policy("lonely"), $"{_folder}/*.jsn"]);

        Assert.Equal(2, exitCode);
        Assert.Equal(
            $"atu: error ATU2000: no file matches '{_folder}/*.jsn'; correct the pattern (* and ? within a name, ** for any " +
                "folders) or name the files",
            errors.TrimEnd());
    }

    // A gate that was asked nothing has not passed.
    [Theory]
    [InlineData("govern")]
    [InlineData("policy check")]
    public void Command_OnlyASchema_IsAnError(string command)
    {
        Write("policy.schema.json", PolicySchema.Export(Vocabulary.Known));

        var (exitCode, _, errors) = Atu.Run([.. command.Split(' '), $"{_folder}/*.json"]);

        Assert.Equal(2, exitCode);
        Assert.Contains("error ATU2000: there is no policy: ", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Govern_PatternWithoutAMatch_RemovesTheOldVerdictOfTheOthers()
    {
        var (policy, folder) = (Policy("earlier"), house.At("out-earlier"));
        string[] govern = ["govern", policy, "--no-train", "--threads", "1", "--out", folder];
        Assert.Equal(0, Atu.Run(govern).ExitCode);
        File.AppendAllText(policy, " ");

        Assert.Equal(2, Atu.Run([.. govern, $"{_folder}/*.jsn"]).ExitCode);

        Assert.False(File.Exists(Path.Combine(folder, "earlier", "run.json")));
    }

    // Otherwise a line in a policy would take it out of the gate.
    [Fact]
    public void Govern_PolicyThatCallsItselfASchema_IsStillAPolicy()
    {
        const string Schema = "\"$schema\": \"https://json-schema.org/draft/2020-12/schema\", ";
        var policy = house.Policy("disguised", edit: ("\"schemaVersion\"", Schema + "\"schemaVersion\""));

        var (exitCode, _, errors) = Atu.Run(
            "govern", policy, house.Policy("honest", "\"maxRate\": 0.9"), "--no-train", "--threads", "1", "--out",
            house.At("out-disguised"));

        Assert.NotEqual(0, exitCode);
        Assert.DoesNotContain("skipped", errors, StringComparison.Ordinal);
    }

    private string Policy(string name)
    {
        var policy = File.ReadAllText(house.Policy(name, "\"maxRate\": 0.9"));
        foreach (var file in new[] { "generator", "annotator", "auditor", "reference" })
            policy = policy.Replace($"\"{file}.safetensors\"", $"\"../{file}.safetensors\"", StringComparison.Ordinal);
        return Write(name + ".json", policy);
    }

    private string Write(string name, string text)
    {
        var path = $"{_folder}/{name}";
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
        return path;
    }
}
