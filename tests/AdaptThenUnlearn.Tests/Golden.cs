namespace AdaptThenUnlearn.Tests;

/// <summary>Compares texts with files that a person has looked at; <c>ATU_UPDATE_GOLDEN=1</c> rewrites them.</summary>
internal static class Golden
{
    /// <summary>Whether this run writes the files instead of comparing.</summary>
    public static bool IsUpdating => Environment.GetEnvironmentVariable("ATU_UPDATE_GOLDEN") == "1";

    /// <summary>Compares a text with its file, or writes the file.</summary>
    /// <param name="name">Of the file in the folder of golden files.</param>
    /// <param name="actual">What was rendered.</param>
    /// <param name="folder">Of the golden files, relative to <c>tests</c>.</param>
    public static void Check(string name, string actual, string folder)
    {
        var file = Path.Combine(Repository.Root, "tests", folder, name);
        if (IsUpdating)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file, actual);
        }

        const string Remedy = "if it is meant, run the test once with ATU_UPDATE_GOLDEN=1, and look at what it wrote";
        Assert.True(File.Exists(file), $"the golden file tests/{folder}/{name} is missing: {Remedy}");
        Assert.True(File.ReadAllText(file) == actual, $"tests/{folder}/{name} differs: {Remedy}{FirstDifference(file, actual)}");
    }

    private static string FirstDifference(string file, string actual)
    {
        var (wanted, made) = (File.ReadAllText(file).Split('\n'), actual.Split('\n'));
        var line = wanted.Zip(made).TakeWhile(pair => pair.First == pair.Second).Count();
        return $"\nline {line + 1}\n  file: {wanted.ElementAtOrDefault(line)}\n  now:  {made.ElementAtOrDefault(line)}";
    }
}
