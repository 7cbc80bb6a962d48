using System.Text.Json;
using AdaptThenUnlearn.Torch.Images;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests;

/// <summary>
/// Reference values that the original Python projects wrote. A test that needs them is skipped where they are missing.
/// </summary>
internal sealed class Interop
{
    private readonly string _folder;
    private readonly JsonElement _case;

    private Interop(string folder)
    {
        _folder = folder;
        using var document = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "case.json")));
        _case = document.RootElement.Clone();
    }

    /// <summary>
    /// One case: the folder named by ATU_INTEROP, or <c>shared/interop</c> beside a folder above the test program.
    /// </summary>
    public static Interop Case(string name)
    {
        var root = Environment.GetEnvironmentVariable("ATU_INTEROP");
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); root is null && folder is not null; folder = folder.Parent)
            if (Directory.Exists(Path.Combine(folder.FullName, "shared", "interop")))
                root = Path.Combine(folder.FullName, "shared", "interop");

        Assert.SkipUnless(
            root is not null && Directory.Exists(Path.Combine(root, name)),
            "the reference values (shared/interop, or the folder named by ATU_INTEROP) are not on this machine");
        return new Interop(Path.Combine(root!, name));
    }

    public JsonElement this[string property] => _case.GetProperty(property);

    public string PathOf(string name) => Path.Combine(_folder, name);

    public IEnumerable<string> Arrays(string startingWith) =>
        Directory.GetFiles(_folder, startingWith + "*.npy")
            .Select(file => Path.GetFileNameWithoutExtension(file)!)
            .Order(StringComparer.Ordinal);

    public Tensor Array(string name) => NumpyFile.Read(PathOf(name + ".npy"));

    public double Input(string scalar) => this["scalars_in"].GetProperty(scalar).GetDouble();

    public double Scalar(string name)
    {
        var output = this["scalars_out"].GetProperty(name);
        return output.TryGetProperty("value", out var value)
            ? value.GetDouble()
            : output.GetProperty("value_float64").GetDouble();
    }

    /// <summary>Within the tolerance that the case itself gives.</summary>
    /// <param name="name">Of the output.</param>
    /// <param name="actual">The same shape, up to dimensions of size 1.</param>
    /// <param name="rows">Compares only the first of the output's rows; all where absent.</param>
    public void Agrees(string name, Tensor actual, long? rows = null)
    {
        using var scope = NewDisposeScope();
        var expected = Array(name);
        if (rows is { } first)
            expected = expected.narrow(0, 0, first);
        var worst = (actual.detach().to(float64).reshape(expected.shape) - expected).abs().max().item<double>();
        var tolerance = this["outputs"].GetProperty(name).GetProperty("suggested_atol").GetDouble();
        Assert.True(worst <= tolerance, FormattableString.Invariant($"{name}: differs by {worst:G3}, {tolerance:G3} is allowed"));
    }

    /// <summary>Within the tolerance that the case itself gives.</summary>
    public void Agrees(string name, double actual) => Assert.Equal(
        Scalar(name), actual, tolerance: this["scalars_out"].GetProperty(name).GetProperty("suggested_atol").GetDouble());
}
