using SkiaSharp;
using static TorchSharp.torch;

namespace AdaptThenUnlearn.Torch.Images;

/// <summary>Draws images as one PNG picture: panels side by side, with the same latent at the same place in each.</summary>
public static class ImageGrid
{
    private const int Gap = 2;            // pixels, as the others
    private const int Margin = 12;
    private const int TitleHeight = 26;
    private static readonly SKColor _paper = SKColors.White;
    private static readonly SKColor _frame = new(0xD0, 0x20, 0x20);

    /// <summary>Draws the panels.</summary>
    /// <param name="panels">The panels, at least one; their images have the same shape.</param>
    /// <param name="columns">Number of images in a row; at least 1.</param>
    /// <param name="scale">Number of picture pixels for one image pixel, each way; at least 1.</param>
    /// <returns>A PNG file's bytes.</returns>
    public static byte[] Png(IReadOnlyList<GridPanel> panels, int columns, int scale)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(columns, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(scale, 1);
        var shape = panels[0].Images.shape;
        var (cellWidth, cellHeight) = ((int)shape[3] * scale + Gap, (int)shape[2] * scale + Gap);
        var rows = panels.Max(panel => ((int)panel.Images.shape[0] + columns - 1) / columns);
        var panelWidth = columns * cellWidth + Gap;
        using var picture =
            new SKBitmap(panels.Count * (panelWidth + Margin) + Margin, TitleHeight + rows * cellHeight + Gap + Margin);
        using var canvas = new SKCanvas(picture);
        canvas.Clear(_paper);
        for (var number = 0; number < panels.Count; number++)
            Draw(canvas, panels[number], Margin + number * (panelWidth + Margin), columns, scale);

        using var encoded = picture.Encode(SKEncodedImageFormat.Png, quality: 100);
        return PngMark.AddMark(encoded.AsSpan());
    }

    /// <summary>Whether a file is a picture that this tool drew.</summary>
    /// <param name="path">Any path.</param>
    public static bool IsWrittenByAtu(string path) => PngMark.HasMark(path);

    /// <summary>Encodes one image, pixel for pixel.</summary>
    /// <param name="images"><c>[N, 1 or 3, H, W]</c>, nominally [-1, 1]; stay the caller's.</param>
    /// <param name="number">Position of the image, from 0.</param>
    /// <returns>A PNG file's bytes.</returns>
    public static byte[] SinglePng(Tensor images, int number)
    {
        using var image = Bitmap(images, number);
        using var encoded = image.Encode(SKEncodedImageFormat.Png, quality: 100);
        return encoded.ToArray();
    }

    private static void Draw(SKCanvas canvas, GridPanel panel, int left, int columns, int scale)
    {
        using var ink = new SKPaint { Color = SKColors.Black, IsAntialias = true };
        using var font = new SKFont(PictureFont.Typeface, 14);
        canvas.DrawText(panel.Title, left, TitleHeight - 8, font, ink);
        using var framed = new SKPaint { Color = _frame, Style = SKPaintStyle.Stroke, StrokeWidth = Gap };
        for (var number = 0; number < panel.Images.shape[0]; number++)
        {
            using var image = Bitmap(panel.Images, number);
            var (width, height) = (image.Width * scale, image.Height * scale);
            var (x, y) = (left + Gap + number % columns * (width + Gap), TitleHeight + Gap + number / columns * (height + Gap));
            using var pixels = SKImage.FromBitmap(image);
            canvas.DrawImage(pixels, new SKRect(x, y, x + width, y + height), new SKSamplingOptions(SKFilterMode.Nearest));
            if (panel.Flagged.Count > number && panel.Flagged[number])
                canvas.DrawRect(new SKRect(x, y, x + width, y + height), framed);
        }
    }

    private static SKBitmap Bitmap(Tensor images, int number)
    {
        using var scope = NewDisposeScope();
        var (channels, height, width) = ((int)images.shape[1], (int)images.shape[2], (int)images.shape[3]);
        var values = ImageQuantizer.ToLevels(images[number]).cpu().to(uint8).contiguous().data<byte>().ToArray();
        var bitmap = new SKBitmap(new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque));
        var plane = height * width;
        var bytes = new byte[plane * 4];
        for (var pixel = 0; pixel < plane; pixel++)
        {
            for (var colour = 0; colour < 3; colour++)
                bytes[4 * pixel + colour] = values[(channels == 1 ? 0 : colour) * plane + pixel];
            bytes[4 * pixel + 3] = 255;
        }

        System.Runtime.InteropServices.Marshal.Copy(bytes, 0, bitmap.GetPixels(), bytes.Length);
        return bitmap;
    }
}

/// <summary>One panel of a grid.</summary>
/// <param name="Title">Title above the panel.</param>
/// <param name="Images"><c>[N, 1 or 3, H, W]</c>, nominally [-1, 1]; stays the caller's.</param>
/// <param name="Flagged">Whether each image gets a red frame; may be shorter than N.</param>
public sealed record GridPanel(string Title, Tensor Images, IReadOnlyList<bool> Flagged);
