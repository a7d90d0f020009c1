using static TorchSharp.torch;

namespace OptimSharp.Torch.Tests;

/// <summary>Memory of tensors, and of modules that have none.</summary>
public class MemoryReportTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)] // by tensor operators
    public void Tensors_are_counted(bool byPointer)
    {
        using var tensor = zeros(7, 3, dtype: bfloat16).requires_grad_();
        using var optimizer = new AdamW([new TorchParameter(tensor, "w", byPointer)]);
        Assert.Equal((42, 0, 0), Sums(optimizer));
        tensor.grad = ones_like(tensor);
        optimizer.Step();
        Assert.Equal((42, 42, 2 * 84), Sums(optimizer));
    }

    [Fact]
    public void A_sparse_gradient_takes_its_rows_and_their_indices()
    {
        using var table = nn.Embedding(10, 5, sparse: true);
        table.call(tensor(new long[] { 1, 3 })).sum().backward();
        using var optimizer = new SparseAdam(table.Parameters());
        Assert.Equal((200, 2 * 5 * 4 + 2 * 8, 0), Sums(optimizer));
    }

    [Fact]
    public void A_module_on_meta_is_planned_and_becomes_a_real_one()
    {
        using var plan = nn.Sequential(("a", nn.Linear(100, 50, device: META)), ("b", nn.Linear(50, 10, device: META)));
        using var real = nn.Sequential(("a", nn.Linear(100, 50)), ("b", nn.Linear(50, 10)));
        Assert.All(plan.Parameters(), p => Assert.True(p.IsMeta));
        using var planned = new AdamW(plan.Parameters(), new() { StatePrecision = StatePrecision.Dynamic8 });
        using var optimizer = new AdamW(real.Parameters(), new() { StatePrecision = StatePrecision.Dynamic8 });
        real.call(ones(1, 100)).sum().backward();
        optimizer.Step();
        Assert.Equal(optimizer.MemoryReport().Entries, planned.MemoryReport().Entries);
        Assert.True(planned.MemoryReport().IsPlan);
        string why = Assert.Throws<InvalidOperationException>(planned.Step).Message;
        Assert.StartsWith("Parameter 'a.weight' [50, 100] Float32 is meta", why, StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(planned.StateDict);
        planned.Rebind(real.Parameters());
        planned.Step();
        Assert.False(planned.MemoryReport().IsPlan);
        Assert.Equal(optimizer.MemoryReport().Entries, planned.MemoryReport().Entries);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void States_have_precisions_by_name(bool byPointer)
    {
        using var tensor = ones(70, 60).requires_grad_();
        using var plain = ones(70, 60).requires_grad_();
        using var named = new AdamW([new TorchParameter(tensor, "w", byPointer)], new() { StatePrecisionByName = [("exp_avg", StatePrecision.BFloat16)] });
        using var optimizer = new AdamW([new TorchParameter(plain, "w", byPointer)]);
        foreach (int seed in (int[])[1, 2, 3])
        {
            random.manual_seed(seed);
            tensor.grad = randn(70, 60);
            plain.grad = tensor.grad.clone();
            named.Step();
            optimizer.Step();
            Assert.Equal(plain.data<float>().ToArray(), tensor.data<float>().ToArray());
            optimizer.LoadStateDict(named.StateDict()); // the same, but for what was rounded
        }
        Assert.Equal([new("BFloat16", 8400), new("Float32", 16800)], named.MemoryReport().StateByPrecision);
        if (!byPointer)
            Assert.Contains("is for state in host memory", Assert.Throws<ArgumentException>(() => new AdamW([new TorchParameter(tensor, "w", false)], new() { StatePrecisionByName = [("exp_avg", StatePrecision.Dynamic8)] })).Message, StringComparison.Ordinal);
    }

    static (long, long, long) Sums(Optimizer optimizer) => optimizer.MemoryReport() is var report ? (report.ParameterBytes, report.GradientBytes, report.StateBytes) : default;
}
