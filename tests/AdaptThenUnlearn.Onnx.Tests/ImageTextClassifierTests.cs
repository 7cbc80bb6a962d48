using AdaptThenUnlearn.Policies;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Features;
using AdaptThenUnlearn.Torch.Models;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Onnx.Tests;

/// <summary>Classifiers that are an image–text model and prompts.</summary>
public sealed class ImageTextClassifierTests : IDisposable
{
    private static readonly ImageShape _images = new(1, 8);
    private static readonly long[] _shape = [1, 8, 8];

    private readonly ImageTextFolder _folder = new();
    private readonly ClassifierChoice _choice = WithOutput(
        ImageTextFolder.Choice(("glasses", ["a face with glasses", "a photo of glasses"]), ("other", ["a face"])));

    public void Dispose() => _folder.Dispose();

    // Radford et al. 2021, section 3.1.4, written out: unit vectors of the prompts, their mean, again a unit vector, cosines.
    [Theory]
    [InlineData(null, 77)]
    [InlineData(20.0, 24)]
    [InlineData(20.0, "L")]
    public void Probabilities_OfImages_AreThoseOfTheDefinition(double? scale, object length)
    {
        using var scope = NewDisposeScope();
        var (pixels, rows) = ImageTextFolder.Write(_folder.Folder, _shape, length);
        using var loaded = Load(_choice with { LogitScale = scale });
        var images = randn(5, 1, 8, 8);

        var classes = stack(new[] { Mean("a face with glasses", "a photo of glasses"), Mean("a face") });
        var embedded = images.flatten(1).matmul(pixels);
        var cosines = (embedded / embedded.norm(1, keepdim: true)).matmul(classes.t());
        var expected = (cosines * (scale ?? 100)).softmax(1);

        Assert.Equal(["glasses", "other"], loaded.Classifier.Classes);
        Assert.InRange(GraphFolder.Difference(expected, loaded.Classifier.Probabilities(images)), 0, 1e-4);
        Assert.Equal(ImageTextFolder.Size, loaded.Classifier.FeatureSize);

        Tensor Mean(params string[] prompts)
        {
            var mean = stack(prompts.Select(prompt => Unit(
                ImageTextFolder.TokensOf(prompt).Select(token => rows[token]).Aggregate((sum, row) => sum + row)))).mean([0]);
            return Unit(mean);
        }

        static Tensor Unit(Tensor vector) => vector / vector.norm();
    }

    [Fact]
    public void Probabilities_ImageWithoutDirection_IsNoNumber()
    {
        using var scope = NewDisposeScope();
        ImageTextFolder.Write(_folder.Folder, _shape);
        using var loaded = Load(_choice);

        Assert.True(loaded.Classifier.Probabilities(zeros(1, 1, 8, 8)).isnan().all().item<bool>());
        Assert.True(loaded.Classifier.DetectClasses(loaded.Classifier.Logits(loaded.Classifier.Features(zeros(1, 1, 8, 8))))
            .all().item<bool>());
    }

    [Fact]
    public void Identity_WhateverChangesAnAnswer_ChangesIt()
    {
        ImageTextFolder.Write(_folder.Folder, _shape);
        var own = Identify(_choice);
        ClassifierChoice[] others =
        [
            WithOutput(ImageTextFolder.Choice(("other", ["a face with glasses", "a photo of glasses"]), ("glasses", ["a face"]))),
            WithOutput(ImageTextFolder.Choice(("glasses", ["a face with glasses"]), ("other", ["a face"]))),
            _choice with { LogitScale = 50 },
            _choice with { Preprocessing = new ImagePreprocessing(Range: "0..1") },
            _choice with { Output = "image_embeds" },
            _choice with { TextModel = _choice.TextModel! with { Padding = "!" } },
            _choice with { TextModel = _choice.TextModel! with { Output = "last_hidden_state" } },
        ];

        Assert.All(others, other => Assert.NotEqual(own, Identify(other)));
        Assert.Equal(own, Identify(_choice with
        {
            Checkpoint = "elsewhere/vision.onnx",
            Sha256 = new string('0', 64),
            LogitScale = 100,
            TextModel = _choice.TextModel! with { Vocabulary = "elsewhere/vocab.json", MergesSha256 = new string('0', 64) },
        }));
        foreach (var file in ClassifierFile.ListFor("classifier", _choice))
        {
            var (path, before) = (At(file.Path), Identify(_choice));
            File.AppendAllText(path, " ");
            Assert.NotEqual(before, Identify(_choice));
        }

        string Identify(ClassifierChoice choice) => ClassifierIdentity.Compute(
            [.. ClassifierFile.ListFor("classifier", choice).Select(file => CheckpointFile.Open(At(file.Path)))], choice);

        string At(string path) => Path.Combine(_folder.Folder, Path.GetFileName(path));
    }

    [Fact]
    public void Load_EmbeddingsOfDifferentSizes_NamesBothFiles()
    {
        ImageTextFolder.Write(_folder.Folder, _shape, size: 5);

        var message = Refused(_choice);

        Assert.Contains("makes embeddings of 6 numbers, and the text side", message, StringComparison.Ordinal);
        Assert.Contains("of 5;", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0f, "is zero")]
    [InlineData(float.NaN, "is not finite")]
    [InlineData(float.PositiveInfinity, "is not finite")]
    public void Load_EmbeddingsWithoutDirection_AreRefused(float factor, string expected)
    {
        ImageTextFolder.Write(_folder.Folder, _shape, factor: factor);

        Assert.Contains(expected, Refused(_choice), StringComparison.Ordinal);
    }

