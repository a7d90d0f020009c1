using System.Globalization;
using OptimSharp.Engine;

namespace OptimSharp;

/// <summary>
/// Measures and changes the gradients of many parameters at once, in place, between the backward pass and the optimizer's step: PyTorch's
/// <c>clip_grad_norm_</c> and its relatives. Parameters without gradient are left out; several threads share the work, and nothing
/// is allocated once warm.
/// </summary>
/// <remarks>
/// <para>
/// A norm is computed in double precision, whatever the gradients' types, in one fixed order: the same bits for any number of threads. So
/// it does not overflow where PyTorch's, computed in the gradients' type, does. Of a complex number it takes the absolute value. Of a sparse
/// gradient each row counts once, with the sum of what came for it.
/// </para>
/// <para>
/// A gradient that is changed is rounded to its type. In a sparse one the sum of a row's parts then stands in the place of the first, with
/// zeros in the others.
/// </para>
/// <para>
/// A gradient that several parameters share counts for each of them in a norm, and is changed once. One of which several elements share their memory (an expanded
/// tensor) can be measured and stepped by, but not changed: that is refused before anything has changed.
/// </para>
/// <para><see cref="TrainingStep"/> does the same within the optimizer's own pass over memory.</para>
/// </remarks>
public static class Gradients
{
    /// <summary>The p-norm of all gradients together, taken as one vector; 0 when there is none. PyTorch's <c>get_total_norm</c>.</summary>
    /// <param name="parameters">The parameters, each once.</param>
    /// <param name="order">
    /// p: 2 for the Euclidean norm, <see cref="double.PositiveInfinity"/> for the largest absolute value, any other number but NaN. For 0 the
    /// number of gradients that are not all zeros, as PyTorch counts.
    /// </param>
    /// <exception cref="ArgumentException">A parameter is there twice, or the order is NaN.</exception>
    /// <exception cref="InvalidOperationException">A gradient does not fit its parameter, or a parameter can't be used any more.</exception>
    public static double Norm(IEnumerable<Parameter> parameters, double order = 2)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        CheckOrder(order);
        var pass = GradientPass.Open(parameters, GradientUse.Read);
        try
        {
            return pass.Norm(new(order), GradientChange.None);
        }
        finally
        {
            pass.Close();
        }
    }

    /// <summary>
    /// Multiplies all gradients by min(1, <paramref name="maxNorm"/> / (norm + 10⁻⁶)), so that together they have at most that norm. PyTorch's
    /// <c>clip_grad_norm_</c>.
    /// </summary>
    /// <param name="parameters">The parameters, each once.</param>
    /// <param name="maxNorm">The largest norm, ≥ 0.</param>
    /// <param name="order">As in <see cref="Norm"/>.</param>
    /// <param name="throwIfNotFinite">
    /// Whether a norm that is infinite or NaN is an error. If not, gradients become 0 (infinite ones NaN) under an infinite
    /// norm, and NaN under a norm of NaN, as in PyTorch; <see cref="TrainingStep"/> leaves out such steps.
    /// </param>
    /// <returns>The norm before clipping.</returns>
    /// <exception cref="ArgumentException">A parameter is there twice, the order is NaN, or the largest norm is negative or NaN.</exception>
    /// <exception cref="InvalidOperationException">
    /// A gradient does not fit its parameter, a parameter can't be used any more, or the norm is not finite and was to be. Nothing was changed.
    /// </exception>
    public static double ClipNorm(IEnumerable<Parameter> parameters, double maxNorm, double order = 2, bool throwIfNotFinite = false)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        CheckLimit(maxNorm, nameof(maxNorm));
        CheckOrder(order);
        var pass = GradientPass.Open(parameters, GradientUse.Write);
        try
        {
            var p = new NormOrder(order);
            double norm = pass.Norm(p, GradientChange.None);
            if (throwIfNotFinite && !double.IsFinite(norm))
                throw new InvalidOperationException(NotFinite(norm, order, pass.FindNotFinite(p, GradientChange.None)));
            pass.Change(new() { Clip = ClipFactor(maxNorm, norm) }, keeps: true);
            return norm;
        }
        finally
        {
            pass.Close();
        }
    }

    /// <summary>Moves every number of the gradients into [−<paramref name="limit"/>, <paramref name="limit"/>]; NaN stays. PyTorch's <c>clip_grad_value_</c>.</summary>
    /// <param name="parameters">The parameters, each once.</param>
    /// <param name="limit">The largest absolute value, ≥ 0.</param>
    /// <exception cref="ArgumentException">A parameter is there twice, or the limit is negative or NaN.</exception>
    /// <exception cref="InvalidOperationException">
    /// A gradient is complex, which has no such order, or does not fit its parameter, or a parameter can't be used any more. Nothing was changed.
    /// </exception>
    public static void ClipValue(IEnumerable<Parameter> parameters, double limit)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        CheckLimit(limit, nameof(limit));
        var pass = GradientPass.Open(parameters, GradientUse.Write);
        try
        {
            if (pass.FindComplex() is { } complex)
                throw new InvalidOperationException(ComplexLimit(complex));
            pass.Change(new() { Limit = limit }, keeps: true);
        }
        finally
        {
            pass.Close();
        }
    }

    /// <summary>Multiplies all gradients by a factor: 1/n for the mean of the n micro-batches that they are the sum of.</summary>
    /// <param name="parameters">The parameters, each once.</param>
    /// <param name="factor">A finite number.</param>
    /// <exception cref="ArgumentException">A parameter is there twice, or the factor is infinite or NaN.</exception>
    /// <exception cref="InvalidOperationException">A gradient does not fit its parameter, or a parameter can't be used any more. Nothing was changed.</exception>
    public static void Scale(IEnumerable<Parameter> parameters, double factor)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        if (!double.IsFinite(factor))
            throw new ArgumentOutOfRangeException(nameof(factor), factor, string.Create(CultureInfo.InvariantCulture, $"factor must be finite, but is {factor}."));
        var pass = GradientPass.Open(parameters, GradientUse.Write);
        try
        {
            pass.Change(new() { Mean = factor }, keeps: true);
        }
        finally
        {
            pass.Close();
        }
    }

    /// <summary>What gradients of this norm are multiplied by.</summary>
    internal static double ClipFactor(double maxNorm, double norm) => Math.Min(1, maxNorm / (norm + 1e-6));

    internal static string ComplexLimit(Parameter parameter) =>
        $"The gradient of parameter {parameter} is complex: its numbers can't be limited by value. Clip by norm instead.";

    internal static void CheckLimit(double limit, string name)
    {
        if (!(limit >= 0))
            throw new ArgumentOutOfRangeException(name, limit, string.Create(CultureInfo.InvariantCulture, $"{name} must be ≥ 0, but is {limit}."));
    }

    internal static void CheckOrder(double order, string name = "order")
    {
        if (double.IsNaN(order))
            throw new ArgumentOutOfRangeException(name, order, $"{name}, a norm's order, must be a number or infinity, but is NaN.");
    }

    static string NotFinite(double norm, double order, Parameter? parameter) => string.Create(CultureInfo.InvariantCulture,
        $"The norm of order {order} of the gradients is {norm}, so they can't be clipped by it. ")
        + (parameter is null ? "Each is finite, but their powers overflow." : $"The gradient of parameter {parameter} has a number that is not finite.");
}
