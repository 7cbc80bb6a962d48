namespace AdaptThenUnlearn.Torch.Checkpoints.Pickle;

/// <summary>Distinguishes the names of plain values from names whose purpose is to run code.</summary>
/// <remarks>
/// Nothing is ever imported or called here, whatever its name. The lists protect people who load the file, or a copy of it, in
/// Python. They follow scanners of pickles, and cannot be complete. A name on neither list is passed over and reported.
/// </remarks>
internal static class HarmlessGlobals
{
    // Modules whose classes and functions make values: numbers, dates, paths, types, arrays.
    private static readonly HashSet<string> _values =
    [
        "collections", "datetime", "pathlib", "pathlib._local", "decimal", "fractions", "uuid", "enum", "copyreg", "copy_reg",
        "argparse", "_codecs", "torch", "torch.serialization", "torch._utils", "torch.storage", "torch.random", "numpy",
        "numpy.core.multiarray", "numpy._core.multiarray", "numpy.core.numeric", "numpy._core.numeric", "numpy.dtypes",
        "numpy.random._pickle", "numpy.random", "numpy.ma.core",
    ];

    private static readonly HashSet<string> _builtInValues =
    [
        "complex", "bytearray", "bytes", "int", "long", "float", "bool", "str", "unicode", "list", "dict", "tuple",
        "object", "slice", "range", "xrange", "type", "NoneType", "Ellipsis"
    ];

    // Modules that run code, by the first part of their names.
    private static readonly HashSet<string> _codeModules =
    [
        "os", "posix", "nt", "subprocess", "_posixsubprocess", "commands", "popen2", "sys", "shutil", "pty", "socket",
        "_socket", "ssl", "ctypes", "_ctypes", "importlib", "imp", "_imp", "runpy", "code", "codeop", "pickle", "_pickle",
        "cPickle", "marshal", "operator", "_operator", "asyncio", "multiprocessing", "concurrent", "threading", "_thread",
        "signal", "pdb", "bdb", "timeit", "trace", "profile", "cProfile", "pip", "ensurepip", "setuptools", "distutils",
        "urllib", "urllib2", "http", "httplib", "requests", "ftplib", "telnetlib", "smtplib", "tarfile", "zipfile",
        "webbrowser", "inspect", "gc", "atexit", "site", "pydoc", "doctest", "sqlite3", "xmlrpc", "pkgutil", "venv",
    ];

    private static readonly HashSet<string> _runningNames =
    [
        "torch load", "torch.serialization load", "torch.jit load", "numpy load", "numpy.lib.npyio load", "functools reduce",
        "types FunctionType", "types CodeType", "types LambdaType", "types MethodType", "types ModuleType", "codecs open",
        "io open", "io open_code", "io FileIO", "_io open", "_io open_code", "_io FileIO", "fileinput input", "tempfile mktemp",
    ];

    private static readonly string[] _runningModules =
    [
        "torch.hub", "torch.utils.cpp_extension", "torch.utils.model_zoo", "numpy.testing", "numpy.f2py", "torch._dynamo",
        "torch._inductor"
    ];

    /// <summary>The role of a global that this reader does not interpret.</summary>
    /// <param name="module">Where Python would import it from.</param>
    /// <param name="name">Its name there.</param>
    public static PickleRole RoleOf(string module, string name)
    {
        // A dotted name reaches into what a module has imported itself: "torch" with the name "os.system".
        if (name.Contains('.', StringComparison.Ordinal))
            return name.Split('.').Any(_codeModules.Contains) ? PickleRole.Forbidden : PickleRole.Unknown;
        if (module is "builtins" or "__builtin__" or "__builtins__")
            return _builtInValues.Contains(name) ? PickleRole.Opaque : PickleRole.Forbidden;
        if (_codeModules.Contains(module.Split('.')[0])
            || _runningNames.Contains($"{module} {name}")
            || Array.Exists(_runningModules, IsWithin))
            return PickleRole.Forbidden;

        return _values.Contains(module) ? PickleRole.Opaque : PickleRole.Unknown;

        bool IsWithin(string running) => module == running || module.StartsWith(running + ".", StringComparison.Ordinal);
    }
}
