using System.Globalization;
using System.Text;
using static AdaptThenUnlearn.House.RoomGraph;

namespace AdaptThenUnlearn.House;

/// <summary>The graph as Markdown: a table of rooms with the rooms that they use, then the cycles.</summary>
public static class GraphText
{
    /// <summary>Renders it.</summary>
    /// <param name="graph">Of any checkout.</param>
    public static string Render(RoomGraph graph)
    {
        var text = new StringBuilder(
            "| room | known by | knows | which (types that use, types used) |\n| --- | ---: | ---: | --- |\n");
        foreach (var room in graph.Rooms)
        {
            var known = graph.KnownBy(room).ToList();
            var which = string.Join(", ", known.Select(to => Arrow(graph.Arrows[(room, to)], to)));
            text.Append(
                CultureInfo.InvariantCulture, $"| {Short(room)} | {graph.UsersOf(room).Count()} | {known.Count} | {which} |\n");
        }

        var cycles = graph.Cycles();
        text.Append(
            CultureInfo.InvariantCulture, $"\n{graph.Rooms.Count} rooms, {graph.Arrows.Count} arrows, {cycles.Count} cycles\n");
        foreach (var cycle in cycles)
        {
            text.Append(CultureInfo.InvariantCulture, $"\nCycle of {cycle.Count}: {string.Join(", ", cycle.Select(Short))}\n");
            var within = graph.Arrows.Where(arrow => cycle.Contains(arrow.Key.From) && cycle.Contains(arrow.Key.To));
            foreach (var ((from, to), uses) in within)
            {
                var first = string.Join(", ", uses.Take(4).Select(use => $"{NameOf(use.From)} → {NameOf(use.To)}"));
                var more = uses.Count > 4 ? string.Create(CultureInfo.InvariantCulture, $" and {uses.Count - 4} more") : "";
                text.Append(CultureInfo.InvariantCulture, $"  {Short(from)} → {Short(to)}: {first}{more}\n");
            }
        }
        return text.ToString();
    }

    private static string Arrow(IReadOnlyList<TypeUse> uses, string to) =>
        $"{Short(to)} ({uses.Select(use => use.From).Distinct().Count()}, {uses.Select(use => use.To).Distinct().Count()})";
}