    // Without a mask, this graph adds what fills up a prompt to the prompt.
    [Fact]
    public void Load_EmbeddingsThatDependOnThePadding_NeedItSaid()
    {
        ImageTextFolder.Write(_folder.Folder, _shape, masked: false);

        Assert.Contains("\"padding\" of the policy's 'textModel' says it", Refused(_choice), StringComparison.Ordinal);
        using var loaded = Load(_choice with { TextModel = _choice.TextModel! with { Padding = "!" } });
        Assert.Contains(
            "which the vocabulary does not have",
            Refused(_choice with { TextModel = _choice.TextModel! with { Padding = "of a" } }), StringComparison.Ordinal);
    }

    [Fact]
    public void Load_PromptLongerThanTheContext_SaysWhichAndHowLong()
    {
        ImageTextFolder.Write(_folder.Folder, _shape, length: 12);

        var refused = Assert.Throws<PromptException>(() => Load(_choice));

        Assert.Equal(("glasses", 0), (refused.Class, refused.Index));
        Assert.Contains("has 18 tokens with those for its start and its end, and the text model takes 12", refused.Message,
            StringComparison.Ordinal);
        Assert.Equal(refused.Message, Assert.Throws<PromptException>(
            () => ImageTextCheckpoint.CheckPrompts(_choice, _folder.Open)).Message);
    }

    [Fact]
    public void Load_ClassesOfTheSameWords_AreRefused()
    {
        ImageTextFolder.Write(_folder.Folder, _shape);

        Assert.Contains(
            "gives the classes 'glasses' and 'other' the same embedding",
            Refused(WithOutput(ImageTextFolder.Choice(("glasses", ["A face"]), ("other", ["a  FACE"])))),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("vision.onnx", "input_ids", "has no input 'input_ids'; it has 'pixel_values'")]
    [InlineData("text.onnx", "attention_mask", "has an input 'input_ids' int64 [N, 77], and tokens and their mask are all")]
    [InlineData("text.onnx", "ids", "has no input 'ids'")]
    public void Load_OtherInputs_SaysWhatToName(string file, string input, string expected)
    {
        ImageTextFolder.Write(_folder.Folder, _shape);
        var text = _choice.TextModel! with { Checkpoint = file, TokenInput = input, Output = null };

        Assert.Contains(expected, Refused(_choice with { TextModel = text }), StringComparison.Ordinal);
        Assert.Contains("has no input 'm'", Refused(_choice with { TextModel = _choice.TextModel! with { MaskInput = "m" } }),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Load_OutputsNotNamed_SaysWhichThereAre()
    {
        ImageTextFolder.Write(_folder.Folder, _shape);

        Assert.Contains(
            "has 2 outputs", Refused(_choice with { TextModel = _choice.TextModel! with { Output = null } }),
            StringComparison.Ordinal);
        Assert.Contains(
            "makes Float32 [3, 77, 6] of 3 prompts",
            Refused(_choice with { TextModel = _choice.TextModel! with { Output = "last_hidden_state" } }),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("vision.onnx")]
    [InlineData("text.onnx")]
    [InlineData("vocab.json")]
    [InlineData("merges.txt")]
    public void Load_FileMissingOrNotThePinnedOne_IsNamed(string file)
    {
        ImageTextFolder.Write(_folder.Folder, _shape);
        var pin = new string('0', 64);
        var text = _choice.TextModel!;
        var pinned = file switch
        {
            "vision.onnx" => _choice with { Sha256 = pin },
            "text.onnx" => _choice with { TextModel = text with { Sha256 = pin } },
            "vocab.json" => _choice with { TextModel = text with { VocabularySha256 = pin } },
            _ => _choice with { TextModel = text with { MergesSha256 = pin } },
        };

        Assert.Contains($"{file}: has SHA-256", Refused(pinned), StringComparison.Ordinal);
        File.Delete(_folder.At(file));
        Assert.Contains($"{file}: there is no such file", Refused(_choice), StringComparison.Ordinal);
    }

    [Fact]
    public void Load_DamagedTokenizer_NamesTheFile()
    {
        ImageTextFolder.Write(_folder.Folder, _shape);
        File.AppendAllText(_folder.At("merges.txt"), "x y z\n");

        Assert.Contains("merges.txt: line 3 is not two tokens", Refused(_choice), StringComparison.Ordinal);
    }

    private static ClassifierChoice WithOutput(ClassifierChoice choice) =>
        choice with { TextModel = choice.TextModel! with { Output = "text_embeds" } };

    private LoadedClassifier Load(ClassifierChoice choice) =>
        ImageTextCheckpoint.Load(choice, _folder.Open, _images, preprocessor: null, CPU);

    private string Refused(ClassifierChoice choice) =>
        Assert.Throws<CheckpointException>(() => Load(choice).Dispose()).Message;
}
