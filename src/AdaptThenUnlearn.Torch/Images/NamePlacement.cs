using SkiaSharp;

namespace AdaptThenUnlearn.Torch.Images;

/// <summary>Finds a place for the name of every point of a plot where it hides neither a point nor another name, as near to its own point as it can.</summary>
internal static class NamePlacement
{
    private const float Gap = 3;
    private const int Rings = 8;

    // Right of the point first, as one reads; then round it.
    private static readonly (float X, float Y)[] _directions = [(1, 0), (1, -1), (1, 1), (-1, 0), (-1, -1), (-1, 1), (0, -1), (0, 1)];

    /// <summary>Places every name, those of crowded points first.</summary>
    /// <param name="points">In pixels, y downwards.</param>
    /// <param name="sizes">Of their names.</param>
    /// <param name="area">Beyond which no name reaches, unless nothing else is free.</param>
    /// <param name="radius">Of the points' markers.</param>
    /// <returns>A box for each name.</returns>
    public static IReadOnlyList<SKRect> Beside(IReadOnlyList<SKPoint> points, IReadOnlyList<SKSize> sizes, SKSize area, float radius)
    {
        var whole = new SKRect(0, 0, area.Width, area.Height);
        var taken = points.Select(point => Box(point.X - radius, point.Y - radius, new SKSize(2 * radius, 2 * radius))).ToList();
        var boxes = new SKRect[points.Count];
        foreach (var number in Enumerable.Range(0, points.Count).OrderByDescending(Neighbours).ToList())
        {
            boxes[number] = Candidates(points[number], sizes[number], radius).MinBy(Hidden);
            taken.Add(boxes[number]);
        }

        return boxes;

        int Neighbours(int number) => points.Count(other => SKPoint.Distance(other, points[number]) < 2 * sizes[number].Height);

        // Area of what it hides, and of what is cut off; the first of equals is taken, which is the nearest.
        float Hidden(SKRect box) => (box.Width * box.Height) - Common(box, whole) + taken.Sum(other => Common(box, other));
    }

    private static IEnumerable<SKRect> Candidates(SKPoint point, SKSize size, float radius) =>
        from ring in Enumerable.Range(0, Rings)
        from direction in _directions
        let away = radius + Gap + (ring * size.Height / 2)
        select Box(
            point.X + (direction.X * away) + ((direction.X - 1) / 2 * size.Width),
            point.Y + (direction.Y * away) + ((direction.Y - 1) / 2 * size.Height),
            size);

    private static SKRect Box(float left, float top, SKSize size) => new(left, top, left + size.Width, top + size.Height);

    private static float Common(SKRect one, SKRect other) =>
        Math.Max(0, Math.Min(one.Right, other.Right) - Math.Max(one.Left, other.Left)) * Math.Max(0, Math.Min(one.Bottom, other.Bottom) - Math.Max(one.Top, other.Top));
}
