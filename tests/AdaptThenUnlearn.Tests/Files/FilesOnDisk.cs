using System.Diagnostics;
using System.Net.Sockets;

namespace AdaptThenUnlearn.Tests.Files;

/// <summary>Things that lie where a file is expected: reading them waits, or never ends.</summary>
internal static class FilesOnDisk
{
    public static TheoryData<string> Irregular =>
    [
        "a pipe", "a socket", "an endless device", "a link to a pipe", "a link to a device", "a folder", "nothing",
        "a NUL character", "an empty path"
    ];

    /// <summary>Makes one in a folder and gives its path.</summary>
    public static string Make(string folder, string what)
    {
        var path = Path.Combine(folder, "thing");
        switch (what)
        {
            case "a pipe":
                Fifo(path);
                return path;
            case "a socket":
                using (var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
                    socket.Bind(new UnixDomainSocketEndPoint(path));   // the file outlives it
                return path;
            case "a link to a pipe":
                Fifo(path + "-behind");
                return File.CreateSymbolicLink(path, path + "-behind").FullName;
            case "a link to a device":
                return File.CreateSymbolicLink(path, "/dev/zero").FullName;
            case "a folder":
                return Directory.CreateDirectory(path).FullName;
            case "an endless device":
                return "/dev/zero";
            case "a NUL character":
                return path + "\0";
            case "an empty path":
                return "";
            default:
                return path;
        }
    }

    public static void Fifo(string path)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "pipes with names of files are of Unix");
        using var made = Process.Start("mkfifo", path);
        made.WaitForExit();
        Assert.Equal(0, made.ExitCode);
    }
}
