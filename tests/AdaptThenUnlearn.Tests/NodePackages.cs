using System.Diagnostics;
using System.Security.Cryptography;

namespace AdaptThenUnlearn.Tests;

/// <summary>
/// Packages of the npm registry that a test needs: those of a lock file beside it, fetched once, into the user's cache.
/// </summary>
internal static class NodePackages
{
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(10);

    /// <summary>The folder <c>node_modules</c> with the packages.</summary>
    /// <param name="source">Folder with <c>package.json</c> and <c>package-lock.json</c>, relative to the checkout.</param>
    /// <exception cref="NodeMissingException">Node or the registry is not there.</exception>
    public static string Restore(string source)
    {
        var locked = Path.Combine(Repository.Root, source);
        var version =
            Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Path.Combine(locked, "package-lock.json"))))[..12];
        var folder = Path.Combine(Cache, "adapt-then-unlearn", $"{Path.GetFileName(source)}-{version}");
        var modules = Path.Combine(folder, "node_modules");
        if (Directory.Exists(modules))
            return modules;

        var fresh = $"{folder}.{Guid.NewGuid():N}";
        Directory.CreateDirectory(fresh);
        try
        {
            foreach (var name in new[] { "package.json", "package-lock.json" })
                File.Copy(Path.Combine(locked, name), Path.Combine(fresh, name));
            Download(fresh);
            Directory.Move(fresh, folder);   // whole or not at all
        }
        catch (IOException) when (Directory.Exists(modules))
        {
            // another test process was faster
        }
        finally
        {
            if (Directory.Exists(fresh))
                Directory.Delete(fresh, recursive: true);
        }

        return modules;
    }

    /// <summary>Starts a program of Node's.</summary>
    /// <exception cref="NodeMissingException">It is not installed.</exception>
    public static Process Start(string program, string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo(
            program, arguments)
        { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        try
        {
            return Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception missing)
        {
            throw new NodeMissingException($"{program} cannot be started (it comes with Node): {missing.Message}");
        }
    }

    private static string Cache =>
        Environment.GetFolderPath(Environment.SpecialFolder.UserProfile) is { Length: > 0 } home
            ? Path.Combine(home, ".cache")
            : Path.GetTempPath();

    private static void Download(string folder)
    {
        using var npm = Start(
            OperatingSystem.IsWindows() ? "npm.cmd" : "npm", folder, "ci", "--ignore-scripts", "--no-audit", "--no-fund",
            "--fetch-retries", "1");
        var errors = npm.StandardError.ReadToEndAsync();
        _ = npm.StandardOutput.ReadToEndAsync();
        var ended = npm.WaitForExit(_patience);
        if (!ended)
            npm.Kill(entireProcessTree: true);
        if (!ended || npm.ExitCode != 0)
            throw new NodeMissingException(
                $"npm could not restore the packages: "
                    + $"{(ended ? errors.GetAwaiter().GetResult().Split('\n')[0] : "no answer in time")}");
    }
}

/// <summary>Why a test that needs Node cannot run here.</summary>
internal sealed class NodeMissingException(string reason) : Exception(reason);
