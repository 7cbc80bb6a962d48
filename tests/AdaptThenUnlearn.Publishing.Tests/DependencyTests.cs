namespace AdaptThenUnlearn.Publishing.Tests;

/// <summary>What the publishing library may hang on.</summary>
public sealed class DependencyTests
{
    [Fact]
    public void Publishing_References_NoTensors() =>
        Assert.DoesNotContain("Torch", File.ReadAllText(Path.Combine(
            AdaptThenUnlearn.Tests.Repository.Root,
            "src",
            "AdaptThenUnlearn.Publishing",
            "AdaptThenUnlearn.Publishing.csproj")), StringComparison.Ordinal);
}
