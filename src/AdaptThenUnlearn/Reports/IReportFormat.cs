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

    /// <summary>Makes the report with a section about earlier runs, in formats that people read; the others have none.</summary>
    /// <param name="record">The run.</param>
    /// <param name="trend">That ends with the run.</param>
    string Render(RunRecord record, Trend trend) => Render(record);
}
