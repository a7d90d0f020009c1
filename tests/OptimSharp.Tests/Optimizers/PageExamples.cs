namespace OptimSharp.Tests.Optimizers;

/// <summary>
/// The examples of the pages in docs/optimizers, compiled and run. tools/update-lists.sh takes them from the pages; a test fails when they are not the same.
/// </summary>
public class PageExamples
{
    readonly Parameter<float> weights = Parameter.Of("weights", new float[12], 3, 4), bias = Parameter.Of("bias", new float[3], 3), table = Parameter.Of("table", new float[20], 10, 2), filters = Parameter.Of("filters", new float[54], 3, 2, 3, 3);
    readonly float[] gradient = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], rowGradients = [1, 2, 3, 4];
    readonly long[] rowIndices = [7, 2];

    // <examples>
    [Fact]
    public void AdaBelief_page()
    {
        using var optimizer = new AdaBelief([weights], new() { LearningRate = 1e-3, WeightDecay = 0.01 });
        weights.Gradient = gradient;
        optimizer.Step();
    }

    [Fact]
    public void Adadelta_page()
    {
        using var optimizer = new Adadelta([weights], new() { LearningRate = 1, Rho = 0.95 });
        weights.Gradient = gradient;
        optimizer.Step();
    }

    [Fact]
    public void Adafactor_page()
    {
        using var optimizer = new Adafactor([weights], new() { LearningRate = 1e-2 });
        weights.Gradient = gradient;
        optimizer.Step();
    }

    [Fact]
    public void Adagrad_page()
    {
        using var optimizer = new Adagrad([table], new() { LearningRate = 0.1 });
        table.SparseGradient = new(rowIndices, rowGradients);
        optimizer.Step();
    }

    [Fact]
    public void Adam_page()
    {
        using var optimizer = new Adam([weights], new() { LearningRate = 1e-3 });
        weights.Gradient = gradient;
        optimizer.Step();
    }

    [Fact]
    public void Adamax_page()
    {
        using var optimizer = new Adamax([weights], new() { LearningRate = 2e-3 });
        weights.Gradient = gradient;
        optimizer.Step();
    }

    [Fact]
    public void AdamW_page()
    {
        using var optimizer = new AdamW(
            [
                new([weights]),
                new([bias], o => o with { WeightDecay = 0 }),
            ],
            new() { LearningRate = 3e-4, WeightDecay = 0.1 });
    }

    [Fact]
    public void AdamWScheduleFree_page()
    {
        using var optimizer = new AdamWScheduleFree([weights, bias], new() { LearningRate = 0.0025, WarmupSteps = 100, WeightDecay = 0.01 });
        weights.Gradient = gradient;
        optimizer.Step();
        using (optimizer.EvalView())
        {
            // evaluate the model here, or save it for use
        }
    }

    [Fact]
    public void Adan_page()
    {
        using var optimizer = new Adan([weights], new() { LearningRate = 1e-2, WeightDecay = 0.02 });
        weights.Gradient = gradient;
        optimizer.Step();
    }

    [Fact]
    public void AdEMAMix_page()
    {
        using var optimizer = new AdEMAMix([weights], new() { LearningRate = 1e-3, WeightDecay = 0.1, Alpha = 5, AlphaWarmup = 10_000, Beta3Warmup = 10_000 });
        weights.Gradient = gradient;
        optimizer.Step();
    }

    [Fact]
    public void ADOPT_page()
    {
        using var optimizer = new ADOPT([weights], new() { LearningRate = 1e-3, WeightDecay = 0.01, DecoupledWeightDecay = true });
        weights.Gradient = gradient;
        optimizer.Step();
    }

    [Fact]
    public void ASGD_page()
    {
        using var optimizer = new ASGD([weights], new() { LearningRate = 0.05, T0 = 1000 });
        weights.Gradient = gradient;
        optimizer.Step();
        double[] average = optimizer.StateOf(weights)!.Tensor("ax");
    }

    [Fact]
    public void DAdaptAdam_page()
    {
        using var optimizer = new DAdaptAdam(
            [
                new([weights]),
                new([bias], o => o with { LayerScale = 0.5 }),
            ],
            new() { WeightDecay = 0.01, Decouple = true });
        weights.Gradient = gradient;
        optimizer.Step();
    }

    [Fact]
    public void LAMB_page()
    {
        using var optimizer = new LAMB(
            [
                new([weights]),
                new([bias], o => o with { WeightDecay = 0 }),
            ],
            new() { LearningRate = 4e-3, WeightDecay = 0.01 });
        weights.Gradient = gradient;
        optimizer.Step();
    }

    [Fact]
    public void LARS_page()
    {
        using var optimizer = new LARS(
            [
                new([weights]),
                new([bias], o => o with { WeightDecay = 0, LearningRate = 0.1 }),
            ],
            new() { LearningRate = 8, Momentum = 0.9, WeightDecay = 1e-4 });
        weights.Gradient = gradient;
        optimizer.Step();
    }

    [Fact]
    public void LBFGS_page()
    {
        using var optimizer = new LBFGS([weights], new() { LineSearch = LineSearch.StrongWolfe });
        for (int step = 0; step < 10; step++)
        {
            double loss = optimizer.Step(() =>
            {
                optimizer.ZeroGrad();
                return Backward(weights);
            });
        }
    }

    [Fact]
    public void Lion_page()
    {
        using var optimizer = new Lion(
            [
                new([weights]),
                new([bias], o => o with { WeightDecay = 0 }),
            ],
            new() { LearningRate = 1e-4, WeightDecay = 0.3 });
    }

    [Fact]
    public void MARS_page()
    {
        using var optimizer = new MARS([weights, bias], new() { LearningRate = 6e-3, WeightDecay = 0.01, OthersRateFactor = 0.5 });
        weights.Gradient = gradient;
        optimizer.Step();
    }

    [Fact]
    public void Muon_page()
    {
        using var hidden = new Muon(
            [
                new([weights]),
                new([filters], o => o with { Shape = MuonShape.Filters }),
            ],
            new() { LearningRate = 2e-4, RateAdjustment = MuonRateAdjustment.MatchRmsAdamW, NewtonSchulzSchedule = NewtonSchulzSchedule.PolarExpress5 });
        using var others = new AdamW([bias, table], new() { LearningRate = 2e-4, WeightDecay = 0.1 });
    }

    [Fact]
    public void NAdam_page()
    {
        using var optimizer = new NAdam([weights], new() { LearningRate = 2e-3, DecoupledWeightDecay = true, WeightDecay = 0.01 });
        weights.Gradient = gradient;
        optimizer.Step();
    }

    [Fact]
    public void NorMuon_page()
    {
        using var hidden = new NorMuon([weights], new() { LearningRate = 0.02, WeightDecay = 0.01 });
        using var others = new AdamW([bias, table], new() { LearningRate = 3e-4 });
    }

    [Fact]
    public void Prodigy_page()
    {
        using var optimizer = new Prodigy([weights], new() { WeightDecay = 0.01, SafeguardWarmup = true });
        weights.Gradient = gradient;
        optimizer.Step();
    }

    [Fact]
    public void RAdam_page()
    {
        using var optimizer = new RAdam([weights], new() { LearningRate = 1e-3 });
        weights.Gradient = gradient;
        optimizer.Step();
    }

    [Fact]
    public void RAdamScheduleFree_page()
    {
        using var optimizer = new RAdamScheduleFree([weights, bias], new() { LearningRate = 0.0025, WeightDecay = 0.01 });
        weights.Gradient = gradient;
        optimizer.Step();
        using (optimizer.EvalView())
        {
            // evaluate the model here, or save it for use
        }
    }

    [Fact]
    public void RMSprop_page()
    {
        using var optimizer = new RMSprop([weights], new() { LearningRate = 1e-3, Alpha = 0.95, Centered = true });
        weights.Gradient = gradient;
        optimizer.Step();
    }

    [Fact]
    public void Rprop_page()
    {
        using var optimizer = new Rprop([weights], new() { LearningRate = 0.01 });
        weights.Gradient = gradient;
        optimizer.Step();
    }

    [Fact]
    public void SGD_page()
    {
        using var optimizer = new SGD([weights], new() { LearningRate = 0.1, Momentum = 0.9, Nesterov = true, WeightDecay = 5e-4 });
        weights.Gradient = gradient;
        optimizer.Step();
    }

    [Fact]
    public void SGDScheduleFree_page()
    {
        using var optimizer = new SGDScheduleFree([weights, bias], new() { LearningRate = 1, WarmupSteps = 100, WeightDecay = 1e-4 });
        weights.Gradient = gradient;
        optimizer.Step();
        using (optimizer.EvalView())
        {
            // evaluate the model here, or save it for use
        }
    }

    [Fact]
    public void Shampoo_page()
    {
        using var optimizer = new Shampoo([weights], new()
        {
            LearningRate = 1e-3,
            Betas = (0.9, 0.99),
            Grafting = ShampooGrafting.Adam,
            PreconditionFrequency = 10,
            TargetDimensions = 2,
        });
        weights.Gradient = gradient;
        optimizer.Step();
    }

    [Fact]
    public void SOAP_page()
    {
        using var optimizer = new SOAP(
            [
                new([weights]),
                new([table], o => o with { MaxPreconditionerDimension = 4 }),
            ],
            new() { LearningRate = 3e-3, PreconditionFrequency = 10 });
        weights.Gradient = gradient;
        optimizer.Step();
        optimizer.Step();
    }

    [Fact]
    public void SparseAdam_page()
    {
        using var optimizer = new SparseAdam([table], new() { LearningRate = 1e-2 });
        table.SparseGradient = new(rowIndices, rowGradients);
        optimizer.Step();
    }

    [Fact]
    public void StableAdamW_page()
    {
        using var optimizer = new StableAdamW([weights], new() { LearningRate = 1e-3, Beta2 = 0.95, WeightDecay = 0.05 });
        weights.Gradient = gradient;
        optimizer.Step();
    }
    // </examples>

    static double Backward(Parameter<float> weights)
    {
        var gradient = weights.UseGradient();
        double loss = 0;
        for (int i = 0; i < gradient.Length; i++)
        {
            float away = weights.Values.Span[i] - i;
            loss += away * away;
            gradient[i] += 2 * away;
        }
        return loss;
    }
}
