using OptimSharp.Conformance;
using OptimSharp.Conformance.Workloads;
using OptimSharp.Tests.Support;

namespace OptimSharp.Tests.Engine;

/// <summary>A warm step allocates nothing on the managed heap, on any thread.</summary>
[Collection(Alone.Name)]
public class AllocationTests
{
    const int Steps = 100;

    static readonly LawOptions OfAllTypes = new() { Alone = true, ElementTypes = [ElementType.Float32, ElementType.Float64, ElementType.Float16, ElementType.BFloat16] };

    /// <summary>Many parameters of all types, for elementwise optimizers with more elements than one thread keeps to itself; by themselves and within a training step.</summary>
    [Theory]
    [MemberData(nameof(Rows.Optimizers), MemberType = typeof(Rows))]
    public void A_warm_step_of_many_parameters_allocates_nothing(string optimizer)
    {
        var kind = OptimizerDriver.For(optimizer).Type;
        bool elementwise = OptimizerSamples.IsElementwise(kind);
        var options = OfAllTypes with { Elementwise = elementwise, Sizes = [.. Enumerable.Repeat(400, elementwise ? 200 : 12)] }; // a matrix method decomposes each at each step
        foreach (var set in OptimizerSamples.OptionSets(kind))
            OptimizerLaws.Allocations.Check(OptimizerSamples.Create(kind, set), options);
    }

    [Theory]
    [InlineData("SGD")]
    [InlineData("Adagrad")]
    [InlineData("SparseAdam")]
    public void Neither_does_one_with_sparse_gradients(string optimizer)
    {
        var kind = OptimizerDriver.For(optimizer).Type;
        foreach (var set in OptimizerSamples.SparseOptionSets(kind))
            OptimizerLaws.Allocations.Check(OptimizerSamples.Create(kind, set), OfAllTypes with { Sizes = [.. Enumerable.Repeat(4000, 20)] });
    }

    [Fact]
    public void Neither_does_one_with_a_scaled_loss_nor_one_left_out()
    {
        var parameter = Parameter.Of("w", new float[5000]);
        using var optimizer = new SGD([parameter]);
        var step = new TrainingStep(optimizer, new() { Scaler = new(), MicroBatches = 2 });
        int k = 0;
        AssertFree(() =>
        {
            parameter.UseGradient()[7] += ++k % 4 == 0 ? float.NaN : 1;
            step.Step();
        }, "a scaled step");
    }

    [Fact]
    public void Neither_does_one_with_a_closure()
    {
        var parameter = Parameter.Of("w", new float[5000]);
        parameter.UseGradient().Fill(1);
        using var optimizer = new SGD([parameter], new() { Momentum = 0.9 });
        Func<double> closure = () => 1;
        AssertFree(() => optimizer.Step(closure), "SGD with a closure");
    }

    [Fact]
    public void Nor_does_zeroing_gradients_and_accumulating_new_ones()
    {
        var parameter = Parameter.Of("w", new float[1000]);
        using var optimizer = new SGD([parameter]);
        AssertFree(() =>
        {
            optimizer.ZeroGrad();
            parameter.UseGradient()[5] += 1;
            optimizer.ZeroGrad(setToNull: false);
            optimizer.Step();
        }, "ZeroGrad");
    }

    internal static void AssertFree(Action step, string what)
    {
        // The runtime itself may allocate now and then (a new thread in the pool, say), but not five times running.
        long least = long.MaxValue;
        for (int attempt = 0; attempt < 5 && least > 0; attempt++)
        {
            for (int i = 0; i < 3; i++)
                step();
            long before = GC.GetTotalAllocatedBytes(precise: true);
            for (int i = 0; i < Steps; i++)
                step();
            least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
        }
        Assert.True(least == 0, $"{what}: {least} bytes in {Steps} steps");
    }
}
