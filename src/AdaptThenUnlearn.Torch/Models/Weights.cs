using TorchSharp;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Models;

/// <summary>Moves weights between networks of the same size.</summary>
public static class Weights
{
    /// <summary>Copies device, weights and buffers of a network to a fresh one.</summary>
    /// <returns><paramref name="fresh"/>.</returns>
    public static T CopiedTo<T>(T fresh, T from) where T : nn.Module
    {
        using var _ = no_grad();
        var source = from.state_dict();
        fresh.to(source.Values.First().device);
        foreach (var (name, tensor) in fresh.state_dict())
            tensor.copy_(source[name]);
        return Detach(fresh);
    }

    /// <summary>
    /// Detaches a network from the dispose scope in which it was built, so that it lives until it is disposed itself.
    /// </summary>
    /// <returns><paramref name="network"/>.</returns>
    public static T Detach<T>(T network) where T : nn.Module
    {
        foreach (var parameter in network.parameters())
            parameter.DetachFromDisposeScope();
        foreach (var (_, buffer) in network.named_buffers())
            buffer.DetachFromDisposeScope();
        return network;
    }
}
