using AdaptThenUnlearn.Torch.Checkpoints.Tensors;

namespace AdaptThenUnlearn.Torch.Checkpoints.Pickle;

/// <summary>
/// The bytes of one pickle within a file, read in order through a small window. Long values are passed over, not held.
/// </summary>
internal sealed class PickleSource
{
    /// <summary>Number of bytes that are read ahead.</summary>
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
    /// <param name="start">Offset of the pickle in the file, bytes.</param>
    /// <param name="length">Number of bytes within which it must end.</param>
    /// <param name="part">Name of the part of the file, for messages.</param>
    /// <param name="window">Number of bytes to read ahead.</param>
    public PickleSource(CheckpointBytes bytes, long start, long length, string part, int window = WindowBytes)
    {
        (_bytes, _part, _start, _end) = (bytes, part, start, start + length);
        _window = new byte[Math.Min(length, window)];
        _windowStart = Position = start;
    }

    /// <summary>Offset in the file of the byte that is read next.</summary>
    public long Position { get; private set; }

    /// <summary>Number of bytes that are left.</summary>
    public long Left => _end - Position;

    /// <summary>Reads the next bytes; the span is valid until the next call.</summary>
    public ReadOnlySpan<byte> Take(int count)
    {
        var ahead = Ahead(count);
        if (ahead.Length < count)
            throw CutOff();

        Position += count;
        return ahead[..count];
    }

    /// <summary>Passes over bytes.</summary>
    /// <returns>Where they lie in the file.</returns>
    public PickleBytes Skip(ulong count)
    {
        if (count > (ulong)Left)
            throw CutOff();

        var skipped = new PickleBytes(Position, (long)count);
        Position += (long)count;
        return skipped;
    }

    /// <summary>Reads the bytes up to a line feed, which is passed over; the span is valid until the next call.</summary>
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

    /// <summary>The exception for a damaged pickle.</summary>
    /// <param name="problem">What is wrong.</param>
    /// <param name="at">Offset of the problem in the file, bytes.</param>
    /// <param name="cause">The exception that caused this one; null where none did.</param>
    public CheckpointException Bad(string problem, long at, Exception? cause = null) =>
        new(_bytes.Path, $"its pickle cannot be read: {problem}", Damaged, Place(at), cause);

    /// <summary>The exception for a pickle that may be valid, and uses something that is not read here.</summary>
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

/// <summary>State that all pickles of one file share: which globals are allowed, and how much work and memory is left.</summary>
/// <param name="inspectOnly">
/// Whether a global whose purpose is to run code becomes an opaque value, for inspection; otherwise it refuses the file.
/// </param>
/// <param name="ofProgram">Whether the file is a TorchScript archive, whose pickle names classes of the archive.</param>
internal sealed class PickleSession(bool inspectOnly, bool ofProgram = false)
{
    /// <summary>
    /// Most operations that are carried out in one file; a tensor takes some 45, one of NVIDIA's some 90, a NumPy number some 15.
    /// </summary>
    public const int MaximumOperations = 1_000_000;

    /// <summary>Longest text that is held, bytes; NVIDIA's networks carry their source along, some 40 kB.</summary>
    public const int LongestText = 1 << 20;

    // Limits the bytes that pickle protocol 2 keeps as text: unlike other bytes they are decoded in memory.
    private const long MaximumDecodedBytes = 1L << 27;

    private const int MaximumGlobals = 1000;

    // Source text is in a pickle once: later objects refer to it.
    private const int MaximumTextBytes = 1 << 24;

    private readonly SortedDictionary<string, PickleGlobal> _globals = new(StringComparer.Ordinal);
    private int _operations;
    private long _textBytes;
    private long _decodedBytes;

    /// <summary>Whether forbidden globals become opaque values, for inspection; otherwise they refuse the file.</summary>
    public bool InspectOnly { get; } = inspectOnly;

    /// <summary>Whether the file is a TorchScript archive, whose classes are modules.</summary>
    public bool OfProgram { get; } = ofProgram;

    /// <summary>Every global that was referred to, <c>module name</c>, sorted.</summary>
    public IReadOnlyList<string> Globals => [.. _globals.Keys];

    /// <summary>The globals for which the file is refused.</summary>
    public IReadOnlyList<string> Refused => Named(PickleRole.Forbidden);

    /// <summary>The unknown globals; the values that they would make are passed over.</summary>
    public IReadOnlyList<string> PassedOver => Named(PickleRole.Unknown);

    /// <summary>Notes a global. False where there are too many different ones.</summary>
    public bool Note(PickleGlobal global)
    {
        _globals[global.Name] = global;
        return _globals.Count <= MaximumGlobals;
    }

    /// <summary>Counts operations. False where there have been too many.</summary>
    public bool SpendOperations(int count = 1) => (_operations += count) is >= 0 and <= MaximumOperations;

    /// <summary>Counts a text that is held in memory. False where all of them together are too long.</summary>
    public bool SpendText(ulong bytes) => bytes <= LongestText && (_textBytes += (long)bytes) <= MaximumTextBytes;

    /// <summary>Counts bytes that were decoded from text. False where there are too many to hold.</summary>
    public bool SpendDecoded(long bytes) => bytes <= MaximumDecodedBytes && (_decodedBytes += bytes) <= MaximumDecodedBytes;

    private IReadOnlyList<string> Named(PickleRole role) =>
        [.. _globals.Values.Where(global => global.Role == role).Select(global => global.Name)];
}
