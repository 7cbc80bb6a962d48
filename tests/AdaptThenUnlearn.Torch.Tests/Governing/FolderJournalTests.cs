using AdaptThenUnlearn.Files;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;
using AdaptThenUnlearn.Torch.Governing;
using AdaptThenUnlearn.Torch.Training;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Tests.Governing;

/// <summary>Checks that a damaged state is never resumed, and that no file other than a state is replaced or deleted.</summary>
public sealed class FolderJournalTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("atu-journal-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Load_WhatWasSaved_IsTheSame()
    {
        using var scope = NewDisposeScope();
        Save(othersAreStale: false);

        var state = Journal().Load("unlearning")!;

        Assert.Equal((7, "notes", 0.5), (state.Step, state.Notes, state.Counters["c"]));
        Assert.Equal([1f, 2f, 3f], state.Vectors["v"].data<float>().ToArray());
    }

    // Every byte of a state counts: its header, the text beside the vectors, and the vectors.
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Load_OneBitChanged_IsRefused(bool othersAreStale)
    {
        using var scope = NewDisposeScope();
        Save(othersAreStale);
        var honest = File.ReadAllBytes(At("unlearning.safetensors"));
        var accepted = 0;
        for (var at = 0; at < honest.Length; at++)
        {
            var changed = honest.ToArray();
            changed[at] ^= 1;
            File.WriteAllBytes(At("unlearning.safetensors"), changed);
            try
            {
                accepted += Journal(othersAreStale).Load("unlearning") is null ? 0 : 1;
            }
            catch (CheckpointException)
            {
            }
        }

        Assert.Equal(0, accepted);
    }

    [Fact]
    public void Load_WithoutAChecksum_IsRefused()
    {
        using var scope = NewDisposeScope();
        Save(othersAreStale: false);
        var saved = SafetensorsFile.Read(At("unlearning.safetensors"));
        SafetensorsFile.Write(
            At("unlearning.safetensors"),
            saved.Tensors.Select(tensor => KeyValuePair.Create(tensor.Name, tensor.Load())).ToList(),
            saved.Metadata.Where(pair => pair.Key != "checksum").ToDictionary());

        Assert.Contains(
            "run again without --resume",
            Assert.Throws<CheckpointException>(() => Journal().Load("unlearning")).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Clear_FilesOfOthers_Stay()
    {
        using var scope = NewDisposeScope();
        Save(othersAreStale: false);
        File.WriteAllText(At("my-precious.txt"), "mine");
        SafetensorsFile.Write(At("mine.safetensors"), new Dictionary<string, Tensor> { ["w"] = ones(3) });

        Journal().Clear();

        Assert.Equal(
            ["mine.safetensors", "my-precious.txt"],
            Directory.EnumerateFiles(_folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Clear_NothingButStates_RemovesTheFolder()
    {
        using var scope = NewDisposeScope();
        new FolderJournal(At("state"), "f", resume: false)
            .Save("a", new StageState(1, new Dictionary<string, Tensor> { ["v"] = ones(1) }, new Dictionary<string, double>()));

        new FolderJournal(At("state"), "f", resume: false).Clear();

        Assert.False(Directory.Exists(At("state")));
    }

    [Fact]
    public void Save_WhereAnotherFileLies_IsRefusedAndLeavesIt()
    {
        using var scope = NewDisposeScope();
        File.WriteAllText(At("unlearning.safetensors"), "mine");

        Assert.Throws<FileNotWrittenException>(() => Save(othersAreStale: false));
        Assert.Equal("mine", File.ReadAllText(At("unlearning.safetensors")));
        Assert.Equal(At("unlearning.safetensors"), FolderJournal.FindForeignFile(_folder, name => name == "unlearning"));
        Assert.Null(FolderJournal.FindForeignFile(_folder, name => name == "adaptation-1"));
    }

    private FolderJournal Journal(bool othersAreStale = false) => new(_folder, "fingerprint", resume: true, othersAreStale);

    private void Save(bool othersAreStale) => Journal(othersAreStale).Save(
        "unlearning", new StageState(7, new Dictionary<string, Tensor>
        {
            ["v"] = tensor([1f, 2f, 3f])
        }, new Dictionary<string, double> { ["c"] = 0.5 }, "notes"));

    private string At(string name) => Path.Combine(_folder, name);
}
