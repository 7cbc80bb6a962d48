using System.Security.Cryptography;
using System.Text.Json;

namespace AdaptThenUnlearn.Tests;

/// <summary>The embedded models are the ones their card describes, and light enough for a repository.</summary>
public sealed class ModelCardTests
{
    private static readonly string _folder = Path.Combine(Repository.Root, "models", "mnist");

    [Fact]
    public void EveryModel_HasItsCardAndItsHash()
    {
        using var card = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder, "card.json")));
        var models = card.RootElement.GetProperty("models").EnumerateArray().ToList();

        Assert.Equal(
            Directory.GetFiles(_folder, "*.safetensors").Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal),
            models.Select(model => model.GetProperty("file").GetString()!).Order(StringComparer.Ordinal));
        Assert.All(models, model =>
        {
            var bytes = File.ReadAllBytes(Path.Combine(_folder, model.GetProperty("file").GetString()!));
            Assert.Equal(model.GetProperty("sha256").GetString(), Convert.ToHexStringLower(SHA256.HashData(bytes)));
            Assert.True(bytes.Length < 8_000_000);
            Assert.StartsWith("atu ", model.GetProperty("command").GetString(), StringComparison.Ordinal);
            Assert.NotEmpty(model.GetProperty("quality").EnumerateObject());
        });
        Assert.Equal("CC-BY-SA-3.0", card.RootElement.GetProperty("data").GetProperty("licence").GetString());
    }

    [Fact]
    public void Classifiers_OnTheTestImages_AreGoodEnoughToJudge()
    {
        using var card = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder, "card.json")));

        Assert.All(
            card.RootElement.GetProperty("models").EnumerateArray().Where(model => model.GetProperty("command").GetString()!.Contains("train-classifier", StringComparison.Ordinal)),
            model => Assert.True(model.GetProperty("quality").GetProperty("testAccuracy").GetDouble() >= 0.992));
    }
}
