using AdaptThenUnlearn.Tests;

namespace AdaptThenUnlearn.Solution.Tests;

/// <summary>Somebody's folder outside our repository, with projects that use our packages.</summary>
/// <param name="feed">Whose packages.</param>
/// <param name="folder">Its folder.</param>
public sealed class Consumer(LocalFeed feed, string folder)
{
    public string Folder { get; } = folder;

    public string At(string name) => Path.Combine(Folder, name);

    /// <summary>Writes a file and returns its path.</summary>
    public string Write(string name, string content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(At(name))!);
        File.WriteAllText(At(name), content);
        return At(name);
    }

    /// <summary>Copies policies and their models to <c>policies</c>, where the schema for editors lies too.</summary>
    public void CopyPolicies(string folder)
    {
        Directory.CreateDirectory(At("policies"));
        var schema = Path.Combine(Repository.Root, "policies", "policy.schema.json");
        foreach (var file in Directory.EnumerateFiles(folder).Append(schema))
            File.Copy(file, Path.Combine(At("policies"), Path.GetFileName(file)), overwrite: true);
    }

    /// <summary>Runs <c>dotnet</c> here to its end.</summary>
    public (int ExitCode, string Output) Dotnet(params string[] arguments)
    {
        using var command = Start(arguments);
        return command.Finish();
    }

    /// <summary>Starts <c>dotnet</c> here.</summary>
    internal Command Start(params string[] arguments) => Start([], arguments);

    /// <summary>Starts <c>dotnet</c> here, with variables over the feed's.</summary>
    internal Command Start(Dictionary<string, string?> environment, params string[] arguments)
    {
        foreach (var (name, value) in feed.Environment)
            environment.TryAdd(name, value);
        return Command.Start(Folder, environment, "dotnet", arguments);
    }
}
