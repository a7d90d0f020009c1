using System.Numerics;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>What <see cref="LBFGS"/> remembers, under PyTorch's names.</summary>
static class LBFGSState
{
    public static readonly StateEntry
        Evaluations = StateEntry.WholeNumber("func_evals"),
        Iterations = StateEntry.WholeNumber("n_iter"),
        Direction = StateEntry.Tensor("d", optional: true),
        Length = StateEntry.Number("t", optional: true),
        Ys = StateEntry.Tensors("old_dirs", optional: true), // the history, oldest first
        Ss = StateEntry.Tensors("old_stps", optional: true),
        Rhos = StateEntry.Numbers("ro", optional: true),
        Scale = StateEntry.Number("H_diag", initial: 1, optional: true),
        Gradient = StateEntry.Tensor("prev_flat_grad", optional: true),
        Loss = StateEntry.Number("prev_loss", optional: true);
}

/// <summary>One step of <see cref="LBFGS"/>.</summary>
sealed class LBFGSStep<T>(Objective<T> objective, LBFGSOptions options)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    const double LeastCurvature = 1e-10; // of y·s, for a pair to be remembered
    const int FallbackEvaluations = 25;  // of a line search that would have none

    readonly TensorMath math = objective.Math;
    readonly VectorList<T> ys = objective.Vectors(LBFGSState.Ys), ss = objective.Vectors(LBFGSState.Ss); // the history, oldest first
    readonly IList<double> rhos = objective.Numbers(LBFGSState.Rhos);                                    // 1/(y·s)
    readonly Matrices<T> x = objective.Take(), g = objective.Take(), d = objective.Take(), // where we are, its gradient, the direction,
        previous = objective.Take(), moved = objective.Take();                             // the gradient of the iteration before, and a point along d
    Matrices<T>[]? buffers; // of the line search

    public void Run()
    {
        double loss = Evaluate(g);
        var (t, h, total) = Load();
        if (objective.Count == 0 || math.Largest(g) <= options.GradientTolerance || !IsUsable(loss, g, "starts"))
        {
            KeepCounts(total);
            return;
        }
        for (int iteration = 1; ; iteration++)
        {
            total++;
            bool first = total == 1;
            if (first)
            {
                math.Apply(new ScaleRule<T>(-1), d, g);                           // d = −g
                h = 1;
            }
            else
            {
                Remember(t, ref h);
                FindDirection(h);
            }
            math.Copy(g, previous);
            double lastLoss = loss;
            t = first ? Math.Min(1, 1 / math.SumOfSizes(g)) * options.LearningRate : options.LearningRate;
            double slope = math.Dot(g, d);
            if (!(slope <= -options.ChangeTolerance))
                break; // not downhill any more

            objective.ReadParameters(x);
            bool flat = false;
            if (options.LineSearch == LineSearch.StrongWolfe)
            {
                int left = options.EvaluationLimit - objective.Evaluations;
                buffers ??= [objective.Take(), objective.Take(), objective.Take(), objective.Take()];
                var search = new StrongWolfe<T>(this, math, buffers, d, loss, g, slope, options.ChangeTolerance, left < 1 ? FallbackEvaluations : left);
                (loss, t) = search.Run(t);
                MoveTo(t);
                flat = math.Largest(g) <= options.GradientTolerance;
            }
            else
            {
                MoveTo(t);
                if (iteration != options.MaxIterations)
                {
                    loss = Evaluate(g);
                    if (!IsUsable(loss, g, "came to"))
                    {
                        objective.WriteParameters(x);
                        loss = lastLoss;
                        break;
                    }
                    flat = math.Largest(g) <= options.GradientTolerance;
                }
            }
            if (iteration == options.MaxIterations || objective.Evaluations >= options.EvaluationLimit || flat
                || math.Largest(d) * t <= options.ChangeTolerance || Math.Abs(loss - lastLoss) < options.ChangeTolerance)
            {
                Keep(t, h, lastLoss);
                KeepCounts(total);
                return;
            }
        }
        Keep(t, h, loss);
        KeepCounts(total);
    }

    (double T, double H, long Iterations) Load()
    {
        long iterations = (long)objective.Number(LBFGSState.Iterations);
        if (objective.Has(LBFGSState.Direction) && objective.Has(LBFGSState.Gradient))
        {
            objective.Read(LBFGSState.Direction, d);
            objective.Read(LBFGSState.Gradient, previous);
            return (objective.Number(LBFGSState.Length), objective.Number(LBFGSState.Scale), iterations);
        }
        ys.Clear(); // nothing to go on with: begin anew
        ss.Clear();
        rhos.Clear();
        return (0, 1, 0);
    }

    void Keep(double t, double h, double lastLoss)
    {
        objective.Keep(LBFGSState.Direction, d);
        objective.Keep(LBFGSState.Gradient, previous);
        objective.SetNumber(LBFGSState.Length, t);
        objective.SetNumber(LBFGSState.Scale, h);
        objective.SetNumber(LBFGSState.Loss, lastLoss);
    }

    void KeepCounts(long total)
    {
        objective.SetNumber(LBFGSState.Evaluations, objective.Number(LBFGSState.Evaluations) + objective.Evaluations);
        objective.SetNumber(LBFGSState.Iterations, total);
    }

    /// <summary>y = g − g', s = t·d of the last iteration, unless the curvature along it is not positive.</summary>
    void Remember(double t, ref double h)
    {
        Matrices<T> y = ys.Add(), s = ss.Add();
        math.Copy(g, y);
        math.Apply(new AddScaledRule<T>(-1), y, previous);
        math.Apply(new ScaleRule<T>(t), s, d);
        double curvature = math.Dot(y, s);
        if (!(curvature > LeastCurvature))
        {
            ys.RemoveAt(ys.Count - 1);
            ss.RemoveAt(ss.Count - 1);
            return;
        }
        rhos.Add(1 / curvature);
        while (ys.Count > options.HistorySize)
        {
            ys.RemoveAt(0);
            ss.RemoveAt(0);
            rhos.RemoveAt(0);
        }
        h = curvature / math.SumOfSquares(y);
    }

    /// <summary>d = −Hg, by the two loops over the history.</summary>
    void FindDirection(double h)
    {
        Span<double> alpha = ys.Count <= 128 ? stackalloc double[ys.Count] : new double[ys.Count];
        math.Apply(new ScaleRule<T>(-1), d, g);                                   // q = −g
        for (int i = ys.Count - 1; i >= 0; i--)
        {
            alpha[i] = math.Dot(ss[i], d) * rhos[i];                              // αᵢ = ρᵢ sᵢ·q
            math.Apply(new AddScaledRule<T>(-alpha[i]), d, ys[i]);                // q ← q − αᵢyᵢ
        }
        math.Apply(new ScaleRule<T>(h), d, d);                                    // r = hq
        for (int i = 0; i < ys.Count; i++)
        {
            double beta = math.Dot(ys[i], d) * rhos[i];                           // β = ρᵢ yᵢ·r
            math.Apply(new AddScaledRule<T>(alpha[i] - beta), d, ss[i]);          // r ← r + (αᵢ − β)sᵢ
        }
    }

    /// <summary>Loss and gradient at x + t·d; the parameters are left there.</summary>
    public double EvaluateAt(double t, Matrices<T> gradient)
    {
        MoveTo(t);
        return Evaluate(gradient);
    }

    double Evaluate(Matrices<T> gradient)
    {
        double loss = objective.Evaluate(gradient);
        if (!options.Maximize)
            return loss;
        math.Apply(new ScaleRule<T>(-1), gradient, gradient);
        return -loss;
    }

    bool IsUsable(double loss, Matrices<T> gradient, string what)
    {
        bool usable = double.IsFinite(loss) && double.IsFinite(math.Largest(gradient));
        if (!usable)
            objective.Warn($"LBFGS {what} where the loss or its gradient is not a finite number, and went no further. A smaller learning rate, or the strong Wolfe line search, may help.");
        return usable;
    }

    void MoveTo(double t)
    {
        math.Copy(x, moved);
        math.Apply(new AddScaledRule<T>(t), moved, d);
        objective.WriteParameters(moved);
    }
}
