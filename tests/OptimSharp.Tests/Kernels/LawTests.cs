using OptimSharp.Conformance;
using OptimSharp.Conformance.Workloads;
using OptimSharp.Tests.Support;

namespace OptimSharp.Tests.Kernels;

/// <summary>A step's bits do not depend on how it is computed or where its numbers are: for every optimizer, option set and element type.</summary>
[Collection(Alone.Name)]
public class LawTests
{
    // Small tensors between large ones: more than one thread keeps to itself, cut in six pieces.
    static readonly int[] Many = [20_001, 1, 64, 0, 3, 65, 50_003, 511, 512, 513, 10_327];

    [Theory]
    [MemberData(nameof(Rows.SteppableByType), MemberType = typeof(Rows))]
    public void Scalar_lanes_give_the_bits_of_wide_lanes(string optimizer, ElementType type) =>
        Compare(optimizer, type, new([131, 1030]), new([131, 1030]) { Wide = false });

    [Theory]
    [MemberData(nameof(Rows.SteppableByType), MemberType = typeof(Rows))]
    public void Any_number_of_threads_gives_the_same_bits(string optimizer, ElementType type) =>
        Compare(optimizer, type, new(Many), new(Many) { Threads = 2 }, new(Many) { Threads = 7 });

    [Theory]
    [MemberData(nameof(Rows.ElementwiseByType), MemberType = typeof(Rows))]
    public void A_tensor_split_in_two_gives_the_same_bits(string optimizer, ElementType type) =>
        Compare(optimizer, type, new([1131]), new([3, 1128]), new([614, 517]));

    [Theory]
    [MemberData(nameof(Rows.SteppableByType), MemberType = typeof(Rows))]
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
    public void Every_optimizer_has_golden_cases_to_take_options_from(string optimizer)
    {
        Assert.True(OptimizerSamples.OptionSets(OptimizerDriver.For(optimizer).Type).Count > 0,
            $"{optimizer} has no golden cases in float64 below tests/goldens: without them no law is tested.");
    }

    static void Compare(string optimizer, ElementType type, params Way[] ways)
    {
        var kind = OptimizerDriver.For(optimizer).Type;
        // State in half precision takes another way through the engine.
        StatePrecision[] precisions = type is ElementType.Float16 or ElementType.BFloat16 ? Enum.GetValues<StatePrecision>() : [default];
        foreach (var options in OptimizerSamples.OptionSets(kind))
        {
            foreach (var precision in precisions)
            {
                Outcome? first = null;
                foreach (var way in ways)
                {
                    using var scope = new ExecutionScope(way.Threads, way.Wide);
                    var workload = new Workload(kind, options, type) { Precision = precision, Sizes = way.Sizes, Layout = way.Layout, Steps = 3 };
                    var outcome = workload.Run();
                    first ??= outcome;
                    if (first.Difference(outcome) is { } difference)
                        Assert.Fail($"{workload}, state {precision}: {difference}, {ways[0]} or {way}");
                }
            }
        }
    }

    sealed record Way(int[] Sizes)
    {
        public int Threads { get; init; } = 1;

        public bool Wide { get; init; } = true;

        public HostLayout Layout { get; init; } = HostLayout.Arrays;

        public override string ToString() => $"({Threads} threads, wide {Wide}, {Layout.GetType().Name}, sizes {string.Join(' ', Sizes)})";
    }
}
