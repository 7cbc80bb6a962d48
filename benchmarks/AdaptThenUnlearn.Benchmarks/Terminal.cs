namespace AdaptThenUnlearn.Benchmarks;

/// <summary>Writes the results of the timing commands.</summary>
#pragma warning disable RS0030 // the only class of the benchmarks that uses the console
internal static class Terminal
{
    /// <summary>Writes a line of the result.</summary>
    public static void WriteLine(string text) => Console.Out.WriteLine(text);
}
