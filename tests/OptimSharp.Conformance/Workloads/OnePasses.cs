using OptimSharp.Testing;

namespace OptimSharp.Conformance.Workloads;

/// <summary>Training steps beside separate calls, over much of what there is.</summary>
static class OnePasses
{
    /// <summary>
    /// Runs with an optimizer and type: of every so many combinations one, others for each optimizer and type, with poisons and option sets in
    /// turn; and with sparse gradients.
    /// </summary>
    public static IEnumerable<OnePassRun> Some(Type optimizer, ElementType type, IParameterSource source, int every)
    {
        var settings = OptimizerSamples.Settings(optimizer, type, iterations: 3).ToArray();
        double[] poisons = [double.NaN, double.PositiveInfinity, double.NegativeInfinity];
        int first = (optimizer.Name.Sum(c => c) + (int)type) % every, turn = 0;
        for (int i = first; i < Around.All.Count; i += every, turn++)
        {
            if (!Around.All[i].Takes(type))
                continue; // refused
            var precision = type.IsHalf() && turn % 2 == 1 ? StatePrecision.Parameter : StatePrecision.Compute;
            foreach (bool sparse in (bool[])[false, true])
            {
                Setting[] fitting = [.. settings.Where(s => s.Sparse == sparse && s.Precision == precision)];
                if (fitting.Length > 0)
                    yield return new(fitting[turn % fitting.Length], source, Around.All[i]) { Poison = poisons[turn % 3] };
            }
        }
    }
}
