using OptimSharp.Conformance.Workloads;

namespace OptimSharp.Tests.Support;

/// <summary>Upstream's toy: the loss is Σ (Wx + b)² for W of 10 × 5, b of 10 and a fixed x.</summary>
sealed class LeastSquares
{
    readonly double[] x = Numbers.Tame(5, 1);

    public Parameter<double> Weight { get; } = Parameter.Of("weight", Numbers.Tame(50, 2), 10, 5);

    public Parameter<double> Bias { get; } = Parameter.Of("bias", Numbers.Tame(10, 3));

    public double Loss()
    {
        Span<double> w = Weight.Values.Span, b = Bias.Values.Span;
        var (weightGradient, biasGradient) = (new double[50], new double[10]);
        double loss = 0;
        for (int i = 0; i < 10; i++)
        {
            double y = b[i];
            for (int j = 0; j < 5; j++)
                y += w[i * 5 + j] * x[j];
            loss += y * y;
            biasGradient[i] = 2 * y;
            for (int j = 0; j < 5; j++)
                weightGradient[i * 5 + j] = 2 * y * x[j];
        }
        Weight.Gradient = weightGradient;
        Bias.Gradient = biasGradient;
        return loss;
    }

    /// <summary>The gradients as all rows of sparse ones.</summary>
    public double SparseLoss()
    {
        double loss = Loss();
        long[] rows = [.. Enumerable.Range(0, 10).Select(i => (long)i)];
        Weight.SparseGradient = new(rows, Weight.Gradient!.Value);
        Bias.SparseGradient = new(rows, Bias.Gradient!.Value);
        return loss;
    }
}
