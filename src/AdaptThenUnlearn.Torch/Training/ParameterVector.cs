using TorchSharp.Modules;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Training;

/// <summary>All parameters of a network as one vector, and their gradients as another.</summary>
/// <remarks>
/// The network's parameters become views of <see cref="Values"/>. Adam, the moving average, elastic weight consolidation and
/// repulsion then take a few operations on one tensor each, for any number of layers.
/// Parameters keep the order of their names in the state dict.
/// </remarks>
public sealed class ParameterVector : IDisposable
{
    private readonly IReadOnlyList<(string Name, Parameter Parameter)> _parameters;

    /// <summary>Makes the parameters of a network views of one vector, in place.</summary>
    /// <param name="network">Stays the caller's; must not be moved to another device afterwards.</param>
    public ParameterVector(nn.Module network) : this(network, values: null)
    {
    }

    private ParameterVector(nn.Module network, Tensor? values)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        _parameters = [.. network.named_parameters()
            .OrderBy(named => named.name, StringComparer.Ordinal)
            .Select(named => (named.name, named.parameter))];
        Slices = [.. ComputeSlices(_parameters)];
        Values = values?.alias().MoveToOuterDisposeScope()
            ?? cat([.. _parameters.Select(named => named.Parameter.detach().flatten())]).MoveToOuterDisposeScope();
        Gradients = zeros_like(Values).MoveToOuterDisposeScope();
        foreach (var ((_, parameter), slice) in _parameters.Zip(Slices))
        {
            parameter.set_(slice.ViewOf(Values));
            parameter.grad = slice.ViewOf(Gradients);
        }
    }

    /// <summary>Lets another network of the same layout share these values; its gradients are its own.</summary>
    /// <param name="network">Stays the caller's. Its parameters become views of <see cref="Values"/>.</param>
    /// <returns>Belongs to the caller.</returns>
    public ParameterVector Share(nn.Module network) => new(network, Values);

    /// <summary>Where each parameter lies in the vector.</summary>
    public IReadOnlyList<ParameterSlice> Slices { get; }

    /// <summary>θ, <c>[P]</c>; writing to it changes the network.</summary>
    public Tensor Values { get; }

    /// <summary>∂L/∂θ, <c>[P]</c>; <c>backward</c> adds to it.</summary>
    public Tensor Gradients { get; }

    /// <summary>Whether <c>backward</c> computes gradients of all these parameters.</summary>
    public bool RequiresGradient
    {
        get => _parameters.All(named => named.Parameter.requires_grad);
        set
        {
            foreach (var (_, parameter) in _parameters)
                parameter.requires_grad = value;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Gradients.Dispose();
        Values.Dispose();
    }

    private static IEnumerable<ParameterSlice> ComputeSlices(IEnumerable<(string Name, Parameter Parameter)> parameters)
    {
        var offset = 0L;
        foreach (var (name, parameter) in parameters)
        {
            yield return new ParameterSlice(name, offset, parameter.numel(), parameter.shape);
            offset += parameter.numel();
        }
    }
}

/// <summary>Where one parameter lies in a <see cref="ParameterVector"/>.</summary>
/// <param name="Name">Its key in the state dict.</param>
/// <param name="Offset">Index of its first element.</param>
/// <param name="Count">Number of elements.</param>
/// <param name="Shape">Shape of the parameter itself.</param>
public sealed record ParameterSlice(string Name, long Offset, long Count, IReadOnlyList<long> Shape)
{
    /// <summary>The parameter's view of a vector of this layout.</summary>
    public Tensor ViewOf(Tensor vector) => vector.narrow(0, Offset, Count).view([.. Shape]);
}
