using Json.Schema;

namespace AdaptThenUnlearn.Tests.Attestation;

/// <summary>
/// Schemas and test vectors of OpenSSF Model Signing 1.0, which lie outside the repository: the folder that <c>ATU_OMS</c> names,
/// or <c>shared/oms</c> above the tests.
/// </summary>
internal static class OmsFiles
{
    private static readonly Lazy<Dictionary<string, JsonSchema>> _schemas = new(() =>
    {
        var names = new[] { "predicate", "statement", "envelope", "bundle" };
        var schemas = names.ToDictionary(
            name => name, name => JsonSchema.FromFile(Path.Combine(Folder!, "schemas", "v1.0", $"{name}.schema.json")));
        foreach (var schema in schemas.Values)
            SchemaRegistry.Global.Register(schema);
        return schemas;
    });

    /// <summary>Null where there is none.</summary>
    public static string? Folder { get; } = Find();

    /// <summary>Skips the test where they are absent.</summary>
    public static void Require() =>
        Assert.SkipWhen(Folder is null, "no shared/oms above the tests, and ATU_OMS names none: no schemas and no vectors");

    /// <summary>A test vector's path.</summary>
    public static string Vector(string name) => Path.Combine(Folder!, "test-vectors", "v1.0", name + ".bundle.json");

    /// <summary>One of the four schemas.</summary>
    public static JsonSchema Schema(string name) => _schemas.Value[name];

    private static string? Find()
    {
        if (Environment.GetEnvironmentVariable("ATU_OMS") is { Length: > 0 } named)
            return named;
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (Path.Combine(folder.FullName, "shared", "oms") is var found && Directory.Exists(found))
                return found;
        return null;
    }
}
