using System.Globalization;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>Makes generators and discriminators from TorchScript programs, and finds the tensors that training changes.</summary>
internal static class ScriptedGan
{
    /// <summary>Loads a generator, and its discriminator where one is named.</summary>
    /// <param name="file">The generator's program.</param>
    /// <param name="latentSize">The latent size where the policy says it; otherwise null.</param>
    /// <param name="beside">The discriminator's program; null where there is none.</param>
    /// <param name="device">Where the networks go.</param>
    /// <returns>Belongs to the caller.</returns>
    /// <exception cref="CheckpointException">
    /// A file is not a program, or its program is not a generator or discriminator.
    /// </exception>
    public static LoadedGenerator Load(CheckpointFile file, int? latentSize, CheckpointFile? beside, Device device)
    {
        var generator = Weights.Detach(ScriptedGenerator.Load(file, latentSize, device));
        try
        {
            var discriminator = beside is null
                ? null
                : Weights.Detach(ScriptedDiscriminator.Load(beside, generator.Shape, device));
            var parameters = generator.parameters().Sum(parameter => parameter.NumberOfElements);
            return new LoadedGenerator(
                generator, discriminator, TorchScriptFormat.FormatName,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"TorchScript program, {generator.Shape}, latent {generator.LatentSize}, {parameters} parameters"),
                file.Sha256, TorchScriptFormat.FormatName, Section: null)
            {
                DiscriminatorSha256 = beside?.Sha256,
            };
        }
        catch
        {
            generator.Dispose();
            throw;
        }
    }

    /// <summary>The parameters of a program's network, by their names in its file. Buffers stay as they are stored.</summary>
    /// <param name="network">A network that was made here.</param>
    public static IReadOnlyDictionary<string, Tensor> Trained(nn.Module network) =>
        ((IScriptedNetwork)network).Program.Module
            .named_parameters()
            .ToDictionary(named => named.name, named => (Tensor)named.parameter);
}
