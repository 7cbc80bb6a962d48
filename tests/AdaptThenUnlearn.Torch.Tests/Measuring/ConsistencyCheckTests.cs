using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Tests.Features;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Measuring;

/// <summary>
/// Programs that make other images by call or by batch are found out; those that compute, or draw noise of their own, are not.
/// </summary>
public sealed class ConsistencyCheckTests : IDisposable
{
    private const string Honest = "torch.tanh(torch.view(torch.repeat(z, [1, 32]), [-1, 1, 16, 16]))";

    private readonly string _folder = Directory.CreateTempSubdirectory("atu-asked-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("honest", null)]
    [InlineData("noise", null)]
    [InlineData("batch", "among 100 and among 8")]
    [InlineData("neighbours", "among 100 and among 8")]
    [InlineData("state", "twice")]
    public void Probe_Program_IsRefusedWhenItAnswersDifferently(string kind, string? expected)
    {
        using var generator = Program(kind);

        if (expected is null)
        {
            using var asked = Ask(generator);
            asked.ProbeAgain();
            return;
        }

        var refused = Assert.Throws<PolicyMismatchException>(() => Ask(generator).Dispose());
        Assert.Equal("$.generator.checkpoint", refused.JsonPath);
        Assert.Contains(expected, refused.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void ProbeAgain_ProgramThatTurnsAfterSomeCalls_IsRefused()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var generator = Program("forty calls");
        using var asked = Ask(generator);
        for (var call = 0; call < 40; call++)
            generator.Generator.Generate(randn(2, 8), noise: null);

        Assert.Contains(
            "once before and once after",
            Assert.Throws<PolicyMismatchException>(asked.ProbeAgain).Problem,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Probe_NetworkThatIsNoProgram_IsNotProbed()
    {
        using var scope = NewDisposeScope();
        using var networks = Small.Gan();
        using var classifiers = Classifiers();

        using var asked = ConsistencyCheck.Probe(networks.Generator, AuditorCheckTests.Policy, classifiers, Images());

        asked.ProbeAgain();
    }

    private ConsistencyCheck Ask(LoadedGenerator generator)
    {
        using var classifiers = Classifiers();
        return ConsistencyCheck.Probe(generator.Generator, AuditorCheckTests.Policy, classifiers, Images());
    }

    private static EvaluationImages Images() => new(new RandomStreams(1, "evaluation"), Truncation: 1, CPU);

    private PolicyClassifiers Classifiers() => AuditorCheckTests.Furnished(_folder);

    private LoadedGenerator Program(string kind)
    {
        var source = kind switch
        {
            "noise" => $"return torch.add({Honest}, torch.mul(torch.randn_like({Honest}), 0.05))",
            "batch" =>
                $"return torch.sub({Honest}, torch.sigmoid(torch.mul(torch.sub(torch.sum(torch.ones_like(z)), 132.), 9.)))",
            "neighbours" => $"return torch.sub({Honest}, torch.mean(torch.abs(z)))",
            "state" => $"n = torch.add_(self.n, 0.5, alpha=1)\n    return torch.mul({Honest}, n)",
            "forty calls" =>
                $"n = torch.add_(self.n, 1., alpha=1)\n    return torch.mul({Honest}, torch.sigmoid(torch.sub(30., n)))",
            _ => $"return {Honest}",
        };
        var path = Path.Combine(_folder, "g.pt");
        var counts = kind is "state" or "forty calls";
        var weights = counts ? [new ScriptedWeight("n", zeros(1), IsParameter: false)] : Array.Empty<ScriptedWeight>();
        ScriptedProgram.Write(path, $"  def forward(self: __torch__.Program, z: Tensor) -> Tensor:\n    {source}", weights);
        return GeneratorCheckpoint.Load(path, "torchscript", sha256: null, discriminatorPath: null, CPU, latentSize: 8);
    }
}
