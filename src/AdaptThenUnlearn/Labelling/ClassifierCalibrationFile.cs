using System.Text.Encodings.Web;
using System.Text.Json;
using AdaptThenUnlearn.Files;

namespace AdaptThenUnlearn.Labelling;

/// <summary>Reads and writes calibrations. The same calibration gives the same bytes, and a file is replaced at once.</summary>
public static class ClassifierCalibrationFile
{
    /// <summary>The longest file that is read.</summary>
    public const long MaxBytes = 64 << 10;

    private static readonly JsonSerializerOptions _json = new(JsonSerializerOptions.Strict)
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        WriteIndented = true,
        NewLine = "\n",
    };

    /// <summary>Name of the file in the folder of the labels.</summary>
    /// <param name="classifier">The classifier's name in the policy.</param>
    public static string NameFor(string classifier) => $"{classifier}.calibration.json";

    /// <summary>The calibration as JSON: members in a fixed order, and the shortest numbers that read back the same.</summary>
    public static string ToJson(ClassifierCalibration calibration) => JsonSerializer.Serialize(calibration, _json);

    /// <summary>Writes a calibration with its seal.</summary>
    /// <param name="path">Its folder is created if necessary.</param>
    /// <param name="calibration">The calibration.</param>
    /// <returns>Digest of the file.</returns>
    /// <exception cref="FileNotWrittenException">The file cannot be written.</exception>
    public static string Write(string path, ClassifierCalibration calibration)
    {
        var text = ToJson(calibration with { Seal = calibration.ComputeSeal() }) + "\n";
        AtomicFile.Write(path, text);
        return Sha256Digest.Compute(text);
    }

    /// <summary>Reads a calibration.</summary>
    /// <param name="bytes">The content of its file.</param>
    /// <exception cref="LabelException">It is damaged or edited; the message ends with the remedy.</exception>
    public static ClassifierCalibration Parse(byte[] bytes)
    {
        const string Remedy = "restore the file, or make it again with `atu label POLICY --calibrate`";
        try
        {
            var read = JsonSerializer.Deserialize<ClassifierCalibration>(bytes, _json) ?? throw new JsonException("it is null");
            return read.FindProblem() is { } problem ? throw new LabelException($"{problem}; {Remedy}") : read;
        }
        catch (JsonException damaged)
        {
            throw new LabelException($"it cannot be read as a calibration: {damaged.Message}; {Remedy}", damaged);
        }
    }

    /// <summary>The calibration in a file, and the file's digest.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="LabelException">It is missing, damaged or edited; the message ends with the remedy.</exception>
    public static (ClassifierCalibration Calibration, string Sha256) Read(string path)
    {
        try
        {
            var bytes = RegularFile.ReadAllBytes(path, MaxBytes);
            return (Parse(bytes), Sha256Digest.Compute(bytes));
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            throw new LabelException($"it cannot be read: {unreadable.Message}", unreadable);
        }
    }

    /// <summary>Whether a file is a calibration, of any classifier.</summary>
    /// <param name="path">The file; it need not exist.</param>
    public static bool IsCalibration(string path)
    {
        try
        {
            return Read(path).Calibration is not null;
        }
        catch (LabelException)
        {
            return false;
        }
    }
}
