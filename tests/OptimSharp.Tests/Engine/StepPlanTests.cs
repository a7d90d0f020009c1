using System.Runtime.InteropServices;
using CsCheck;
using OptimSharp.Engine;

namespace OptimSharp.Tests.Engine;

public unsafe class StepPlanTests
{
    static readonly Gen<int> Size = Gen.Frequency(
        (6, Gen.Int[0, 200]),
        (3, Gen.Int[200, 20_000]),
        (1, Gen.Int[20_000, 120_000]));

    [Fact]
    public void Every_element_is_stepped_once_whatever_the_sizes_and_threads() =>
        Gen.Select(Size.Array[1, 40], Gen.Int[1, 9]).Sample((sizes, threads) =>
        {
            var plan = new StepPlan();
            var arrays = sizes.Select(n => (Param: new float[n], Grad: Ones(n), State: GC.AllocateArray<float>(n, pinned: true))).ToArray();
            for (int step = 1; step <= 2; step++)
            {
                for (int i = 0; i < sizes.Length; i++)
                {
                    var work = new Work
                    {
                        Param = new(arrays[i].Param, 0),
                        Grad = new(arrays[i].Grad, 0),
                        S0 = (byte*)Marshal.UnsafeAddrOfPinnedArrayElement(arrays[i].State, 0),
                        Count = sizes[i],
                    };
                    // Two kinds of rule: the plan keeps a list for each.
                    if (i % 3 == 0)
                        plan.Add<CountingRule<float, Slots0>, float>(default, work);
                    else
                        plan.Add<CountingRule<float, Slots1>, float>(default, work);
                }
                plan.Run(threads);
                for (int i = 0; i < sizes.Length; i++)
                {
                    Assert.True(!arrays[i].Param.AsSpan().ContainsAnyExcept((float)step), $"tensor {i} of [{string.Join(", ", sizes)}], {threads} threads");
                    Assert.True(!arrays[i].State.AsSpan().ContainsAnyExcept(i % 3 == 0 ? 0f : step), $"state {i} of [{string.Join(", ", sizes)}], {threads} threads");
                }
            }
        }, iter: 200, threads: 1);

    [Fact]
    public void Thousands_of_small_tensors_are_stepped_once_each()
    {
        var plan = new StepPlan();
        var all = Enumerable.Range(0, 5000).Select(i => (Param: new double[i % 7], Grad: new double[i % 7])).ToArray();
        foreach (var (param, grad) in all)
        {
            Array.Fill(grad, 1);
            plan.Add<CountingRule<double, Slots0>, double>(default, new()
            {
                Param = new(param, 0),
                Grad = new(grad, 0),
                ParamType = ElementType.Float64,
                GradType = ElementType.Float64,
                Count = param.Length,
            });
        }
        plan.Run(4);
        Assert.All(all, x => Assert.All(x.Param, y => Assert.Equal(1, y)));
    }

    [Fact]
    public void What_was_cleared_is_not_run()
    {
        var plan = new StepPlan();
        var values = new float[10];
        plan.Add<CountingRule<float, Slots0>, float>(default, new() { Param = new(values, 0), Grad = new(Ones(10), 0), Count = 10 });
        plan.Clear();
        plan.Run(2);
        Assert.All(values, x => Assert.Equal(0, x));
    }

    static float[] Ones(int count)
    {
        var ones = new float[count];
        Array.Fill(ones, 1);
        return ones;
    }
}
