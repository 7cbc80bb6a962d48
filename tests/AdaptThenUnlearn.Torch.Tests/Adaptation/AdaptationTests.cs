using AdaptThenUnlearn.Torch.Adaptation;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Models.StyleGan2;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Adaptation;

/// <summary>
/// Compares Fisher information and elastic weight consolidation with the method's published code, and checks the adaptation
/// stage.
/// </summary>
public sealed class AdaptationTests
{
    [Fact]
    public void Fisher_PublishedCodesBatch_IsItsFisher()
    {
        var reference = Interop.Case("authors_ewc_s32");
        using var scope = NewDisposeScope();
        using var loaded = GeneratorCheckpoint.Load(reference.PathOf("pretrained.pt"), "auto", null, null, CPU);
        var generator = (StyleGan2Generator)loaded.Generator;
        using var parameters = new ParameterVector(generator);
        var noise = generator.NoiseSizes.Select((_, layer) => reference.Array($"noise_{layer}")).ToList();
        var (first, second, from) = (reference.Array("z1"), reference.Array("z2"), (long)reference.Input("inject_index"));

        // The published code scores 32 images at once; the discriminator's statistics compare images k, k + 8, k + 16 and k + 24.
        var fisher = FisherInformation.Estimate(parameters, groups: 8, group =>
        {
            var rows = tensor(new long[] { group, group + 8, group + 16, group + 24 });
            var styles = generator.Mix(generator.Map(first[rows]), generator.Map(second[rows]), from);
            return loaded.Discriminator!.Score(generator.Synthesize(styles, [.. noise.Select(map => map[rows])]));
        });

        reference.Agrees("fisher", InPublishedLayout(reference, parameters, fisher));
        Assert.True(fisher.ge(0).all().item<bool>());
    }

    [Fact]
    public void ElasticPenalty_PublishedCodesParameters_IsTheirLossAtHalfTheWeight()
    {
        var reference = Interop.Case("authors_ewc_s32");
        using var scope = NewDisposeScope();
        using var pretrained = GeneratorCheckpoint.Load(reference.PathOf("pretrained.pt"), "auto", null, null, CPU);
        using var adapted = GeneratorCheckpoint
            .Load(reference.PathOf("MODEL_MNIST0_8_01000.pt"), "auto", null, null, CPU, "generator");
        using var anchor = new ParameterVector(pretrained.Generator);
        using var current = new ParameterVector(adapted.Generator);
        var fisher = zeros_like(anchor.Values);
        ForEachSlice(
            reference,
            anchor,
            (slice, offset) => slice.ViewOf(fisher)
                .copy_(reference.Array("fisher").narrow(0, offset, slice.Count).view([.. slice.Shape])));
        // The published code multiplies by λ/2.
        var penalty = new ElasticPenalty(fisher, anchor.Values, reference["lamda"].GetDouble() / 2);

        reference.Agrees("ewc_loss_adapted", penalty.Accumulate(current, step: 1));
        foreach (var name in reference.Arrays("grad_ewc_adapted__"))
            reference.Agrees(
                name,
                current.Slices.Single(slice => "grad_ewc_adapted__" + slice.Name.Replace('.', '_') == name)
                    .ViewOf(current.Gradients));

        using (no_grad())
        {
            current.Values.copy_(anchor.Values);
            ForEachSlice(
                reference,
                anchor,
                (slice, offset) => slice.ViewOf(current.Values)
                    .add_(reference.Array("delta").narrow(0, offset, slice.Count).view([.. slice.Shape])));
        }

        reference.Agrees("ewc_loss_delta", penalty.Accumulate(current, step: 2));
    }

    [Fact]
    public void Adapt_SameSeed_SameBytesAndSomewhereElse()
    {
        using var scope = NewDisposeScope();
        using var networks = Small.Gan();
        using var original = new ParameterVector(networks.Generator.Copy());
        using var negatives = Small.Images();
        byte[] Run(int models)
        {
            var options = Small.Options with { Adaptation = Small.Options.Adaptation with { Models = models } };
            using var adapted = new AdaptationStage(options, seed: 1, new NoJournal(), new Small.Silent())
                .Run(networks, negatives, CancellationToken.None);
            Assert.Equal(models, adapted.Parameters.Count);
            Assert.All(
                adapted.Parameters, parameters => Assert.True((parameters - original.Values).abs().max().item<float>() > 0));
            return Small.Bytes(cat([.. adapted.Parameters]));
        }

        Assert.Equal(Run(2), Run(2));
        var two = Run(2);
        Assert.NotEqual(two[..(two.Length / 2)], two[(two.Length / 2)..]);
    }

    [Fact]
    public void Adapt_StrongerConsolidation_StaysNearer()
    {
        using var scope = NewDisposeScope();
        using var networks = Small.Gan();
        using var original = new ParameterVector(networks.Generator.Copy());
        using var negatives = Small.Images();
        double Moved(double weight)
        {
            var options = Small.Options with { Adaptation = Small.Options.Adaptation with { EwcWeight = weight, Steps = 30 } };
            using var adapted = new AdaptationStage(options, seed: 1, new NoJournal(), new Small.Silent())
                .Run(networks, negatives, CancellationToken.None);
            return (adapted.Parameters[0] - original.Values).square().sum().item<float>();
        }

        Assert.True(Moved(1e8) < Moved(0));
    }

    private static Tensor InPublishedLayout(Interop reference, ParameterVector parameters, Tensor values)
    {
        List<Tensor> parts = [];
        ForEachSlice(reference, parameters, (slice, _) => parts.Add(slice.ViewOf(values).flatten()));
        return cat(parts);
    }

    private static void ForEachSlice(Interop reference, ParameterVector parameters, Action<ParameterSlice, long> visit)
    {
        foreach (var layout in reference["fisher_layout"].EnumerateArray())
            visit(
                parameters.Slices.Single(slice => slice.Name == layout.GetProperty("state_dict_key").GetString()),
                layout.GetProperty("offset").GetInt64());
    }
}
