using AdaptThenUnlearn.Onnx;
using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Publishing;
using AdaptThenUnlearn.Tests;
using AdaptThenUnlearn.Torch.Governing;
using PublicApiGenerator;

namespace AdaptThenUnlearn.House.Tests;

/// <summary>What the packed libraries promise: a change of it is seen in the review, beside the code that made it.</summary>
/// <remarks><c>ATU_UPDATE_GOLDEN=1</c> writes the files again.</remarks>
public sealed class PublicApiTests
{
    private static readonly Type[] _libraries = [typeof(PolicyReader), typeof(UnlearningRun), typeof(OnnxGraphRuntime),
        typeof(Publisher)];

    public static TheoryData<string> Libraries => [.. _libraries.Select(type => type.Assembly.GetName().Name!)];

    [Theory]
    [MemberData(nameof(Libraries))]
    public void Library_PublicMembers_AreTheReviewedOnes(string library)
    {
        var assembly = _libraries.Single(type => type.Assembly.GetName().Name == library).Assembly;

        var members = assembly.GeneratePublicApi(new ApiGeneratorOptions { IncludeAssemblyAttributes = false });

        Golden.Check($"{library}.txt", members.ReplaceLineEndings("\n") + "\n", "House.Tests/api");
    }
}
