using SkiaSharp;

namespace AdaptThenUnlearn.Torch.Images;

/// <summary>
/// Places the names of a plot's points so that they hide no points and no other names, each as near to its point as possible.
/// </summary>
internal static class NamePlacement
{
    private const float Gap = 3;     // between point and name, pixels
    private const int Rings = 8;     // distances that are tried

    // The place to the right of the point is tried first, then the others around it.
    private static readonly (float X, float Y)[] _directions =
    [
        (1, 0), (1, -1), (1, 1), (-1, 0), (-1, -1), (-1, 1), (0, -1), (0, 1)
    ];

    /// <summary>Places every name; the names of crowded points are placed first.</summary>
    /// <param name="points">The points in pixels, with y downwards.</param>
    /// <param name="sizes">Sizes of their names, in pixels.</param>
    /// <param name="area">Size of the plot, which names leave only where no other place is free, in pixels.</param>
    /// <param name="radius">Radius of the points' markers, in pixels.</param>
    /// <returns>A box for each name, in pixels.</returns>
    public static IReadOnlyList<SKRect> Beside(
        IReadOnlyList<SKPoint> points, IReadOnlyList<SKSize> sizes, SKSize area, float radius)
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

        // The area that a name would hide, and that would be cut off. Among equal places the first is taken, which is the
        // nearest.
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
        Math.Max(0, Math.Min(one.Right, other.Right) - Math.Max(one.Left, other.Left))
            * Math.Max(0, Math.Min(one.Bottom, other.Bottom) - Math.Max(one.Top, other.Top));
}
