using AdaptThenUnlearn.Runs;

namespace AdaptThenUnlearn.Reports;

/// <summary>The run record itself, for machines.</summary>
public sealed class JsonReport : IReportFormat
{
    /// <inheritdoc/>
    public string Name => "json";

    /// <inheritdoc/>
    public string FileName => RunRecord.FileName;

    /// <inheritdoc/>
    public string Render(RunRecord record, RecordedPictures? pictures = null, Trend? trend = null) =>
        RunRecordFile.ToJson(record);
}
