namespace AdaptThenUnlearn.Benchmarks;

/// <summary>Where the timing commands write what they found.</summary>
#pragma warning disable RS0030 // this class is the console's home here
internal static class Terminal
{
    /// <summary>A line of the result.</summary>
    public static void WriteLine(string text) => Console.Out.WriteLine(text);
}
