using OptimSharp.Conformance;

namespace OptimSharp.Torch.Tests;

/// <summary>Every golden case, on TorchSharp tensors: through pointers, and by the torch backend. One row a case.</summary>
public class GoldenTests
{
    public static IEnumerable<TheoryDataRow<string, bool>> Cases =>
        from x in GoldenFiles.All()
        from byPointer in new[] { true, false }
        select new TheoryDataRow<string, bool>(x.File, byPointer) { TestDisplayName = $"{x.Name} ({(byPointer ? "by pointer" : "torch backend")})" };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Matches_PyTorch(string file, bool byPointer) => GoldenCase.Run(file, new TorchParameterSource(byPointer));
}
