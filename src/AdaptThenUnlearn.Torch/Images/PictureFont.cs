using System.Reflection;
using ScottPlot;
using SkiaSharp;

namespace AdaptThenUnlearn.Torch.Images;

/// <summary>The font of grids and plots. It is embedded, so that pictures have text on machines without fonts too.</summary>
internal sealed class PictureFont : IFontResolver
{
    /// <summary>Name of the font's family.</summary>
    public const string Name = "DejaVu Sans";

    private static readonly Lazy<SKTypeface> _typeface = new(Open);
    private static readonly Lazy<bool> _registered = new(Register);

    private PictureFont()
    {
    }

    /// <summary>The typeface, for drawing with Skia.</summary>
    public static SKTypeface Typeface => _typeface.Value;

    /// <summary>Makes this the font of every plot in the process.</summary>
    public static void UseForPlots() => _ = _registered.Value;

    /// <inheritdoc/>
    public SKTypeface? CreateTypeface(string fontName, FontWeight weight, FontSlant slant, FontSpacing spacing) =>
        fontName == Name ? Open() : null;

    /// <inheritdoc/>
    public SKTypeface? CreateTypeface(string fontName, bool bold, bool italic) => fontName == Name ? Open() : null;

    private static SKTypeface Open()
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("DejaVuSans.ttf")!;
        return SKTypeface.FromStream(stream);
    }

    private static bool Register()
    {
        ScottPlot.Fonts.FontResolvers.Insert(0, new PictureFont());
        ScottPlot.Fonts.Default = Name;
        return true;
    }
}
