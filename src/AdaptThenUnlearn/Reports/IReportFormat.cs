using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Reports;

/// <summary>A kind of report: pure text from a run record.</summary>
public interface IReportFormat
{
    /// <summary>As policies name it.</summary>
    string Name { get; }

    /// <summary>Name of its file in the run's folder.</summary>
    string FileName { get; }

    /// <summary>Makes the report. The same record gives the same text.</summary>
    string Render(RunRecord record);
}
