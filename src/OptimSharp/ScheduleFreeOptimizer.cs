using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using OptimSharp.Engine;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>
/// A Schedule-Free optimizer: it averages as it goes, so that no schedule has to know when training ends. Gradients are taken at one point y, and another one, the average x, is what to evaluate
/// and to use in the end. The parameters hold y. <see cref="EvalView"/> puts x in their place for a while.
/// </summary>
/// <remarks>
/// <para>
/// y = (1 − β)z + βx, where z takes the steps (it is in the state) and x is the mean of all z so far, weighted. So x follows from y and z, and needs no memory.
/// </para>
/// <para>
/// The two can't be confused: within an <see cref="EvalView"/>, a step, saving and loading of the state and averaging of the model are refused. At its end the parameters are y again, to the bit. A checkpoint
/// of model and optimizer therefore always holds y and z. What is to be used elsewhere is the model alone, saved within the view.
/// </para>
/// <para>Defazio et al., "The road less scheduled", 2024. Follows the authors' code (facebookresearch/schedule_free).</para>
/// </remarks>
/// <typeparam name="TOptions">The optimizer's options.</typeparam>
public abstract class ScheduleFreeOptimizer<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties)] TOptions> : Optimizer<TOptions>
    where TOptions : ScheduleFreeOptions, new()
{
    static readonly StateEntry K = StateEntry.WholeNumber("k"), TrainMode = StateEntry.Flag("train_mode"), WeightSum = StateEntry.Number("weight_sum");
    static readonly StateEntry LargestRate = StateEntry.Number("lr_max", initial: -1), ScheduledRate = StateEntry.Number("scheduled_lr");
    static readonly StateEntry[] Numbers = [K, TrainMode, WeightSum, LargestRate, ScheduledRate];

    int views; // that are open
    SwapScope? swap;

    /// <inheritdoc/>
    protected ScheduleFreeOptimizer(IEnumerable<ParameterGroup<TOptions>> groups, TOptions? options) : base(groups, options)
    {
    }

    /// <summary>The state z, that takes the steps. It starts as a copy of the parameter.</summary>
    protected static StateEntry Z { get; } = StateEntry.CopyOfParameter("z");

    /// <summary>Whether parameters hold the average x: within an <see cref="EvalView"/>, or because the state that was loaded was saved so (see <see cref="Train"/>).</summary>
    public bool IsInEvalView => views > 0 || AnyHoldsX;

    /// <inheritdoc/>
    protected sealed override IReadOnlyList<StateEntry> GroupEntries => Numbers;

    internal sealed override string CountOfGroup => K.Key;

    /// <summary>β: how far y is from z towards x. In (0, 1).</summary>
    protected abstract double Interpolation(TOptions options);

    /// <summary>Counts the group's steps.</summary>
    /// <returns>The number of the group's step, from 1.</returns>
    protected static long StepOf<T>(GroupStep<T> group)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => (long)group.Numbers[K] + 1;

    /// <summary>Counts the group's step, and gives the weight c of its z in the average: wₖ/(w₁ + … + wₖ), with wₖ = kʳ·(the largest rate so far)ᵖ. 0 while rates are.</summary>
    /// <param name="group">The group.</param>
    /// <param name="options">The group's options, with the powers r and p.</param>
    /// <param name="rate">The rate of this step, ≥ 0, warm-up included.</param>
    protected static double Average<T>(GroupStep<T> group, TOptions options, double rate)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var numbers = group.Numbers;
        long k = StepOf(group);
        double largest = Math.Max(rate, numbers[LargestRate]);
        double weight = (options.R == 0 ? 1 : group.Power(k, options.R)) * (options.WeightPower == 0 ? 1 : largest == 0 ? 0 : group.Power(largest, options.WeightPower));
        double sum = numbers[WeightSum] + weight;
        (numbers[K], numbers[TrainMode], numbers[WeightSum], numbers[LargestRate], numbers[ScheduledRate]) = (k, 1, sum, largest, rate);
        return sum == 0 ? 0 : weight / sum;
    }

    /// <summary>The part of a rate that a linear warm-up gives: k/steps, up to 1.</summary>
    protected static double Warmup<T>(GroupStep<T> group, int steps)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> => StepOf(group) is var k && k <= steps ? (double)k / steps : 1;

    /// <summary>
    /// Puts the average x into the parameters until the scope is disposed: to evaluate the model, or to save it for use. Then they are y again, to the bit, whatever was done to them in between.
    /// </summary>
    /// <remarks>
    /// Takes memory for a copy of the parameters. Views may be nested. Don't move the model to another device or type in a view: its end is then an <see cref="InvalidOperationException"/> that names the parameters that are gone. A parameter that was not stepped yet is left as it is. Layers with statistics (batch norm) have those of y: compute them anew for x
    /// (<c>BatchNorm.Update</c> in OptimSharp.Torch), within the view.
    /// </remarks>
    /// <exception cref="InvalidOperationException">Averages are swapped into the parameters, a parameter can't be used any more, or another thread is using the optimizer. Nothing has changed.</exception>
    /// <exception cref="ObjectDisposedException">The optimizer was disposed.</exception>
    public IDisposable EvalView()
    {
        using var turn = Turn.Enter("EvalView", within: Stage.Before | Stage.After);
        if (views == 0)
        {
            CheckHeld("EvalView"); // of others
            if (SwapScope.IsOpenFor(ParameterGroups.SelectMany(group => group.Parameters)))
                throw new InvalidOperationException("Averages are swapped into the parameters, so x can't be computed from them: dispose the scope of SwapIn first.");
            swap = SwapScope.Open(new Points([.. ParameterGroups.Where(group => !HoldsX(group)).SelectMany(group => PointsOf(group, 1 / Interpolation(group.Options)))]));
        }
        views++;
        Held = $"within an EvalView of {GetType().Name}, where the parameters hold the average x instead of what is trained";
        return new View(this);
    }

    /// <summary>
    /// Takes the parameters from x to y where the state that was loaded says that they are x: a checkpoint that the reference saved after its <c>eval()</c>. Until then steps are refused. Call it when the
    /// model is loaded, too. In other cases it does nothing. y is computed, so it may differ in the last bit from what it was when it was saved. Averages of the model don't know of it: until then, <see cref="AveragedParameters.Update()"/> would take x, not y.
    /// </summary>
    /// <exception cref="InvalidOperationException">A view is open, averages are swapped into the parameters, a parameter can't be used any more, or another thread is using the optimizer. Nothing has changed.</exception>
    /// <exception cref="ObjectDisposedException">The optimizer was disposed.</exception>
    public void Train()
    {
        using var turn = Turn.Enter("Train", within: Stage.Before | Stage.After);
        CheckHeld("Train");
        ParameterGroup<TOptions>[] groups = [.. ParameterGroups.Where(HoldsX)];
        if (SwapScope.IsOpenFor(groups.SelectMany(group => group.Parameters)))
            throw new InvalidOperationException("Averages are swapped into the parameters, so y can't be computed from them: dispose the scope of SwapIn first.");
        var points = new Points([.. groups.SelectMany(group => PointsOf(group, Interpolation(group.Options)))]);
        foreach (var parameter in points.Live)
            parameter.Locate(); // throws when it can't be used
        for (int i = 0; i < points.Live.Length; i++)
            points.PutInto(i);
        foreach (var group in groups)
            group.Numbers.Change(TrainMode, 1);
    }

    internal sealed override bool FollowsValues => true;

    internal sealed override void CheckLoaded()
    {
        if (AnyHoldsX)
            throw new InvalidOperationException($"The state of {GetType().Name} was saved in evaluation mode, so the parameters hold the average x. Call Train() once model and optimizer are loaded: it takes them to where training goes on.");
    }

    bool AnyHoldsX // asked at each step: without an enumerator
    {
        get
        {
            for (int i = 0; i < ParameterGroups.Count; i++)
            {
                if (HoldsX(ParameterGroups[i]))
                    return true;
            }
            return false;
        }
    }

    bool HoldsX(ParameterGroup<TOptions> group) => group.Numbers.Get(TrainMode, initial: 1) == 0 && group.Parameters.Any(p => ZOf(p) is not null);

    StateTensor? ZOf(Parameter parameter) => States.TryGetValue(parameter.Identity, out var state) ? state.Find(Z.Key) : null;

    /// <param name="group">A group.</param>
    /// <param name="weight">How far the points are from z towards the parameters.</param>
    IEnumerable<(Parameter, StateTensor, double)> PointsOf(ParameterGroup<TOptions> group, double weight)
    {
        foreach (var parameter in group.Parameters)
        {
            if (ZOf(parameter) is { } z)
                yield return (parameter, z, weight);
        }
    }

    /// <summary>Points z + w(θ − z), for parameters θ.</summary>
    sealed unsafe class Points((Parameter Parameter, StateTensor Z, double Weight)[] of) : ISwapSource
    {
        readonly Parameter[] parameters = Array.ConvertAll(of, point => point.Parameter);

        public ReadOnlySpan<Parameter> Live => parameters;

        public void PutInto(int index)
        {
            var (parameter, z, weight) = of[index];
            using var point = new HostTensor(parameter.Shape, StatePrecision.Compute.TypeFor(parameter.ElementType));
            if (point.Type.Compute() == ElementType.Float64)
                Compute<double>(point, z, parameter, weight);
            else
                Compute<float>(point, z, parameter, weight);
            parameter.CopyFrom(point);
        }

        public void Refresh()
        {
        }

        static void Compute<T>(HostTensor point, StateTensor z, Parameter parameter, double weight)
            where T : unmanaged, IBinaryFloatingPointIeee754<T>
        {
            z.Read((T*)point.Start);
            var plan = new StepPlan();
            parameter.Backend.PlanAverage(plan, new AverageRule<T>(new(weight)), parameter, point);
            plan.Run(Execution.ThreadCount);
        }
    }

    sealed class View(ScheduleFreeOptimizer<TOptions> owner) : IDisposable
    {
        bool closed;

        public void Dispose()
        {
            if (closed)
                return;
            closed = true;
            if (--owner.views > 0)
                return;
            var swap = owner.swap;
            (owner.swap, owner.Held) = (null, null);
            swap?.Dispose();
        }
    }
}
