using AdaptThenUnlearn.Torch.Backend;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Tests;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>A folder with the smallest generator, classifiers, reference and policy that <c>atu</c> can govern.</summary>
public sealed class SmallHouse : IDisposable
{
    /// <summary>Held by whoever seeds torch's default random source, which belongs to the whole process.</summary>
    internal static Lock Randomness { get; } = new();

    public SmallHouse()
    {
        TorchBackend.Load();   // waits for a test on another thread that is loading libtorch just now
        lock (Randomness)
            Build();
    }

    public string Folder { get; } = Directory.CreateTempSubdirectory("atu-house-").FullName;

    public string At(string name) => Path.Combine(Folder, name);

    /// <summary>Writes a policy and returns its path.</summary>
    /// <param name="name">Of the policy.</param>
    /// <param name="limits">Of its one undesired feature.</param>
    /// <param name="edit">Changes to the text.</param>
    public string Policy(string name, string limits = "\"maxRate\": 0.001", params (string From, string To)[] edit)
    {
        var text = $$"""
            {
              "schemaVersion": 1,
              "name": "{{name}}",
              "generator": { "checkpoint": "generator.safetensors" },
              "classifiers": {
                "annotator": { "checkpoint": "annotator.safetensors" },
                "auditor": { "checkpoint": "auditor.safetensors" }
              },
              "undesiredFeatures": [
                { "name": "ban", "annotator": "annotator", "auditor": "auditor", "class": "banned", {{limits}} }
              ],
              "quality": { "extractor": "auditor", "reference": "reference.safetensors", "maxFrechetIncrease": 100, "minShareKept": 0.1 },
              "evaluation": { "samples": 400, "maxSamples": 400 },
              "unlearning": {
                "steps": 40, "recoverySteps": 10, "batchSize": 4, "candidateEvery": 10, "candidateSamples": 200, "feedbackSamples": 400, "minimumNegatives": 1, "cleanBelow": 0.5,
                "adaptation": { "steps": 20, "fisherSamples": 4, "ewcWeight": 10 },
                "repulsion": { "weight": 10 },
                "students": { "count": 1, "samples": 100, "epochs": 1 }
              }
            }
            """;
        foreach (var (from, to) in edit)
        {
            Assert.Contains(from, text, StringComparison.Ordinal);
            text = text.Replace(from, to, StringComparison.Ordinal);
        }

        File.WriteAllText(At(name + ".json"), text);
        return At(name + ".json");
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private void Build()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var networks = Small.Gan();
        GeneratorCheckpoint.Save(At("generator.safetensors"), networks, new Dictionary<string, string>());
        SafetensorsFile.Write(At("no-discriminator.safetensors"), networks.Generator.state_dict());
        Furnish(networks.Generator);
        using (var other =
            Weights.Detach(ClassifierArchitectures.Build(StridedConvNet.Name, new ImageShape(1, 32), ["plain", "banned"])))
            ClassifierCheckpoint.Save(At("classifier-32.safetensors"), other);
    }

    /// <summary>
    /// Makes classifiers that see the banned class in about a quarter of a generator's images, and the reference that goes with
    /// them.
    /// </summary>
    /// <param name="generator">Of 1×16×16 images, in eval mode.</param>
    public void Furnish(ImageGenerator generator)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using (var annotator = Small.Classifier(generator, seed: 5))
            ClassifierCheckpoint.Save(At("annotator.safetensors"), annotator);
        using var auditor = Small.Classifier(generator, seed: 6);
        ClassifierCheckpoint.Save(At("auditor.safetensors"), auditor);

        manual_seed(8);
        // The reference is paler, so that there is a distance that can grow.
        var paler = 0.7f * generator.Generate(randn(600, generator.LatentSize), noise: null);
        var (features, logits) = FeaturePass.Run(auditor, paler);
        using var reference = ReferenceStatistics.Build(
            ["plain", "banned"],
            features,
            logits.argmax(1),
            samplesPerClass: 100,
            CheckpointDigest.Compute(At("auditor.safetensors")),
            tensor(new long[,] { { 9, 1 }, { 0, 10 } }),
            floor: 0.1);
        reference.Save(At("reference.safetensors"));
    }
}
