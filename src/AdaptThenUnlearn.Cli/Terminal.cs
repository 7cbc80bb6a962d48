using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;
using AdaptThenUnlearn.Diagnostics;
using AdaptThenUnlearn.Torch.Training;
using Spectre.Console;

namespace AdaptThenUnlearn.Cli;

/// <summary>The only place that touches the console: results go to stdout, progress and diagnostics to stderr.</summary>
/// <remarks>
/// A result is lines for people, or with <c>--json</c> one JSON document for programs. Commands give both, and the terminal
/// prints the one that was asked for. So nothing else can get into the document, whatever a command prints.
/// </remarks>
#pragma warning disable RS0030 // this class is the console's home
public sealed class Terminal : IProgress<StageProgress>, IDisposable
{
    private static readonly TimeSpan _lineInterval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan _barInterval = TimeSpan.FromMilliseconds(200);
    private static readonly JsonSerializerOptions _json =
        new(JsonSerializerDefaults.Web) { WriteIndented = true, Encoder = JavaScriptEncoder.Create(SafeCharacters()) };

    private static bool _asJson;   // the process has one standard output

    private readonly Stopwatch _sinceLine = Stopwatch.StartNew();
    private readonly StageSpeed _speed = new(TimeProvider.System);
    private readonly IAnsiConsole _errors =
        AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
    private readonly bool _interactive = !Console.IsErrorRedirected;
    private string? _stageName;
    private bool _barShown;
    private bool _quiet;

    /// <summary><c>--json</c>, for every command that has a result.</summary>
    public static Option<bool> Json { get; } = new("--json") { Description = "Print the result as one JSON document" };

    /// <summary><c>--quiet</c>, for every command.</summary>
    public static Option<bool> Quiet { get; } = new("--quiet", "-q")
    {
        Description = "Print only errors, warnings and the result",
        Recursive = true,
    };

    /// <summary>Prints from now on what a command's options ask for.</summary>
    public void Configure(ParseResult parsed)
    {
        _quiet = parsed.GetValue(Quiet);
        _asJson = parsed.GetResult(Json) is not null && parsed.GetValue(Json);
    }

    /// <summary>
    /// Writes a line of the result, without <c>--json</c>. Control characters in it are replaced: names in it come from policies
    /// and records, and builds read it.
    /// </summary>
    public static void WriteResultLine(string text) => WriteResult(LogLine.Sanitize(text) + Environment.NewLine);

    /// <summary>Writes a document unchanged, without <c>--json</c>, and ends its last line.</summary>
    public static void WriteResultDocument(string text) => WriteResult(text + "\n");

    /// <summary>Writes text of the result unchanged, without <c>--json</c>.</summary>
    /// <exception cref="OutputException">The output is closed, or its disk is full.</exception>
    public static void WriteResult(string text)
    {
        if (!_asJson)
            ToOutput(text);
    }

    /// <summary>Writes the result as JSON, with <c>--json</c>; a command calls this once.</summary>
    /// <param name="result">Its properties become camelCase; docs/cli.md lists those of every command.</param>
    /// <exception cref="OutputException">The output is closed, or its disk is full.</exception>
    public static void WriteJson(object result)
    {
        if (_asJson)
            ToOutput(JsonSerializer.Serialize(result, _json) + "\n");
    }

    /// <summary>Writes a line for the program that asked for it in the environment, with <c>--json</c> or without.</summary>
    /// <exception cref="OutputException">The output is closed, or its disk is full.</exception>
    public static void WriteLineForCaller(string text) => ToOutput(LogLine.Sanitize(text) + Environment.NewLine);

    private static void ToOutput(string text)
    {
        try
        {
            Console.Out.Write(text);
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
            throw new OutputException(refused);
        }
    }

    /// <summary>Writes a status line, unless <c>--quiet</c> was given.</summary>
    public void WriteStatus(string text)
    {
        if (!_quiet)
            WriteMessage(text);
    }

