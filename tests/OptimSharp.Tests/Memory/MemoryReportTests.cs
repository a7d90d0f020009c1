namespace OptimSharp.Tests.Memory;

/// <summary>Bytes are those of shapes and types, counted here by hand.</summary>
public class MemoryReportTests
{
    [Fact]
    public void Parameters_gradients_and_state_are_counted_by_group_name_and_precision()
    {
        var matrix = Parameter.Of("matrix", new float[5000], 100, 50);
        var bias = Parameter.Of("bias", new BFloat16[10]);
        var frozen = Parameter.Of("frozen", new double[3]);
        using var optimizer = new AdamW([new([matrix, bias], o => o with { StatePrecision = StatePrecision.Dynamic8 }), new([frozen])]);
        var before = optimizer.MemoryReport();
        Assert.Equal((5000 * 4 + 10 * 2 + 3 * 8, 0L, 0L, 0L), (before.ParameterBytes, before.GradientBytes, before.StateBytes, before.CopyBytes));
        Assert.False(before.IsPlan);

        matrix.UseGradient().Fill(1);
        bias.UseGradient().Fill((BFloat16)1f);
        optimizer.Step();
        var report = optimizer.MemoryReport();
        const long Packed = 5000 + 20 * 4; // codes, and a scale for each block of 256
        Assert.Equal(
        [
            new(MemoryUse.Parameters, "AdamW", 0, "", "Float32", 1, 5000, 20_000),
            new(MemoryUse.Parameters, "AdamW", 0, "", "BFloat16", 1, 10, 20),
            new(MemoryUse.Gradients, "AdamW", 0, "", "Float32", 1, 5000, 20_000),
            new(MemoryUse.Gradients, "AdamW", 0, "", "BFloat16", 1, 10, 20),
            new(MemoryUse.State, "AdamW", 0, "exp_avg", "Dynamic8", 1, 5000, Packed),
            new(MemoryUse.State, "AdamW", 0, "exp_avg_sq", "Dynamic8", 1, 5000, Packed),
            new(MemoryUse.State, "AdamW", 0, "exp_avg", "Float32", 1, 10, 40),
            new(MemoryUse.State, "AdamW", 0, "exp_avg_sq", "Float32", 1, 10, 40),
            new(MemoryUse.Parameters, "AdamW", 1, "", "Float64", 1, 3, 24),
        ], report.Entries);
        Assert.Equal((20_044, 20_020, 2 * Packed + 80, 20_044 + 20_020 + 2 * Packed + 80), (report.ParameterBytes, report.GradientBytes, report.StateBytes, report.TotalBytes));
        Assert.Equal([new("exp_avg", Packed + 40), new("exp_avg_sq", Packed + 40)], report.StateByName);
        Assert.Equal([new("Dynamic8", 2 * Packed), new("Float32", 80)], report.StateByPrecision);
        Assert.Equal(24, report.Group(1).TotalBytes);
        Assert.Contains("The report has no parameter group 2; it has 0, 1.", Assert.Throws<ArgumentOutOfRangeException>(() => report.Group(2)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => report.Group(-1));
        Assert.Equal("""
            group  of     memory      name        precision  tensors  elements       size
            0      AdamW  parameters              Float32          1     5,000  19.53 KiB
            0      AdamW  parameters              BFloat16         1        10       20 B
            0      AdamW  gradients               Float32          1     5,000  19.53 KiB
            0      AdamW  gradients               BFloat16         1        10       20 B
            0      AdamW  state       exp_avg     Dynamic8         1     5,000   4.96 KiB
            0      AdamW  state       exp_avg_sq  Dynamic8         1     5,000   4.96 KiB
            0      AdamW  state       exp_avg     Float32          1        10       40 B
            0      AdamW  state       exp_avg_sq  Float32          1        10       40 B
            1      AdamW  parameters              Float64          1         3       24 B

            parameters  19.57 KiB
            gradients   19.55 KiB
            state       10.00 KiB
            all         49.12 KiB
            """, report.ToString());

        optimizer.ZeroGrad();
        Assert.Equal(0, optimizer.MemoryReport().GradientBytes);
    }

    [Theory]
    [InlineData(1023L, "1023 B")]
    [InlineData(1024L, "1.00 KiB")]
    [InlineData(3L << 19, "1.50 MiB")]
    [InlineData(5L << 30, "5.00 GiB")]
    [InlineData(3000L << 30, "2.93 TiB")]
    [InlineData(long.MaxValue, "8,388,608.00 TiB")]
    public void Sizes_have_units_of_1024(long bytes, string text) => Assert.Equal(text, MemoryText.Size(bytes));

    [Fact]
    public void A_sparse_gradient_takes_its_rows_and_their_indices()
    {
        var table = Parameter.Of("table", new float[50], 10, 5);
        table.SparseGradient = new(new long[] { 3, 4 }, new float[10]);
        using var optimizer = new SparseAdam([table]);
        var gradient = Assert.Single(optimizer.MemoryReport().Entries, e => e.Use == MemoryUse.Gradients);
        Assert.Equal((10, 10 * 4 + 2 * 8), (gradient.Count, gradient.Bytes));
    }

    [Fact]
    public void Several_optimizers_have_their_groups_one_after_the_other()
    {
        var matrix = Parameter.Of("matrix", new float[60], 6, 10);
        var bias = Parameter.Of("bias", new float[6]);
        matrix.UseGradient().Fill(1);
        bias.UseGradient().Fill(1);
        using var combined = new CombinedOptimizer(new Muon([matrix]), new AdamW([bias]));
        combined.Step();
        var report = combined.MemoryReport();
        Assert.Equal([("Muon", 0, "momentum_buffer", 240L), ("AdamW", 1, "exp_avg", 24L), ("AdamW", 1, "exp_avg_sq", 24L)], report.Entries.Where(e => e.Use == MemoryUse.State).Select(e => (e.Owner, e.Group!.Value, e.Name, e.Bytes)));
        Assert.Equal(report.Group(1).StateBytes, combined.Optimizers[1].MemoryReport().StateBytes);
    }

    [Fact]
    public void Matrices_of_SOAP_and_z_of_schedule_free_are_state()
    {
        var matrix = Parameter.Of("matrix", new float[60], 6, 10);
        matrix.UseGradient().Fill(1);
        using var soap = new SOAP([matrix]);
        soap.Step();
        Assert.Equal((36 + 100) * 4, soap.MemoryReport().StateByName["GG"]); // a square matrix for rows, one for columns
        using var free = new AdamWScheduleFree([matrix]);
        free.Step();
        Assert.Equal(240, free.MemoryReport().StateByName["z"]);
    }

    [Fact]
    public void Wrappers_and_averages_add_their_copies()
    {
        var w = Parameter.Of("w", new float[7]);
        w.UseGradient().Fill(1);
        using var optimizer = new SGD([w]);
        using var lookahead = new Lookahead(optimizer);
        using var sam = new SAM(optimizer);
        using var averages = new AveragedParameters([w], Averaging.Ema(0.9));
        Assert.Equal((28, 28, 0, 28), Sums(lookahead.MemoryReport()));
        Assert.Equal((28, 28, 0, 0), Sums(sam.MemoryReport())); // the copy comes with the first step
        sam.Step(() => 1.0);
        Assert.Equal((28, 28, 0, 28), Sums(sam.MemoryReport()));
        Assert.Equal((0, 0, 0, 28), Sums(averages.MemoryReport()));
        Assert.Equal((28, 28, 0, 56), Sums(lookahead.MemoryReport().With(averages.MemoryReport())));
        Assert.Equal(["cached_params", "averages"], lookahead.MemoryReport().With(averages.MemoryReport()).Entries.Where(e => e.Use == MemoryUse.Copies).Select(e => e.Name));
    }

    [Fact]
    public void It_is_not_told_in_the_midst_of_a_step()
    {
        var w = Parameter.Of("w", new float[7]);
        w.UseGradient().Fill(1);
        var optimizer = new SGD([w]);
        long seen = 0;
        optimizer.Stepped += (_, _) => seen = optimizer.MemoryReport().TotalBytes;
        optimizer.Step();
        Assert.Equal(56, seen);
        optimizer.Dispose();
        Assert.Throws<ObjectDisposedException>(optimizer.MemoryReport);
    }

    static (long, long, long, long) Sums(MemoryReport report) => (report.ParameterBytes, report.GradientBytes, report.StateBytes, report.CopyBytes);
}
