using OptimSharp.Conformance;

namespace OptimSharp.Tests.Conformance;

/// <summary>Every golden case, on host memory. One row a case.</summary>
public class GoldenTests
{
    public static IEnumerable<TheoryDataRow<string>> Cases =>
        GoldenFiles.All().Select(x => new TheoryDataRow<string>(x.File) { TestDisplayName = x.Name });

    [Theory]
    [MemberData(nameof(Cases))]
    public void Matches_PyTorch(string file) => GoldenCase.Run(file, new HostParameterSource());
}
