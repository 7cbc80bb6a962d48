using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Models.StyleGan2;
using AdaptThenUnlearn.Torch.Randomness;
using AdaptThenUnlearn.Torch.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Benchmarks;

/// <summary>A GAN with a trainer, ready to step; used by every benchmark of training.</summary>
internal sealed class BenchmarkGan : IDisposable
{
    public BenchmarkGan(StyleGan2Settings settings, int batchSize, Device? device = null, double r1Weight = 2)
    {
        manual_seed(7);
        Settings = settings;
        Networks = new GanPair(new StyleGan2Generator(settings), new StyleGan2Discriminator(settings));
        Networks.Generator.to(device ?? CPU);
        Networks.Discriminator.to(device ?? CPU);
        Images = new InMemoryImages(randn(64, settings.ImageChannels, settings.Resolution, settings.Resolution)
            .clamp(-1, 1)
            .to(device ?? CPU));
        Trainer = new AdversarialTrainer(
            Networks.Generator, Networks.Discriminator,
            new TrainingSettings(
                batchSize,
                LearningRate: 0.002,
                r1Weight,
                R1Every: 16,
                PathLengthWeight: 0,
                PathLengthEvery: 4,
                StyleMixing: 0,
                EmaHalfLife: 2000),
            new RandomStreams(1, "benchmark"));
    }

    /// <summary>The size of the embedded digit generator.</summary>
    public static StyleGan2Settings Embedded { get; } =
        new(Resolution: 32, ImageChannels: 1, LatentSize: 64, MappingLayers: 4, Channels: [64, 64, 32, 16]);

    public StyleGan2Settings Settings { get; }

    public GanPair Networks { get; }

    public InMemoryImages Images { get; }

    public AdversarialTrainer Trainer { get; }

    public void Dispose()
    {
        Trainer.Dispose();
        Images.Dispose();
        Networks.Dispose();
    }
}

/// <summary>Timing on a device that works asynchronously.</summary>
internal static class DeviceClock
{
    /// <summary>Waits until a device has finished its work.</summary>
    public static void Wait(this Device device)
    {
        if (device.type == DeviceType.CUDA)
            cuda.synchronize(device);
    }
}
