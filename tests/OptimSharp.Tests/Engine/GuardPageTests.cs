using System.Numerics;
using OptimSharp.Conformance;
using OptimSharp.Conformance.Workloads;
using OptimSharp.Engine;
using OptimSharp.Tests.Support;

namespace OptimSharp.Tests.Engine;

/// <summary>Nothing beyond a tensor's ends is touched, neither read nor written: the page there would stop the process.</summary>
public unsafe class GuardPageTests
{
    // All sizes below some vectors, and those around a block of staged elements.
    static readonly int[] Sizes = [.. Enumerable.Range(0, 71), 127, 129, 511, 512, 513, 1023, 1025];

    [Theory]
    [MemberData(nameof(Rows.ByType), MemberType = typeof(Rows))]
    public void Parameters_and_gradients_may_end_at_a_guard_page(string optimizer, ElementType type)
    {
        foreach (var setting in OptimizerSamples.Settings(OptimizerDriver.For(optimizer).Type, type))
        {
            var expected = Trial.Run(setting, Sizes, steps: 1);
            Assert.Null(expected.Difference(Trial.Run(setting, Sizes, new GuardedLayout(atEnd: true), steps: 1), "in arrays", "before a guard page"));
            Assert.Null(expected.Difference(Trial.Run(setting, Sizes, new GuardedLayout(atEnd: false), steps: 1), "in arrays", "after a guard page"));
        }
    }

    [Theory]
    [InlineData(ElementType.Float32, ElementType.Float32)]
    [InlineData(ElementType.Float64, ElementType.Float64)]
    [InlineData(ElementType.Float16, ElementType.Float32)]
    [InlineData(ElementType.Float16, ElementType.Float16)]
    [InlineData(ElementType.BFloat16, ElementType.Float32)]
    [InlineData(ElementType.BFloat16, ElementType.BFloat16)]
    public void And_so_may_state(ElementType type, ElementType stateType)
    {
        if (type == ElementType.Float64)
            Run<double>();
        else
            Run<float>();

        void Run<T>() where T : unmanaged, IBinaryFloatingPointIeee754<T>
        {
            RunWith<T, Slots0>(type, stateType);
            RunWith<T, Slots1>(type, stateType);
            RunWith<T, Slots2>(type, stateType);
            RunWith<T, Slots3>(type, stateType);
            RunWith<T, Slots4>(type, stateType);
            RunWith<T, Slots5>(type, stateType);
            RunWith<T, Slots6>(type, stateType);
        }
    }

    static void RunWith<T, TSlots>(ElementType type, ElementType stateType)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where TSlots : ISlots
    {
        const int Largest = 1025 * sizeof(double);
        using GuardedMemory param = new(Largest), grad = new(Largest), s0 = new(Largest), s1 = new(Largest), s2 = new(Largest), s3 = new(Largest), s4 = new(Largest), s5 = new(Largest);
        foreach (int count in Sizes)
        {
            foreach (bool wide in new[] { true, false })
            {
                var work = new Work
                {
                    Param = new(Filled<T>(param, type, count, 1)),
                    Grad = new(Filled<T>(grad, type, count, 2)),
                    S0 = Filled<T>(s0, stateType, count, 0),
                    S1 = Filled<T>(s1, stateType, count, 0),
                    S2 = Filled<T>(s2, stateType, count, 0),
                    S3 = Filled<T>(s3, stateType, count, 0),
                    S4 = Filled<T>(s4, stateType, count, 0),
                    S5 = Filled<T>(s5, stateType, count, 0),
                    ParamType = type,
                    GradType = type,
                    StateType = stateType,
                    Count = count,
                };
                HostKernel<CountingRule<T, TSlots>, T>.Run(default, work, 0, count, wide);
                AssertAll<T>(3, param, type, count);
                AssertAll<T>(2, grad, type, count);
                AssertAll<T>(TSlots.Count > 0 ? 1 : 0, s0, stateType, count);
                AssertAll<T>(TSlots.Count > 1 ? 2 : 0, s1, stateType, count);
                AssertAll<T>(TSlots.Count > 2 ? 4 : 0, s2, stateType, count);
                AssertAll<T>(TSlots.Count > 3 ? 8 : 0, s3, stateType, count);
                AssertAll<T>(TSlots.Count > 4 ? 16 : 0, s4, stateType, count);
                AssertAll<T>(TSlots.Count > 5 ? 32 : 0, s5, stateType, count);
            }
        }
    }

    static byte* At(GuardedMemory memory, ElementType type, int count) => memory.AtEnd((nuint)(count * type.Size()));

    static byte* Filled<T>(GuardedMemory memory, ElementType type, int count, double value)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        byte* at = At(memory, type, count);
        var number = T.CreateChecked(value);
        for (int i = 0; i < count; i++)
            Storage.Save(&number, at + i * type.Size(), type, 1);
        return at;
    }

    static void AssertAll<T>(double expected, GuardedMemory memory, ElementType type, int count)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        byte* at = At(memory, type, count);
        for (int i = 0; i < count; i++)
        {
            T number;
            Storage.Load(at + i * type.Size(), type, &number, 1);
            Assert.Equal(expected, double.CreateChecked(number));
        }
    }
}
