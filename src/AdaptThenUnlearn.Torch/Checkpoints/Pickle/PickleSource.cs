using AdaptThenUnlearn.Torch.Checkpoints.Tensors;

namespace AdaptThenUnlearn.Torch.Checkpoints.Pickle;

/// <summary>The bytes of one pickle within a file, read in order through a small window: long values are passed over, not held.</summary>
internal sealed class PickleSource
{
    /// <summary>Bytes that are read ahead.</summary>
    public const int WindowBytes = 1 << 16;

    private const int LongestLine = 1 << 12;
    private const string Damaged = "it is damaged or was made to mislead; fetch it again from where it came";
    private const string Resave =
        "load it in the Python that wrote it, and save the weights alone: torch.save(model.state_dict(), …)";

    private readonly CheckpointBytes _bytes;
    private readonly string _part;
    private readonly long _start;
    private readonly long _end;
    private byte[] _window;
    private long _windowStart;
    private int _windowLength;

    /// <param name="bytes">The file; stays the caller's.</param>
    /// <param name="start">The pickle's first byte.</param>
    /// <param name="length">Bytes up to where it must have ended; within the file.</param>
    /// <param name="part">The part of the file, for messages.</param>
    /// <param name="window">Bytes to read ahead.</param>
    public PickleSource(CheckpointBytes bytes, long start, long length, string part, int window = WindowBytes)
    {
        (_bytes, _part, _start, _end) = (bytes, part, start, start + length);
        _window = new byte[Math.Min(length, window)];
        _windowStart = Position = start;
    }

    /// <summary>The file's byte that is read next.</summary>
    public long Position { get; private set; }

    /// <summary>Bytes that are left.</summary>
    public long Left => _end - Position;

    /// <summary>The next bytes; valid until the next call.</summary>
    public ReadOnlySpan<byte> Take(int count)
    {
        var ahead = Ahead(count);
        if (ahead.Length < count)
            throw CutOff();

        Position += count;
        return ahead[..count];
    }

    /// <summary>Passes over bytes.</summary>
    /// <returns>Where in the file they lie.</returns>
    public PickleBytes Skip(ulong count)
    {
        if (count > (ulong)Left)
            throw CutOff();

        var skipped = new PickleBytes(Position, (long)count);
        Position += (long)count;
        return skipped;
    }

    /// <summary>The bytes up to a line feed, which is passed over; valid until the next call.</summary>
    public ReadOnlySpan<byte> Line()
    {
        var ahead = Ahead((int)Math.Min(Left, LongestLine));
        var length = ahead.IndexOf((byte)'\n');
        if (length < 0)
            throw CutOff();

        Position += length + 1;
        return ahead[..length];
    }

    /// <summary>Reads bytes that were passed over.</summary>
    public byte[] Read(PickleBytes skipped) => _bytes.Read(skipped.Offset, (int)skipped.Length, _part);

    /// <summary>The error that says what is wrong with this pickle.</summary>
    /// <param name="problem">What is wrong.</param>
    /// <param name="at">The file's byte at which it is.</param>
    /// <param name="cause">What the system said, if anything.</param>
    public CheckpointException Bad(string problem, long at, Exception? cause = null) =>
        new(_bytes.Path, $"its pickle cannot be read: {problem}", Damaged, Place(at), cause);

    /// <summary>The error that says what this pickle has that is not read here, though it may be as it should be.</summary>
    /// <inheritdoc cref="Bad"/>
    public CheckpointException Unsupported(string problem, long at) =>
        new(_bytes.Path, $"its pickle is not read here: {problem}", Resave, Place(at));

    /// <summary>A place in this pickle, for messages.</summary>
    public string Place(long at) => $"{_part}, byte {at - _start}";

    private ReadOnlySpan<byte> Ahead(int count)
    {
        var inWindow = _windowStart + _windowLength - Position;
        if (Position < _windowStart || inWindow < count)
            Refill(count);

        return _window.AsSpan((int)(Position - _windowStart), (int)(_windowStart + _windowLength - Position));
    }

    private void Refill(int count)
    {
        if (count > Left)
            throw CutOff();
        if (count > _window.Length)
            _window = new byte[count];

        _windowStart = Position;
        _windowLength = (int)Math.Min(_window.Length, Left);
        _bytes.Read(Position, _window.AsSpan(0, _windowLength), _part);
    }

    private CheckpointException CutOff() => Bad("it is cut off", Position);
}

/// <summary>What all pickles of one file share: what is let through, and how much work and memory is left.</summary>
/// <param name="inspectOnly">False refuses a global whose purpose is to run code; true lets it stand as an opaque value, for a survey of the file.</param>
/// <param name="ofProgram">Whether it is a TorchScript archive, whose pickle names classes of the archive's own.</param>
internal sealed class PickleSession(bool inspectOnly, bool ofProgram = false)
{
    /// <summary>Most operations that are carried out in one file; a tensor takes some 45, one of NVIDIA's some 90, a NumPy number some 15.</summary>
    public const int MaximumOperations = 1_000_000;

    /// <summary>Longest text that is held, bytes; NVIDIA's networks carry their source along, some 40 kB.</summary>
    public const int LongestText = 1 << 20;

    // What pickle protocol 2 keeps as text is bytes in memory, unlike all else.
    private const long MaximumDecodedBytes = 1L << 27;

    private const int MaximumGlobals = 1000;

    // A source text stands in a pickle once; the objects after the first refer to it.
    private const int MaximumTextBytes = 1 << 24;

    private readonly SortedDictionary<string, PickleGlobal> _globals = new(StringComparer.Ordinal);
    private int _operations;
    private long _textBytes;
    private long _decodedBytes;

    /// <summary>Whether forbidden globals stand as opaque values.</summary>
    public bool InspectOnly { get; } = inspectOnly;

    /// <summary>Whether classes of a TorchScript archive are known.</summary>
    public bool OfProgram { get; } = ofProgram;

    /// <summary>Every global that was referred to, <c>module name</c>, sorted.</summary>
    public IReadOnlyList<string> Globals => [.. _globals.Keys];

    /// <summary>Those of them for which the file is not read.</summary>
    public IReadOnlyList<string> Refused => Named(PickleRole.Forbidden);

    /// <summary>Those of them of which nothing is known, so that what they would make is passed over.</summary>
    public IReadOnlyList<string> PassedOver => Named(PickleRole.Unknown);

    /// <summary>Notes a global; false when there are too many different ones.</summary>
    public bool Note(PickleGlobal global)
    {
        _globals[global.Name] = global;
        return _globals.Count <= MaximumGlobals;
    }

    /// <summary>Counts operations; false when there have been too many.</summary>
    public bool SpendOperations(int count = 1) => (_operations += count) is >= 0 and <= MaximumOperations;

    /// <summary>Counts a text that is held; false when all of them together are too long.</summary>
    public bool SpendText(ulong bytes) => bytes <= LongestText && (_textBytes += (long)bytes) <= MaximumTextBytes;

    /// <summary>Counts bytes that were text; false when there are too many to be held.</summary>
    public bool SpendDecoded(long bytes) => bytes <= MaximumDecodedBytes && (_decodedBytes += bytes) <= MaximumDecodedBytes;

    private IReadOnlyList<string> Named(PickleRole role) =>
        [.. _globals.Values.Where(global => global.Role == role).Select(global => global.Name)];
}
