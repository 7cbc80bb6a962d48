using Cake.Core;
using Cake.Core.IO;

namespace AdaptThenUnlearn.Cake;

/// <summary>Extends Cake's argument builder.</summary>
internal static class ArgumentLine
{
    /// <summary>Adds an option without a value where it is set.</summary>
    public static ProcessArgumentBuilder AppendFlag(this ProcessArgumentBuilder line, bool set, string name) =>
        set ? line.Append(name) : line;
}
