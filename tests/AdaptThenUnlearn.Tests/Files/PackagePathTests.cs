using AdaptThenUnlearn.Files;

namespace AdaptThenUnlearn.Tests.Files;

/// <summary>Paths of files in restored NuGet packages: which are understood, and where the files are.</summary>
public sealed class PackagePathTests
{
    [Theory]
    [InlineData("nuget:Contoso.Policies/1.2.0/digits.json")]
    [InlineData("nuget:contoso-models/1.2.0-beta.1+build/content/a b/auditor.safetensors")]
    [InlineData("nuget:C/1/..x")]
    [InlineData("models/auditor.safetensors")]
    [InlineData("NUGET:nothing")]
    public void FindProblem_RightPath_IsNull(string path) => Assert.Null(PackagePath.FindProblem(path));

    [Theory]
    [InlineData("nuget:")]
    [InlineData("nuget:Contoso.Policies")]
    [InlineData("nuget:Contoso.Policies/1.2.0")]
    [InlineData("nuget:Contoso.Policies/1.2.0/")]
    [InlineData("nuget:Contoso.Policies/latest/digits.json")]
    [InlineData("nuget:Contoso.Policies/[1.0,2.0)/digits.json")]
    [InlineData("nuget:../1.2.0/digits.json")]
    [InlineData("nuget:Contoso.Policies/1.2.0/../digits.json")]
    [InlineData("nuget:Contoso.Policies/1.2.0/a/./digits.json")]
    [InlineData("nuget:Contoso.Policies/1.2.0//digits.json")]
    [InlineData("nuget:Contoso.Policies/1.2.0/a\\digits.json")]
    [InlineData("nuget:Contoso.Policies/1.2.0/C:/digits.json")]
    [InlineData("nuget:Contoso.Policies/1.2.0/digits.json\n")]
    public void FindProblem_AnotherForm_SaysTheRightOne(string path)
    {
        Assert.Contains("nuget:ID/VERSION/FILE", PackagePath.FindProblem(path), StringComparison.Ordinal);
        Assert.Throws<IOException>(() => PackagePath.Locate(path));
    }

    [Fact]
    public void Locate_File_IsBelowTheLowerCaseFolderOfItsPackage() => Assert.EndsWith(
        Path.Combine("contoso.policies", "1.2.0-beta", "Content", "Digits.json"),
        PackagePath.Locate("nuget:Contoso.Policies/1.2.0-Beta/Content/Digits.json"),
        StringComparison.Ordinal);

    [Fact]
    public void WhyMissing_PackageThatIsNotRestored_NamesItAndTheFolder()
    {
        var missing = PackagePath.WhyMissing("nuget:Contoso.NoSuch.Policies/1.2.0/digits.json");

        Assert.Contains("the package Contoso.NoSuch.Policies 1.2.0 is not in", missing, StringComparison.Ordinal);
        Assert.Contains(PackagePath.FolderVariable, missing, StringComparison.Ordinal);
    }
}
