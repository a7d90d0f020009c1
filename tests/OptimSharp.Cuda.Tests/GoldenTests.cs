using OptimSharp.Conformance;

namespace OptimSharp.Cuda.Tests;

/// <summary>Golden cases in a device's memory, through the driver's functions. One row a case.</summary>
public class GoldenTests
{
    public static IEnumerable<TheoryDataRow<string>> Cases =>
        from x in GoldenFiles.All()
        where HasParameters(x.File)
        select new TheoryDataRow<string>(x.File) { TestDisplayName = $"{x.Name} (CUDA)" };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Matches_PyTorch(string file)
    {
        var (device, fake) = FakeDriver.Create();
        GoldenCase.Run(file, new CudaParameterSource(device));
        Assert.Null(fake.Failure);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Matches_PyTorch_with_state_on_the_host(string file) => GoldenCase.Run(file, new CudaParameterSource(FakeDriver.Create().Device, stateOnHost: true));

    /// <summary>Schedules are the same wherever parameters are.</summary>
    static bool HasParameters(string file) => !File.ReadAllText(file).Contains("\"kind\":\"scheduler\"", StringComparison.Ordinal);
}
