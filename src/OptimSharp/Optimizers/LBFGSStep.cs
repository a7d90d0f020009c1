using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using OptimSharp.Engine;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>One step of <see cref="LBFGS"/>, over one long vector of all parameters in host memory.</summary>
abstract class LBFGSStep
{
    /// <summary>Runs a step. When the closure throws, parameters and state are as they were.</summary>
    /// <param name="parameters">What is minimized over.</param>
    /// <param name="options">The group's.</param>
    /// <param name="state">Read at the start, written at the end.</param>
    /// <param name="evaluate">Computes loss and gradients where the parameters are.</param>
    public abstract void Run(Parameter[] parameters, LBFGSOptions options, ParameterState state, Func<double> evaluate);
}

/// <inheritdoc/>
[SuppressMessage("Design", "CA1001", Justification = "History that is not in the state yet is freed by its finalizers.")]
sealed unsafe partial class LBFGSStep<T>(LBFGS optimizer) : LBFGSStep
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    const double LeastCurvature = 1e-10; // of y·s, for a pair to be remembered
    const int FallbackEvaluations = 25;  // of a line search that would have none

    readonly TensorOps ops = new();
    readonly List<HostTensor> ys = [], ss = [], spare = []; // the history, oldest first; and vectors for reuse
    readonly List<double> rhos = [];                        // 1/(y·s)
    Parameter[] parameters = [];
    LBFGSOptions o = new();
    Func<double> closure = null!;
    nint n;
    int evaluations;
    T* x, g, d, previous; // where we are, its gradient, the direction, and the gradient of the iteration before

    public override void Run(Parameter[] parameters, LBFGSOptions options, ParameterState state, Func<double> evaluate)
    {
        (this.parameters, o, closure, evaluations) = (parameters, options, evaluate, 0);
        n = 0;
        foreach (var parameter in parameters)
            n = checked(n + (nint)parameter.Numbers);
        T* start = ops.Take<T>(n);
        x = ops.Take<T>(n);
        g = ops.Take<T>(n);
        d = ops.Take<T>(n);
        previous = ops.Take<T>(n);
        ReadParameters(start);
        bool done = false;
        try
        {
            Iterate(state);
            done = true;
        }
        finally
        {
            if (!done)
            {
                Restore(start);
                Forget(state);
            }
            ys.Clear();
            ss.Clear();
            rhos.Clear();
            ops.Release();
            closure = null!;
        }
    }

    void Iterate(ParameterState state)
    {
        double loss = Evaluate(g);
        var (t, h, total) = Load(state);
        if (n == 0 || ops.Largest(g, n) <= o.GradientTolerance || !IsUsable(loss, g, "starts"))
        {
            SaveCounts(state, total);
            return;
        }
        for (int iteration = 1; ; iteration++)
        {
            total++;
            bool first = total == 1;
            if (first)
            {
                ops.Apply(new ScaleRule<T>(-1), n, d, g);                           // d = −g
                h = 1;
            }
            else
            {
                Remember(state, t, ref h);
                FindDirection(h);
            }
            Copy(g, previous);
            double lastLoss = loss;
            t = first ? Math.Min(1, 1 / ops.SumOfSizes(g, n)) * o.LearningRate : o.LearningRate;
            double slope = ops.Dot(g, d, n);
            if (!(slope <= -o.ChangeTolerance))
                break; // not downhill any more

            ReadParameters(x);
            bool flat = false;
            if (o.LineSearch == LineSearch.StrongWolfe)
            {
                int left = o.EvaluationLimit - evaluations;
                var search = new StrongWolfe<T>(this, ops, n, d, loss, g, slope, o.ChangeTolerance, left < 1 ? FallbackEvaluations : left);
                (loss, t) = search.Run(t);
                MoveTo(t);
                flat = ops.Largest(g, n) <= o.GradientTolerance;
            }
            else
            {
                MoveTo(t);
                if (iteration != o.MaxIterations)
                {
                    loss = Evaluate(g);
                    if (!IsUsable(loss, g, "came to"))
                    {
                        WriteParameters(x);
                        loss = lastLoss;
                        break;
                    }
                    flat = ops.Largest(g, n) <= o.GradientTolerance;
                }
            }
            if (iteration == o.MaxIterations || evaluations >= o.EvaluationLimit || flat
                || ops.Largest(d, n) * t <= o.ChangeTolerance || Math.Abs(loss - lastLoss) < o.ChangeTolerance)
            {
                Save(state, t, h, lastLoss);
                SaveCounts(state, total);
                return;
            }
        }
        Save(state, t, h, loss);
        SaveCounts(state, total);
    }

    /// <summary>y = g − g', s = t·d of the last iteration, unless the curvature along it is not positive.</summary>
    void Remember(ParameterState state, double t, ref double h)
    {
        HostTensor y = Vector(), s = Vector();
        Copy(g, At(y));
        ops.Apply(new AddScaledRule<T>(-1), n, At(y), previous);
        ops.Apply(new ScaleRule<T>(t), n, At(s), d);
        double curvature = ops.Dot(At(y), At(s), n);
        if (!(curvature > LeastCurvature))
        {
            spare.Add(y);
            spare.Add(s);
            return;
        }
        while (ys.Count >= o.HistorySize)
        {
            Drop(state, "old_dirs", ys);
            Drop(state, "old_stps", ss);
            rhos.RemoveAt(0);
        }
        ys.Add(y);
        ss.Add(s);
        rhos.Add(1 / curvature);
        h = curvature / ops.SumOfSquares(At(y), n);
    }

    /// <summary>d = −Hg, by the two loops over the history.</summary>
    void FindDirection(double h)
    {
        Span<double> alpha = ys.Count <= 128 ? stackalloc double[ys.Count] : new double[ys.Count];
        ops.Apply(new ScaleRule<T>(-1), n, d, g);                                   // q = −g
        for (int i = ys.Count - 1; i >= 0; i--)
        {
            alpha[i] = ops.Dot(At(ss[i]), d, n) * rhos[i];                          // αᵢ = ρᵢ sᵢ·q
            ops.Apply(new AddScaledRule<T>(-alpha[i]), n, d, At(ys[i]));            // q ← q − αᵢyᵢ
        }
        ops.Apply(new ScaleRule<T>(h), n, d, d);                                    // r = hq
        for (int i = 0; i < ys.Count; i++)
        {
            double beta = ops.Dot(At(ys[i]), d, n) * rhos[i];                       // β = ρᵢ yᵢ·r
            ops.Apply(new AddScaledRule<T>(alpha[i] - beta), n, d, At(ss[i]));      // r ← r + (αᵢ − β)sᵢ
        }
    }

    /// <summary>Loss and gradient at x + t·d; the parameters are left there.</summary>
    public double EvaluateAt(double t, T* gradient)
    {
        MoveTo(t);
        return Evaluate(gradient);
    }

    double Evaluate(T* gradient)
    {
        double loss = closure();
        evaluations++;
        T* at = gradient;
        foreach (var parameter in parameters)
        {
            parameter.Read(at, ofGradient: true);
            at += (nint)parameter.Numbers;
        }
        if (!o.Maximize)
            return loss;
        ops.Apply(new ScaleRule<T>(-1), n, gradient, gradient);
        return -loss;
    }

    bool IsUsable(double loss, T* gradient, string what)
    {
        bool usable = double.IsFinite(loss) && double.IsFinite(ops.Largest(gradient, n));
        if (!usable)
            Warnings.Raise(optimizer, $"LBFGS {what} where the loss or its gradient is not a finite number, and went no further. A smaller learning rate, or the strong Wolfe line search, may help.");
        return usable;
    }

    void MoveTo(double t)
    {
        T* moved = ops.Take<T>(n);
        Copy(x, moved);
        ops.Apply(new AddScaledRule<T>(t), n, moved, d);
        WriteParameters(moved);
        ops.GiveBack();
    }

    void ReadParameters(T* to)
    {
        foreach (var parameter in parameters)
        {
            parameter.Read(to, ofGradient: false);
            to += (nint)parameter.Numbers;
        }
    }

    void WriteParameters(T* from)
    {
        foreach (var parameter in parameters)
        {
            parameter.Write(from);
            from += (nint)parameter.Numbers;
        }
    }

    /// <summary>Gives the parameters the values that they had. What was disposed or made another tensor in the closure has none to get.</summary>
    void Restore(T* from)
    {
        foreach (var parameter in parameters)
        {
            try
            {
                parameter.Write(from);
            }
            catch (InvalidOperationException) // the step throws what it failed by
            {
            }
            from += (nint)parameter.Numbers;
        }
    }

    void Copy(T* from, T* to) => Buffer.MemoryCopy(from, to, n * sizeof(T), n * sizeof(T));

    static T* At(HostTensor vector) => (T*)vector.Start;

    HostTensor Vector()
    {
        if (spare.Count > 0 && spare[^1].Count == n)
        {
            var last = spare[^1];
            spare.RemoveAt(spare.Count - 1);
            return last;
        }
        return new HostTensor([n], Storage.Of<T>());
    }
}
