using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>Several branches over the same maps, whose channels are concatenated: the blocks of Inception-v3.</summary>
/// <remarks>
/// Szegedy et al. 2016 (arXiv:1512.00567), figures 5 to 7 and 10, with the pools of the network that FID is defined by:
/// average pools do not count the padding, and the very last block pools by maximum. Names of units are those of the
/// published weights.
/// </remarks>
internal abstract class InceptionBlock() : Module<Tensor, Tensor>(nameof(InceptionBlock))
{
    public override Tensor forward(Tensor maps)
    {
        using var scope = NewDisposeScope();
        return cat([.. Branches(maps)], dim: 1).MoveToOuterDisposeScope();
    }

    protected abstract IEnumerable<Tensor> Branches(Tensor maps);

    /// <summary>A square unit that keeps the size of its maps.</summary>
    protected static ConvolutionUnit Square(long inputs, long outputs, long kernel = 1) =>
        Unit(inputs, outputs, (kernel, kernel));

    /// <summary>A unit that keeps the size of its maps.</summary>
    protected static ConvolutionUnit Unit(long inputs, long outputs, (long High, long Wide) kernel) =>
        new(inputs, outputs, kernel, stride: 1, (kernel.High / 2, kernel.Wide / 2));

    /// <summary>A 3×3 unit that halves its maps.</summary>
    protected static ConvolutionUnit Halving(long inputs, long outputs) => new(inputs, outputs, (3, 3), stride: 2, (0, 0));

    protected static Tensor AveragePool(Tensor maps) =>
        functional.avg_pool2d(maps, 3, 1, 1, ceil_mode: false, count_include_pad: false);

    protected static Tensor HalvingPool(Tensor maps) => functional.max_pool2d(maps, 3, 2);

    protected static Tensor Through(Tensor maps, params ReadOnlySpan<ConvolutionUnit> units)
    {
        foreach (var unit in units)
            maps = unit.call(maps);
        return maps;
    }
}

/// <summary>1×1, 5×5, twice 3×3, and a pool: 35×35 maps.</summary>
internal sealed class InceptionA : InceptionBlock
{
    private readonly ConvolutionUnit branch1x1;
    private readonly ConvolutionUnit branch5x5_1, branch5x5_2;
    private readonly ConvolutionUnit branch3x3dbl_1, branch3x3dbl_2, branch3x3dbl_3;
    private readonly ConvolutionUnit branch_pool;

    public InceptionA(long inputs, long poolOutputs)
    {
        branch1x1 = Square(inputs, 64);
        branch5x5_1 = Square(inputs, 48);
        branch5x5_2 = Square(48, 64, kernel: 5);
        branch3x3dbl_1 = Square(inputs, 64);
        branch3x3dbl_2 = Square(64, 96, kernel: 3);
        branch3x3dbl_3 = Square(96, 96, kernel: 3);
        branch_pool = Square(inputs, poolOutputs);
        RegisterComponents();
    }

    protected override IEnumerable<Tensor> Branches(Tensor maps) =>
        [
            branch1x1.call(maps),
            Through(maps, branch5x5_1, branch5x5_2),
            Through(maps, branch3x3dbl_1, branch3x3dbl_2, branch3x3dbl_3),
            branch_pool.call(AveragePool(maps))
        ];
}

/// <summary>From 35×35 to 17×17 maps.</summary>
internal sealed class InceptionB : InceptionBlock
{
    private readonly ConvolutionUnit branch3x3, branch3x3dbl_1, branch3x3dbl_2, branch3x3dbl_3;

    public InceptionB(long inputs)
    {
        branch3x3 = Halving(inputs, 384);
        branch3x3dbl_1 = Square(inputs, 64);
        branch3x3dbl_2 = Square(64, 96, kernel: 3);
        branch3x3dbl_3 = Halving(96, 96);
        RegisterComponents();
    }

    protected override IEnumerable<Tensor> Branches(Tensor maps) =>
        [branch3x3.call(maps), Through(maps, branch3x3dbl_1, branch3x3dbl_2, branch3x3dbl_3), HalvingPool(maps)];
}

