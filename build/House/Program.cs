// Prints who knows whom, and what the table does not allow:
//   dotnet run --project build/House --configuration Release -- [CHECKOUT] [Release|Debug]
// The checkout must be built. Exit codes: 0 all rules hold, 1 some do not, 2 something is not built.
using AdaptThenUnlearn.House;

try
{
    var graph = RoomGraph.FromCheckout(args.ElementAtOrDefault(0) ?? ".", args.ElementAtOrDefault(1) ?? "Release");
    Console.Write(GraphText.Render(graph));
    var violations = RoomRules.Violations(graph);
    foreach (var violation in violations)
        Console.WriteLine($"- {violation}");
    return violations.Count == 0 ? 0 : 1;
}
catch (FileNotFoundException missing)
{
    Console.Error.WriteLine(missing.Message);
    return 2;
}
