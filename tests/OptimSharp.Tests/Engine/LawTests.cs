using OptimSharp.Conformance;
using OptimSharp.Conformance.Workloads;
using OptimSharp.Tests.Support;

namespace OptimSharp.Tests.Engine;

/// <summary>A step's bits do not depend on how it is computed or where its numbers are: for every optimizer, option set and element type.</summary>
[Collection(Alone.Name)]
public class LawTests
{
    // Small tensors between large ones: more than one thread keeps to itself, cut in six pieces.
    static readonly int[] Many = [20_001, 1, 64, 0, 3, 65, 50_003, 511, 512, 513, 10_327];

    [Theory]
    [MemberData(nameof(Rows.ByType), MemberType = typeof(Rows))]
    public void Scalar_lanes_give_the_bits_of_wide_lanes(string optimizer, ElementType type) =>
        Compare(optimizer, type, new([131, 1030]), new([131, 1030]) { Wide = false });

    [Theory]
    [MemberData(nameof(Rows.ByType), MemberType = typeof(Rows))]
    public void Any_number_of_threads_gives_the_same_bits(string optimizer, ElementType type) =>
        Compare(Workload.All(OptimizerDriver.For(optimizer).Type, type).Where((_, i) => i % 3 == 0), // options change nothing here, and these are long
            new(Many), new(Many) { Threads = 2 }, new(Many) { Threads = 7 });

    [Theory]
    [MemberData(nameof(Rows.ElementwiseByType), MemberType = typeof(Rows))]
    public void A_tensor_split_in_two_gives_the_same_bits(string optimizer, ElementType type) =>
        Compare(optimizer, type, new([1131]) { Dense = true }, new([3, 1128]) { Dense = true }, new([614, 517]) { Dense = true });

    [Theory]
    [MemberData(nameof(Rows.ByType), MemberType = typeof(Rows))]
    public void Any_place_in_memory_gives_the_same_bits(string optimizer, ElementType type)
    {
        HostLayout[] layouts =
        [
            HostLayout.Arrays, HostLayout.ArraysAt(1), HostLayout.ArraysAt(5), HostLayout.Managed,
            HostLayout.NativeAt(0), HostLayout.NativeAt(1), HostLayout.NativeAt(3),
        ];
        Compare(optimizer, type, [.. layouts.Select(l => new Way([77, 600]) { Layout = l })]);
    }

    [Theory]
    [MemberData(nameof(Rows.Optimizers), MemberType = typeof(Rows))]
    public void Every_optimizer_has_golden_cases_to_take_options_and_types_from(string optimizer)
    {
        var kind = OptimizerDriver.For(optimizer).Type;
        Assert.True(OptimizerSamples.OptionSets(kind).Count + OptimizerSamples.SparseOptionSets(kind).Count > 0,
            $"{optimizer} has no golden cases in float64 below tests/goldens: without them no law is tested.");
        Assert.Subset(OptimizerSamples.Types(kind).ToHashSet(), new HashSet<ElementType> { ElementType.Float32, ElementType.Float64, ElementType.Float16, ElementType.BFloat16 });
    }

    static void Compare(string optimizer, ElementType type, params Way[] ways) =>
        Compare(Workload.All(OptimizerDriver.For(optimizer).Type, type), ways);

    static void Compare(IEnumerable<Workload> workloads, params Way[] ways)
    {
        foreach (var workload in workloads)
        {
            Outcome? first = null;
            foreach (var way in ways)
            {
                if (way.Dense && workload.Sparse)
                    continue;
                using var scope = new ExecutionScope(way.Threads, way.Wide);
                var outcome = (workload with { Sizes = way.Sizes, Layout = way.Layout, Steps = 2 }).Run();
                first ??= outcome;
                if (first.Difference(outcome) is { } difference)
                    Assert.Fail($"{workload}, state {workload.Precision}: {difference}, {ways[0]} or {way}");
            }
        }
    }

    sealed record Way(int[] Sizes)
    {
        public int Threads { get; init; } = 1;

        public bool Wide { get; init; } = true;

        public bool Dense { get; init; }

        public HostLayout Layout { get; init; } = HostLayout.Arrays;

        public override string ToString() => $"({Threads} threads, wide {Wide}, {Layout.GetType().Name}, sizes {string.Join(' ', Sizes)})";
    }
}
