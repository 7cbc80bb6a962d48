namespace AdaptThenUnlearn.Cli.Labelling;

/// <summary>The files of the labelling page: four resources of this assembly, the same for every session.</summary>
internal static class PageFiles
{
    /// <summary>Content type and bytes by the name in the address; the page itself has an empty name.</summary>
    public static IReadOnlyDictionary<string, (string Type, byte[] Bytes)> All { get; } = new Dictionary<string, (string, byte[])>
    {
        [""] = ("text/html; charset=utf-8", Read("page.html")),
        ["page.css"] = ("text/css; charset=utf-8", Read("page.css")),
        ["page.svg"] = ("image/svg+xml", Read("page.svg")),
        ["page.js"] = ("text/javascript; charset=utf-8", Read("page.js")),
    };

    private static byte[] Read(string name)
    {
        using var stream = typeof(PageFiles).Assembly.GetManifestResourceStream($"label/{name}")
            ?? throw new InvalidOperationException($"the assembly has no resource {name}");
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }
}
