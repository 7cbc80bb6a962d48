using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Training;
using AdaptThenUnlearn.Torch.Unlearning;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Unlearning;

/// <summary>Every method of the catalogue keeps the contract, a correct new one passes it, and wrong ones fail it.</summary>
public sealed class UnlearningMethodContractTests
{
    public static TheoryData<string> Names => [.. UnlearningMethods.All.Select(method => method.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Contract_EveryMethodOfTheCatalogue_Holds(string name) =>
        Assert.Empty(UnlearningMethodContract.FindViolations(UnlearningMethods.Named(name)));

    [Fact]
    public void Contract_CorrectNewMethod_Holds() => Assert.Empty(UnlearningMethodContract.FindViolations(new Noise()));

    [Theory]
    [InlineData(typeof(NoiseInTheOriginal), UnlearningMethodContract.OriginalLeftAlone, UnlearningMethodContract.Repeatable)]
    [InlineData(typeof(NoiseThatGoesOn), UnlearningMethodContract.Cancellable)]
    [InlineData(typeof(NoiseWithoutASeed), UnlearningMethodContract.Repeatable)]
    [InlineData(typeof(NoiseInTraining), UnlearningMethodContract.FiniteAndJudged)]
    public void Contract_WrongNewMethod_FailsWhereItIsWrong(Type wrong, params string[] broken) =>
        Assert.Equal(
            broken.Order(),
            UnlearningMethodContract.FindViolations((IUnlearningMethod)Activator.CreateInstance(wrong)!).Keys.Order());

    [Fact]
    public void Names_OfTheCatalogue_AreUnique() => Assert.Distinct(UnlearningMethods.All.Select(method => method.Name));

    /// <summary>A correct method that is not in the catalogue: adds noise to the generator's parameters.</summary>
    private class Noise : IUnlearningMethod
    {
        public string Name => "noise";

        public UnlearnedGenerator Run(UnlearningContext context, CancellationToken cancel)
        {
            Prepare(context, cancel);
            var networks = context.Original.Copy();
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            using var vector = new ParameterVector(networks.Generator);
            var original = vector.Values.clone();
            vector.Values.add_(Draw(context, vector.Values.numel()), 0.01);
            Finish(networks);
            return new UnlearnedGenerator(
                networks,
                [context.Evaluator.Evaluate(networks.Generator, step: 0)],
                SelectedStep: 0,
                Curve: [],
                ParameterDistances.Compute(original, vector.Values, []));
        }

        protected virtual void Prepare(UnlearningContext context, CancellationToken cancel) =>
            cancel.ThrowIfCancellationRequested();

        protected virtual Tensor Draw(UnlearningContext context, long count)
        {
            using var random = new RandomStreams(context.Options.Seed, "noise").At("parameters");
            return randn([count], generator: random);
        }

        protected virtual void Finish(Torch.Models.GanPair networks)
        {
            networks.Generator.eval();
            networks.Discriminator.eval();
        }
    }

    private sealed class NoiseInTheOriginal : Noise
    {
        protected override void Prepare(UnlearningContext context, CancellationToken cancel)
        {
            base.Prepare(context, cancel);
            using var _ = no_grad();
            context.Original.Generator.parameters().First().add_(1);
        }
    }

    private sealed class NoiseThatGoesOn : Noise
    {
        protected override void Prepare(UnlearningContext context, CancellationToken cancel)
        {
        }
    }

    private sealed class NoiseWithoutASeed : Noise
    {
        protected override Tensor Draw(UnlearningContext context, long count) => randn([count]);
    }

    private sealed class NoiseInTraining : Noise
    {
        protected override void Finish(Torch.Models.GanPair networks)
        {
            networks.Generator.train();
            networks.Discriminator.train();
        }
    }
}
