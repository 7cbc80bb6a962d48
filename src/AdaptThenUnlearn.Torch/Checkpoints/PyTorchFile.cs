using AdaptThenUnlearn.Torch.Checkpoints.Pickle;
using AdaptThenUnlearn.Torch.Checkpoints.Tensors;

namespace AdaptThenUnlearn.Torch.Checkpoints;

/// <summary>
/// Reads the files that Python pickled: <c>torch.save</c>'s zip archives and older streams, and bare pickles that contain
/// tensors.
/// </summary>
/// <remarks>
/// Pickles are read by <see cref="RestrictedUnpickler"/>, which builds data and runs nothing. Tensors stay on the disk until
/// asked for.
/// </remarks>
internal static class PyTorchFile
{
    private const string Remedy = "save it again with torch.save(model.state_dict(), …)";

    /// <summary>Describes what a file holds; values are read when asked for.</summary>
    /// <param name="file">The file.</param>
    /// <param name="inspectOnly">
    /// False refuses a file for a global whose purpose is to run code; true lists it instead, and still runs nothing.
    /// </param>
    /// <returns>
    /// Its tensors, named as <see cref="TensorFile"/> says. Its format follows from its container and its sections.
    /// </returns>
    /// <exception cref="CheckpointException">
    /// The file is damaged, holds no state dict, or asks for a name that is not allowed; the message says which.
    /// </exception>
    public static TensorFile Read(CheckpointFile file, bool inspectOnly = false)
    {
        using var bytes = CheckpointBytes.Open(file);
        var start = file.Start;
        var session = new PickleSession(inspectOnly);
        var root = PyTorchFormat.IsZip(start) ? PyTorchZip.Read(bytes, session)
            : LegacyTorchStream.Begins(start) ? LegacyTorchStream.Read(bytes, session)
            : BarePickle(bytes, session);

        var state = PickleState.Flatten(file, bytes.Length, root, anyRoot: inspectOnly);
        return state.ToFile(FormatOf(start, state.Tensors), session);
    }

    private static object? BarePickle(CheckpointBytes bytes, PickleSession session)
    {
        var source = new PickleSource(bytes, 0, bytes.Length, "pickle");
        var root = RestrictedUnpickler.Read(
            bytes.Path,
            source,
            session,
            new PickleHost(_ => null, (within, content) => LegacyTorchStream.ReadStorage(bytes, session, within, content)));
        return source.Left == 0
            ? root
            : throw new CheckpointException(
                bytes.Path, $"{source.Left} bytes follow the end of its pickle", Remedy, source.Place(source.Position));
    }

    private static string FormatOf(ReadOnlySpan<byte> start, IReadOnlyList<TensorEntry> tensors) =>
        !PyTorchFormat.IsZip(start) && !LegacyTorchStream.Begins(start) ? NvidiaFormat.FormatName
        : tensors.Any(tensor => TensorFile.SectionOf(tensor.Name) is RosinalityFormat.Generator
            or RosinalityFormat.AveragedGenerator or RosinalityFormat.Discriminator)
            ? RosinalityFormat.FormatName
        : PyTorchFormat.FormatName;
}
