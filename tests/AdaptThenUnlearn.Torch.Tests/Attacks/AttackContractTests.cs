using AdaptThenUnlearn.Torch.Attacks;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Attacks;

/// <summary>Every attack of the catalogue keeps the contract, a correct new one passes it, and wrong ones fail it.</summary>
public sealed class AttackContractTests
{
    // These look at latents that showed the feature, as they are: what is hidden there is gone for them.
    private static readonly string[] _withoutSearch = ["same-latents"];

    public static TheoryData<string> Names => [.. KnownAttacks.All.Select(attack => attack.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Contract_EveryAttackOfTheCatalogue_Holds(string name) => Assert.Empty(FindViolations(name, CPU));

    [Fact]
    public void Contract_CorrectNewAttack_Holds() => Assert.Empty(AttackContract.FindViolations(new Push()));

    [Theory]
    [InlineData(typeof(PushJudgedByTheAnnotator), AttackContract.AuditorJudges)]
    [InlineData(typeof(PushOfPictures), AttackContract.NotFiniteIsNotMeasured)]
    [InlineData(typeof(PushThatGoesOn), AttackContract.Cancellable)]
    [InlineData(typeof(PushIntoTheWeights), AttackContract.GeneratorsLeftAlone)]
    [InlineData(typeof(PushWithoutASeed), AttackContract.Repeatable)]
    [InlineData(typeof(PushThatKeepsATensor), AttackContract.NoTensorLeft)]
    public void Contract_WrongNewAttack_FailsWhereItIsWrong(Type wrong, string broken) =>
        Assert.Contains(broken, AttackContract.FindViolations((IAttack)Activator.CreateInstance(wrong)!).Keys);

    [Fact]
    public void Names_OfTheCatalogue_AreUniqueKeys() =>
        Assert.All(
            KnownAttacks.All.Select(attack => attack.Name).GroupBy(name => name),
            same => Assert.Matches("^[a-z-]+$", Assert.Single(same)));

    /// <summary>What an attack of the catalogue breaks of that part of the contract that is asked of it.</summary>
    /// <param name="name">Of the attack.</param>
    /// <param name="on">Where the networks are.</param>
    internal static IReadOnlyDictionary<string, string> FindViolations(string name, Device on)
    {
        var violations = AttackContract.FindViolations(KnownAttacks.Named(name), on).ToDictionary();
        if (_withoutSearch.Contains(name))
            violations.Remove(AttackContract.FindsWhatIsHidden);
        return violations;
    }

    /// <summary>A correct attack that is not in the catalogue: long latents.</summary>
    private class Push : IAttack
    {
        public string Name => "push";

        public string Summary => "latents that are four times as long";

        public virtual bool ChangesWeights => false;

        public AttackFindings Run(AttackContext context, CancellationToken cancel)
        {
            cancel = Prepare(context, cancel);
            using var scope = NewDisposeScope();
            var (variant, found) = Judged(context).Count(
                "‖z‖ × 4",
                (batch, count) =>
                {
                    var draw = context.Draw("pushed", batch, count);
                    return Seen(context.Generator.Generate(Draw(draw) * 4, draw.Noise));
                },
                cancel);
            return new AttackFindings([variant], found is null ? [] : [found]);
        }

        protected virtual CancellationToken Prepare(AttackContext context, CancellationToken cancel) => cancel;

        protected virtual AttackContext Judged(AttackContext context) => context;

        protected virtual Tensor Draw(LatentDraw draw) => draw.Latents;

        protected virtual Tensor Seen(Tensor images) => images;
    }

    private sealed class PushOfPictures : Push
    {
        protected override Tensor Seen(Tensor images) => images.clamp(-1, 1).nan_to_num();
    }

    private sealed class PushJudgedByTheAnnotator : Push
    {
        protected override AttackContext Judged(AttackContext context) => context with { Auditor = context.Annotator };
    }

    private sealed class PushThatGoesOn : Push
    {
        protected override CancellationToken Prepare(AttackContext context, CancellationToken cancel) => CancellationToken.None;
    }

    private sealed class PushIntoTheWeights : Push
    {
        protected override CancellationToken Prepare(AttackContext context, CancellationToken cancel)
        {
            using var _ = no_grad();
            context.Generator.parameters().First().add_(0.01);
            return cancel;
        }
    }

    private sealed class PushWithoutASeed : Push
    {
        private static int _calls;

        protected override Tensor Draw(LatentDraw draw) => draw.Latents * (1 + ++_calls);
    }

    private sealed class PushThatKeepsATensor : Push
    {
        private static readonly List<Tensor> _kept = [];

        protected override CancellationToken Prepare(AttackContext context, CancellationToken cancel)
        {
            _kept.Add(zeros(1).DetachFromDisposeScope());
            return cancel;
        }
    }
}
