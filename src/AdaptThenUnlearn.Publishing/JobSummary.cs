using System.Text;
using AdaptThenUnlearn.Publishing.Admission;
using AdaptThenUnlearn.Publishing.Pages;
using AdaptThenUnlearn.Publishing.Targets;

namespace AdaptThenUnlearn.Publishing;

/// <summary>The file whose Markdown GitHub Actions shows on the build's page: appended to, and never overflowing, since an overflow is dropped without a word.</summary>
/// <param name="file">GITHUB_STEP_SUMMARY.</param>
public sealed class JobSummary(string file)
{
    /// <summary>Appends a run's page.</summary>
    /// <returns>What was done.</returns>
    /// <exception cref="PublishException">The file cannot be written, or has no room.</exception>
    public string Append(PublishedRun run)
    {
        try
        {
            using var stream = new FileStream(file, FileMode.Append, FileAccess.Write, FileShare.Read);
            var separator = stream.Length > 0 ? "\n" : "";
            var page = RunPages.JobSummary(run, (int)Math.Max(0, RunPages.JobSummaryLimit - stream.Length - separator.Length))
                ?? throw new PublishException(PublishCodes.JobSummary, $"{file}: the job summary has no room left (1 MiB a step); run atu in a step of its own");
            stream.Write(Encoding.UTF8.GetBytes(separator + page));
            return $"job summary appended to {file}";
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new PublishException(PublishCodes.JobSummary, $"{file}: the job summary cannot be written: {failed.Message}");
        }
    }
}
