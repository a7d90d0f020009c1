using OptimSharp.Conformance;
using OptimSharp.Conformance.Workloads;
using OptimSharp.Tests.Support;

namespace OptimSharp.Tests.Engine;

/// <summary>Every optimizer keeps every law, with every option set and element type.</summary>
[Collection(Alone.Name)]
public class LawTests
{
    /// <summary>All laws with all optimizers and the types they take; what allocates is measured by itself, with all types together.</summary>
    public static TheoryData<string, string, ElementType> Grid
    {
        get
        {
            var rows = new TheoryData<string, string, ElementType>();
            foreach (var law in OptimizerLaws.All.Where(law => law != OptimizerLaws.Allocations))
            {
                foreach (var optimizer in OptimizerDriver.PublicOptimizers)
                {
                    if (!OptimizerSamples.IsElementwise(optimizer) && (law == OptimizerLaws.Cuts || law == OptimizerLaws.NotANumber))
                        continue;
                    foreach (var type in OptimizerSamples.Types(optimizer))
                        rows.Add(law.Name, optimizer.Name, type);
                }
            }
            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(Grid))]
    public void Every_optimizer_keeps_every_law(string law, string optimizer, ElementType type)
    {
        var kind = OptimizerDriver.For(optimizer).Type;
        var options = new LawOptions { ElementTypes = [type], Elementwise = OptimizerSamples.IsElementwise(kind), SumsOverAll = OptimizerSamples.SumsOverAll(kind), Steps = 2 };
        int every = law == nameof(OptimizerLaws.Threads) ? 3 : 1; // options change nothing here, and these are long
        foreach (var set in OptimizerSamples.OptionSets(kind).Where((_, i) => i % every == 0).Concat(OptimizerSamples.SparseOptionSets(kind)))
            OptimizerLaws.Named(law).Check(OptimizerSamples.Create(kind, set), options);
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

    /// <summary>What the kit finds out by trying is what the golden cases have.</summary>
    [Theory]
    [MemberData(nameof(Rows.Optimizers), MemberType = typeof(Rows))]
    public void What_an_optimizer_takes_is_found(string optimizer)
    {
        var kind = OptimizerDriver.For(optimizer).Type;
        bool sparseOnly = !OptimizerSamples.TakesDenseGradients(kind);
        var subject = new Subject(OptimizerSamples.Create(kind, sparseOnly ? OptimizerSamples.SparseOptionSets(kind)[0] : []), new());
        Assert.Equal(OptimizerSamples.Types(kind).Order(), subject.Types.Order());
        Assert.Equal(!OptimizerSamples.StepsAlone(kind), subject.NeedsClosure);
        Assert.Equal(!sparseOnly, subject.Takes(ElementType.Float32, sparse: false));
        Assert.Equal(OptimizerSamples.StepsAlone(kind) && OptimizerSamples.SparseOptionSets(kind).Count > 0, subject.Takes(ElementType.Float32, sparse: true));
    }
}
