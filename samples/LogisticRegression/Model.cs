namespace OptimSharp.Samples;

/// <summary>Logistic regression over plain memory: p(benign) = σ(w·x + b), with a little L2 penalty.</summary>
sealed class Model
{
    const double Penalty = 3e-3;

    readonly double[] weights = new double[30], bias = new double[1];

    public Model() => Parameters = [Parameter.Of("weights", weights), Parameter.Of("bias", bias)];

    public Parameter<double>[] Parameters { get; }

    /// <summary>The mean loss of the cases, with its gradient left in the parameters.</summary>
    public double Backward(Cases cases)
    {
        var byWeights = Parameters[0].UseGradient();
        var byBias = Parameters[1].UseGradient();
        double loss = 0;
        for (int i = 0; i < cases.Count; i++)
        {
            double score = Score(cases.Features[i]), y = cases.Benign[i];
            loss += Math.Max(score, 0) - score * y + Math.Log(1 + Math.Exp(-Math.Abs(score))); // −log p, without overflow
            double error = (1 / (1 + Math.Exp(-score)) - y) / cases.Count;
            for (int j = 0; j < weights.Length; j++)
                byWeights[j] += error * cases.Features[i][j];
            byBias[0] += error;
        }
        loss /= cases.Count;
        for (int j = 0; j < weights.Length; j++)
        {
            loss += Penalty / 2 * weights[j] * weights[j];
            byWeights[j] += Penalty * weights[j];
        }
        return loss;
    }

    public double Accuracy(Cases cases) =>
        Enumerable.Range(0, cases.Count).Count(i => (Score(cases.Features[i]) > 0) == (cases.Benign[i] == 1)) / (double)cases.Count;

    double Score(double[] features)
    {
        double score = bias[0];
        for (int j = 0; j < weights.Length; j++)
            score += weights[j] * features[j];
        return score;
    }
}
