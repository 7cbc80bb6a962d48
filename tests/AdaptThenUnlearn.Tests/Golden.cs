namespace AdaptThenUnlearn.Tests;

/// <summary>Compares texts with files that a person has looked at; <c>ATU_UPDATE_GOLDEN=1</c> rewrites them.</summary>
internal static class Golden
{
    /// <param name="name">Of the file in the folder of golden files.</param>
    /// <param name="actual">What was rendered.</param>
    /// <param name="folder">Under the tests.</param>
    public static void Check(string name, string actual, string folder = "AdaptThenUnlearn.Tests/Reports/golden")
    {
        var file = Path.Combine(Repository.Root, "tests", folder, name);
        if (Environment.GetEnvironmentVariable("ATU_UPDATE_GOLDEN") == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file, actual);
        }

        Assert.Equal(File.ReadAllText(file), actual);
    }
}
