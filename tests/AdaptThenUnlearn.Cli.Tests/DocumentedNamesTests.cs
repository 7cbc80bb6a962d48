using AdaptThenUnlearn.Publishing.Hosts;
using AdaptThenUnlearn.Reports;
using AdaptThenUnlearn.Tests;
using AdaptThenUnlearn.Torch.Attacks;
using AdaptThenUnlearn.Torch.Checkpoints;
using AdaptThenUnlearn.Torch.Measuring;
using AdaptThenUnlearn.Torch.Unlearning;
using AdaptThenUnlearn.Torch.Unlearning.Repulsion;

namespace AdaptThenUnlearn.Cli.Tests;

/// <summary>Every name of every catalogue is on its pages; the command line's tests alone see all catalogues.</summary>
public sealed class DocumentedNamesTests
{
    private static readonly (string Catalogue, string[] Pages, string[] Names)[] _catalogues =
    [
        ("RepulsionLosses", ["policy.md", "method.md"], [.. RepulsionLosses.All.Select(loss => Code(loss.Name))]),
        ("UnlearningMethods", ["policy.md", "method.md"], [.. UnlearningMethods.All.Select(method => Code(method.Name))]),
        ("GeneratorArchitectures", ["bring-your-own-generator.md"], [
            .. GeneratorArchitectures.All.Select(architecture => Code(architecture.Name))
        ]),
        ("CheckpointFormats", [
            "policy.md", "bring-your-own-generator.md"
        ], [.. CheckpointFormats.All.Select(format => Code(format.Name))]),
        ("QualityMetrics", ["measurement.md"], [.. QualityMetrics.All.Select(metric => Code(metric.Metric.Name))]),
        ("ReportFormats", ["policy.md", "reports.md"], [.. ReportFormats.All.Select(format => Code(format.Name))]),
        ("KnownAttacks", ["attacks.md"], [.. KnownAttacks.All.Select(attack => Code(attack.Name))]),
        ("CiHosts", ["publishing.md"], [.. CiHosts.All.Select(host => host.Name)]),
    ];

    public static TheoryData<string, string> CataloguesAndPages =>
        new(_catalogues.SelectMany(catalogue => catalogue.Pages.Select(page => (catalogue.Catalogue, page))));

    [Theory]
    [MemberData(nameof(CataloguesAndPages))]
    public void Page_EveryNameOfTheCatalogue_IsThere(string catalogue, string page)
    {
        var text = File.ReadAllText(Path.Combine(Repository.Root, "docs", page));
        var missing = _catalogues.Single(each => each.Catalogue == catalogue).Names
            .Where(name => !text.Contains(name, StringComparison.Ordinal))
            .ToList();

        Assert.True(
            missing.Count == 0, $"docs/{page} does not name {string.Join(", ", missing)} of {catalogue}: add a row for each");
    }

    private static string Code(string name) => $"`{name}`";
}
