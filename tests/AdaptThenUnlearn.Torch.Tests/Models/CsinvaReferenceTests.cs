using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Models;
using AdaptThenUnlearn.Torch.Models.Dcgan;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Models;

/// <summary>
/// Checkpoints of csinva's pre-trained MNIST models, in PyTorch's old format, against values that their own code computed.
/// </summary>
public sealed class CsinvaReferenceTests
{
    [Fact]
    public void MlpGan_ReferenceLatents_GivesTheReferenceImagesAndScores()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var reference = Interop.Case("csinva_mlp_gan");
        using var loaded = GeneratorCheckpoint
            .Load(reference.PathOf("G--300.ckpt"), "auto", sha256: null, reference.PathOf("D--300.ckpt"), CPU);
        var images = loaded.Generator.Generate(reference.Array("z"), noise: null);

        Assert.Equal(("pytorch", "mlp-gan", new ImageShape(1, 28)), (loaded.Format, loaded.Architecture, loaded.Generator.Shape));
        reference.Agrees("images", images);
        reference.Agrees("d_logit_fake", loaded.Discriminator!.Score(images));
        reference.Agrees("d_prob_fake", loaded.Discriminator.Score(images).sigmoid());
        reference.Agrees("d_logit_real", loaded.Discriminator.Score(reference.Array("real").view(-1, 1, 28, 28)));
    }

    [Fact]
    public void DcganDiscriminator_ReferenceImages_GivesTheReferenceScoresInBothModes()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var reference = Interop.Case("csinva_dcgan_d");
        var file = CheckpointFormats.Read(reference.PathOf("netD_epoch_99.pth"));
        var images = reference.Array("images");
        var stored = new StoredNetwork(
            file.Tensors.ToDictionary(tensor => tensor.Name, tensor => tensor.Shape), new Dictionary<string, string>());
        var shape = new ImageShape(1, 28);
        using var discriminator = GeneratorCheckpoint
            .LoadStateDict(DcganArchitecture.BuildDiscriminator(stored, shape), file, CPU);

        reference.Agrees("logit_eval", discriminator.Score(images));
        reference.Agrees("prob_eval", discriminator.Score(images).sigmoid());
        discriminator.train();
        reference.Agrees("prob_train", discriminator.Score(images).sigmoid());
    }

    [Fact]
    public void LeNet_ReferenceImages_GivesTheReferenceFeaturesAndLogits()
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var reference = Interop.Case("csinva_lenet");
        using var loaded = ClassifierCheckpoint
            .Load(reference.PathOf("lenet_epoch=12_test_acc=0.991.pth"), sha256: null, classes: null, CPU);
        var features = loaded.Classifier.Features(reference.Array("images_32x32") * 2 - 1);
        var logits = loaded.Classifier.Logits(features);

        Assert.Equal(Enumerable.Range(0, 10).Select(digit => $"{digit}"), loaded.Classifier.Classes);
        reference.Agrees("features_f6", features);
        reference.Agrees("logits_before_log_softmax", logits);
        reference.Agrees("log_softmax", logits.log_softmax(1));
        reference.Agrees(
            "log_softmax_generated",
            loaded.Classifier.Logits(loaded.Classifier.Features(reference.Array("generated") * 2 - 1)).log_softmax(1));
    }
}
