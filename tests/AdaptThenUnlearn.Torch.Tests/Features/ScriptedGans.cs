using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Tests.Checkpoints;
using static AdaptThenUnlearn.Torch.Tests.Features.ScriptedProgram;

namespace AdaptThenUnlearn.Torch.Tests.Features;

/// <summary>
/// The smallest DCGAN (<see cref="ForeignFiles.Gan"/>) and classifier as TorchScript programs that compute the same.
/// </summary>
internal static class ScriptedGans
{
    /// <summary>Its generator's forward.</summary>
    public static string Generator { get; } = $"""
          def forward(self: __torch__.Program, z: Tensor) -> Tensor:
            x0 = torch.conv_transpose2d(torch.unsqueeze(torch.unsqueeze(z, -1), -1), {Weight("main.0.weight")}, None, [1, 1], [0, 0], [0, 0], 1, [1, 1])
            x1 = torch.relu({Normalised("x0", "main.1")})
            x2 = torch.conv_transpose2d(x1, {Weight("main.3.weight")}, None, [2, 2], [1, 1], [0, 0], 1, [1, 1])
            x3 = torch.relu({Normalised("x2", "main.4")})
            x4 = torch.conv_transpose2d(x3, {Weight("main.6.weight")}, None, [2, 2], [1, 1], [0, 0], 1, [1, 1])
            return torch.tanh(x4)
        """;

    /// <summary>Its discriminator's forward; <c>[N]</c>.</summary>
    public static string Discriminator { get; } = $"""
          def forward(self: __torch__.Program, img: Tensor) -> Tensor:
            x0 = torch.leaky_relu(torch.conv2d(img, {Weight("main.0.weight")}, None, [2, 2], [1, 1], [1, 1], 1), 0.20000000000000001)
            x1 = torch.conv2d(x0, {Weight("main.2.weight")}, None, [2, 2], [1, 1], [1, 1], 1)
            x2 = torch.leaky_relu({Normalised("x1", "main.3")}, 0.20000000000000001)
            x3 = torch.conv2d(x2, {Weight("main.5.weight")}, None, [1, 1], [0, 0], [1, 1], 1)
            return torch.flatten(x3)
        """;

    /// <summary>Writes its generator.</summary>
    public static string WriteGenerator(string path, GanPair networks) => Write(path, Generator, Weights(networks.Generator));

    /// <summary>Writes its discriminator.</summary>
    public static string WriteDiscriminator(string path, GanPair networks) =>
        Write(path, Discriminator, Weights(networks.Discriminator));

    public static string WriteClassifier(string path, FeatureClassifier classifier) => Write(
        path,
        $"""
          def forward(self: __torch__.Program, img: Tensor) -> Tensor:
            x0 = img
            {string.Join("\n    ", Enumerable.Range(1, 5).Select(Layer))}
            return torch.linear(torch.mean(x5, [2, 3]), {Weight("output.weight")}, {Weight("output.bias")})
        """,
        Weights(classifier));

    private static string Layer(int number)
    {
        var stride = number is 2 or 4 ? "2, 2" : "1, 1";
        var convolution =
            $"torch.conv2d(x{number - 1}, {Weight($"layers.conv{number}.weight")}, None, [{stride}], [1, 1], [1, 1], 1)";
        return $"x{number} = torch.relu({Normalised(convolution, $"layers.norm{number}")})";
    }

    private static string Normalised(string values, string layer) =>
        $"torch.batch_norm({values}, {Weight($"{layer}.weight")}, {Weight($"{layer}.bias")}, "
            + $"{Weight($"{layer}.running_mean")}, {Weight($"{layer}.running_var")}, self.training, 0.10000000000000001, "
            + "1.0000000000000001e-05, True)";
}
