using System.IO.Compression;
using AdaptThenUnlearn.Tests;

namespace AdaptThenUnlearn.Solution.Tests;

/// <summary>The samples, as somebody has them who has copied them.</summary>
public sealed class SampleTests(LocalFeed feed)
{
    [Fact]
    public void MSBuildSample_Pack_PutsTheGovernedGeneratorIntoThePackage()
    {
        var consumer = CopyOfSamples(feed);
        Copy("models/mnist", consumer);
        var sample = new Consumer(feed, consumer.At("samples/msbuild"));
        // The policies' $schema looks for it there.
        File.Copy(Path.Combine(Repository.Root, "policies", "policy.schema.json"), sample.At("policies/policy.schema.json"));

        var (restored, how) = sample.Dotnet("tool", "restore");
        Assert.True(restored == 0, how);
        // A limit that the embedded generator meets without training, on few images: what is tried here is the build.
        var (exitCode, output) = sample.Dotnet(
            "pack",
            "-p:GovernModelsArguments=--no-train --set evaluation.samples=400 --set evaluation.maxSamples=400 --set "
                + "undesiredFeatures[0].maxRate=0.9");

        Assert.True(exitCode == 0, output);
        using var made =
            ZipFile.OpenRead(Assert.Single(Directory.EnumerateFiles(sample.Folder, "*.nupkg", SearchOption.AllDirectories)));
        Assert.NotNull(made.GetEntry("evidence/run.json"));
        Assert.Equal(
            new FileInfo(consumer.At("models/mnist/stylegan2.safetensors")).Length,
            made.GetEntry("models/no-digit-8.safetensors")?.Length);
        PrivateReferenceTests.RestoresWithoutOurFeed(feed, sample);
    }

    [Fact]
    public void Samples_EachFolder_IsListedAndSaysHowToRunIt() => Assert.All(
        Directory.EnumerateDirectories(Folder),
        folder =>
        {
            Assert.Contains(
                $"({Path.GetFileName(folder)}/README.md)",
                File.ReadAllText(Path.Combine(Folder, "README.md")),
                StringComparison.Ordinal);
            Assert.Contains("](../../docs/", File.ReadAllText(Path.Combine(folder, "README.md")), StringComparison.Ordinal);
        });

    // A repository has a policy of its own; that of the samples is one text.
    [Fact]
    public void Samples_Policies_AreTheSame() => Assert.Single(
        Directory.EnumerateFiles(Folder, "*.json", SearchOption.AllDirectories)
            .Where(file => Path.GetFileName(Path.GetDirectoryName(file)) == "policies")
            .Select(File.ReadAllText)
            .Distinct());

    private static string Folder => Path.Combine(Repository.Root, "samples");

    /// <summary>The samples outside the repository, with the packages where their <c>NuGet.config</c> looks for them.</summary>
    internal static Consumer CopyOfSamples(LocalFeed feed)
    {
        var consumer = feed.NewConsumer();
        Copy("samples", consumer);
        Directory.CreateDirectory(consumer.At("artifacts/packages"));
        foreach (var package in Directory.EnumerateFiles(feed.Packages))
            File.Copy(package, consumer.At($"artifacts/packages/{Path.GetFileName(package)}"));
        return consumer;
    }

    private static void Copy(string folder, Consumer to)
    {
        foreach (var file in Directory.EnumerateFiles(Path.Combine(Repository.Root, folder), "*", SearchOption.AllDirectories))
        {
            var relative = Path.GetRelativePath(Repository.Root, file);
            if (relative.Split(Path.DirectorySeparatorChar).Intersect(["bin", "obj"]).Any())
                continue;

            Directory.CreateDirectory(Path.GetDirectoryName(to.At(relative))!);
            File.Copy(file, to.At(relative));
        }
    }
}
