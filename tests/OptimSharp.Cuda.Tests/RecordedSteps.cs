using System.Numerics;
using OptimSharp.Conformance;
using OptimSharp.Conformance.Workloads;
using OptimSharp.Engine;
using OptimSharp.Rules;

namespace OptimSharp.Cuda.Tests;

/// <summary>The steps of everything there is, each once: of optimizers with the options and types of their golden cases, of rules over rules, and of rules with what a training step does around them.</summary>
static class RecordedSteps
{
    static readonly Lazy<IReadOnlyList<RecordedStep>> all = new(() =>
        [.. OptimizerDriver.PublicOptimizers.Where(OptimizerSamples.StepsAlone).SelectMany(StepsOf).Concat(StepsOfRulesOverRules()).Concat(FramedSteps.All(Stored)).DistinctBy(s => (s.Kernel, Convert.ToHexString(s.Coefficients)))]);

    public static IReadOnlyList<RecordedStep> All => all.Value;

    /// <summary>One step of each kernel.</summary>
    public static IEnumerable<RecordedStep> Kernels => All.DistinctBy(s => s.Kernel);

    /// <summary>One step of some kernels in single precision, which between them have all operations.</summary>
    public static IEnumerable<RecordedStep> Some =>
        from name in new[] { "Adam(", "Adamax(", "Rprop(", "Lion(", "RMSprop(" }
        let kernels = Kernels.Where(s => s.From.StartsWith(name, StringComparison.Ordinal) && s.Types == new KernelTypes(ElementType.Float32))
        select kernels.MaxBy(s => s.Recording.Instructions.Length);

    /// <summary>The ways in which numbers are stored: a half type with state of its own or in single precision, and with a gradient that was sparse and got its zeros.</summary>
    static IEnumerable<KernelTypes> Stored =>
        from param in new[] { ElementType.Float32, ElementType.Float64, ElementType.BFloat16, ElementType.Float16 }
        from grad in new[] { param, param.Compute() }.Distinct()
        from state in new[] { param, param.Compute() }.Distinct()
        select new KernelTypes(param, grad, state);

    static List<RecordedStep> StepsOf(Type optimizer)
    {
        var steps = new List<RecordedStep>();
        foreach (var type in OptimizerSamples.Types(optimizer).Where(type => type.Parts() == 1)) // to a rule, a complex number is two real ones
        {
            foreach (var setting in OptimizerSamples.Settings(optimizer, type))
            {
                var backend = new RecordingBackend($"{setting.Subject.Describe()}, {type}", steps.Add);
                using var trial = Trial.Start(setting, [40, 30], create: parameters => setting.Create([.. parameters.Select(p => new ObservedParameter(p, backend))]));
                for (int step = 0; step < 8; step++) // RAdam goes another way after five
                    trial.Step(step % setting.Options.Steps);
            }
        }
        return steps;
    }

    static IEnumerable<RecordedStep> StepsOfRulesOverRules() =>
        Stored.SelectMany(types => types.Compute == ElementType.Float64 ? StepsOfRulesOverRules<double>(types) : StepsOfRulesOverRules<float>(types));

    static List<RecordedStep> StepsOfRulesOverRules<T>(KernelTypes types) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var steps = new List<RecordedStep>();
        var adam = new AdamRule<T, Off>(new AdamWOptions { WeightDecay = 0.1 }, new(types.State(0)), 0.3, 0.1);
        Add(new Grams<AdamRule<T, Off>, T>(adam));
        Add(new TowardsInitial<AdamRule<T, Off>, T>(adam, 0.01));
        Add(new TowardsInitial<Grams<AdamRule<T, Off>, T>, T>(new(adam, maximize: true), 0.01));
        var amsgrad = new TowardsInitial<AdamRule<T, On>, T>(new(new(), new(types.State(0)), 0.3, 0.1), 0.01); // four states
        Add(new TowardsInitial<TowardsInitial<TowardsInitial<AdamRule<T, On>, T>, T>, T>(new(amsgrad, 0.02), 0.03));
        Take(new Cautious<AdamRule<T, Off>, T>(adam));
        Take(new CentralizedGradient<AdamRule<T, Off>, T>(adam));
        Take(new ClippedStep<AdamRule<T, Off>, T>(adam, 1e-3));
        Take(new Cautious<TowardsInitial<AdamRule<T, Off>, T>, T>(new(adam, 0.01)));
        Add(new WithoutSums<ClippedStep<AdamRule<T, Off>, T>, T>(new(adam, 1)));
        return steps;

        void Add<TRule>(TRule rule) where TRule : struct, IUpdateRule<T> => steps.Add(RecordedStep.Of<TRule, T>("", rule, types));

        void Take<TRule>(TRule rule) where TRule : struct, IMeasuringRule<T>
        {
            rule.Take(new([60.0], default, 100));
            Add(rule);
        }
    }
}
