using TorchSharp.Modules;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Features;

/// <summary>A vision transformer as torchvision builds it, with torchvision's names.</summary>
/// <remarks>
/// Dosovitskiy et al. 2021 (arXiv:2010.11929), equations 1 to 4; layer normalisation comes before attention and before the
/// perceptron, with ε = 1e-6. <see cref="BaseOfSixteen"/> is its ViT-B/16 (table 1).
/// </remarks>
internal sealed class VisionTransformer : nn.Module<Tensor, Tensor>
{
    private const double Epsilon = 1e-6;

    private readonly Parameter class_token;
    private readonly Conv2d conv_proj;
    private readonly Encoder encoder;
    private readonly Sequential heads;

    /// <param name="resolution">Side of the images; a multiple of the patch.</param>
    /// <param name="patch">Side of a patch.</param>
    /// <param name="layers">Number of them.</param>
    /// <param name="attentions">Heads of each layer.</param>
    /// <param name="width">Of a token; a multiple of <paramref name="attentions"/>.</param>
    /// <param name="hidden">Width of each perceptron.</param>
    /// <param name="classes">Number of outputs.</param>
    public VisionTransformer(
        int resolution, int patch, int layers, int attentions, int width, int hidden, int classes)
        : base(nameof(VisionTransformer))
    {
        var tokens = resolution / patch * (resolution / patch) + 1;
        class_token = nn.Parameter(zeros(1, 1, width));
        conv_proj = nn.Conv2d(3, width, patch, stride: patch);
        encoder = new Encoder(tokens, layers, attentions, width, hidden);
        heads = nn.Sequential(("head", nn.Linear(width, classes)));
        RegisterComponents();
    }

    /// <summary>ViT-B/16.</summary>
    /// <param name="resolution">Side of the images; a multiple of 16.</param>
    /// <param name="classes">Number of outputs.</param>
    public static VisionTransformer BaseOfSixteen(int resolution, int classes) =>
        new(resolution, patch: 16, layers: 12, attentions: 12, width: 768, hidden: 3072, classes);

    /// <inheritdoc/>
    public override Tensor forward(Tensor input) => heads.call(Features(input));

    /// <summary>The class token after the last layer.</summary>
    /// <param name="images"><c>[N, 3, H, H]</c>.</param>
    /// <returns><c>[N, width]</c>; belongs to the caller's scope.</returns>
    public Tensor Features(Tensor images)
    {
        using var scope = NewDisposeScope();
        var patches = conv_proj.call(images).flatten(2).transpose(1, 2);   // [N, patches, width]
        var tokens = cat([class_token.expand(images.shape[0], -1, -1), patches], 1);
        return encoder.call(tokens).select(1, 0).MoveToOuterDisposeScope();
    }

    private sealed class Encoder : nn.Module<Tensor, Tensor>
    {
        private readonly Parameter pos_embedding;
        private readonly Sequential layers;
        private readonly LayerNorm ln;

        public Encoder(int tokens, int layers, int attentions, int width, int hidden) : base(nameof(Encoder))
        {
            pos_embedding = nn.Parameter(zeros(1, tokens, width));
            this.layers = nn.Sequential(
                [.. Enumerable.Range(0, layers).Select(number => (
                    FormattableString.Invariant($"encoder_layer_{number}"),
                    (nn.Module<Tensor, Tensor>)new Layer(attentions, width, hidden)))]);
            ln = nn.LayerNorm(width, Epsilon);
            RegisterComponents();
        }

        public override Tensor forward(Tensor input) => ln.call(layers.call(input + pos_embedding));
    }

    private sealed class Layer : nn.Module<Tensor, Tensor>
    {
        private readonly LayerNorm ln_1;
        private readonly Attention self_attention;
        private readonly LayerNorm ln_2;
        private readonly Sequential mlp;

        public Layer(int attentions, int width, int hidden) : base(nameof(Layer))
        {
            (ln_1, ln_2) = (nn.LayerNorm(width, Epsilon), nn.LayerNorm(width, Epsilon));
            self_attention = new Attention(attentions, width);
            mlp = InvertedResidual.InOrder(
                [nn.Linear(width, hidden), nn.GELU(), nn.Dropout(0), nn.Linear(hidden, width), nn.Dropout(0)]);
            RegisterComponents();
        }

        public override Tensor forward(Tensor input)
        {
            using var scope = NewDisposeScope();
            var attended = self_attention.call(ln_1.call(input)) + input;
            return (mlp.call(ln_2.call(attended)) + attended).MoveToOuterDisposeScope();
        }
    }

    /// <summary>Vaswani et al. 2017 (arXiv:1706.03762), equation 1, for several heads; queries, keys and values in one matrix.
    /// </summary>
    private sealed class Attention : nn.Module<Tensor, Tensor>
    {
        private readonly Parameter in_proj_weight;
        private readonly Parameter in_proj_bias;
        private readonly Linear out_proj;
        private readonly int _heads;

        public Attention(int heads, int width) : base(nameof(Attention))
        {
            _heads = heads;
            in_proj_weight = nn.Parameter(zeros(3 * width, width));
            in_proj_bias = nn.Parameter(zeros(3 * width));
            out_proj = nn.Linear(width, width);
            RegisterComponents();
        }

        public override Tensor forward(Tensor input)
        {
            using var scope = NewDisposeScope();
            var (images, tokens, width) = (input.shape[0], input.shape[1], input.shape[2]);
            var all = nn.functional.linear(input, in_proj_weight, in_proj_bias)
                .view(images, tokens, 3, _heads, width / _heads)
                .permute(2, 0, 3, 1, 4);   // [3, N, heads, tokens, width of a head]
            var scores = all[0].matmul(all[1].transpose(-2, -1)) / Math.Sqrt((double)width / _heads);
            var attended = scores.softmax(-1).matmul(all[2]).transpose(1, 2).reshape(images, tokens, width);
            return out_proj.call(attended).MoveToOuterDisposeScope();
        }
    }
}
