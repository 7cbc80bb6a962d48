using System.Security.Cryptography;
using System.Text.Json;

namespace AdaptThenUnlearn.Tests;

/// <summary>The embedded models are the ones their cards describe, and light enough for a repository.</summary>
public sealed class ModelCardTests
{
    public static TheoryData<string> Folders =>
        [.. Directory.GetDirectories(Path.Combine(Repository.Root, "models")).Select(folder => Path.GetFileName(folder)!)];

    [Theory]
    [MemberData(nameof(Folders))]
    public void EveryModel_HasItsCardAndItsHash(string name)
    {
        var folder = Folder(name);
        using var card = Card(name);
        var models = card.RootElement.GetProperty("models").EnumerateArray().ToList();

        Assert.Equal(
            Directory.GetFiles(folder, "*.safetensors").Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal),
            models.Select(model => model.GetProperty("file").GetString()!).Order(StringComparer.Ordinal));
        Assert.All(models, model =>
        {
            var bytes = File.ReadAllBytes(Path.Combine(folder, model.GetProperty("file").GetString()!));
            Assert.Equal(model.GetProperty("sha256").GetString(), Convert.ToHexStringLower(SHA256.HashData(bytes)));
            Assert.True(bytes.Length < 8_000_000);
            Assert.StartsWith("atu ", model.GetProperty("command").GetString(), StringComparison.Ordinal);
            Assert.NotEmpty(model.GetProperty("quality").EnumerateObject());
        });
    }

    [Theory]
    [InlineData("mnist", "CC-BY-SA-3.0")]
    [InlineData("avatars", "CC0-1.0")]
    public void Card_NamesTheLicenceOfTheData(string name, string licence)
    {
        using var card = Card(name);

        Assert.Equal(licence, card.RootElement.GetProperty("data").GetProperty("licence").GetString());
    }

    [Theory]
    [InlineData("mnist", 3, 0.992)]
    [InlineData("avatars", 2, 0.97)]
    public void Classifiers_OnTheTestImages_AreGoodEnoughToJudge(string name, int count, double accuracy)
    {
        using var card = Card(name);
        var classifiers = card.RootElement.GetProperty("models")
            .EnumerateArray()
            .Where(model => model.GetProperty("command").GetString()!.Contains("train-classifier", StringComparison.Ordinal))
            .ToList();

        Assert.Equal(count, classifiers.Count);
        Assert.All(
            classifiers, model => Assert.True(model.GetProperty("quality").GetProperty("testAccuracy").GetDouble() >= accuracy));
    }

    // Every command of the card is in the folder's page word for word, so that there is one way to rebuild a model.
    [Theory]
    [MemberData(nameof(Folders))]
    public void Commands_StandInTheFoldersPage(string name)
    {
        using var card = Card(name);
        var page = string.Join(
            '\n',
            File.ReadAllLines(Path.Combine(Folder(name), "README.md"))
                .Select(line => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries))));

        Assert.All(
            card.RootElement.GetProperty("models").EnumerateArray(),
            model => Assert.Contains(model.GetProperty("command").GetString()!, page, StringComparison.Ordinal));
    }

    private static string Folder(string name) => Path.Combine(Repository.Root, "models", name);

    private static JsonDocument Card(string name) =>
        JsonDocument.Parse(File.ReadAllText(Path.Combine(Folder(name), "card.json")));
}