    /// <summary>Writes an error or a warning, in the form that builds and editors turn into links.</summary>
    public void WriteDiagnostic(BuildMessage message) => WriteMessage(message.ToString());

    /// <summary>
    /// Shows the progress of a stage, unless <c>--quiet</c> was given: a bar on a terminal, otherwise a plain line every ten
    /// seconds.
    /// </summary>
    public void Report(StageProgress value)
    {
        if (_quiet)
            return;

        if (value.Stage != _stageName)
        {
            EndBar();
            _stageName = value.Stage;
            _speed.Restart(value.Step);
            _sinceLine.Restart();
        }

        if (value.Note is not null)
            WriteStatus($"  {value.Stage}: {value.Note}");
        var speed = _speed.At(value.Step);
        var last = value.Step >= value.Steps;
        if (!last && value.Step > 1 && _sinceLine.Elapsed < (_interactive ? _barInterval : _lineInterval))
            return;

        _sinceLine.Restart();
        var line = Line(value, speed);
        if (!_interactive)
        {
            ToErrors(line + Environment.NewLine);
            return;
        }

        ToErrors("\r\u001b[K" + Bar(value) + " " + line);
        _barShown = true;
        if (last)
            EndBar();
    }

    /// <inheritdoc/>
    public void Dispose() => EndBar();

    private void WriteMessage(string text)
    {
        EndBar();
        ToErrors(text + Environment.NewLine);
    }

    // A log's commands, such as ##vso[…], cannot be spelt without this character, which JSON can write in another way.
    private static TextEncoderSettings SafeCharacters()
    {
        var settings = new TextEncoderSettings(UnicodeRanges.BasicLatin);
        settings.ForbidCharacter('#');
        return settings;
    }

    private void EndBar()
    {
        if (_barShown)
            ToErrors(Environment.NewLine);
        _barShown = false;
    }

    // A closed stderr is ignored: there is nowhere to report it, and the exit code still gives the result.
    private void ToErrors(string text)
    {
        try
        {
            _errors.Profile.Out.Writer.Write(text);
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException or ObjectDisposedException)
        {
        }
    }

    /// <summary>One line about a stage.</summary>
    /// <param name="value">How far the stage is.</param>
    /// <param name="speed">Steps a second; null where they are unknown.</param>
    internal static string Line(StageProgress value, double? speed)
    {
        var losses = value.Losses is { } step
            ? string.Create(
                CultureInfo.InvariantCulture,
                $", G {step.GeneratorLoss:F2}, D "
                    + $"{step.DiscriminatorLoss:F2}{Term("parameters", step.WeightLoss)}{Term("images", step.ImageLoss)}")
            : "";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{value.Stage} {value.Step}/{value.Steps}{(speed is { } rate ? Pace(rate) : "")}{losses}");

        string Pace(double rate)
        {
            var pace = rate >= 0.1
                ? FormattableString.Invariant($"{rate:F1}/s")
                : FormattableString.Invariant($"{1 / rate:F0} s each");
            return $", {pace}, {Duration(TimeLeft(rate))} left";
        }

        // A stalled stage takes longer than a clock can show.
        TimeSpan TimeLeft(double rate) =>
            TimeSpan.FromSeconds(Math.Min((value.Steps - value.Step) / rate, TimeSpan.FromDays(999).TotalSeconds));

        static string Term(string name, double loss) =>
            loss == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $", {name} {loss:G3}");
    }

    /// <summary>Formats a time: <c>7:32</c>, and <c>1:07:32</c> from one hour.</summary>
    internal static string Duration(TimeSpan time)
    {
        var minutes = time >= TimeSpan.FromHours(1) ? $"{(int)time.TotalHours}:{time.Minutes:00}" : $"{time.Minutes}";
        return string.Create(CultureInfo.InvariantCulture, $"{minutes}:{time.Seconds:00}");
    }

    private static string Bar(StageProgress value)
    {
        const int Width = 24;
        var full = (int)((long)Width * value.Step / Math.Max(1, value.Steps));
        return new string('█', full) + new string('░', Width - full);
    }
}
