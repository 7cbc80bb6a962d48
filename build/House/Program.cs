// Prints who knows whom: dotnet run --project build/House -- [CHECKOUT] [Release|Debug]
using AdaptThenUnlearn.House;

try
{
    var graph = RoomGraph.OfCheckout(args.ElementAtOrDefault(0) ?? ".", args.ElementAtOrDefault(1) ?? "Release");
    Console.Write(GraphText.Render(graph));
    return graph.Cycles().Count == 0 ? 0 : 1;
}
catch (FileNotFoundException missing)
{
    await Console.Error.WriteLineAsync(missing.Message);
    return 2;
}
