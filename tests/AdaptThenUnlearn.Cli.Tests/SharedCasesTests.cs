namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>
/// Checkpoints as PyTorch's users really save them: each opens with the images that PyTorch makes of it, or is refused with the
/// reason.
/// </summary>
public sealed class CheckpointCasesTests
{
    public static TheoryData<string> Names => SharedCase.Named("dc", "dcgan", "mlp", "nv", "ros", "st");

    [Theory]
    [MemberData(nameof(Names))]
    public void Case_RunAsItsPageSays_ComesOutRight(string name) => SharedCase.Check(name);
}

/// <summary>
/// Policies, classifiers and discriminators as people write and export them, and checkpoints that are trained and written back.
/// </summary>
public sealed class PolicyCasesTests
{
    public static TheoryData<string> Names => SharedCase.Named("pol", "cls", "d", "rw");

    [Theory]
    [MemberData(nameof(Names))]
    public void Case_RunAsItsPageSays_ComesOutRight(string name) => SharedCase.Check(name);
}

/// <summary>Folders of pictures, arrays, statistics, labels and digits as people keep them.</summary>
public sealed class PictureCasesTests
{
    public static TheoryData<string> Names => SharedCase.Named("arr", "data", "img", "lab", "mnist", "npz");

    [Theory]
    [MemberData(nameof(Names))]
    public void Case_RunAsItsPageSays_ComesOutRight(string name) => SharedCase.Check(name);
}
