namespace AdaptThenUnlearn.House;

/// <summary>Which rooms (namespaces, which are folders) use which, and through which types.</summary>
public sealed class RoomGraph
{
    private static readonly string[] _folders = ["src", "tasks"];

    /// <summary>Groups uses of types by the namespaces of both ends.</summary>
    /// <param name="uses">From one or more assemblies.</param>
    public RoomGraph(IEnumerable<TypeUse> uses)
    {
        var distinct = uses.Distinct().ToList();
        Rooms = [.. distinct.SelectMany(use => new[] { RoomOf(use.From), RoomOf(use.To) })
            .Distinct()
            .Order(StringComparer.Ordinal)];
        Arrows = distinct.Where(use => RoomOf(use.From) != RoomOf(use.To))
            .GroupBy(use => (RoomOf(use.From), RoomOf(use.To)))
            .ToDictionary(
                arrow => arrow.Key,
                IReadOnlyList<TypeUse> (arrow) =>
                    [.. arrow.OrderBy(use => use.From, StringComparer.Ordinal).ThenBy(use => use.To, StringComparer.Ordinal)]);
    }

    /// <summary>Reads every project of a built checkout.</summary>
    /// <param name="root">The checkout.</param>
    /// <param name="configuration"><c>Release</c> or <c>Debug</c>.</param>
    /// <exception cref="FileNotFoundException">A project of <c>src</c> or <c>tasks</c> is not built.</exception>
    public static RoomGraph FromCheckout(string root, string configuration) =>
        new(Assemblies(root, configuration).SelectMany(CompiledReferences.Read));

    /// <summary>Namespaces that hold or use a type, sorted.</summary>
    public IReadOnlyList<string> Rooms { get; }

    /// <summary>From one room to another, with the types that make the arrow.</summary>
    public IReadOnlyDictionary<(string From, string To), IReadOnlyList<TypeUse>> Arrows { get; }

    /// <summary>The rooms that a room uses, sorted.</summary>
    /// <param name="room">A namespace.</param>
    public IEnumerable<string> KnownBy(string room) => Rooms.Where(to => Arrows.ContainsKey((room, to)));

    /// <summary>The rooms that use a room, sorted.</summary>
    /// <param name="room">A namespace.</param>
    public IEnumerable<string> UsersOf(string room) => Rooms.Where(from => Arrows.ContainsKey((from, room)));

    /// <summary>Groups of two or more rooms each of which reaches every other: strongly connected components.</summary>
    public IReadOnlyList<IReadOnlyList<string>> Cycles()
    {
        var reached = Rooms.ToDictionary(room => room, Reachable);
        return
        [
            .. Rooms.Select(room => Rooms.Where(
                other => other == room
                    || (reached[room].Contains(other) && reached[other].Contains(room))).ToList())
                .Where(group => group.Count > 1)
                .DistinctBy(group => group[0]),
        ];
    }

    /// <summary>The namespace of a full type name.</summary>
    /// <param name="type">As in <see cref="TypeUse"/>.</param>
    public static string RoomOf(string type) => type[..type.LastIndexOf('.')];

    /// <summary>What all rooms' names begin with.</summary>
    internal const string Prefix = "AdaptThenUnlearn.";

    /// <summary>A room's name without what all begin with.</summary>
    internal static string Short(string room) => room.StartsWith(Prefix, StringComparison.Ordinal) ? room[Prefix.Length..] : room;

    /// <summary>A type's name without its room.</summary>
    internal static string NameOf(string type) => type[(type.LastIndexOf('.') + 1)..];

    private HashSet<string> Reachable(string room)
    {
        var found = new HashSet<string>();
        var waiting = new Queue<string>(KnownBy(room));
        while (waiting.TryDequeue(out var next))
        {
            if (!found.Add(next))
                continue;
            foreach (var further in KnownBy(next))
                waiting.Enqueue(further);
        }
        return found;
    }

    private static IEnumerable<string> Assemblies(string root, string configuration) =>
        _folders
            .SelectMany(folder => Directory.EnumerateFiles(Path.Combine(root, folder), "*.csproj", SearchOption.AllDirectories))
            .Order(StringComparer.Ordinal)
            .Select(project => AssemblyOf(project, configuration));

    private static string AssemblyOf(string project, string configuration)
    {
        var output = Path.Combine(Path.GetDirectoryName(project)!, "bin", configuration);
        // The command line has the tool's name.
        string[] names = [$"{Path.GetFileNameWithoutExtension(project)}.dll", "atu.dll"];
        return names.SelectMany(
            name => Directory.Exists(output)
                ? Directory.EnumerateFiles(output, name, SearchOption.AllDirectories)
                : [])
            .OrderBy(path => path.Length).FirstOrDefault()
            ?? throw new FileNotFoundException($"{project} is not built; run: dotnet build --configuration {configuration}");
    }
}
