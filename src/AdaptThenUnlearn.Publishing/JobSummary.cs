using System.Text;
using AdaptThenUnlearn.Publishing.Admission;
using AdaptThenUnlearn.Publishing.Pages;
using AdaptThenUnlearn.Publishing.Targets;

namespace AdaptThenUnlearn.Publishing;

/// <summary>The file whose Markdown GitHub Actions shows on the build's page.</summary>
/// <remarks>
/// Pages are appended and shortened to what fits, because GitHub drops a summary that is too long and reports nothing.
/// </remarks>
/// <param name="file">Path of the file (GITHUB_STEP_SUMMARY).</param>
public sealed class JobSummary(string file)
{
    /// <summary>Appends a run's page.</summary>
    /// <returns>What was done, as a sentence.</returns>
    /// <exception cref="PublishException">The file cannot be written or is full.</exception>
    public string Append(PublishedRun run, PublishContext context)
    {
        try
        {
            using var stream = new FileStream(file, FileMode.Append, FileAccess.Write, FileShare.Read);
            var separator = stream.Length > 0 ? "\n" : "";
            var room = (int)Math.Max(0, RunPages.JobSummaryLimit - stream.Length - separator.Length);
            var page = RunPages.JobSummary(run, context, room) ?? throw new PublishException(
                PublishCodes.JobSummary,
                $"{file}: the job summary has no room left (1 MiB a step); run atu in a separate step");
            stream.Write(Encoding.UTF8.GetBytes(separator + page));
            return $"job summary appended to {file}";
        }
        catch (Exception failed)
            when (failed is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new PublishException(PublishCodes.JobSummary, $"{file}: the job summary cannot be written: {failed.Message}");
        }
    }
}
