namespace AdaptThenUnlearn.Tests;

/// <summary>Compares texts with files that a person has looked at; <c>ATU_UPDATE_GOLDEN=1</c> rewrites them.</summary>
internal static class Golden
{
    /// <param name="name">Of the file in the folder of golden files.</param>
    /// <param name="actual">What was rendered.</param>
    /// <param name="folder">Of the golden files, relative to <c>tests</c>.</param>
    public static void Check(string name, string actual, string folder)
    {
        var file = Path.Combine(Repository.Root, "tests", folder, name);
        if (Environment.GetEnvironmentVariable("ATU_UPDATE_GOLDEN") == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file, actual);
        }

        Assert.True(
            File.Exists(file),
            $"the golden file tests/{folder}/{name} is missing: run the test once with ATU_UPDATE_GOLDEN=1, and look at "
                + "what it wrote");
        Assert.Equal(File.ReadAllText(file), actual);
    }
}
