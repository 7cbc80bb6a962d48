using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Reports;

/// <summary>A kind of report: pure text from a run record, and from the bytes of its pictures where it can hold them.</summary>
public interface IReportFormat
{
    /// <summary>As policies name it.</summary>
    string Name { get; }

    /// <summary>Name of its file in the run's folder.</summary>
    string FileName { get; }

    /// <summary>Makes the report. The same record, pictures and trend give the same text.</summary>
    /// <param name="record">Of the run.</param>
    /// <param name="pictures">For formats that hold them; null where there are none.</param>
    /// <param name="trend">
    /// That ends with the run, for formats that people read, which show it in a section; null for a report about the run alone.
    /// </param>
    string Render(RunRecord record, RecordedPictures? pictures = null, Trend? trend = null);
}
