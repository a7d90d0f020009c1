using OptimSharp;

namespace Snippets; // as in a program of one's own, not below OptimSharp

/// <summary>The code of docs/memory.md.</summary>
public class ReportSnippets
{
    [Fact]
    public void What_there_is()
    {
        var w = Parameter.Of("w", new float[1000]);
        w.UseGradient().Fill(1);
        using var optimizer = new AdamW([w]);
        using var averages = new AveragedParameters([w]);
        optimizer.Step();

        MemoryReport report = optimizer.MemoryReport();
        Console.WriteLine(report);              // a table
        long state = report.StateBytes, variance = report.StateByName["exp_avg_sq"];

        Assert.Equal((8000, 4000), (state, variance));
        Console.WriteLine(optimizer.MemoryReport().With(averages.MemoryReport()));
        Assert.Equal(20_000, report.With(averages.MemoryReport()).TotalBytes);
    }

    [Fact]
    public void What_there_would_be()
    {
        using var planned = new AdamW(
            [
                Parameter.Meta("embedding", [50257, 768]),
                Parameter.Meta("head", [768, 50257], ElementType.BFloat16),
            ],
            new() { StatePrecision = StatePrecision.Dynamic8 });
        Console.WriteLine(planned.MemoryReport());

        const long Count = 50257 * 768;
        Assert.Equal(2 * 2 * (Count + (Count + 255) / 256 * 4), planned.MemoryReport().StateBytes);
    }
}
