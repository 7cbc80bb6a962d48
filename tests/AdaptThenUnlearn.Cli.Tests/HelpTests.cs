using System.Globalization;
using System.Text.RegularExpressions;
using AdaptThenUnlearn.Tests;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>What <c>--help</c> says, and what stands in place of options that are not given.</summary>
public sealed partial class HelpTests(SmallHouse house) : IClassFixture<SmallHouse>
{
    public static TheoryData<string> Examples => [.. HelpText.Examples.Values.SelectMany(examples => examples)];

    // An empty variable in a script must not look like a gate that passed.
    [Theory]
    [InlineData("")]
    [InlineData("policy")]
    [InlineData("backend")]
    public void Command_NoneGiven_ShowsTheHelpAndFails(string words)
    {
        var (exitCode, output, errors) = Atu.RunProcess(words.Split(' ', StringSplitOptions.RemoveEmptyEntries));

        Assert.Equal(2, exitCode);
        Assert.Contains("Commands:", output, StringComparison.Ordinal);
        Assert.Contains("error ATU2000: no command was given", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Help_OfTheTool_HasTheExitCodesAndVariablesOfTheManual()
    {
        var (exitCode, help, _) = Atu.RunProcess("--help");

        Assert.Equal(0, exitCode);
        var codes = Rows("diagnostics.md").Where(row => Regex.IsMatch(row.Name, @"^\d+$"));
        Assert.Equal(
            codes.Select(row => (row.Name, row.Meaning)),
            ExitCodes.Meanings.Select(each => (each.Code.ToString(CultureInfo.InvariantCulture), each.Meaning)));
        Assert.Equal(
            Rows("cli.md").Select(row => row.Name.Trim('`')).Where(name => name.StartsWith("ATU_", StringComparison.Ordinal)),
            EnvironmentDefaults.Variables.Select(variable => variable.Name));
        Assert.All(
            ExitCodes.Meanings.Select(each => each.Meaning)
                .Concat(EnvironmentDefaults.Variables.SelectMany(each => new[] { each.Name, each.Meaning }))
                .Append("docs/README.md"),
            expected => Assert.Contains(expected, help, StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Examples))]
    public void Help_Example_IsACommandWithOptionsThatItHas(string example)
    {
        var words = example.Split(" > ")[0].Split(' ')[1..];
        var command = HelpText.Examples.Keys.Where(name => name.Length > 0 && $"{string.Join(' ', words)} ".StartsWith(
            name + " ", StringComparison.Ordinal)).MaxBy(name => name.Length)!;

        var (exitCode, help, _) = Atu.Run([.. command.Split(' '), "--help"]);

        Assert.Equal(0, exitCode);
        Assert.Contains($"  {HelpText.Examples[command][0]}", help, StringComparison.Ordinal);
        Assert.All(
            words.Where(word => word.StartsWith("--", StringComparison.Ordinal)),
            option => Assert.Matches($@"(?m)^\s+(-\S, )*{Regex.Escape(option)}\b", help));
    }

    [Fact]
    public void Suggest_BeginningOfACommand_CompletesIt() =>
        Assert.Equal("govern", Atu.Run("[suggest:6]", "atu go").Output.Trim());

    [Fact]
    public void Variables_InPlaceOfOptions_AreUsedAndAnOptionWins()
    {
        var policy = house.Policy("placed", "\"maxRate\": 0.9");
        var variables = new Dictionary<string, string>
        {
            ["ATU_OUT"] = house.At("from-variable"),
            ["ATU_THREADS"] = "1",
            ["ATU_DEVICE"] = "cpu",
        };

        Govern([]);
        Assert.True(File.Exists(house.At("from-variable/placed/run.json")));

        variables["ATU_THREADS"] = "many";
        variables["ATU_DEVICE"] = "abacus";
        Govern(["--out", house.At("from-option"), "--threads", "1", "--device", "cpu"]);
        Assert.True(File.Exists(house.At("from-option/placed/run.json")));

        void Govern(string[] options)
        {
            using var atu = Atu.StartWith(variables, ["govern", policy, "--no-train", .. options]);
            var (exitCode, _, errors) = atu.Finish();
            Assert.True(exitCode == 0, errors);
        }
    }

    [Theory]
    [InlineData("ATU_THREADS", "many", 2, "error ATU2000: ATU_THREADS is 'many'; it must be auto")]
    [InlineData("ATU_THREADS", "-1", 2, "error ATU2000: ATU_THREADS is '-1'")]
    [InlineData("ATU_DEVICE", "abacus", 3, "error ATU2008: ATU_DEVICE: 'abacus' is not a device")]
    [InlineData("ATU_DEVICE", "cuda:7", 3, "error ATU2008: ATU_DEVICE: device 'cuda:7' was asked for")]
    [InlineData("ATU_OUT", "FILE", 2, "which is a file; name a folder, or remove the variable")]
    public void Variable_BadValue_IsAnErrorThatNamesIt(string name, string value, int exitCode, string message)
    {
        var policy = house.Policy("misplaced", "\"maxRate\": 0.9");
        var variables = new Dictionary<string, string>
        {
            ["ATU_OUT"] = house.At("out"),
            [name] = value.Replace("FILE", policy, StringComparison.Ordinal),
        };

        using var atu = Atu.StartWith(variables, "govern", policy, "--no-train");
        var (ended, _, errors) = atu.Finish();

        Assert.Equal(exitCode, ended);
        Assert.Contains(message, errors, StringComparison.Ordinal);
        Assert.Contains(name, errors, StringComparison.Ordinal);
    }

    // The first two cells of every table row of a page.
    private static IEnumerable<(string Name, string Meaning)> Rows(string page) =>
        RowPattern().Matches(File.ReadAllText(Path.Combine(Repository.Root, "docs", page)))
            .Select(row => (row.Groups[1].Value, row.Groups[2].Value.Replace("`", "", StringComparison.Ordinal)));

    [GeneratedRegex(@"(?m)^\| ([^|]+?) \| ([^|]+?) \|")]
    private static partial Regex RowPattern();
}