/// <summary>1×1, 7×7 as 1×7 and 7×1, the same twice, and a pool: 17×17 maps.</summary>
internal sealed class InceptionC : InceptionBlock
{
    private readonly ConvolutionUnit branch1x1;
    private readonly ConvolutionUnit branch7x7_1, branch7x7_2, branch7x7_3;
    private readonly ConvolutionUnit branch7x7dbl_1, branch7x7dbl_2, branch7x7dbl_3, branch7x7dbl_4, branch7x7dbl_5;
    private readonly ConvolutionUnit branch_pool;

    public InceptionC(long inputs, long width)
    {
        branch1x1 = Square(inputs, 192);
        branch7x7_1 = Square(inputs, width);
        branch7x7_2 = Unit(width, width, (1, 7));
        branch7x7_3 = Unit(width, 192, (7, 1));
        branch7x7dbl_1 = Square(inputs, width);
        branch7x7dbl_2 = Unit(width, width, (7, 1));
        branch7x7dbl_3 = Unit(width, width, (1, 7));
        branch7x7dbl_4 = Unit(width, width, (7, 1));
        branch7x7dbl_5 = Unit(width, 192, (1, 7));
        branch_pool = Square(inputs, 192);
        RegisterComponents();
    }

    protected override IEnumerable<Tensor> Branches(Tensor maps) =>
    [
        branch1x1.call(maps),
        Through(maps, branch7x7_1, branch7x7_2, branch7x7_3),
        Through(maps, branch7x7dbl_1, branch7x7dbl_2, branch7x7dbl_3, branch7x7dbl_4, branch7x7dbl_5),
        branch_pool.call(AveragePool(maps)),
    ];
}

/// <summary>From 17×17 to 8×8 maps.</summary>
internal sealed class InceptionD : InceptionBlock
{
    private readonly ConvolutionUnit branch3x3_1, branch3x3_2, branch7x7x3_1, branch7x7x3_2, branch7x7x3_3, branch7x7x3_4;

    public InceptionD(long inputs)
    {
        branch3x3_1 = Square(inputs, 192);
        branch3x3_2 = Halving(192, 320);
        branch7x7x3_1 = Square(inputs, 192);
        branch7x7x3_2 = Unit(192, 192, (1, 7));
        branch7x7x3_3 = Unit(192, 192, (7, 1));
        branch7x7x3_4 = Halving(192, 192);
        RegisterComponents();
    }

    protected override IEnumerable<Tensor> Branches(Tensor maps) =>
        [
            Through(maps, branch3x3_1, branch3x3_2),
            Through(maps, branch7x7x3_1, branch7x7x3_2, branch7x7x3_3, branch7x7x3_4),
            HalvingPool(maps)
        ];
}

/// <summary>Branches that end in 1×3 beside 3×1, and a pool: 8×8 maps.</summary>
internal sealed class InceptionE : InceptionBlock
{
    private readonly ConvolutionUnit branch1x1;
    private readonly ConvolutionUnit branch3x3_1, branch3x3_2a, branch3x3_2b;
    private readonly ConvolutionUnit branch3x3dbl_1, branch3x3dbl_2, branch3x3dbl_3a, branch3x3dbl_3b;
    private readonly ConvolutionUnit branch_pool;
    private readonly bool _poolsByMaximum;

    public InceptionE(long inputs, bool poolsByMaximum)
    {
        branch1x1 = Square(inputs, 320);
        branch3x3_1 = Square(inputs, 384);
        branch3x3_2a = Unit(384, 384, (1, 3));
        branch3x3_2b = Unit(384, 384, (3, 1));
        branch3x3dbl_1 = Square(inputs, 448);
        branch3x3dbl_2 = Square(448, 384, kernel: 3);
        branch3x3dbl_3a = Unit(384, 384, (1, 3));
        branch3x3dbl_3b = Unit(384, 384, (3, 1));
        branch_pool = Square(inputs, 192);
        _poolsByMaximum = poolsByMaximum;
        RegisterComponents();
    }

    protected override IEnumerable<Tensor> Branches(Tensor maps)
    {
        var (three, twice) = (branch3x3_1.call(maps), Through(maps, branch3x3dbl_1, branch3x3dbl_2));
        var pool = _poolsByMaximum ? functional.max_pool2d(maps, 3, 1, 1) : AveragePool(maps);
        return [
            branch1x1.call(maps),
            branch3x3_2a.call(three),
            branch3x3_2b.call(three),
            branch3x3dbl_3a.call(twice),
            branch3x3dbl_3b.call(twice),
            branch_pool.call(pool)
        ];
    }
}
