namespace AdaptThenUnlearn.Diagnostics;

/// <summary>The codes of what goes wrong in a command or a run; a code never changes its meaning.</summary>
public static class RunCodes
{
    /// <summary>An argument is wrong, the policy file cannot be read, or a file to write is an input.</summary>
    public const string BadArgument = "ATU2000";

    /// <summary>A checkpoint, picture or array is missing, damaged, not as pinned, or of an unknown kind.</summary>
    public const string UnreadableInput = "ATU2001";

    /// <summary>A file disappeared or changed during the run.</summary>
    public const string ChangedFile = "ATU2002";

    /// <summary>The output folder cannot be written, is in use, or holds an input or a foreign file.</summary>
    public const string OutputFolder = "ATU2003";

    /// <summary>There is not enough disk space.</summary>
    public const string DiskSpace = "ATU2004";

    /// <summary>The generator's samples, or the images given instead, hold too little to learn from.</summary>
    public const string TooLittleFeedback = "ATU2005";

    /// <summary>There is not enough memory.</summary>
    public const string OutOfMemory = "ATU2006";

    /// <summary>A loss is not finite.</summary>
    public const string Diverged = "ATU2007";

    /// <summary>Libtorch or the requested device is missing.</summary>
    public const string Backend = "ATU2008";

    /// <summary>A run record cannot be read.</summary>
    public const string UnreadableRecord = "ATU2009";

    /// <summary>Training data are missing or damaged.</summary>
    public const string TrainingData = "ATU2010";

    /// <summary>A file cannot be written; its earlier content is unchanged.</summary>
    public const string NotWritten = "ATU2011";

    /// <summary>Labels cannot be used, or the labelling page's port is taken.</summary>
    public const string Labels = "ATU2012";

    /// <summary>A search starts from settings whose own runs cannot be scored.</summary>
    public const string NothingToSearchFrom = "ATU2013";

    /// <summary>Results cannot be written to the standard output.</summary>
    public const string StandardOutput = "ATU2014";

    /// <summary>A file or folder cannot be read or written.</summary>
    public const string FileAccess = "ATU2015";

    /// <summary>A time-stamp authority gave no time stamp of the policy.</summary>
    public const string Timestamp = "ATU2016";

    /// <summary>The generator's command failed, took too long, or wrote something else than was asked of it.</summary>
    public const string Command = "ATU2017";

    /// <summary>Warning: an input needed an assumption, or has a property that a reader of the verdict must know.</summary>
    public const string Remark = "ATU2101";

    /// <summary>Warning: data look like something else than they are taken for.</summary>
    public const string DoubtfulData = "ATU2102";

    /// <summary>An unexpected error; please report it.</summary>
    public const string Unexpected = "ATU2999";
}
