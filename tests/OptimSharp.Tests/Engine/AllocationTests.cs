using OptimSharp.Conformance;
using OptimSharp.Conformance.Workloads;
using OptimSharp.Tests.Support;

namespace OptimSharp.Tests.Engine;

/// <summary>A warm step allocates nothing on the managed heap, on any thread.</summary>
[Collection(Alone.Name)]
public class AllocationTests
{
    const int Parameters = 200, Steps = 100;

    public static TheoryData<string, int> OptimizersByThreads
    {
        get
        {
            var rows = new TheoryData<string, int>();
            foreach (var optimizer in OptimizerDriver.PublicOptimizers.Where(t => OptimizerSamples.StepsAlone(t) && OptimizerSamples.TakesDenseGradients(t)))
            {
                rows.Add(optimizer.Name, 1);
                rows.Add(optimizer.Name, 2);
            }
            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(OptimizersByThreads))]
    public void A_warm_step_of_200_parameters_allocates_nothing(string optimizer, int threads)
    {
        using var scope = new ExecutionScope(threads);
        foreach (var options in OptimizerSamples.OptionSets(OptimizerDriver.For(optimizer).Type))
        {
            using var made = Make(optimizer, options);
            AssertFree(made.Step, $"{optimizer}: {string.Join(", ", options.Select(o => o.Key))}");
        }
    }

    [Theory]
    [InlineData("SGD")]
    [InlineData("Adagrad")]
    [InlineData("SparseAdam")]
    public void Neither_does_one_with_sparse_gradients(string optimizer)
    {
        var driver = OptimizerDriver.For(optimizer);
        var parameters = Enumerable.Range(0, 20).Select(i => Parameter.Of($"p{i}", new float[4000], 1000, 4)).ToArray();
        foreach (var parameter in parameters)
            parameter.SparseGradient = new(new long[] { 5, 999, 0, 5 }, new float[16]);
        foreach (var options in OptimizerSamples.SparseOptionSets(driver.Type))
        {
            using var made = driver.Create(parameters, options);
            AssertFree(made.Step, $"{optimizer}: {string.Join(", ", options.Select(o => o.Key))}");
        }
    }

    [Theory]
    [MemberData(nameof(OptimizersByThreads))]
    public void Neither_does_a_whole_training_step(string optimizer, int threads)
    {
        using var scope = new ExecutionScope(threads);
        using var made = Make(optimizer, OptimizerSamples.OptionSets(OptimizerDriver.For(optimizer).Type)[0]);
        using var averages = new AveragedParameters(made.ParameterGroups.SelectMany(g => g.Parameters), Averaging.Ema(0.9));
        var step = new TrainingStep(made, new() { MaxNorm = 1, MaxValue = 0.5, Averages = averages, GradientsAfter = GradientsAfter.Zeroed });
        AssertFree(() => step.Step(), $"{optimizer} within a training step");
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
        using var optimizer = Make("SGD", [new("momentum", 0.9)]);
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

    /// <summary>200 parameters of all types, with more elements than one thread keeps to itself.</summary>
    static Optimizer Make(string optimizer, KeyValuePair<string, object?>[] options)
    {
        var kind = OptimizerDriver.For(optimizer).Type;
        var parameters = new List<Parameter>();
        for (int i = 0; i < Parameters; i++)
        {
            long[] shape = OptimizerSamples.ShapeOf(kind, 400, i);
            parameters.Add((i % 4) switch
            {
                0 => With(1f),
                1 => With(1.0),
                2 => With((Half)1),
                _ => With((BFloat16)1),
            });

            Parameter With<T>(T gradient) where T : unmanaged
            {
                var parameter = Parameter.Of($"p{i}", new T[400], shape);
                parameter.UseGradient().Fill(gradient);
                return parameter;
            }
        }
        // Two groups: the step loops over them, too.
        return OptimizerDriver.For(optimizer).Create([(parameters[..150], []), (parameters[150..], [])], options);
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
