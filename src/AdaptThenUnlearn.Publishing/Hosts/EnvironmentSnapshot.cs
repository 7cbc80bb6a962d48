namespace AdaptThenUnlearn.Publishing.Hosts;

/// <summary>The environment variables as they were at the start: the one place of publishing that reads them.</summary>
public sealed class EnvironmentSnapshot
{
    private readonly IReadOnlyDictionary<string, string> _variables;

    /// <summary>A made-up environment.</summary>
    /// <param name="variables">By name.</param>
    public EnvironmentSnapshot(IReadOnlyDictionary<string, string> variables) => _variables = variables;

    /// <summary>That of this process.</summary>
    public static EnvironmentSnapshot Capture()
    {
#pragma warning disable RS0030 // this class is the environment's home
        var variables = Environment.GetEnvironmentVariables();
#pragma warning restore RS0030
        return new(variables.Keys.Cast<string>().ToDictionary(name => name, name => (string?)variables[name] ?? "", StringComparer.Ordinal));
    }

    /// <summary>A variable's value; null when it is not set, or empty.</summary>
    public string? this[string name] => _variables.TryGetValue(name, out var value) && value.Length > 0 ? value : null;

    /// <summary>Names nothing: values may be secret.</summary>
    public override string ToString() => $"{_variables.Count} environment variables";
}
